"""The still of a portrait: small, fresh, and of pictures alone."""

import io

import pytest
from PIL import Image

from app.registry import portraits
from app.registry.errors import ImageNotSupported


class TestStill:
    def test_is_small_and_carries_nothing_beside_its_pixels(self, samples, tmp_path):
        with Image.open(samples / "mona-lisa.jpg") as picture:
            exif = picture.getexif()
            exif[0x010E] = "taken at home"
            picture.save(tmp_path / "mona.jpg", exif=exif)
        still = portraits.make_still(tmp_path / "mona.jpg")
        assert b"taken at home" in (tmp_path / "mona.jpg").read_bytes()
        assert b"taken at home" not in still
        with Image.open(io.BytesIO(still)) as seen:
            assert max(seen.size) == 800
            assert not seen.getexif()

    def test_of_what_is_no_picture_there_is_none(self, tmp_path):
        (tmp_path / "page.jpg").write_bytes(b"<html>")
        with pytest.raises(ImageNotSupported):
            portraits.make_still(tmp_path / "page.jpg")
