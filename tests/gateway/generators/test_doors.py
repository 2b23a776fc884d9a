"""The local generator opens a portrait only behind shut doors."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import sandbox
from app.gateway.generators.puppet.folder import FAILURE
from tests.test_sandbox import linux_only

PORTRAIT = sandbox.ROOT / "samples" / "isaac-newton.jpg"
# Whoever opens the portrait says first what else could be opened at that moment.
SPY = """
import json, os, sys
from pathlib import Path
from app.gateway.generators.puppet import landmarks, render
from app.sandbox_child import try_doors

def tell(path):
    try:
        other = Path("/etc/passwd").read_bytes() and False
    except OSError:
        other = True
    found = {**try_doors(), "other": other, "portrait": len(path.read_bytes())}
    os.write(1, b"\\n" + json.dumps(found).encode() + b"\\n")
    os._exit(0)

landmarks.read_portrait = tell
CARELESS
render.main(Path(sys.argv[1]))
"""


def told(folder: Path, careless: str = "") -> dict[str, Any] | None:
    """What the process that renders could do when it opened the portrait, if it did."""
    order = {
        "portrait": str(PORTRAIT),
        "line": "Rain.",
        "length_s": 2.0,
        "width": 1280,
        "height": 720,
        "insists": True,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SPY.replace("CARELESS", careless), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=sandbox.ROOT,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        last = process.stdout.read().splitlines()[-1]
    return json.loads(last) if last.startswith(b"{") else None


@pytest.mark.slow
@linux_only
class TestThePortrait:
    def test_is_opened_without_network_processes_or_any_other_file(self, tmp_path):
        found = told(tmp_path)
        shut = dict.fromkeys(("network", "processes", "files", "other"), True)
        assert found == {**shut, "portrait": PORTRAIT.stat().st_size}

    def test_would_be_seen_opened_with_the_doors_open(self, tmp_path):
        """The planted fault: doors that are not shut."""
        found = told(tmp_path, "render.shut_doors = lambda *_: True")
        assert found is not None
        assert not any(found[door] for door in ("network", "processes", "files", "other"))

    def test_is_not_opened_where_the_network_cannot_be_shut(self, tmp_path):
        open_network = 'render.sandbox_child.try_doors = lambda: {"network": False}'
        assert told(tmp_path, open_network) is None
        assert json.loads((tmp_path / FAILURE).read_text())["reason"] == "sandbox-unavailable"


@pytest.mark.slow
def test_a_speaker_is_left_with_its_parent(tmp_path: Path) -> None:
    """While the line is spoken, the end of who asked is seen as well."""
    program = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from app.gateway.generators.puppet import render, speech\n"
        "speech.speak = lambda *_: time.sleep(60)\n"
        "os.write(1, b'here')\nrender.main(Path(sys.argv[1]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=sandbox.ROOT,
        start_new_session=True,
    )
    assert process.stdin is not None
    order = dict.fromkeys(("portrait", "line", "length_s", "width", "height", "insists"), 1)
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.stdin.close()
    assert process.wait(30) != 0
