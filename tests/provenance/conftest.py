"""What provenance and audit tests share: this installation's certificates, media that is marked."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app import sandbox
from tests.provenance import making
from tests.provenance.making import Authority

KEY = bytes(range(32))
PAYLOADS = {"girl.png": bytes.fromhex("0101010101010101"), "mona.png": bytes(range(8))}
FILM_PAYLOAD = bytes.fromhex("0202020202020202")


@pytest.fixture
def authority(data_dir: Path) -> Authority:
    """This installation's certificates, made from its keys."""
    return making.an_authority(data_dir / "certificates")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call what a sandboxed child would be asked, in this process: for sweeps over many files."""

    def call(function: str, args: Mapping[str, Any], **_limits: object) -> dict[str, Any]:
        module, _, name = function.partition(":")
        answer: dict[str, Any] = getattr(importlib.import_module(module), name)(**args)
        return answer

    monkeypatch.setattr(sandbox, "run", call)


@pytest.fixture(scope="session")
def marked(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two marked pictures (girl.png, mona.png) and a marked film of 2 s with sound (girl.mp4)."""
    import watermark.image
    import watermark.video

    directory = tmp_path_factory.mktemp("marked")
    for name, sample in (("girl.png", "girl-with-a-pearl-earring"), ("mona.png", "mona-lisa")):
        picture = cv2.imread(str(samples / f"{sample}.jpg"))
        height = round(480 * picture.shape[0] / picture.shape[1])
        small = cv2.resize(picture, (480, height), interpolation=cv2.INTER_AREA)
        image = watermark.image.embed(small, PAYLOADS[name], KEY)
        cv2.imwrite(str(directory / name), image)
    film = directory / "plain.mp4"
    making.write_video(film, swaying(cv2.imread(str(samples / "girl-with-a-pearl-earring.jpg"))))
    watermark.video.embed(film, directory / "girl.mp4", FILM_PAYLOAD, KEY)
    film.unlink()
    return directory


def swaying(picture: making.Pixels, frames: int = 24) -> Sequence[making.Pixels]:
    """Frames of a picture that turns a little from side to side, 720 x 852."""
    small = cv2.resize(picture, (720, 852), interpolation=cv2.INTER_AREA)
    turned = []
    for number in range(frames):
        turn = cv2.getRotationMatrix2D((360, 426), 2 * np.sin(number / 6), 1.05)
        turned.append(cv2.warpAffine(small, turn, (720, 852)))
    return turned
