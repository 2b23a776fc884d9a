"""The zygote: one a process, which holds nothing, outlives no one, and is not passed on."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app import sandbox, sandbox_children
from tests.test_sandbox import linux_only, no_leftovers, run

__all__ = ["no_leftovers"]
pytestmark = linux_only


def zygote() -> int:
    """The process id of this process's zygote, as a child sees it."""
    return int(run("look_around")["parent"])


def gone(pid: int, *, within_s: float = 60) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not sandbox._alive(pid):
            return True
        time.sleep(0.02)
    return False


def a_server(program: str) -> subprocess.Popen[str]:
    """Start a process that reads media and says of it what the program prints."""
    start = "import os, sys, threading, time\nfrom tests.test_sandbox import run\n"
    return subprocess.Popen(
        [sys.executable, "-c", start + program],
        cwd=sandbox.ROOT,
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def said(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    return int(server.stdout.readline())


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script of its own for the children, and with it a zygote of its own."""
    script = tmp_path / "child.py"
    script.write_text(sandbox.CHILD.read_text())
    monkeypatch.setattr(sandbox, "CHILD", script)
    return script


class TestOneForAllFiles:
    def test_it_forks_one_child_for_each_file_and_stays(self):
        one, other = run("look_around"), run("look_around")
        assert one["parent"] == other["parent"] != os.getpid()
        assert one["pid"] != other["pid"]

    def test_it_outlives_the_thread_that_started_it(self, copied):
        """The kernel ties a child's life to a thread: the planted fault is to start it in one."""
        with ThreadPoolExecutor(1) as short_lived:
            first = short_lived.submit(zygote).result()
        time.sleep(0.1)
        assert zygote() == first

    def test_many_threads_are_answered_each_its_own(self):
        def ask(number: int) -> Any:
            return run("answer", args={"number": number})["args"]["number"]

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(ask, range(32))) == list(range(32))

    def test_a_slow_file_keeps_nobody_waiting(self):
        slow = threading.Thread(target=lambda: run("nap", args={"length_s": 1}))
        slow.start()
        run("answer")
        assert slow.is_alive()
        slow.join()

    def test_where_a_library_started_a_thread_nothing_is_forked(self, copied):
        limits = {"wall_s": 10, "cpu_s": 5, "memory_bytes": 1 << 30}
        told = sandbox.run("tests.sandbox_threaded:parent", {}, **limits)
        assert told == {"parent": os.getpid()}
        assert zygote() == os.getpid()


class TestItHoldsNothing:
    def test_a_child_has_its_pipes_and_no_other_descriptor(self):
        seen = run("look_around")
        assert set(seen["files"]) == {"0", "1", "2", "3"}  # 3: where the answer goes
        assert all(name.startswith("pipe:") for name in seen["files"].values())

    def test_and_would_be_seen_with_one(self, copied, tmp_path, monkeypatch):
        """The planted fault: a zygote that forks without closing."""
        source = sandbox_children.ZYGOTE.read_text()
        closing = "        os.closerange(3, OPEN_FILES)\n"
        assert closing in source
        careless = tmp_path / "zygote.py"
        careless.write_text(source.replace(closing, ""))
        monkeypatch.setattr(sandbox_children, "ZYGOTE", careless)
        assert len(run("look_around")["files"]) > 4

    def test_no_memory_is_shared_for_writing(self):
        assert run("look_around")["shared"] == []

    def test_nothing_that_opens_keys_or_settings_was_ever_imported(self):
        limits = {"wall_s": 60, "cpu_s": 60, "memory_bytes": 1 << 30}
        for function in READERS:  # each is imported into the zygote; the arguments are nonsense
            with pytest.raises(sandbox.SandboxCrashed):
                sandbox.run(function, {"no": "such argument"}, **limits)
        modules = set(run("look_around")["modules"])
        assert "app.provenance.content" in modules
        assert not modules & {"app.keys", "app.vault", "app.config", "app.db", "app.sandbox"}


READERS = (
    "app.gateway.frames:look_at_video",
    "app.provenance.content:read_content",
    "app.provenance.credentials:read_credentials",
    "app.provenance.marks_reading:read_marks",
    "app.provenance.marks_writing:write_mark",
    "app.gateway.embedding:embed",
    "app.provenance.second:verify_again",
    "app.registry.faces:find_faces",
)


class TestItsEnd:
    def test_one_that_was_killed_is_started_again(self):
        first = zygote()
        os.kill(first, signal.SIGKILL)
        assert zygote() not in {first, os.getpid()}

    def test_what_it_was_reading_is_read_again(self):
        first = zygote()
        with ThreadPoolExecutor(1) as caller:
            reading = caller.submit(run, "nap", args={"length_s": 1})
            time.sleep(0.5)
            os.kill(first, signal.SIGKILL)
            assert reading.result()["parent"] not in {first, os.getpid()}

    def test_it_ends_when_its_socket_closes(self, copied):
        mine = zygote()
        sandbox_children._zygotes.pop(copied).control.close()
        assert gone(mine)

    def test_it_ends_with_its_process_and_so_does_every_child(self):
        server = a_server(
            "print(run('look_around')['parent'], flush=True)\n"
            "threading.Thread(target=run, args=('sleep',), kwargs={'wall_s': 60}).start()\n"
            "time.sleep(60)\n"
        )
        theirs = said(server)
        child = wait_for_child_of(theirs)
        server.kill()
        server.communicate()
        assert gone(theirs)
        assert child is not None
        assert gone(child)

    def test_a_forked_server_has_one_of_its_own(self):
        server = a_server(
            "mine = run('look_around')['parent']\n"
            "if os.fork() == 0:\n"
            "    print(run('look_around')['parent'] not in (mine, os.getpid()) and 1, flush=True)\n"
            "    os._exit(0)\n"
            "os.wait()\n"
            "print(run('look_around')['parent'] == mine and 2, flush=True)\n"
        )
        assert (said(server), said(server)) == (1, 2)
        server.communicate()
        assert server.returncode == 0


def wait_for_child_of(zygote: int) -> int | None:
    """The first child that a zygote has within a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(zygote)], capture_output=True, check=False
        )
        if listed.stdout.strip():
            return int(listed.stdout.split()[0])
        time.sleep(0.02)
    return None
