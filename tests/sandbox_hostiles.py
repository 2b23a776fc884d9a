"""What a media file that took over its reader might do; run inside the sandbox by its tests."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.errors import AppError, NotFound


def answer(**args: Any) -> dict[str, Any]:
    return {"args": args, "environment": dict(os.environ), "directory": str(Path.cwd())}


def look_around() -> dict[str, Any]:
    """Tell where this child comes from, and everything of others' that it holds."""
    open_files = {}
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208  the listing's own file is gone after
        with suppress(OSError):
            open_files[number] = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "files": open_files,
        "shared": [line for line in maps if line.split()[1].startswith("rw-s")],
        "modules": sorted(name for name in sys.modules if name.split(".")[0] == "app"),
    }


def search_memory(given: dict[str, str], wanted: dict[str, list[Any]]) -> dict[str, Any]:
    """Name the secrets in this process's memory, each known by first bytes, digest and length."""
    kept = {name: bytes.fromhex(text) for name, text in given.items()}
    found = set()
    lines = Path("/proc/self/maps").read_text().splitlines()
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123
        for line in lines:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(edge, 16) for edge in span.split("-"))
            memory.seek(start)
            held = memory.read(end - start)
            for name, (head, digest, length) in wanted.items():
                at = held.find(bytes.fromhex(head))
                while at >= 0:
                    if hashlib.sha256(held[at : at + length]).hexdigest() == digest:
                        found.add(name)
                    at = held.find(bytes.fromhex(head), at + 1)
    return {"found": sorted(found), "given": len(kept)}


def nap(length_s: float) -> dict[str, Any]:
    time.sleep(length_s)
    return {"parent": os.getppid()}


def spin() -> dict[str, Any]:
    while True:
        pass


def sleep() -> dict[str, Any]:
    signal.alarm(0)
    time.sleep(60)
    return {}


def hog_memory() -> dict[str, Any]:
    return {"length": len(b"x" * (4 << 30))}


def hog_memory_in_numpy() -> dict[str, Any]:
    import numpy as np

    return {"length": np.ones(4 << 30, np.uint8).size}


def flood_answer() -> dict[str, Any]:
    return {"flood": "x" * (64 << 20)}


def flood_complaints() -> dict[str, Any]:
    for _ in range(2000):
        sys.stderr.write("x" * 65536)
    return {"said": "much"}


def crash() -> dict[str, Any]:
    import ctypes

    ctypes.string_at(0)
    return {}


def abort() -> dict[str, Any]:
    os.abort()


def end_quietly() -> dict[str, Any]:
    os._exit(0)


def write_nonsense() -> dict[str, Any]:
    for descriptor in range(3, 12):
        try:
            os.write(descriptor, b'{"result": ')
        except OSError:
            continue
    os._exit(0)


def answer_no_dict() -> Any:
    return ["a", "list"]


def raise_value_error() -> dict[str, Any]:
    raise ValueError("the header lies")


def refuse() -> dict[str, Any]:
    raise NotFound("nothing here", count=3)


def refuse_otherwise() -> dict[str, Any]:
    raise AppError("not declared by the caller")


def attempt(what: str, target: str) -> dict[str, Any]:
    """Try one forbidden thing; say how it ended."""
    try:
        happened = _ATTEMPTS[what](target)
    except OSError as error:
        return {"refused": type(error).__name__}
    return {"happened": str(happened)}


def _connect(target: str) -> object:
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=2).recv(100)


def _signal(target: str) -> object:
    return os.kill(int(target), 0)


def _thread_signal(target: str) -> object:
    """Signal another process by tgkill, which the filter allows for oneself only."""
    import ctypes

    number = {"x86_64": 234, "aarch64": 131}[os.uname().machine]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, int(target), int(target), 0) != 0:
        raise OSError(ctypes.get_errno(), "tgkill")
    return "signalled"


def _limit(target: str) -> object:
    import resource

    return resource.prlimit(int(target), resource.RLIMIT_NOFILE)


_ATTEMPTS = {
    "connect": _connect,
    "connect to a socket file": lambda target: socket.socket(socket.AF_UNIX).connect(target),
    "fork": lambda _: os.fork(),
    "start a program": lambda target: subprocess.run([target], check=False).returncode,
    "replace itself": lambda target: os.execv(target, [target]),
    "read": lambda target: Path(target).read_text(),
    "list": lambda target: list(Path(target).iterdir()),
    "write": lambda target: Path(target).write_text("was here"),
    "signal": _signal,
    "signal by thread": _thread_signal,
    "limit": _limit,
    "write much": lambda target: Path("much").write_bytes(b"x" * int(target)),
    "open many": lambda target: [os.open("/dev/null", 0) for _ in range(int(target))],
}


def decode(path: str) -> dict[str, Any]:
    """Have OpenCV decode a picture whose size nobody looked at before."""
    import cv2

    try:
        return {"decoded": cv2.imread(path) is not None}
    except cv2.error:
        return {"decoded": False}


def start_threads(count: int) -> dict[str, Any]:
    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"threads": len(threads)}


def fork_for_ever() -> dict[str, Any]:
    """A fork bomb: every process starts more, and each of them sleeps."""
    born = 0
    for _ in range(50):
        try:
            if os.fork() == 0:
                os.setsid()
                time.sleep(60)
            born += 1
        except OSError:
            continue
    return {"born": born}
