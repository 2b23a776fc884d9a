"""A worker killed with SIGKILL in mid-render takes its render along, and loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.gateway.generators import Phase
from app.gateway.generators.local import LocalGenerator

ROOT = Path(__file__).parents[3]
LINE = "I was painted, and never asked."


def start_worker(work: Path, portrait: Path, fault: str = "none") -> subprocess.Popen[str]:
    script = Path(__file__).with_name("worker_to_kill.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(work), str(portrait), LINE, fault],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def read_until(worker: subprocess.Popen[str], word: str) -> str:
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.startswith(word):
            return line
    raise AssertionError("the worker ended early")


def is_empty_within(seconds: float, look) -> bool:
    deadline = time.monotonic() + seconds
    while look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class TestKilledWorker:
    def test_leaves_no_render_and_no_half_clip_and_another_finishes(
        self, tmp_path, girl, a_job, wait, clip, processes_in
    ):
        work = tmp_path / "work"
        worker = start_worker(work, girl)
        read_until(worker, "rendering")
        folder = work / "gen_01"
        assert processes_in(folder), "the render runs in a process of its own"
        worker.kill()
        worker.wait()
        assert is_empty_within(5, lambda: processes_in(folder))
        assert [p.name for p in folder.iterdir() if p.name.startswith("film")] == []

        second = LocalGenerator(work)
        assert is_empty_within(5, lambda: second.poll("gen_01").phase is Phase.RUNNING)
        assert second.poll("gen_01").phase is Phase.UNKNOWN
        reference = second.submit(a_job())
        assert second.submit(a_job()) == reference
        assert wait(second, reference).phase is Phase.SUCCEEDED
        assert (folder / "starts").stat().st_size == 2
        # The same order gives the same bytes, in another process and another folder.
        assert (folder / "film.mp4").read_bytes() == clip.read_bytes()

    def test_whose_render_cannot_notice_is_caught(self, tmp_path, girl, processes_in):
        work = tmp_path / "work"
        worker = start_worker(work, girl, "leak")  # the planted fault
        bystander = int(read_until(worker, "bystander").split()[1])
        folder = work / "gen_01"
        assert not is_empty_within(0, lambda: processes_in(folder))
        worker.kill()
        worker.wait()
        try:
            assert not is_empty_within(1.5, lambda: processes_in(folder))
        finally:
            os.kill(bystander, signal.SIGKILL)
        assert is_empty_within(5, lambda: processes_in(folder))


class TestTwoWorkers:
    def test_share_one_render(self, tmp_path, a_job, processes_in):
        first, second = LocalGenerator(tmp_path / "work"), LocalGenerator(tmp_path / "work")
        reference = first.submit(a_job())
        assert second.submit(a_job()) == reference
        assert second.poll(reference).phase is Phase.RUNNING
        assert (tmp_path / "work" / reference / "starts").stat().st_size == 1
        # Either may cancel it: the render looks for the mark itself.
        second.cancel(reference)
        assert first.poll(reference).phase is Phase.CANCELLED
        first.cancel(reference)
        first._children[reference].stdin.close()
        assert is_empty_within(20, lambda: processes_in(tmp_path / "work" / reference))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
class TestServerProcess:
    def test_never_loads_the_media_libraries(self):
        check = (
            "import sys; from app.gateway.generators.local import LocalGenerator; "
            "print([m for m in ('cv2', 'dlib', 'av', 'scipy', 'face_recognition_models') "
            "if m in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert done.stdout.strip() == "[]"
