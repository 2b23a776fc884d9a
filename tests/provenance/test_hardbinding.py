"""Our own hash agrees with the library on every format, and notices a changed byte."""

import pytest

from app.provenance import hardbinding
from tests.provenance import making
from tests.provenance.making import FORMATS


@pytest.mark.parametrize("kind", FORMATS)
def test_agrees_on_what_was_signed_and_not_on_what_was_changed(kind, authority, tmp_path):
    out = tmp_path / f"out.{kind}"
    making.signed(authority, making.make_media(tmp_path / f"in.{kind}"), out)
    assert hardbinding.holds(out)
    whole = bytearray(out.read_bytes())
    start = whole.find(hardbinding.STORE_BOX) - 12
    end = start + int.from_bytes(whole[start : start + 4], "big")
    media = start // 2 if start > len(whole) - end else (end + len(whole)) // 2
    whole[media] ^= 1
    out.write_bytes(whole)
    assert not hardbinding.holds(out)


@pytest.mark.parametrize("content", [b"", b"hello", b"jumdc2pa", bytes(12) + b"jumdc2pa"])
def test_what_carries_no_manifest_holds_nothing(content, tmp_path):
    (tmp_path / "file").write_bytes(content or b" ")
    assert not hardbinding.holds(tmp_path / "file")


def test_a_manifest_that_leaves_out_more_than_itself_is_not_believed(
    authority, tmp_path, monkeypatch
):
    """The planted fault: the exclusion is taken at its word."""
    out = tmp_path / "out.wav"
    making.signed(authority, making.make_media(tmp_path / "in.wav"), out)
    store = out.read_bytes().find(hardbinding.STORE_BOX) - 12
    with pytest.raises(ValueError, match="more than the manifest"):
        list(
            hardbinding._ranges_outside(
                [{"start": store - 100, "length": 20_000}], store, 15_000, 200_000
            )
        )
