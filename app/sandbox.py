"""Untrusted media is parsed here and nowhere else: in a child process that can do nothing else.

The child holds no secrets but those it is handed; it has bounded memory, processor time, file sizes
and descriptors, no network, no other programs, and sight of the named files only. Where it comes
from is in `app/sandbox_children.py`, what each system offers in `app/sandbox_child.py`. What comes
back is JSON from a process that may have been taken over: callers check it like any other input.
"""

import json
import os
import selectors
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Any

from app import sandbox_children
from app.config import settings
from app.errors import AppError
from app.sandbox_children import ROOT, Child

CHILD = Path(__file__).with_name("sandbox_child.py")
OUTPUT_BYTES = 4 << 20
STDERR_BYTES = 64 << 10
FILE_BYTES = 64 << 20
PREFIX = "understudy-"
_OUT_OF_MEMORY = (b"bad_alloc", b"MemoryError", b"Insufficient memory", b"Cannot allocate memory")


class SandboxTimeout(AppError):
    """Reading the file took longer than it may; the reading process was stopped."""

    status, code = 422, "sandbox-timeout"


class SandboxMemory(AppError):
    """Reading the file took more memory than it may."""

    status, code = 422, "sandbox-memory"


class SandboxCrashed(AppError):
    """The process reading the file broke; `reason` says how."""

    status, code = 422, "sandbox-crashed"


class SandboxUnavailable(AppError):
    """This machine cannot cut a process off from the network, so no untrusted file is read."""

    status, code = 503, "sandbox-unavailable"


def run(
    function: str,
    args: Mapping[str, Any],
    *,
    wall_s: float,
    cpu_s: int,
    memory_bytes: int,
    file_bytes: int = FILE_BYTES,
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
    refusals: Sequence[type[AppError]] = (),
) -> dict[str, Any]:
    """Call `module:function(**args)` in a sandboxed child and return the dict it returns.

    `reads` are the files the child may look at, `writes` the directories it may change; beyond
    them it has only its own temporary working directory. An AppError raised in the child is raised
    here when its class is among `refusals`. When this returns, no process of it is left. Raises
    SandboxTimeout, SandboxMemory, SandboxCrashed, SandboxUnavailable.
    """
    request = {
        "function": function,
        "args": dict(args),
        "root": str(ROOT),
        "limits": {"wall_s": wall_s, "cpu_s": cpu_s, "memory_bytes": memory_bytes},
        "file_bytes": file_bytes,
        "reads": [str(path.resolve()) for path in reads],
        "writes": [str(path.resolve()) for path in writes],
        "insist": insists(),
    }
    for _ in range(2):  # a zygote that was killed took its children with it: once more
        with private_directory() as directory:
            asked = request | {"directory": str(directory)}
            ended = _converse(asked, wall_s, memory_bytes)
        if ended.stopped != "lost":
            break
    return _judge(ended, refusals, wall_s, memory_bytes)


def take_over(written: Path, to: Path) -> None:
    """Move a file that a child wrote to where it belongs, durably. Raises SandboxCrashed.

    What the child left may be no file, or a link to one that is not its own: neither is taken.
    """
    none = SandboxCrashed("the process that was to write a file has written none", reason="no-file")
    try:
        file = os.open(written, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise none from None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise none
        os.fsync(file)  # a full disk is no fault of the child's
    finally:
        os.close(file)
    written.replace(to)


def insists() -> bool:
    """Whether nothing is read here by a child that could reach the network."""
    return not settings().allow_unsandboxed_media


def unavailable(said: Mapping[str, Any]) -> SandboxUnavailable:
    """Say why nothing is read here, as a child told it."""
    return SandboxUnavailable(
        f"no untrusted file is read here: {said.get('detail')}; "
        "UNDERSTUDY_ALLOW_UNSANDBOXED_MEDIA=true reads them anyway"
    )


@lru_cache
def isolation() -> str:
    """Say in words what a child here is cut off from, by having one try each thing."""
    try:
        tried = run("app.sandbox_child:try_doors", {}, wall_s=10, cpu_s=5, memory_bytes=1 << 30)
    except SandboxUnavailable as error:
        return f"unavailable: {error.detail}"
    doors = ("network", "processes", "files")
    return ", ".join(f"{door} {'closed' if tried.get(door) else 'OPEN'}" for door in doors)


def notice() -> str:
    """Say what must be said aloud where a process starts that reads what strangers send."""
    allowed = "; UNDERSTUDY_ALLOW_UNSANDBOXED_MEDIA has it read whatever is open"
    return f"untrusted media: {isolation()}{allowed * settings().allow_unsandboxed_media}"


@contextmanager
def private_directory() -> Iterator[Path]:
    """Lend a directory that only this user can enter (0700); it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as directory:
        yield Path(directory)


def sweep_private_directories() -> int:
    """Remove private directories whose process was killed before it could; return how many.

    Workers call this when they start: nobody's likeness outlives a `kill -9` for long.
    """
    import shutil

    swept = 0
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = directory.name.removeprefix(PREFIX).split("-")[0]
        mine = directory.is_dir() and directory.lstat().st_uid == os.getuid()
        if mine and pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(directory, ignore_errors=True)
            swept += 1
    return swept


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass(frozen=True)
class _Ended:
    """How a child ended: its output, the tail of its complaints, and why it was stopped if so."""

    output: bytes
    complaints: bytes
    status: int
    stopped: str = ""


def _converse(request: dict[str, Any], wall_s: float, memory_bytes: int) -> _Ended:
    """Start a child, hand it the request, collect its answer, leave nothing."""
    module = request["function"].partition(":")[0]
    with sandbox_children.child(CHILD, module) as child:
        deadline = time.monotonic() + wall_s
        with suppress(BrokenPipeError), child.request:  # it died at once; its status says how
            _write(child.request, json.dumps(request).encode())
        output, complaints, stopped = _listen(child, deadline, memory_bytes)
        status = child.end()
    if status is None:
        return _Ended(b"", complaints, -signal.SIGKILL, stopped or "lost")
    return _Ended(output, complaints, status, stopped)


def _write(pipe: FileIO, request: bytes) -> None:
    while request:
        request = request[pipe.write(request) or 0 :]


def _listen(child: Child, deadline: float, memory_bytes: int) -> tuple[bytes, bytes, str]:
    """Read both pipes to their end, or until time, output or memory runs out."""
    output, complaints = bytearray(), bytearray()
    watched = sys.platform == "darwin"  # no RLIMIT_AS there: look at its size now and then
    with selectors.DefaultSelector() as selector:
        selector.register(child.answer, selectors.EVENT_READ, output)
        selector.register(child.complaints, selectors.EVENT_READ, complaints)
        while selector.get_map():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return bytes(output), bytes(complaints), "time"
            for key, _ in selector.select(min(left_s, 0.2) if watched else left_s):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                key.data.extend(chunk)
            del complaints[:-STDERR_BYTES]
            if len(output) > OUTPUT_BYTES:
                return b"", bytes(complaints), "output"
            if watched and _resident_bytes(child.pid) > memory_bytes:
                return b"", bytes(complaints), "memory"
    return bytes(output), bytes(complaints), ""


def _resident_bytes(pid: int) -> int:
    shown = subprocess.run(
        ["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=False
    )
    return int(shown.stdout.strip() or 0) * 1024


def _judge(
    ended: _Ended, refusals: Sequence[type[AppError]], wall_s: float, memory_bytes: int
) -> dict[str, Any]:
    """Tell an answer from a refusal, and each way of breaking from the others."""
    if ended.stopped == "time" or -ended.status in (signal.SIGXCPU, signal.SIGALRM):
        raise SandboxTimeout(f"reading the file took more than {wall_s:g} s; send a smaller one")
    if ended.stopped == "output":
        raise SandboxCrashed("the reading process wrote more than it may", reason="output-limit")
    said = _parse(ended.output) if ended.status == 0 else {}
    if isinstance(said.get("result"), dict):
        result: dict[str, Any] = said["result"]
        return result
    refusal = said.get("refusal")
    for kind in refusals:
        if isinstance(refusal, dict) and refusal.get("code") == kind.code:
            raise kind(str(refusal.get("detail", "")), **_plain(refusal.get("extra")))
    if said.get("broken") == "isolation":
        raise unavailable(said)
    starved = any(mark in ended.complaints for mark in _OUT_OF_MEMORY)
    if ended.stopped == "memory" or said.get("broken") == "memory" or starved:
        raise SandboxMemory(
            f"reading the file took more than {memory_bytes >> 20} MiB; send a smaller one"
        )
    reason = f"signal-{signal.Signals(-ended.status).name}" if ended.status < 0 else "exception"
    raise SandboxCrashed(
        f"the file broke the process that read it ({said.get('detail') or reason})", reason=reason
    )


def _parse(output: bytes) -> dict[str, Any]:
    try:
        said = json.loads(output)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _plain(extra: object) -> dict[str, Any]:
    """Keep the numbers and short texts of an error's extra members; the child wrote them."""
    if not isinstance(extra, dict):
        return {}
    plain = {str(name): value for name, value in extra.items() if isinstance(value, int | str)}
    return {name: value for name, value in plain.items() if len(str(value)) <= 200}
