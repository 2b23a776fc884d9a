"""The sandbox: whatever a file does to its reader, the answer is a named error, no leftovers."""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import sandbox, sandbox_children
from app.config import settings
from app.errors import AppError, NotFound
from app.provenance import content
from app.sandbox import (
    SandboxCrashed,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
)
from tests.provenance import making

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux closes these doors")


def run(name: str, **options: Any) -> dict[str, Any]:
    args = options.pop("args", {})
    limits = {"wall_s": 10, "cpu_s": 5, "memory_bytes": 1 << 30}
    return sandbox.run(f"tests.sandbox_hostiles:{name}", args, **(limits | options))


def attempt(what: str, target: object, **options: Any) -> dict[str, Any]:
    return run("attempt", args={"what": what, "target": str(target)}, **options)


def children() -> set[int]:
    """The ids of sandbox children, dead ones too, that are this process's or nobody's any more."""
    listed = subprocess.run(
        # ww: ps cuts lines at COLUMNS, and the name of the child stands last in its line
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="],
        capture_output=True,
        check=True,
        text=True,
    )
    lines = [(*line.split(None, 2), "")[:3] for line in listed.stdout.splitlines()]
    mine = str(os.getpid())
    zygotes = {pid for pid, parent, args in lines if parent == mine and "zygote.py" in args}
    return {
        int(pid)
        for pid, parent, args in lines
        if parent in zygotes or ("child.py" in args and parent in {"1", mine})
    } - {int(pid) for pid in zygotes}


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test of this file also proves that no process and no file is left behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = children()
    yield
    assert children() <= before
    assert list(tmp_path.glob("understudy-*")) == []
    for script, zygote in list(sandbox_children._zygotes.items()):
        if tmp_path in script.parents:
            sandbox_children._let_go(script, zygote)


def test_a_child_left_behind_would_be_seen():
    """The planted fault of every test here."""
    left = subprocess.Popen([sys.executable, "-I", sandbox.CHILD], stdin=subprocess.PIPE)
    try:
        assert left.pid in children()
    finally:
        left.kill()
        left.communicate()
    assert left.pid not in children()


class TestRunReturns:
    def test_what_the_function_returns(self):
        assert run("answer", args={"a": 1, "b": ["ü"]})["args"] == {"a": 1, "b": ["ü"]}

    def test_nothing_of_the_server_s_environment_reaches_the_child(self, monkeypatch):
        monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
        monkeypatch.setenv("UNDERSTUDY_ANYTHING", "secret")
        seen = run("answer")
        assert "secret" not in str(seen["environment"])
        assert set(seen["environment"]) <= {
            *("PATH", "LANG", "HOME", "TMPDIR", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
            *("LC_CTYPE", "__CF_USER_TEXT_ENCODING", "OPENCV_IO_MAX_IMAGE_PIXELS"),
            "LD_LIBRARY_PATH",  # set by OpenCV where the zygote has loaded it
        }

    def test_the_child_works_in_a_directory_of_its_own(self):
        assert run("answer")["directory"] != run("answer")["directory"]

    def test_a_declared_refusal_arrives_as_itself(self):
        with pytest.raises(NotFound, match="nothing here") as refusal:
            run("refuse", refusals=[NotFound])
        assert refusal.value.extra == {"count": 3}

    def test_an_undeclared_one_is_a_crash(self):
        with pytest.raises(SandboxCrashed):
            run("refuse_otherwise", refusals=[NotFound])

    def test_opencv_itself_refuses_pictures_beyond_the_cap(self, tmp_path):
        """Should a reader ever forget to look at the header first."""
        for side, decoded in ((7000, True), (7100, False)):
            picture = tmp_path / f"{side}.png"
            picture.write_bytes(making.huge_png(side, side))
            assert side * side > content.MAX_PICTURE_PIXELS or decoded
            seen = run("decode", args={"path": str(picture)}, reads=[picture])
            assert seen == {"decoded": decoded}

    def test_threads_may_start(self):
        assert run("start_threads", args={"count": 4}) == {"threads": 4}

    def test_starting_takes_less_than_a_second(self):
        started = time.perf_counter()
        run("answer")
        assert time.perf_counter() - started < 1


class TestRunStops:
    def test_an_endless_loop_when_its_processor_time_is_up(self):
        started = time.monotonic()
        with pytest.raises(SandboxTimeout):
            run("spin", cpu_s=1)
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("name", ["spin", "sleep"])
    def test_anything_when_the_wall_clock_says_so(self, name):
        started = time.monotonic()
        with pytest.raises(SandboxTimeout, match="1 s"):
            run(name, wall_s=1)
        assert time.monotonic() - started < 3

    @pytest.mark.parametrize("name", ["hog_memory", "hog_memory_in_numpy"])
    def test_a_memory_hog(self, name):
        with pytest.raises(SandboxMemory, match="512 MiB"):
            run(name, memory_bytes=512 << 20)

    def test_a_flood_of_output_without_keeping_it(self):
        with pytest.raises(SandboxCrashed) as flood:
            run("flood_answer")
        assert flood.value.extra["reason"] == "output-limit"

    def test_a_flood_of_complaints_without_keeping_it(self):
        assert run("flood_complaints") == {"said": "much"}

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("crash", "signal-SIGSEGV"),
            ("abort", "signal-SIGABRT"),
            ("raise_value_error", "exception"),
            ("end_quietly", "exception"),
            ("write_nonsense", "exception"),
            ("answer_no_dict", "exception"),
        ],
    )
    def test_a_crash_by_name(self, name, reason):
        with pytest.raises(SandboxCrashed) as crash:
            run(name)
        assert crash.value.extra["reason"] == reason

    def test_a_function_that_does_not_exist(self):
        with pytest.raises(SandboxCrashed, match="no_such_function"):
            run("no_such_function")

    def test_a_file_that_grows_beyond_the_limit(self):
        assert attempt("write much", sandbox.FILE_BYTES + 1) == {"refused": "OSError"}

    def test_a_hoard_of_open_files(self):
        assert attempt("open many", 100) == {"refused": "OSError"}

    def test_a_child_grown_past_its_memory_where_the_kernel_sets_no_bound(self, monkeypatch):
        """macOS has no bound on address space: there the parent looks, and this is that path."""
        monkeypatch.setattr(sandbox.sys, "platform", "darwin")
        assert sandbox._resident_bytes(os.getpid()) > 10 << 20
        monkeypatch.setattr(sandbox, "_resident_bytes", lambda pid: 2 << 30)
        with pytest.raises(SandboxMemory):
            run("sleep")


class TestRunShutsDoors:
    def test_isolation_is_tried_not_declared(self):
        sandbox.isolation.cache_clear()
        assert sandbox.isolation().startswith("network closed, processes closed")

    def test_no_connection_leaves_the_child(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
            threading.Thread(target=_greet, args=(server,), daemon=True).start()
            assert b"hello" in socket.create_connection(
                ("127.0.0.1", server.getsockname()[1])
            ).recv(9)
            assert "refused" in attempt("connect", address)

    @linux_only
    def test_nor_reaches_a_local_service_by_its_socket_file(self, tmp_path):
        path = tmp_path / "service"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            assert "refused" in attempt("connect to a socket file", path, writes=[tmp_path])

    def test_a_fork_bomb_is_never_born(self):
        assert run("fork_for_ever") == {"born": 0}

    @pytest.mark.parametrize("what", ["start a program", "replace itself", "fork"])
    def test_no_program_is_started(self, what):
        assert "refused" in attempt(what, "/bin/true")

    @linux_only
    @pytest.mark.parametrize("what", ["signal", "signal by thread", "limit"])
    def test_the_server_cannot_be_touched(self, what):
        assert "refused" in attempt(what, os.getpid())

    @linux_only
    def test_files_not_named_cannot_be_read_and_named_ones_can(self, tmp_path):
        mine, other = tmp_path / "mine", tmp_path / "other"
        mine.write_text("mine")
        other.write_text("secret")
        assert attempt("read", mine, reads=[mine]) == {"happened": "mine"}
        assert attempt("read", other, reads=[mine]) == {"refused": "PermissionError"}

    @linux_only
    def test_keys_and_the_server_s_memory_are_out_of_sight(self, data_dir):
        key = next(settings().keys_dir.iterdir())
        assert attempt("read", key) == {"refused": "PermissionError"}
        assert attempt("read", f"/proc/{os.getpid()}/environ") == {"refused": "PermissionError"}
        assert attempt("list", data_dir) == {"refused": "PermissionError"}

    @linux_only
    def test_nothing_is_written_but_where_the_caller_says(self, tmp_path):
        given, other = tmp_path / "given", tmp_path / "other"
        given.mkdir()
        other.mkdir()
        assert "happened" in attempt("write", given / "file", writes=[given])
        assert "refused" in attempt("write", other / "file", writes=[given])
        assert "refused" in attempt("write", Path(sandbox.__file__).with_name("planted.py"))

    def test_without_a_shut_network_nothing_runs_unless_the_installation_says_so(
        self, monkeypatch, tmp_path
    ):
        """The planted fault: a child whose doors do not shut."""
        source = sandbox.CHILD.read_text().replace("    shut_doors(request)\n", "")
        broken = tmp_path / "child.py"
        broken.write_text(source)
        monkeypatch.setattr(sandbox, "CHILD", broken)
        with pytest.raises(SandboxUnavailable, match="network"):
            run("answer")
        sandbox.isolation.cache_clear()
        assert sandbox.isolation().startswith("unavailable")
        monkeypatch.setenv("UNDERSTUDY_ALLOW_UNSANDBOXED_MEDIA", "true")
        settings.cache_clear()
        sandbox.isolation.cache_clear()
        assert "network OPEN" in sandbox.isolation()
        assert "processes OPEN" in sandbox.isolation()
        assert run("answer")["args"] == {}
        sandbox.isolation.cache_clear()

    @linux_only
    @pytest.mark.parametrize(
        ("removed", "doors"),
        [
            ("        _own_namespaces()\n", "network closed, processes closed, files closed"),
            ("        _filter_calls()\n", "network closed, processes OPEN, files closed"),
            (
                "        _landlock(readable, writable)\n",
                "network closed, processes closed, files OPEN",
            ),
        ],
    )
    def test_each_door_is_shut_by_its_own_means(self, monkeypatch, tmp_path, removed, doors):
        source = sandbox.CHILD.read_text()
        assert removed in source
        broken = tmp_path / "child.py"
        broken.write_text(source.replace(removed, "        pass\n", 1))
        monkeypatch.setattr(sandbox, "CHILD", broken)
        answer = sandbox.run(
            "sandbox_child:try_doors", {}, wall_s=10, cpu_s=5, memory_bytes=1 << 30
        )
        said = ", ".join(f"{d} {'closed' if shut else 'OPEN'}" for d, shut in answer.items())
        assert said == doors


def _greet(server: socket.socket) -> None:
    for _ in range(2):
        connection, _address = server.accept()
        with connection:
            connection.sendall(b"hello")


class TestAFreshInterpreter:
    """What a child is where nothing can be forked: slower, the same inside."""

    @pytest.fixture(autouse=True)
    def no_zygote(self, monkeypatch):
        monkeypatch.setattr(sandbox_children, "_fork", lambda *_: None)

    def test_answers_with_its_doors_shut(self):
        sandbox.isolation.cache_clear()
        assert sandbox.isolation().startswith("network closed, processes closed")
        assert run("look_around")["parent"] == os.getpid()

    @pytest.mark.parametrize(
        ("name", "error"),
        [("sleep", SandboxTimeout), ("hog_memory", SandboxMemory), ("crash", SandboxCrashed)],
    )
    def test_is_stopped_by_name(self, name, error):
        with pytest.raises(error):
            run(name, wall_s=1, memory_bytes=512 << 20)


class TestErrorsAreProblems:
    @pytest.mark.parametrize("kind", [SandboxTimeout, SandboxMemory, SandboxCrashed])
    def test_the_file_is_blamed_not_the_server(self, kind):
        assert issubclass(kind, AppError)
        assert kind.status == 422

    def test_what_a_child_writes_into_an_error_is_kept_short(self):
        plain = sandbox._plain({"count": 2, "long": secrets.token_hex(999), "deep": {"a": 1}})
        assert plain == {"count": 2}
