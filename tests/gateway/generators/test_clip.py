"""What comes out of the local generator: a real, labelled clip with a moving, speaking face."""

from pathlib import Path

import av
import numpy as np
import pytest

from app.gateway.generators.puppet import framing, landmarks


@pytest.fixture(scope="module")
def frames(clip: Path) -> list[np.ndarray]:
    with av.open(str(clip)) as film:
        return [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def sound(clip: Path) -> np.ndarray:
    with av.open(str(clip)) as film:
        return np.concatenate([frame.to_ndarray()[0] for frame in film.decode(audio=0)])


@pytest.fixture(scope="module")
def points(frames) -> landmarks.Points:
    return landmarks.find_landmarks(frames[0])


class TestClip:
    def test_is_720p_h264_with_aac_of_the_asked_length(self, clip):
        with av.open(str(clip)) as film:
            video, audio = film.streams.video[0], film.streams.audio[0]
            assert video.codec_context.name == "h264"
            assert (video.width, video.height, video.average_rate) == (1280, 720, 24)
            assert video.pix_fmt == "yuv420p"
            assert (audio.codec_context.name, audio.rate) == ("aac", 48_000)
            assert film.duration == pytest.approx(2_000_000, abs=1)  # microseconds
            assert float(audio.duration * audio.time_base) <= 2.0

    def test_names_itself_an_ai_replica(self, clip):
        with av.open(str(clip)) as film:
            assert film.metadata["title"] == "AI replica - puppet"

    def test_has_every_frame(self, frames):
        assert len(frames) == 48

    def test_speaks_between_two_pauses(self, sound):
        assert np.abs(sound).max() > 0.1
        assert np.abs(sound[: 48 * 100]).max() < 0.02  # the first tenth of a second

    def test_carries_the_label_in_every_frame(self, frames):
        blank = np.zeros((720, 1280, 3), np.uint8)
        ink = framing.label_writer(1280, 720)(blank)[..., 0] > 150
        beside = np.roll(ink, 40, axis=0)  # the same shape, below the label
        for frame in frames:
            assert frame[ink].mean() > frame[beside].mean() + 60

    def test_shows_the_face_it_was_given(self, points, girl):
        expected = landmarks.find_landmarks(landmarks.read_portrait(girl))
        shape = [p - p.mean(0) for p in (expected, points)]
        scale = np.linalg.norm(shape[1]) / np.linalg.norm(shape[0])
        assert np.abs(shape[0] * scale - shape[1]).mean() < 0.03 * np.ptp(points, axis=0).max()

    def test_moves_the_mouth_more_than_the_forehead(self, frames, points):
        points = points.round().astype(int)
        (left, top), (right, bottom) = points[48:68].min(0), points[48:68].max(0)
        mouth = np.array([f[top : bottom + 12, left:right] for f in frames], np.float32)
        rise = points[27, 1] - points[19, 1] + 30
        brow = points[17:27, 1].min()
        forehead = np.array([f[brow - rise : brow - 8, left:right] for f in frames], np.float32)
        assert mouth.std(0).mean() > 1.5 * forehead.std(0).mean()
