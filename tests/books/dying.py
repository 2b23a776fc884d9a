"""Post under load in a child that is killed: `python -m tests.books.dying`, one job per line.

For each job a child is forked, which posts from 16 callers through the commit queue and tells what
it asked (`?`), what was acknowledged (`!`) and what was refused (`-`). At each stop of the job (so
many of a kind since the last stop) the child's pid is printed and a line is awaited, while the
child goes on; after the last stop it is killed with SIGKILL, and everything it told is printed.
"""

import asyncio
import contextlib
import ctypes
import itertools
import json
import os
import platform
import signal
import struct
import sys
from collections import Counter
from typing import Any

from sqlmodel import Session

from app import commits, db
from tests.books.posting import FAULTS, post

CALLERS = 16
_SYNCS = {"x86_64": (317, (74, 75)), "aarch64": (277, (82, 83))}  # seccomp; fsync, fdatasync


class _Telling:
    """Write one short line at once: a pipe takes it whole or, once we are dead, not at all."""

    def __init__(self, pipe: int, syncs: int | None) -> None:
        self.pipe, self.syncs_left = pipe, syncs

    def __call__(self, kind: str, key: str) -> None:
        os.write(self.pipe, f"{kind}{key}\n".encode())
        if kind == "!" and self.syncs_left is not None:
            self.syncs_left -= 1
            if not self.syncs_left:
                refuse_to_sync()


async def _post_all(job: dict[str, Any], tell: _Telling) -> None:
    numbers = itertools.count()
    keys = itertools.chain(job["again"], (f"{job['name']}-{number}" for number in numbers))
    queue = commits.queue()

    async def caller() -> None:
        for key in keys:
            tell("?", key)
            try:
                await queue.commit(post(key))
            except Exception:  # noqa: BLE001 - whatever the database says, it was not done
                tell("-", key)
                await asyncio.sleep(0.02)
            else:
                tell("!", key)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


def refuse_to_sync() -> None:
    """Let every flush of this process to the disk fail from now on, as on a broken disk.

    A seccomp filter for all threads: it needs neither rights nor tools. It cannot be taken back.
    """
    seccomp, syncs = _SYNCS[platform.machine()]
    code = [(0x20, 0, 0, 0)]  # load the number of the system call
    for number in syncs:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050005)]  # that one: errno EIO
    code += [(0x06, 0, 0, 0x7FFF0000)]  # any other: allowed
    packed = b"".join(struct.pack("=HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("@HP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if libc.syscall(seccomp, 1, 1, program):  # SECCOMP_SET_MODE_FILTER, _FLAG_TSYNC
        raise OSError(ctypes.get_errno(), "the kernel refused the filter")


def _child(job: dict[str, Any], pipe: int) -> None:
    if fault := job.get("fault"):
        FAULTS[fault]()
    asyncio.run(_post_all(job, _Telling(pipe, job.get("syncs"))))


def _run(job: dict[str, Any]) -> dict[str, list[str]]:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        try:
            _child(job, writing)
        finally:
            os._exit(1)
    os.close(writing)
    told: dict[str, list[str]] = {"?": [], "!": [], "-": []}
    with os.fdopen(reading) as lines:
        for kind, several in job["stops"]:
            seen: Counter[str] = Counter()
            while seen[kind] < several and (line := lines.readline()):
                told[line[0]].append(line[1:].strip())
                seen[line[0]] += 1
            print(json.dumps({"pid": pid}), flush=True)
            sys.stdin.readline()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        for line in lines:
            if line.endswith("\n"):
                told[line[0]].append(line[1:].strip())
    os.waitpid(pid, 0)
    return told


def _warm_up() -> None:
    """Post once and let go of the database: what is compiled once need not be in every child."""
    with Session(db.engine(), expire_on_commit=False) as session:
        post("warm-0")(session)
        session.commit()
    db.engine().dispose()


if __name__ == "__main__":
    _warm_up()
    for wanted in iter(sys.stdin.readline, ""):
        print(json.dumps(_run(json.loads(wanted))), flush=True)
