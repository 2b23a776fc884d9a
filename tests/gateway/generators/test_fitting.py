"""What a result follows has its length and its shape, or nothing is held and nothing is bought."""

from dataclasses import dataclass, replace

import pytest

from app.gateway.generators.fitting import unfit
from app.gateway.generators.pika_models import MODELS as PIKA
from app.gateway.generators.runway_models import ALEPH


@dataclass(frozen=True)
class Found:
    media_type: str = "video/mp4"
    length_ms: int | None = 6000
    width: int | None = 1280
    height: int | None = 720


def why_not(footage, capability=ALEPH, **asked):
    said = {"length_s": 6.0, "size": (1280, 720), **asked}
    return unfit(capability, given={capability.takes[0]: footage}, **said)


def test_what_fits_is_not_complained_of():
    assert why_not(Found()) == []
    assert why_not(Found(length_ms=6200, width=1920, height=1080)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"length_ms": 5000}, "lasts as long as footage, 5.00 s, and 6 s were asked for"),
        ({"width": 720, "height": 1280}, "has the shape of footage, 720x1280"),
        ({"media_type": "video/x-matroska"}, "upload it as MP4 or QuickTime"),
    ],
)
def test_what_does_not_is_said(changes, words):
    (said,) = why_not(replace(Found(), **changes))
    assert words in said


def test_a_first_frame_has_no_length_and_only_where_it_is_followed_a_shape():
    still = Found("image/jpeg", None, 800, 947)
    followed = PIKA["pika/image-2.2"].capability
    assert "shape of first_frame" in why_not(still, followed, length_s=5.0)[0]
    assert why_not(still, replace(followed, follows=())) == []
