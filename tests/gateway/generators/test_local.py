"""The local generator as a connector: what it takes on, never twice, and what it says of it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from app.gateway.generators import Generator, NotSubmitted, Phase, ResultNotReady
from app.gateway.generators import local as local_module
from app.gateway.generators.local import CAPABILITY, LICENSE_NOTICE, MODEL, LocalGenerator
from app.gateway.generators.puppet import speech


def starts(work: Path, reference: str) -> int:
    """How many times a render was started for this job."""
    log = work / reference / "starts"
    return log.stat().st_size if log.exists() else 0


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def generator(work: Path) -> LocalGenerator:
    return LocalGenerator(work)


@pytest.fixture
def finished(clip: Path, work: Path, generator, a_job) -> str:
    """A job whose render has ended well, without rendering it again."""
    source = clip.parent / "work" / "gen_01"
    target = work / "gen_01"
    target.mkdir(parents=True)
    for name in ("film.mp4", "job.sha256", "starts"):
        (target / name).write_bytes((source / name).read_bytes())
    return generator.submit(a_job())


class TestOffer:
    def test_is_a_generator(self, generator):
        assert isinstance(generator, Generator)

    def test_says_what_it_is_not_and_on_whose_terms(self, generator):
        (capability,) = generator.capabilities()
        assert capability == CAPABILITY
        assert capability.audio
        assert capability.lip_sync == (speech.library() is not None)
        for word in ("non-commercial", "GPL", "x264", "espeak-ng", "puppet"):
            assert word in LICENSE_NOTICE

    def test_is_empty_when_switched_off(self, work, a_job):
        off = LocalGenerator(work, enabled=False)
        assert off.capabilities() == ()
        with pytest.raises(NotSubmitted, match="switched off"):
            off.submit(a_job())


class TestSubmit:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"model": "local/other"}, "no model"),
            ({"length_s": 1.0}, "1 s is outside 2-10 s"),
            ({"length_s": float("nan")}, "nan s is outside"),
            ({"width": 1920, "height": 1080}, "1920x1080 is not among 1280x720"),
            ({"references": ()}, "0 reference portraits"),
            ({"footage": Path("shot.mp4")}, "takes no footage"),
            ({"references": (Path("gone.jpg"),)}, "cannot be read"),
            ({"generation_id": "../gen"}, "generation id"),
            ({"generation_id": ""}, "generation id"),
            ({"line": ""}, "empty"),
            ({"line": " ... "}, "empty"),
            ({"line": "a\nb"}, r"U\+000A"),
            ({"line": "a\x00b"}, r"U\+0000"),
            ({"line": "a\x1b[2Jb"}, r"U\+001B"),
            ({"line": "a\ud800b"}, r"U\+D800"),
            ({"line": "a" * 301}, "301 characters"),
        ],
    )
    def test_refuses_what_it_cannot_do_and_leaves_nothing(
        self, generator, work, a_job, changes, says
    ):
        with pytest.raises(NotSubmitted, match=says):
            generator.submit(a_job(**changes))
        assert not work.exists()

    def test_does_not_render_a_finished_job_twice(self, generator, work, a_job, finished):
        before = (work / finished / "film.mp4").stat()
        assert generator.submit(a_job()) == finished
        assert generator.poll(finished).phase is Phase.SUCCEEDED
        assert (work / finished / "film.mp4").stat().st_mtime_ns == before.st_mtime_ns
        assert starts(work, finished) == 1

    def test_counting_starts_would_catch_a_second_render(
        self, generator, work, a_job, finished, monkeypatch
    ):
        monkeypatch.setattr(local_module, "ended", lambda _folder: False)  # the planted fault
        generator.submit(a_job())
        assert starts(work, finished) == 2
        monkeypatch.undo()
        generator.cancel(finished)

    def test_refuses_another_job_under_the_same_id(self, generator, a_job, finished):
        with pytest.raises(NotSubmitted, match="another job"):
            generator.submit(a_job(line="Something else."))
        assert generator.poll(finished).phase is Phase.SUCCEEDED

    def test_gives_up_a_render_that_keeps_dying(self, generator, work, a_job, finished):
        (work / finished / "film.mp4").unlink()
        (work / finished / "starts").write_bytes(b"." * 5)
        status = generator.poll(generator.submit(a_job()))
        assert (status.phase, status.reason) == (Phase.FAILED, "render-crashed")


class TestRefuseAPortrait:
    @pytest.fixture
    def outcome(self, generator, a_job, wait):
        def submit(portrait: Path):
            return wait(generator, generator.submit(a_job(references=(portrait,))))

        return submit

    @staticmethod
    def write(path: Path, picture: np.ndarray) -> Path:
        import cv2

        assert cv2.imwrite(str(path), picture)
        return path

    def test_without_a_face(self, outcome, tmp_path):
        noise = np.random.default_rng(1).integers(0, 255, (400, 600, 3)).astype(np.uint8)
        status = outcome(self.write(tmp_path / "noise.png", noise))
        assert (status.phase, status.reason) == (Phase.FAILED, "no-face")
        assert "Give one" in status.detail

    def test_with_two_faces(self, outcome, tmp_path, samples):
        import cv2

        names = ("mona-lisa.jpg", "isaac-newton.jpg")
        pair = [cv2.resize(cv2.imread(str(samples / name)), (500, 600)) for name in names]
        status = outcome(self.write(tmp_path / "pair.png", np.hstack(pair)))
        assert (status.phase, status.reason) == (Phase.FAILED, "several-faces")

    def test_that_is_a_decompression_bomb(self, outcome, tmp_path):
        bomb = self.write(tmp_path / "bomb.png", np.zeros((20_000, 20_000), np.uint8))
        status = outcome(bomb)
        assert (status.phase, status.reason) == (Phase.FAILED, "portrait-unreadable")

    @pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xe0 cut"])
    def test_that_is_no_picture(self, tmp_path, content):
        from app.gateway.generators.puppet.landmarks import UnusablePortrait, read_portrait

        path = tmp_path / "portrait.jpg"
        path.write_bytes(content)
        with pytest.raises(UnusablePortrait) as refusal:
            read_portrait(path)
        assert refusal.value.reason == "portrait-unreadable"


class TestPoll:
    def test_knows_nothing_of_a_job_never_submitted(self, generator):
        assert generator.poll("gen_99").phase is Phase.UNKNOWN
        assert generator.poll("../../etc").phase is Phase.UNKNOWN

    def test_says_that_a_render_was_killed(self, generator, work, a_job):
        reference = generator.submit(a_job())
        assert generator.poll(reference).phase is Phase.RUNNING
        child = generator._children[reference]
        child.kill()
        child.wait()
        status = generator.poll(reference)
        assert status.phase is Phase.UNKNOWN
        assert "Submit the job again" in status.detail


class TestFetch:
    def test_leaves_the_target_alone_until_the_clip_is_whole(self, generator, tmp_path, a_job):
        target = tmp_path / "out.mp4"
        target.write_bytes(b"before")
        reference = generator.submit(a_job())
        with pytest.raises(ResultNotReady):
            generator.fetch(reference, target)
        generator.cancel(reference)
        with pytest.raises(ResultNotReady):
            generator.fetch(reference, target)
        assert target.read_bytes() == b"before"

    def test_brings_the_clip_and_no_drafts(self, generator, tmp_path, finished, clip):
        generator.fetch(finished, tmp_path / "out.mp4")
        assert (tmp_path / "out.mp4").read_bytes() == clip.read_bytes()
        assert [p for p in tmp_path.iterdir() if p.suffix == ".part"] == []


class TestCancel:
    def test_stops_the_render_for_good(self, generator, work, a_job, processes_in):
        reference = generator.submit(a_job())
        assert generator.cancel(reference).phase is Phase.CANCELLED
        assert processes_in(work / reference) == []
        generator.submit(a_job())
        assert generator.poll(reference).phase is Phase.CANCELLED
        assert starts(work, reference) == 1

    def test_leaves_a_finished_clip(self, generator, finished):
        assert generator.cancel(finished).phase is Phase.SUCCEEDED


class TestForget:
    def test_deletes_everything_kept_of_a_job(self, generator, work, finished):
        assert generator.forget(finished)
        assert list(work.iterdir()) == []

    def test_keeps_neither_line_nor_portrait_while_the_job_lives(
        self, generator, work, a_job, girl
    ):
        reference = generator.submit(dataclasses.replace(a_job(), line="A secret nobody may keep"))
        kept = b"".join(p.read_bytes() for p in (work / reference).iterdir())
        generator.forget(reference)
        assert b"secret" not in kept
        assert girl.read_bytes()[:64] not in kept

    def test_model_name_is_the_one_offered(self, generator):
        assert generator.capabilities()[0].model == MODEL
