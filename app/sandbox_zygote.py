"""The zygote: what sandboxed children are forked from. It has read our code, and no file.

Run as a script by `app/sandbox_children.py`, one for each process that reads media: a fresh
interpreter, an environment without secrets, and of descriptors one socket to its parent. For each
message on it one child is forked, which closes that socket first of all, gives up the rest in
`app/sandbox_child.py`, reads one file and ends. What a child needs is imported here, once, so that
it starts in milliseconds. Nothing comes back to the zygote from a child but its death.

A fork copies one thread only, so where a library has started another nothing is forked: the parent
is told, and starts a fresh interpreter instead. Linux only.
"""

import gc
import importlib
import importlib.util
import os
import resource
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

MESSAGE_BYTES = 4096
CHILDS_FILES = 4  # request, answer, complaints, and the line on which its death is told
OPEN_FILES = 1024


@dataclass(frozen=True)
class _Life:
    pid: int
    death: int  # pidfd: readable when it has died
    line: socket.socket  # to whoever asked for it


def main() -> None:
    """Fork a child for each message, until the parent closes the socket or dies."""
    script, root, parent = sys.argv[1:]
    sys.path.append(root)
    child = _load(script)
    child.end_with(int(parent))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    serve(child, socket.socket(fileno=0))
    os._exit(0)  # children that still run die with their parent


def serve(child: ModuleType, control: socket.socket) -> None:
    """Fork, tell deaths, kill whose asker has gone; return when nobody can ask any more."""
    lives: dict[int, _Life] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        events = dict(poll.poll())
        asked = events.pop(control.fileno(), 0)
        for descriptor in events:
            life = lives.get(descriptor)
            if life is None:  # its line hung up at the moment of its death, told above
                continue
            poll.unregister(descriptor)
            _kill(life)
            if descriptor == life.death:
                with suppress(KeyError):  # who hung up first is no longer listened to
                    poll.unregister(life.line)
                del lives[life.death], lives[life.line.fileno()]
                _bury(life)
        if asked:  # last: the numbers of closed descriptors are given out again
            message, files, _, _ = socket.recv_fds(control, MESSAGE_BYTES, CHILDS_FILES)
            if not message:
                return
            born = _fork(child, message.decode(), files)
            if born is not None:
                lives[born.death] = lives[born.line.fileno()] = born
                poll.register(born.death, select.POLLIN)
                poll.register(born.line, select.POLLIN)


def _fork(child: ModuleType, module: str, files: list[int]) -> _Life | None:
    """Fork one child onto its files and answer with its id; with nothing where that is unsafe."""
    *pipes, number = files
    line = socket.socket(fileno=number)
    _prepare(module)
    life = None
    if len(list(Path("/proc/self/task").iterdir())) == 1:
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be_born(child, pipes, zygote)
        life = _Life(pid, os.pidfd_open(pid), line)
    with suppress(OSError):
        line.send(str(life.pid if life else 0).encode())
    for pipe in pipes:
        os.close(pipe)
    if life is None:
        line.close()
    return life


def _be_born(child: ModuleType, pipes: list[int], zygote: int) -> None:
    """Be the child: keep three pipes and nothing of the zygote's; never return."""
    try:
        os.setsid()
        child.end_with(zygote)
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)  # the first takes the place of the control socket
        os.closerange(3, OPEN_FILES)
        child.main()
    except BaseException:  # noqa: BLE001  nothing may run on as a second zygote
        traceback.print_exc()
    finally:
        os._exit(1)


def _prepare(module: str) -> None:
    """Import a module and let it load what reading needs, once; its child tells what failed."""
    if module in sys.modules:
        return
    with suppress(Exception):
        prepare = getattr(importlib.import_module(module), "prepare", None)
        if prepare is not None:
            prepare()
    gc.collect()
    gc.freeze()  # children leave these pages shared


def _kill(life: _Life) -> None:
    # It is not reaped yet, so neither id can belong to anybody else.
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(life.pid, signal.SIGKILL)


def _bury(life: _Life) -> None:
    _, status = os.waitpid(life.pid, 0)
    with suppress(OSError):
        life.line.send(str(os.waitstatus_to_exitcode(status)).encode())
    life.line.close()
    os.close(life.death)


def _load(script: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("sandbox_child", script)
    if spec is None or spec.loader is None:
        raise ImportError(script)
    module = sys.modules["sandbox_child"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
