import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.watermark.clips import (
    KEY,
    OTHER_KEY,
    OTHER_PAYLOAD,
    PAYLOAD,
    reencode,
    talking,
    write_film,
)
from watermark import audio, film, image, mask, timeline, video
from watermark.errors import UnreadableMedia, UnsuitableMedia, UnsupportedMedia, WatermarkError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def portraits():
    return {p.stem: cv2.imread(str(p)) for p in (ROOT / "samples").glob("*.jpg")}


@pytest.fixture(scope="module")
def portrait(portraits):
    return portraits["girl-with-a-pearl-earring"]


def pictures(path):
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


@pytest.fixture(scope="module")
def clip(portrait, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    return write_film(path, talking(portrait, 72, (1280, 720)), sound_s=3)


@pytest.fixture(scope="module")
def marked(clip):
    shares = []
    path = clip.with_name("marked.mp4")
    report = video.embed(clip, path, PAYLOAD, KEY, progress=shares.append)
    return path, report, shares


def payloads(path, key=KEY):
    return [found.payload for found in video.detect(path, key)]


class TestEmbed:
    def test_keeps_frames_size_and_sound(self, clip, marked):
        path, report, _ = marked
        with av.open(str(clip)) as before, av.open(str(path)) as after:
            assert len(after.streams.audio) == len(before.streams.audio) == 1
            old = [frame.pts * frame.time_base for frame in before.decode(video=0)]
            new = [frame.pts * frame.time_base for frame in after.decode(video=0)]
        assert new == pytest.approx(old, abs=1e-3)
        assert (report.frames, report.width, report.height) == (72, 1280, 720)

    def test_marks_the_sound_with_the_same_payload(self, marked):
        path, report, _ = marked
        assert (report.audio_tracks, report.audio_tracks_marked) == (1, 1)
        with av.open(str(path)) as film:
            track = film.streams.audio[0]
            blocks = [frame.to_ndarray() for frame in film.decode(track)]
            rate = track.codec_context.sample_rate
        samples = np.ascontiguousarray(np.concatenate(blocks, axis=1).T)
        found = audio.detect(samples, rate, KEY)
        assert found is not None
        assert found.payload == PAYLOAD

    def test_reports_progress_up_to_the_end(self, marked):
        shares = marked[2]
        assert shares == sorted(shares)
        assert shares[-1] > 0.9

    def test_is_hard_to_see(self, marked):
        assert marked[1].psnr_db >= 43.9


class TestDetect:
    def test_reads_the_payload_over_the_whole_film(self, marked):
        (found,) = video.detect(marked[0], KEY)
        assert found.payload == PAYLOAD
        assert found.start_s <= 0.5
        assert found.end_s >= 2.5
        assert found.false_positive_log10 <= -9

    def test_survives_another_encode_at_crf_28_and_three_quarters_of_the_size(self, marked):
        small = marked[0].with_name("small.mp4")
        assert payloads(reencode(marked[0], small, crf=28, scale=0.75)) == [PAYLOAD]

    def test_finds_nothing_without_a_mark_or_with_another_key(self, clip, marked):
        assert payloads(clip) == []
        assert payloads(marked[0], OTHER_KEY) == []


class TestLookedAt:
    @pytest.mark.parametrize(
        ("size", "seen"),
        [
            ((1080, 1904), (540, 952)),  # by a whole number
            ((2160, 3840), (540, 960)),
            ((720, 1280), (556, 989)),
            ((433, 769), (433, 769)),
            ((1081, 1921), (556, 989)),
        ],
    )
    def test_at_about_the_working_size_and_as_what_it_shows(self, size, seen):
        across = np.linspace(0, 250, size[1], dtype=np.float32)
        luma = np.ascontiguousarray(np.broadcast_to(across, size)).astype(np.uint8)
        small = film.reduced(luma, timeline._WORKING_PIXELS)
        assert small.shape == seen
        assert np.abs(small[5] - np.linspace(0, 250, seen[1])).max() < 2


class TestDetectWhereThePictureMoves:
    def test_reads_key_frames_when_other_frames_carry_the_mark_along(self, portrait):
        still = next(talking(portrait, 1, (960, 540)))
        flat = np.ascontiguousarray(
            cv2.cvtColor(image.embed(still, PAYLOAD, KEY), cv2.COLOR_BGR2GRAY)
        )
        moved = [np.roll(flat, (31 * k, 57 * k), (0, 1)) for k in range(1, 17)]
        key, *others = (mask.residual(each) for each in (flat, *moved))
        steps = [timeline.Step(0, 0.5, key.copy(), 1, True, key, 1)]
        steps += [timeline.Step(k / 2, k / 2 + 0.5, each, 1) for k, each in enumerate(others, 1)]
        search = timeline._Search(KEY, False, flat.shape)
        assert search.read(steps) is None, "all frames together were enough: this proves nothing"
        found = search.read_by_keys(steps)
        assert found is not None
        assert found.payload == PAYLOAD
        assert search.read_by_keys(steps[1:]) is None  # no key frame: nothing to read


class TestDetectInAFilmCutTogether:
    @pytest.mark.slow
    def test_tells_which_mark_is_where_and_that_the_rest_has_none(self, tmp_path, portraits):
        kinds = {
            PAYLOAD: "mona-lisa",
            OTHER_PAYLOAD: "girl-with-a-pearl-earring",
            None: "isaac-newton",
        }
        scenes = []
        for index, payload in enumerate((PAYLOAD, None, OTHER_PAYLOAD)):
            scene = tmp_path / f"{index}.mp4"
            write_film(scene, talking(portraits[kinds[payload]], 96, (960, 540)))
            if payload is not None:
                video.embed(scene, tmp_path / f"{index}m.mp4", payload, KEY)
                scene = tmp_path / f"{index}m.mp4"
            scenes.append(scene)
        film = write_film(tmp_path / "film.mp4", (f for s in scenes for f in pictures(s)), crf=26)
        first, second = video.detect(film, KEY)
        assert (first.payload, second.payload) == (PAYLOAD, OTHER_PAYLOAD)
        assert (first.start_s, first.end_s) == pytest.approx((0, 4), abs=1)
        assert (second.start_s, second.end_s) == pytest.approx((8, 12), abs=1)


class TestHostileFilms:
    def test_are_refused_by_name(self, tmp_path, clip):
        whole = clip.read_bytes()
        sound = write_sound(tmp_path / "sound.mp4")
        cases = {
            "empty.mp4": (b"", UnreadableMedia),
            "text.mp4": (b"not a film" * 100, UnreadableMedia),
            "truncated.mp4": (whole[: len(whole) // 2], UnreadableMedia),
            "sound.mp4": (sound.read_bytes(), UnsuitableMedia),
        }
        for name, (content, error) in cases.items():
            path = tmp_path / name
            path.write_bytes(content)
            with pytest.raises(error):
                video.embed(path, tmp_path / "out.mp4", PAYLOAD, KEY)
            with pytest.raises(error):
                video.detect(path, KEY)
        assert not list(tmp_path.glob("*out*"))

    def test_too_small_to_carry_a_mark_are_refused(self, tmp_path):
        frames = (np.zeros((16, 16, 3), np.uint8) for _ in range(3))
        with pytest.raises(UnsuitableMedia):
            video.detect(write_film(tmp_path / "tiny.mp4", frames), KEY)

    def test_noise_in_the_middle_is_an_error_or_a_film_never_a_crash(self, tmp_path, clip):
        content = bytearray(clip.read_bytes())
        content[len(content) // 3 : len(content) // 3 + 3000] = os.urandom(3000)
        broken = tmp_path / "broken.mp4"
        broken.write_bytes(content)
        with contextlib.suppress(WatermarkError):
            assert video.detect(broken, KEY) == []

    def test_formats_that_cannot_be_written_are_refused(self, tmp_path, clip):
        with pytest.raises(UnsupportedMedia):
            video.embed(clip, tmp_path / "out.nosuchformat", PAYLOAD, KEY)


def write_sound(path):
    with av.open(str(path), "w") as out:
        track = out.add_stream("aac", rate=44100, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        block.rate = 44100
        out.mux(track.encode(block))
        out.mux(track.encode())
    return path


class TestKilledEmbed:
    def test_leaves_no_half_film_under_the_name_it_was_to_have(self, tmp_path, clip):
        target = tmp_path / "target.mp4"
        program = (
            "import sys; from pathlib import Path; from watermark import audio, video\n"
            f"video.embed(Path({str(clip)!r}), Path({str(target)!r}), b'8 bytes.', b'k' * 32,"
            " progress=lambda share: print(share, flush=True))"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(20):
            assert child.stdout.readline()
        part = list(tmp_path.glob(".target.*"))
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        child.stdout.close()
        assert part, "the film was not yet being written: the test proved nothing"
        assert not target.exists()
        time.sleep(0)
