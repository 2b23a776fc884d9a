"""A small inset in a busy picture is legitimate: never `transplanted` for its size."""

import cv2

from app.provenance import content
from app.provenance import fingerprint as prints
from tests.audit import corpus
from tests.provenance.conftest import KEY


def agrees(path, original) -> str:
    seen = content.read_content(path=str(path), watermark_key_hex=KEY.hex())
    assert seen["marks"]
    return prints.agreement(seen["fingerprint"], original).content


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
