"""How much memory the embedding of a film takes: bounded, however long the film."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.watermark.clips import write_film

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from watermark import video
video.embed(Path(sys.argv[1]), Path(sys.argv[2]), b"8 bytes.", b"k" * 32)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc"
)


def peak_mb(film: Path) -> float:
    """The peak memory, in MB, of a process that marks this film and does nothing else."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(film), str(film.with_name("marked.mp4"))],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(told.stdout) * 1024 / 1e6


def passing(path: Path, seconds: int) -> Path:
    """A film with sound, 480 x 270, of something that passes by."""
    still = np.random.default_rng(4).integers(0, 255, (34, 60, 3)).astype(np.uint8)
    still = cv2.resize(still, (480, 270), interpolation=cv2.INTER_CUBIC)
    frames = (np.roll(still, 2 * k, 1) for k in range(24 * seconds))
    return write_film(path, frames, sound_s=seconds)


@pytest.mark.slow
def test_does_not_grow_with_the_length_of_the_film(tmp_path):
    """The planted fault: a film's frames kept, 194 kB each, would be 46 MB more."""
    once, twice = (passing(tmp_path / f"{length}.mp4", length) for length in (10, 20))
    assert peak_mb(twice) - peak_mb(once) < 25


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_a_film_of_a_gigabyte_takes_less_than_700_mb(tmp_path):
    """Of full size, each frame some megabytes of noise, so that few frames make a gigabyte."""
    film = tmp_path / "film.mkv"
    noise = np.random.default_rng(4).integers(0, 255, (1080 * 3 // 2, 1920)).astype(np.uint8)
    with av.open(str(film), "w") as out:
        track = out.add_stream("mjpeg", rate=25)
        track.width, track.height, track.pix_fmt = 1920, 1080, "yuvj420p"
        track.options = {"qmin": "1", "qmax": "1"}
        frame = av.VideoFrame.from_ndarray(noise, "yuv420p").reformat(format="yuvj420p")
        coded = b"".join(map(bytes, [*track.encode(frame), *track.encode()]))
        for number in range(2**30 // len(coded) + 1):
            packet = av.Packet(coded)
            packet.stream, packet.time_base = track, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            out.mux(packet)
    assert film.stat().st_size >= 2**30
    assert peak_mb(film) < 700
