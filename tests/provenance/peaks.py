"""The peak memory of this process and of the sandboxed children it had, as the kernel counts it.

Children are forked from a zygote: the kernel adds a process to `RUSAGE_CHILDREN` of its parent when
it is reaped, with whatever it had reaped itself. So the children that stay are ended first, then
the zygotes, and nothing a child held is missed, however short it lived.
"""

import os
import re
import resource
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from app import sandbox, sandbox_children, sandbox_line, sandbox_standing

HELD_MIB = 200
REAPED_S = 30


def begin() -> None:
    """Start the zygote while this process is small: it counts what its parent held until then."""
    sandbox.isolation()


def peaks_mib() -> dict[str, int]:
    """End every child; return `own`, `children` (the largest) and `together`, their sum.

    The sum is for work that has one child at a time, as signing and checking have. The zygote,
    whose pages its children share, is counted among them.
    """
    sandbox_standing.end_idle()
    for script, zygote in list(sandbox_children._zygotes.items()):
        sandbox_children._let_go(script, zygote)
    for thread in threading.enumerate():
        if thread.name == "zygote-keeper":
            thread.join(REAPED_S)
            assert not thread.is_alive(), "a zygote was not reaped: its children are not counted"
    # Not `ru_maxrss` of this process: that counts whoever started it, until it was executed.
    (own,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert children, "no child was counted"
    return {
        "own": int(own) >> 10,
        "children": children >> 10,
        "together": (int(own) + children) >> 10,
    }


def hold() -> dict[str, Any]:
    """Hold memory for a moment, in a child."""
    return {"held": len(b"\x01" * (HELD_MIB << 20))}


def hold_and_stay() -> dict[str, Any]:
    """The same for each message on the line, in a child that stays."""
    with socket.socket(fileno=os.dup(0)) as line, suppress(EOFError):
        sandbox_line.send(line, {"ready": True})
        while True:
            sandbox_line.receive_with_files(line)
            sandbox_line.send(line, hold())
    return {}


def main(child: str) -> None:
    """Have one child, which holds memory or not, and return the peaks."""
    begin()
    if child == "gone":
        limits = {"wall_s": 60, "cpu_s": 60, "memory_bytes": 1 << 30}
        sandbox.run("tests.provenance.peaks:hold", {}, **limits)
    elif child == "stays":
        with sandbox_standing.standing("tests.provenance.peaks:hold_and_stay", "") as lent:
            lent.tell({}, wall_s=60)
            lent.hear(wall_s=60)
    print(peaks_mib()["children"])


if __name__ == "__main__":
    main(sys.argv[1])
