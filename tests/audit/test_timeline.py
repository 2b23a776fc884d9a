"""A film cut together: the findings say from when to when which mark was read, and where none."""

import itertools
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import watermark.video
from app.provenance import content, verify
from app.provenance.verify import Content
from tests.audit.test_insets import pictures
from tests.provenance.conftest import KEY
from tests.watermark.clips import OTHER_PAYLOAD, PAYLOAD, talking, write_film

PART_S, RATE = 3, 24
THIS, OTHER = SimpleNamespace(id="man_1"), SimpleNamespace(id="man_2")


class Known:
    """A repository that knows two marks."""

    def by_payload(self, payload: str) -> SimpleNamespace | None:
        return {PAYLOAD.hex(): THIS, OTHER_PAYLOAD.hex(): OTHER}.get(payload)


@pytest.fixture(scope="module")
def seen(samples, tmp_path_factory):
    """Three seconds of this work, three without a mark, three of another work."""
    place = tmp_path_factory.mktemp("cut")

    def part(name, payload):
        portrait = cv2.imread(str(samples / f"{name}.jpg"))
        plain = write_film(place / f"{name}.mp4", talking(portrait, PART_S * RATE, (640, 360)))
        if payload is None:
            return plain
        watermark.video.embed(plain, place / f"marked-{name}.mp4", payload, KEY)
        return place / f"marked-{name}.mp4"

    parts = (
        part("girl-with-a-pearl-earring", PAYLOAD),
        part("isaac-newton", None),
        part("mona-lisa", OTHER_PAYLOAD),
    )
    path = write_film(place / "cut.mp4", itertools.chain(*map(pictures, parts)))
    return Content.model_validate(
        content.read_content(path=str(path), watermark_keys_hex={"1": KEY.hex()})
    )


@pytest.mark.slow
def test_says_where_each_mark_is_and_whose_it_is(seen):
    told = verify._timeline(Known(), seen, THIS)
    assert told.length_s == pytest.approx(3 * PART_S, abs=0.5)
    first, last = told.spans
    assert (first.payload, first.of_this_work) == (PAYLOAD.hex(), True)
    assert (last.payload, last.of_this_work) == (OTHER_PAYLOAD.hex(), False)
    assert (first.start_s, first.end_s) == (pytest.approx(0, abs=0.6), pytest.approx(3, abs=0.6))
    assert (last.start_s, last.end_s) == (pytest.approx(6, abs=0.6), pytest.approx(9, abs=0.6))


def test_of_a_film_that_was_not_searched_nothing_is_said():
    """Whoever may not be told of a mark is not told where it is either."""
    span = {"payload": PAYLOAD.hex(), "start_s": 0.0, "end_s": 3.0}
    film = {"spans": [span], "length_s": 3.0, "told_s": 3.0}
    read = Content(readable=True, medium="video", searched=True, **film)
    assert verify._timeline(Known(), read, THIS) is not None
    withheld = verify.told(read, None, lambda *_: False)
    assert withheld.spans == []
    assert verify._timeline(Known(), withheld, THIS) is None


def still_after_still(place, frames):
    return write_film(
        place, [np.full((64, 64, 3), 40 * n, np.uint8) for n in range(frames)], rate=1
    )


def test_a_film_is_as_long_as_it_plays_however_few_its_frames(tmp_path):
    """The planted fault: each look counts half a second, and what was added seems short."""
    path = still_after_still(tmp_path / "stills.mp4", 6)
    seen = content.read_content(path=str(path), watermark_keys_hex={})
    assert seen["length_s"] == pytest.approx(6, abs=0.1)
    assert content._frames(path, content.sniff(path), [])[2] == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(
    ("last_s", "end_s", "header_s", "length_s"),
    [
        (100.0, 10.0, 110.0, 110.0),  # ten seconds, then ten frames of ten seconds each
        (29.5, 10.0, 0.0, 30.0),  # no header
        (119.5, 300.0, 0.0, 300.0),  # looked at by its marks only
        (1.0, 1.0, 1e9, content.MAX_DURATION_S),
    ],
)
def test_its_length_is_the_longest_of_what_is_known(last_s, end_s, header_s, length_s):
    assert content._length_s(last_s, [{"end_s": end_s}], header_s) == length_s


def test_of_too_many_marks_it_says_how_far_they_are_told(tmp_path, monkeypatch):
    """The planted fault: what comes after the last one told seems to be without a mark."""
    spans = [
        watermark.video.Detection(PAYLOAD, at, at + 1, -9.0, (0, 0, 64, 64)) for at in (0, 2, 4)
    ]
    monkeypatch.setattr(watermark.video, "detect", lambda *_: spans)
    path = still_after_still(tmp_path / "stills.mp4", 6)

    def read():
        said = content.read_content(path=str(path), watermark_keys_hex={"1": KEY.hex()})
        return verify._timeline(Known(), Content.model_validate(said), THIS)

    assert read().told_s == read().length_s
    monkeypatch.setattr(content, "MOST_SPANS", 2)
    assert ([each.start_s for each in read().spans], read().told_s) == ([0, 2], 3)


def test_a_child_that_says_nonsense_of_a_film_is_not_believed():
    span = {"payload": PAYLOAD.hex(), "start_s": float("nan"), "end_s": 3.0}
    with pytest.raises(ValueError, match="start_s"):
        Content(readable=True, searched=True, spans=[span])
