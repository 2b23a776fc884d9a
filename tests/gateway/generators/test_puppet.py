"""The puppet's parts, each by itself: acting, framing, speech, eyes and mouth."""

import stat
from itertools import pairwise

import numpy as np
import pytest

from app.gateway.generators.puppet import acting, framing, landmarks, speech, visemes
from app.gateway.generators.puppet.face import Face, Pose, warp, warp_grid
from app.gateway.generators.puppet.sway import Stage

REST = Pose(0, 0, 0, 0)


@pytest.fixture(scope="module", params=["mona-lisa.jpg", "girl-with-a-pearl-earring.jpg"])
def staged(request, samples):
    picture = landmarks.read_portrait(samples / request.param)
    return framing.stage(picture, landmarks.find_landmarks(picture), width=1280, height=720)


class TestStage:
    @pytest.mark.parametrize("shape", [(900, 300), (400, 400), (300, 1200), (2000, 1500)])
    def test_fills_the_frame_without_borders(self, shape):
        height, width = shape
        picture = np.full((height, width, 3), 180, np.uint8)
        face = np.random.default_rng(2).uniform(-0.1, 0.1, (68, 2)) * min(shape)
        canvas, placed = framing.stage(
            picture, face + np.array([width / 2, height / 2]), width=1280, height=720
        )
        assert canvas.shape == (720, 1280, 3)
        assert canvas.min() > 110  # dimmed far out, never black
        for axis in (0, 1):  # and no edge anywhere in what continues an even picture
            assert np.abs(np.diff(canvas.astype(int), axis=axis)).max() <= 3
        assert (placed > 0).all()
        assert (placed < (1280, 720)).all()

    def test_keeps_the_whole_face_and_room_above_it(self, staged):
        _, points = staged
        face = points[8, 1] - points[17:27, 1].min()
        assert points[17:27, 1].min() > 0.5 * face  # forehead and hair
        assert points[8, 1] < 700
        assert 0.3 < face / 720 < 0.65


class TestLabel:
    @pytest.mark.parametrize("ground", [0, 128, 255])
    def test_is_readable_on_any_ground(self, ground):
        frame = np.full((720, 1280, 3), ground, np.uint8)
        labelled = framing.label_writer(1280, 720)(frame).astype(int)
        rows, columns = np.nonzero(np.abs(labelled - ground).max(-1) > 40)
        assert rows.min() > 640
        assert columns.max() < 320
        assert labelled[rows, columns].max() - labelled[rows, columns].min() > 90

    def test_leaves_the_frame_it_was_given(self):
        frame = np.zeros((720, 1280, 3), np.uint8)
        framing.label_writer(1280, 720)(frame)
        assert frame.max() == 0


class TestPerform:
    @staticmethod
    def beeps(rate: int = 22_050) -> np.ndarray:
        """Silence, a second of tone, silence."""
        at = np.arange(rate) / rate
        tone = 0.5 * np.sin(2 * np.pi * 220 * at)
        return np.concatenate([np.zeros(rate), tone, np.zeros(rate)]).astype(np.float32)

    def test_opens_the_mouth_when_it_is_heard(self):
        acted = acting.perform(self.beeps(), 22_050, fps=24, frames=72, seed=1)
        assert acted.opening[:20].max() < 0.05
        assert acted.opening[30:46].min() > 0.5
        assert acted.opening[56:].max() < 0.05

    def test_blinks_and_is_deterministic(self):
        first = acting.perform(self.beeps(), 22_050, fps=24, frames=72, seed=1)
        again = acting.perform(self.beeps(), 22_050, fps=24, frames=72, seed=1)
        other = acting.perform(self.beeps(), 22_050, fps=24, frames=72, seed=2)
        assert first.blink.max() == 1
        assert first.blink[0] == 0
        assert (first.tilt == again.tilt).all()
        assert (first.tilt != other.tilt).any()

    def test_takes_silence(self):
        silence = np.zeros(22_050, np.float32)
        acted = acting.perform(silence, 22_050, fps=24, frames=24, seed=1)
        assert acted.opening.max() == 0
        assert np.isfinite(acted.nod).all()


class TestFace:
    def test_at_rest_is_the_portrait(self, staged):
        canvas, points = staged
        rest = Face(canvas, points).frame(REST).astype(int)
        assert np.abs(rest - canvas).mean() < 0.5

    def test_opens_a_dark_mouth_and_lowers_the_chin(self, staged):
        canvas, points = staged
        face = Face(canvas, points)
        rest, opened = face.frame(REST), face.frame(Pose(1, 0, 0, 0))
        x, y = points[66].round().astype(int)
        below = int(0.04 * face.size)
        # Between the lips it is darker than the lip that was there, and darker than at rest.
        assert opened[y : y + below, x].mean() < 0.7 * rest[y : y + below, x].mean()
        moved = np.abs(opened.astype(int) - rest).mean(-1)
        for number, least in ((8, 3), (7, 3), (9, 3)):  # the chin
            x, y = points[number].round().astype(int)
            assert moved[y - 12 : y + 12, x - 12 : x + 12].mean() > least
        x, y = points[27].round().astype(int)  # between the eyes
        assert moved[y - 20 : y, x - 12 : x + 12].mean() < 1

    def test_closes_the_eyes(self, staged):
        canvas, points = staged
        face = Face(canvas, points)
        closed = face.frame(Pose(0, 0, 1, 0))
        for eye in (points[36:42], points[42:48]):
            (left, top), (right, bottom) = eye.min(0).astype(int), eye.max(0).astype(int)
            upper = (slice(top, top + (bottom - top) * 6 // 10), slice(left + 6, right - 6))
            dark_open, dark_closed = (np.percentile(f[upper], 10) for f in (canvas, closed))
            assert dark_closed > 1.25 * dark_open  # the iris is covered by skin

    def test_leaves_what_is_not_the_face(self, staged):
        canvas, points = staged
        posed = Face(canvas, points).frame(Pose(1, 1, 1, 1))
        assert (posed[:, :100] == canvas[:, :100]).all()
        assert (posed[:, -100:] == canvas[:, -100:]).all()


class TestWarp:
    def test_of_the_grid_itself_changes_nothing(self):
        picture = np.random.default_rng(3).integers(0, 255, (70, 101, 3)).astype(np.uint8)
        grid = warp_grid((101, 70), step=12)
        assert (warp(picture, grid, step=12, size=(101, 70)) == picture).all()


class TestSway:
    def test_moves_the_head_and_holds_the_ground(self, staged):
        canvas, points = staged
        stage = Stage(points, width=1280, height=720)
        still = {"shift": (0.0, 0.0), "tilt": 0.0, "turn": 0.0, "nod": 0.0, "elapsed": 0.0}
        rest = stage.frame(canvas, **still)
        moved = stage.frame(canvas, **(still | {"shift": (40.0, 0.0), "tilt": 1.0}))
        change = np.abs(rest.astype(int) - moved).mean(-1)
        x, y = points[30].round().astype(int)
        assert change[y - 60 : y + 60, x - 60 : x + 60].mean() > 1
        assert change[:40, :40].mean() < 0.5


class TestSpeak:
    def test_fills_the_clip_with_the_line_between_pauses(self, tmp_path):
        samples, rate, _ = speech.speak("Ask me first.", 3, tmp_path)
        assert len(samples) == 3 * rate
        assert np.abs(samples).max() > 0.1
        assert np.abs(samples[: int(0.14 * rate)]).max() == 0
        assert np.abs(samples[-int(0.14 * rate) :]).max() == 0
        assert list(tmp_path.iterdir()) == []

    def test_presses_the_pace_before_it_refuses(self, tmp_path):
        line = "I was painted, and never asked. Now they ask me first, and then they pay."
        with pytest.raises(speech.Unspeakable, match="Shorten the line") as refusal:
            speech.speak(line, 2, tmp_path)
        assert refusal.value.reason == "line-too-long"
        assert len(speech.speak(line, 5, tmp_path)[0])

    @pytest.mark.parametrize(
        "line",
        [
            "$(touch pwned) `touch pwned`; touch pwned",
            "-w pwned --help",
            "<speak><audio src='/etc/passwd'/>hello</speak>",
            "[[h@l'oU]] hello ]] [[",
            "%s%n%s%n hello",
            "héllo wörld, naïve \u202eolleh\u202c 🙂",
            "ab " * 12 + "a" * 60,
        ],
    )
    def test_reads_hostile_text_as_text(self, tmp_path, monkeypatch, line):
        monkeypatch.chdir(tmp_path)
        samples = speech.speak(line, 10, tmp_path).samples
        assert np.abs(samples).max() > 0.05
        assert list(tmp_path.iterdir()) == []

    def test_says_when_each_sound_begins_and_the_lips_meet_where_they_must(self, tmp_path):
        samples, rate, phonemes = speech.speak("Mama, put the fish on my sofa.", 4, tmp_path)
        names = [each.name.strip("\u02c8\u02cc\u02d0") for each in phonemes]
        assert [name for name in names if name in {"m", "p", "f"}] == ["m", "m", "p", "f", "m", "f"]
        heard = np.flatnonzero(np.abs(samples) > 0.01) / rate
        assert abs(phonemes[0].at_s - heard[0]) < 0.1
        acted = acting.perform(samples, rate, fps=24, frames=96, seed=1, phonemes=phonemes)
        deaf = acting.perform(samples, rate, fps=24, frames=96, seed=1)
        opens, stays_open = [], []
        for this, after in pairwise(phonemes):
            middle = (this.at_s + after.at_s) / 2
            frames = [int((middle - visemes.LEADS_S) * 24) + n for n in (-1, 0, 1)]
            if this.name == "m":
                assert min(acted.opening[n] for n in frames) < 0.02
                stays_open.append(min(deaf.opening[n] for n in frames))
            if "\u0251" in this.name:
                opens.append(max(acted.opening[n] for n in frames))
        assert min(opens) > 0.4
        assert max(stays_open) > 0.1  # the mouth of before: it only hears loudness

    def test_without_the_library_the_program_gets_the_line_on_stdin(self, tmp_path, monkeypatch):
        empty = tmp_path / "empty" / "espeakng_loader"
        empty.mkdir(parents=True)
        (empty / "__init__.py").touch()
        monkeypatch.setenv("PYTHONPATH", str(empty.parent))
        shim = tmp_path / "bin" / "espeak-ng"
        shim.parent.mkdir()
        log = tmp_path / "log"
        shim.write_text(f'#!/bin/sh\necho "$@" > {log}\ncat >> {log}\nexit 3\n')
        shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(shim.parent), prepend=":")
        with pytest.raises(speech.Unspeakable) as refusal:
            speech.speak("Ask me first.", 3, tmp_path)
        assert refusal.value.reason == "no-voice"
        arguments, _, line = log.read_text().partition("\n")
        assert "Ask" not in arguments
        assert line == "Ask me first."
