"""What stories need: one film rendered for real, one face template read for real, once each."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from app.gateway.generators import Phase, RenderJob
from app.gateway.generators.local import MODEL, LocalGenerator
from app.registry import service as registry
from tests.flows import instant
from tests.scenes import PORTRAIT

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def seen() -> registry.Portrait:
    """The portrait, read by the sandboxed reader: its template is the real one."""
    return registry.inspect_portrait(PORTRAIT)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the puppet, rendered once and made small."""
    directory = tmp_path_factory.mktemp("film")
    portrait = directory / "portrait"
    shutil.copy(PORTRAIT, portrait)
    generator = LocalGenerator(directory / "renders")
    job = RenderJob("gen_FILM", MODEL, "Hello there.", 2, 1280, 720, (portrait,))
    reference = generator.submit(job)
    while generator.poll(reference).phase is Phase.RUNNING:
        time.sleep(0.2)
    generator.fetch(reference, directory / "large.mp4")
    small = directory / "film.mp4"
    _shrink(directory / "large.mp4", small)
    return small


def _shrink(source: Path, target: Path) -> None:
    width, height = instant.SIZE
    with av.open(str(source)) as film, av.open(str(target), "w") as copy:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        small = copy.add_stream("libx264", rate=picture.average_rate)
        small.width, small.height, small.pix_fmt = width, height, "yuv420p"
        track = copy.add_stream_from_template(sound)
        for packet in film.demux(picture, sound):
            if packet.stream is sound:
                if packet.dts is not None:
                    packet.stream = track
                    copy.mux(packet)
                continue
            for frame in packet.decode():
                copy.mux(small.encode(frame.reformat(width=width, height=height)))
        copy.mux(small.encode(None))


@pytest.fixture
def instant_generator(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> instant.InstantGenerator:
    """The free generator, offered in this process and in every worker this test starts."""
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    monkeypatch.setenv("INSTANT_FILM", str(film))
    monkeypatch.setenv("INSTANT_JOBS", str(jobs))
    from app.gateway.generators import catalogue

    monkeypatch.setattr(catalogue, "offered", catalogue.offered)
    monkeypatch.setattr(catalogue, "TRAINS_ON_INPUTS", dict(catalogue.TRAINS_ON_INPUTS))
    return instant.install()


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[bytes]]:
    """Start a module of the tests or the application as a process of its own."""
    return lambda *words: subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
