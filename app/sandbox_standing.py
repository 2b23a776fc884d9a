"""Sandboxed children that stay for several files, for work where a fresh one would cost too much.

Behind the same doors as any child (`app/sandbox.py`), with no files but those that are handed over
open. One serves one party's files only, a limited number of them, and none after anything went
wrong: what a file did to it is not passed on to another party's. What it says is checked like any
other input.
"""

import atexit
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, BinaryIO, cast

from app import sandbox, sandbox_children, sandbox_line

MOST_FILES = 64  # that one child serves
MOST_IDLE = 2  # children that wait for another file
BIRTH_S = 60
MEMORY_BYTES = 2 << 30
_LIMITS = {"wall_s": 3600, "cpu_s": 600}  # of its whole life


class Lost(Exception):
    """The child has gone, or talks nonsense."""


class Standing:
    """One child on the line: `tell` it, `hear` it, and `end` it.

    `scratch` is a file without a name, in memory where the system has that. This child alone may be
    handed it, and may go on changing it for as long as it lives.
    """

    def __init__(self, function: str, party: str, *, file_bytes: int = sandbox.FILE_BYTES) -> None:
        self.function, self.party, self.served = function, party, 0
        self._is_ready = False
        directory = tempfile.mkdtemp(prefix=f"{sandbox.PREFIX}{os.getpid()}-")
        self._left = ExitStack()
        self._left.callback(shutil.rmtree, directory, ignore_errors=True)
        self.scratch = self._left.enter_context(_nameless())
        request = {
            "function": function,
            "args": {},
            "root": str(sandbox_children.ROOT),
            "limits": _LIMITS | {"memory_bytes": MEMORY_BYTES + file_bytes},
            "file_bytes": file_bytes,
            "reads": [],
            "writes": [],
            "insist": sandbox.insists(),
            "directory": directory,
        }
        module = function.partition(":")[0]
        begun = sandbox_children.child(sandbox.CHILD, module, converses=True)
        try:
            child = self._left.enter_context(begun)
            self._line = socket.socket(fileno=os.dup(child.request.fileno()))
            self._left.callback(self._line.close)
            self.pid = child.pid
            self._answer, self._complaints = child.answer, child.complaints
            os.set_blocking(self._complaints.fileno(), False)
            self._line.sendall(json.dumps(request).encode() + b"\n")
        except BaseException:
            self.end()
            raise

    def tell(self, message: Mapping[str, Any], files: Sequence[int] = (), *, wall_s: float) -> None:
        """Give the child something to do, then `hear` it. Raises as that does."""
        with self._on_the_line(wall_s):
            self._line.settimeout(wall_s)
            self._await_birth()
            self._drop_complaints()
            sandbox_line.send(self._line, message, files)

    def hear(self, *, wall_s: float) -> dict[str, Any]:
        """Return what the child says; raises Lost, SandboxTimeout, SandboxUnavailable."""
        with self._on_the_line(wall_s):
            return sandbox_line.receive(self._line, until=time.monotonic() + wall_s)

    @contextmanager
    def _on_the_line(self, wall_s: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise sandbox.SandboxTimeout(
                f"reading the file took more than {wall_s:g} s; send a smaller one"
            ) from None
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise Lost(type(error).__name__) from error

    def end(self) -> None:
        """End the child and whatever it left; harmless to repeat."""
        self._left.close()

    def _await_birth(self) -> None:
        """Wait until it has shut its doors; tell what kept it from that, where it said so."""
        if self._is_ready:
            return
        try:
            said = sandbox_line.receive(self._line, until=time.monotonic() + BIRTH_S)
        except EOFError:
            said = json.loads(self._answer.read(sandbox.STDERR_BYTES) or b"{}")
            if isinstance(said, dict) and said.get("broken") == "isolation":
                raise sandbox.unavailable(said) from None
            raise
        self._is_ready = said == {"ready": True}
        if not self._is_ready:
            raise EOFError

    def _drop_complaints(self) -> None:
        """Read what libraries printed, lest the child wait for a reader."""
        with suppress(BlockingIOError):
            while self._complaints.read(sandbox.STDERR_BYTES):
                pass


def _nameless() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("scratch"), "w+b")
    return cast("BinaryIO", tempfile.TemporaryFile())


_lock = threading.Lock()
_idle: list[Standing] = []
_inherited: list[Standing] = []  # of the process this one was forked from: not ours to end


@contextmanager
def standing(function: str, party: str) -> Iterator[Standing]:
    """Lend a child that serves `function` and never served another party; one that waits, if any.

    Whatever is raised within ends it: the next file has another one.
    """
    lent = _take(function, party) or Standing(function, party)
    try:
        yield lent
    except BaseException:
        lent.end()
        raise
    lent.served += 1
    _put_back(lent)


@contextmanager
def fresh(function: str, *, file_bytes: int) -> Iterator[Standing]:
    """Lend a child of its own for one file; it is gone afterwards."""
    lent = Standing(function, "", file_bytes=file_bytes)
    try:
        yield lent
    finally:
        lent.end()


def end_idle() -> None:
    """End every child that waits."""
    while True:
        with _lock:
            if not _idle:
                return
            one = _idle.pop()
        one.end()


def _take(function: str, party: str) -> Standing | None:
    with _lock:
        for place in reversed(range(len(_idle))):
            if (_idle[place].function, _idle[place].party) == (function, party):
                return _idle.pop(place)
    return None


def _put_back(lent: Standing) -> None:
    spent: list[Standing] = [lent] if lent.served > MOST_FILES else []
    with _lock:
        if not spent:
            _idle.append(lent)
        while len(_idle) > MOST_IDLE:
            spent.append(_idle.pop(0))
    for one in spent:
        one.end()


def _after_fork() -> None:
    _inherited.extend(_idle)
    _idle.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)
atexit.register(end_idle)
