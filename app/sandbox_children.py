"""How a sandboxed child begins and ends: forked from a zygote on Linux, else a fresh interpreter.

Each process has a zygote of its own (`app/sandbox_zygote.py`), started when the first child is
asked for and again when it has died; a server that forks starts another. It ends with its process:
the kernel sees to it, and so does the closed socket. Where nothing can be forked safely, and on
other systems, each child is a fresh interpreter: slower to start, the same inside.
"""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

ROOT = Path(__file__).parent.parent
ZYGOTE = Path(__file__).with_name("sandbox_zygote.py")
BIRTH_S = 60  # the first child of a kind waits until the zygote has read our code
_INTERPRETER = (sys.executable, "-I", "-B", "-X", "utf8")
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "OPENCV_IO_MAX_IMAGE_PIXELS": "50000000",  # it asks once, when it is loaded
}

_End = Callable[[], int | None]


@dataclass(frozen=True)
class Child:
    """A child that waits for its request, and this side's ends of its pipes.

    `request` is one end of a socket where the child was asked to converse. `end` kills what is left
    of it and returns how it ended, as subprocess has it; None says that it was lost with its
    zygote.
    """

    pid: int
    request: FileIO
    answer: FileIO
    complaints: FileIO
    end: _End


@dataclass(frozen=True)
class _Zygote:
    control: socket.socket
    process: int  # pidfd


_lock = threading.Lock()
_zygotes: dict[Path, _Zygote] = {}  # of this process, by the script that their children run


@contextmanager
def child(script: Path, module: str, *, converses: bool = False) -> Iterator[Child]:
    """Lend a child that runs `script`, ready for a function of `module`; afterwards it is gone.

    One that `converses` has a socket where others have the pipe on which their request comes.
    """
    with ExitStack() as ours:
        with ExitStack() as theirs:
            asked, request = _two_ends() if converses else os.pipe()
            (answer, answering), (complaints, complaining) = os.pipe(), os.pipe()
            for inner in (asked, answering, complaining):
                theirs.callback(os.close, inner)
            asking = ours.enter_context(FileIO(request, "w"))
            answers = ours.enter_context(FileIO(answer, "r"))
            complained = ours.enter_context(FileIO(complaints, "r"))
            inside = (asked, answering, complaining)
            forked = _fork(script, module, inside) if sys.platform == "linux" else None
            pid, end = forked or _start_afresh(script, inside)
            ours.callback(end)
        yield Child(pid, asking, answers, complained, end)


def _two_ends() -> tuple[int, int]:
    theirs, ours = socket.socketpair()
    return theirs.detach(), ours.detach()


def _fork(script: Path, module: str, pipes: Sequence[int]) -> tuple[int, _End] | None:
    """Have the zygote fork a child onto these pipes; None where it cannot."""
    for _ in range(2):  # one that died is started again, once
        line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.settimeout(BIRTH_S)
        with theirs:
            zygote = _ask(script, module, [*pipes, theirs.fileno()])
        try:
            born = line.recv(64)
        except OSError:
            born = b""
        if born not in {b"", b"0"}:
            return int(born), partial(_hang_up, line)
        line.close()
        if born == b"0":
            return None  # a library has started a thread in it
        _let_go(script, zygote)
    return None


def _ask(script: Path, module: str, files: Sequence[int]) -> _Zygote:
    """Send the order for a child to this process's zygote, started if there is none."""
    with _lock:
        zygote = _zygotes.get(script) or _start(script)
        _zygotes[script] = zygote
        with suppress(OSError):  # it is dead: so is the line, which says so
            socket.send_fds(zygote.control, [module.encode()], files)
    return zygote


def _hang_up(line: socket.socket) -> int | None:
    """Have the zygote kill and reap a child; return how that ended."""
    if line.fileno() < 0:
        return None
    with line:
        try:
            line.shutdown(socket.SHUT_WR)
            return int(line.recv(64))
        except (OSError, ValueError):
            return None


def _start_afresh(script: Path, pipes: Sequence[int]) -> tuple[int, _End]:
    asked, answering, complaining = pipes
    process = _spawn([*_INTERPRETER, str(script)], asked, answering, complaining)

    def end() -> int:
        # The leader is not reaped yet, so its group id cannot belong to anybody else.
        if process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        return process.wait()

    return process.pid, end


def _start(script: Path) -> _Zygote:
    """Start a zygote under a thread that lives as long as this process.

    The kernel ends it with the thread that started it, and callers' threads come and go.
    """
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.settimeout(BIRTH_S)
    started: queue.SimpleQueue[int | OSError] = queue.SimpleQueue()

    def keep() -> None:
        order = [*_INTERPRETER, str(ZYGOTE), str(script), str(ROOT), str(os.getpid())]
        with theirs:
            try:
                zygote = _spawn(order, theirs.fileno(), subprocess.DEVNULL, subprocess.DEVNULL)
                started.put(os.pidfd_open(zygote.pid))
            except OSError as error:
                started.put(error)
                return
        zygote.wait()

    threading.Thread(target=keep, name="zygote-keeper", daemon=True).start()
    process = started.get()
    if isinstance(process, OSError):
        control.close()
        raise process
    return _Zygote(control, process)


def _spawn(order: Sequence[str], stdin: int, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    """Start an interpreter with three descriptors, no secrets, and a session of its own."""
    return subprocess.Popen(
        order,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
    )


def _let_go(script: Path, zygote: _Zygote) -> None:
    """End a zygote that does not answer, so that the next asker starts another."""
    with _lock:
        if _zygotes.get(script) is zygote:
            del _zygotes[script]
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(zygote.process, signal.SIGKILL)
            _close(zygote)


def _close(zygote: _Zygote) -> None:
    os.close(zygote.process)
    zygote.control.close()


def _after_fork() -> None:
    """A forked server forks from zygotes of its own: these end with its parent."""
    for zygote in _zygotes.values():
        _close(zygote)
    _zygotes.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)
