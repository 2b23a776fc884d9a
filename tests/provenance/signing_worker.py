"""python signing_worker.py DIRECTORY NAME COUNT: sign a file so often, on three threads.

Then, asked for a key that was retired meanwhile, say that it signs nothing here either, and sign
once more. Settings point at an installation.
"""

import importlib
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app import config, keys, sandbox
from app.provenance import service
from tests.provenance.making import Authority, a_manifest


def in_this_process(function: str, args: Mapping[str, Any], **_limits: object) -> dict[str, Any]:
    """What a child would be asked: starting one takes longer than signing."""
    module, _, name = function.partition(":")
    answer: dict[str, Any] = getattr(importlib.import_module(module), name)(**args)
    return answer


def main(directory: Path, name: str, count: int) -> None:
    """Sign, and say so."""
    sandbox.run = in_this_process
    authority = Authority(config.settings().data_dir / "certificates")
    src = directory / "in.wav"

    def one(number: int) -> None:
        out = directory / name / f"out{number}.wav"
        service.sign_output(src, out, a_manifest(src), desk=authority.desk)

    first = authority.signer.name
    keys.sign(first, b"this process has opened the key")
    print("ready", flush=True)
    with ThreadPoolExecutor(3) as pool:
        for made in [pool.submit(one, number) for number in range(count)]:
            made.result()
    (directory / name / "done").touch()
    old = sys.stdin.readline().strip()
    refused = "nothing"
    try:
        keys.sign(old, b"a new file")
    except keys.KeyMissing:
        refused = "KeyMissing"
    one(count)
    print(refused, "signed-by", authority.signer.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
