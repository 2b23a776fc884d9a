"""A small inset in a busy picture or film is legitimate: never `transplanted` for its size."""

import av
import cv2
import numpy as np
import pytest

import watermark.video
from app.provenance import content
from app.provenance.verify import Content
from tests.audit import corpus
from tests.provenance.conftest import KEY
from tests.watermark.clips import PAYLOAD, talking, write_film


def looked_at(path) -> Content:
    seen = Content.model_validate(
        content.read_content(path=str(path), watermark_keys_hex={"1": KEY.hex()})
    )
    assert seen.marks
    return seen


def agrees(path, original) -> str:
    agreed = looked_at(path).agreement(original)
    assert agreed is not None
    return agreed.content


def test_an_inset_agrees_and_would_be_convicted_by_the_whole_picture_alone(
    marked, samples, tmp_path, monkeypatch
):
    """The planted fault: the details of the busy picture hide those of the inset."""
    girl = marked / "girl.png"
    original = content.fingerprint_content(path=str(girl))["fingerprint"]
    page = tmp_path / "page.png"
    newton = cv2.imread(str(samples / "isaac-newton.jpg"))
    cv2.imwrite(str(page), corpus._in_a_busy_picture(cv2.imread(str(girl)), newton))
    assert agrees(page, original) == "same"
    monkeypatch.setattr(content, "INSET_SHARE", 0.0)
    assert agrees(page, original) == "other"


@pytest.fixture(scope="module")
def film(samples, tmp_path_factory):
    """A marked film of two seconds."""
    place = tmp_path_factory.mktemp("films")
    girl = cv2.imread(str(samples / "girl-with-a-pearl-earring.jpg"))
    plain = write_film(place / "plain.mp4", talking(girl, 48, (960, 540)))
    watermark.video.embed(plain, place / "marked.mp4", PAYLOAD, KEY)
    return place / "marked.mp4"


def pictures(path):
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def shown_within(film, stranger, path):
    """The film as a small picture in another one, which is busier than it."""
    page = cv2.resize(corpus._in_a_busy_picture(stranger[:1, :1], stranger), (1280, 720))

    def frames():
        for number, picture in enumerate(pictures(film)):
            small = cv2.resize(picture, (528, 298), interpolation=cv2.INTER_AREA)
            whole = np.roll(page, 37 * (number // 12), axis=1)
            whole[40:338, 60:588] = small
            yield whole

    return write_film(path, frames())


@pytest.mark.slow
class TestInFilms:
    def test_an_inset_agrees_and_would_not_by_the_whole_frame_alone(self, film, samples, tmp_path):
        """The planted fault: the details of the busy film hide those of the inset."""
        original = content.fingerprint_content(path=str(film))["fingerprint"]
        newton = cv2.imread(str(samples / "isaac-newton.jpg"))
        seen = looked_at(shown_within(film, newton, tmp_path / "page.mp4"))
        assert seen.agreement(original).content == "same"
        without = seen.model_copy(update={"parts": []})
        assert without.agreement(original).content != "same"

    def test_our_mark_in_an_inset_of_other_content_is_not_taken_for_ours(
        self, film, samples, tmp_path
    ):
        """A mark moved onto a stranger, shown small: never the output it names."""
        newton, mona = (
            cv2.imread(str(samples / f"{name}.jpg")) for name in ("isaac-newton", "mona-lisa")
        )
        other = write_film(tmp_path / "other.mp4", talking(mona, 48, (960, 540)))
        watermark.video.embed(other, tmp_path / "moved.mp4", PAYLOAD, KEY)
        original = content.fingerprint_content(path=str(film))["fingerprint"]
        path = shown_within(tmp_path / "moved.mp4", newton, tmp_path / "page.mp4")
        assert agrees(path, original) != "same"
