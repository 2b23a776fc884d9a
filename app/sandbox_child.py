"""The inside of the sandbox: shut every door, then do the one thing asked, then end.

Forked by `app/sandbox_zygote.py`, or run as a script where there is no zygote, with a request on
standard input; standard library only. Doors, by system:

- Linux: an empty network namespace where the kernel permits one; a system-call filter (no sockets,
  no new processes, no other programs, no signals to others; x86-64 and arm64); Landlock, so that
  only the interpreter, this code and the named files can be opened.
- macOS: the seatbelt profile of `sandbox_init` (no network, no new processes, writing only where
  named). Memory is watched from outside there.

Where a door cannot be shut the others still are; without a shut network nothing is run at all
unless the installation says so.
"""

import ctypes
import importlib
import json
import math
import os
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Read the request, shut the doors, call the function, write the answer."""
    with os.fdopen(0, "rb", closefd=False) as asked:
        request = json.loads(asked.readline())  # who stays on the line speaks on it afterwards
    answer_to = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not look like an answer
    os.chdir(request["directory"])
    os.environ.update(dict.fromkeys(("HOME", "TMPDIR"), request["directory"]))
    bound_resources(request["limits"], request["file_bytes"])
    if request["root"] not in sys.path:
        sys.path.append(request["root"])
    shut_doors(request)
    answer = json.dumps(_answer(request)).encode()
    while answer:
        answer = answer[os.write(answer_to, answer) :]
    os._exit(0)  # no destructors of media libraries, no exit hooks


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["insist"] and not _network_is_shut():
        return {"broken": "isolation", "detail": "the network cannot be shut off"}
    module, _, name = request["function"].partition(":")
    try:
        return {"result": getattr(importlib.import_module(module), name)(**request["args"])}
    except MemoryError:
        return {"broken": "memory"}
    except Exception as error:  # noqa: BLE001  whatever it was, the parent gives it a name
        if "Insufficient memory" in str(error) or "bad allocation" in str(error):
            return {"broken": "memory"}
        code = getattr(error, "code", None)
        if isinstance(code, str):
            detail, extra = getattr(error, "detail", ""), getattr(error, "extra", {})
            return {"refusal": {"code": code, "detail": detail, "extra": extra}}
        return {"broken": "exception", "detail": f"{type(error).__name__}: {error}"[:500]}


def try_doors() -> dict[str, bool]:
    """Try the network, a new process and a foreign directory; True means the door is shut."""
    return {
        "network": _network_is_shut(),
        "processes": _processes_are_shut(),
        "files": _files_are_shut(),
    }


def _network_is_shut() -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.connect(("127.0.0.1", 9))
    except OSError:
        return True
    return False


def _processes_are_shut() -> bool:
    try:
        pid = os.fork()
    except OSError:
        return True
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return False


def _files_are_shut() -> bool:
    try:
        next(Path("/").iterdir())
    except OSError:
        return True
    return False


def end_with(parent: int) -> None:
    """Die when the parent does (Linux), also when it did before this was said."""
    if sys.platform == "linux":
        _LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


def bound_resources(limits: dict[str, Any], file_bytes: int) -> None:
    """Bound memory, processor time, file size and descriptors; end by the clock.

    Memory is what comes on top of what the process was born with: libraries that it shares with
    its zygote are not the file's doing.
    """
    bounds = {
        resource.RLIMIT_AS: limits["memory_bytes"] + _address_space_bytes(),
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform == "darwin":
        bounds[resource.RLIMIT_NPROC] = 0  # Linux counts threads too; the filter is finer there
    for bound, amount in bounds.items():
        with suppress(ValueError, OSError):  # macOS takes no RLIMIT_AS
            resource.setrlimit(bound, (amount, amount))
    cpu_s = limits["cpu_s"]
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))  # SIGXCPU first, then SIGKILL
    signal.alarm(math.ceil(limits["wall_s"]) + 2)


def _address_space_bytes() -> int:
    if sys.platform != "linux":
        return 0
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


def shut_doors(request: dict[str, Any]) -> None:
    """Give up everything this process will not need, as far as the system lets it."""
    readable, writable = _readable(request), [str(Path.cwd()), *request["writes"]]
    if sys.platform == "linux":
        _own_namespaces()
        _LIBC.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        _landlock(readable, writable)
        _filter_calls()
    elif sys.platform == "darwin":
        _seatbelt(writable)


def _readable(request: dict[str, Any]) -> list[str]:
    """Name what importing and reading needs: never the project's root, where data may live."""
    root, package = request["root"], request["function"].partition(":")[0].split(".")[0]
    code = [f"{root}/{name}" for name in {"app", "watermark", package}]
    python = [sys.prefix, sys.base_prefix, *(path for path in sys.path if path != root)]
    system = "/usr /lib /lib64 /etc/ld.so.cache /etc/localtime /dev/null /dev/zero /dev/urandom"
    facts = "/proc/self /proc/cpuinfo /proc/meminfo /proc/stat /sys/devices/system/cpu"
    return [*code, *python, *system.split(), *facts.split(), *request["reads"]]


def _own_namespaces() -> None:
    """Move to fresh user, network and IPC namespaces; many systems do not permit it."""
    uid, gid = os.geteuid(), os.getegid()
    new_user, new_net, new_ipc = 0x10000000, 0x40000000, 0x08000000
    if _LIBC.unshare(new_user | new_net | new_ipc) != 0:
        return
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


# Landlock (linux/landlock.h): rights that each version of it knows, files only.
_RIGHTS_BY_VERSION = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
_FILE_RIGHTS = 1 | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15


def _landlock(readable: list[str], writable: list[str]) -> None:
    """Open nothing but these paths from here on; older kernels cannot, and are left open."""
    version = _LIBC.syscall(444, None, 0, 1)
    if version < 1:
        return
    rights = _RIGHTS_BY_VERSION[min(version, 5)]
    handled = ctypes.c_uint64(rights)
    ruleset = _LIBC.syscall(444, ctypes.byref(handled), 8, 0)
    for paths, allowed in ((readable, _READ_FILE | _READ_DIR), (writable, rights)):
        for path in paths:
            try:
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            mask = allowed if Path(path).is_dir() else allowed & _FILE_RIGHTS
            rule = struct.pack("=Qi", mask & rights, descriptor)
            _LIBC.syscall(445, ruleset, 1, rule, 0)
            os.close(descriptor)
    _LIBC.syscall(446, ruleset, 0)
    os.close(ruleset)


# System calls by (x86-64, arm64) number; None where the machine has no such call.
_REFUSED = {
    "socket": (41, 198),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "userfaultfd": (323, 282),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "open_by_handle_at": (304, 265),
}
_CLONE, _CLONE3 = (56, 220), (435, 435)
_TGKILL, _PRLIMIT = (234, 131), (302, 261)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_CLONE_THREAD = 0x10000


def _filter_calls() -> None:
    """Install the seccomp filter: threads may start, processes may not, and so on."""
    column, machine = _MACHINES.get(os.uname().machine, (None, 0))
    if column is None:
        return
    code = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    if column == 0:  # the x32 numbers reach the same calls by another door
        code += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _EPERM)]
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    code += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ENOSYS)]  # libc falls back to clone
    for numbers, test, value in (
        (_CLONE, _HAS_BITS, _CLONE_THREAD),
        (_TGKILL, _EQUAL, os.getpid()),  # abort() signals itself
        (_PRLIMIT, _EQUAL, 0),
    ):
        code += [(_EQUAL, 0, 4, numbers[column]), (_LOAD, 0, 0, 16), (test, 1, 0, value)]
        code += [(_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW)]
    code += [(_RETURN, 0, 0, _ALLOW)]
    packed = b"".join(struct.pack("=HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("@HP", len(code), ctypes.addressof(buffer))
    _LIBC.prctl(22, 2, program, 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _seatbelt(writable: list[str]) -> None:
    paths = " ".join(f"(subpath {json.dumps(os.path.realpath(path))})" for path in writable)
    profile = (
        "(version 1) (allow default) (deny network*) (deny process-fork) (deny process-exec*) "
        f'(deny file-write*) (allow file-write* (literal "/dev/null") {paths})'
    )
    complaint = ctypes.c_char_p()
    _LIBC.sandbox_init(profile.encode(), ctypes.c_uint64(0), ctypes.byref(complaint))


if __name__ == "__main__":
    end_with(os.getppid())
    main()
