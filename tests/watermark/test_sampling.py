"""Which frames of a film are looked at, and what that leaves of a film made to hide its mark."""

import av
import cv2
import numpy as np
import pytest

from tests.watermark.clips import KEY, PAYLOAD
from watermark import film, image, sampling, video

SIZE = (640, 360)
RATE = 24
BETWEEN = {
    "crf": "20",
    "preset": "ultrafast",
    "x264-params": "b-adapt=0:b-pyramid=none:scenecut=0:keyint=999:bframes=16",
}


def coded(path, pictures, options):
    """A film of gray pictures."""
    with av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=RATE)
        track.width, track.height = SIZE
        track.pix_fmt, track.options = "yuv420p", options
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, "gray").reformat(format="yuv420p")
            out.mux(track.encode(frame))
        out.mux(track.encode())
    return path


def kinds(path):
    with av.open(str(path)) as source:
        return [int(frame.pict_type) for frame in source.decode(video=0)]


@pytest.fixture(scope="module")
def moving():
    """Six seconds that move on all the time, every frame marked."""
    dice = np.random.default_rng(1)
    ground = cv2.resize(dice.integers(0, 255, (90, 200), np.uint8), (1400, 630), interpolation=2)
    ground = cv2.GaussianBlur(ground, (0, 0), 3)
    width, height = SIZE
    plain = [ground[k : k + height, 2 * k : 2 * k + width] for k in range(144)]
    first = cv2.cvtColor(plain[0], cv2.COLOR_GRAY2BGR)
    mark = cv2.cvtColor(image.embed(first, PAYLOAD, KEY), cv2.COLOR_BGR2GRAY) - plain[0].astype(int)
    return [(each + mark).clip(0, 255).astype(np.uint8) for each in plain]


class TestAMarkedFilm:
    def test_is_told_whole_where_few_frames_are_referred_to(self, tmp_path, moving):
        path = coded(tmp_path / "between.mp4", moving, BETWEEN)
        assert kinds(path)[:18] == [1, *[3] * 16, 2]
        (found,) = video.detect(path, KEY)
        assert found.payload == PAYLOAD
        assert (found.start_s, found.end_s) == pytest.approx((0, 6))

    def test_is_told_whole_with_all_frames_blurred_that_others_refer_to(self, tmp_path, moving):
        spoiled = [
            picture if k % 17 else cv2.GaussianBlur(picture, (0, 0), 2.5)
            for k, picture in enumerate(moving)
        ]
        (found,) = video.detect(coded(tmp_path / "spoiled.mp4", spoiled, BETWEEN), KEY)
        assert found.payload == PAYLOAD
        assert (found.start_s, found.end_s) == pytest.approx((0, 6))


class TestSampled:
    def test_are_the_same_with_every_frame_decoded_and_of_every_kind(self, tmp_path, moving):
        regular = {"crf": "30", "preset": "ultrafast", "x264-params": "b-adapt=0:bframes=2"}
        path = coded(tmp_path / "regular.mp4", moving, regular)
        kind = kinds(path)
        some, all_decoded = (looked_at(path, 3 / RATE, whole=whole) for whole in (False, True))
        assert some == all_decoded
        assert 40 <= len(some) <= 52
        predicted = sum(kind[round(at * RATE)] == 2 for at, _ in some)
        assert 0.2 < predicted / len(some) < 0.5  # a third of the film's frames are


def looked_at(path, apart_s, *, whole):
    """When each frame is shown, and the sum of its picture."""
    with film.opened(path) as source:
        track = film.picture_track(source)
        *seen, (end, _, last) = sampling.sampled(source, track, apart_s, whole=whole)
        assert (end, last) == (pytest.approx(6), None)
        return [(at, int(film.eight_bits(frame).sum())) for at, _, frame in seen]
