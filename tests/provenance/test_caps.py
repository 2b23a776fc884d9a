"""Pixels, length, tracks and depth are capped before anything decodes, in every format we take."""

import struct

import c2pa
import cv2
import pytest

from app.provenance import content, credentials, structure
from tests.provenance import making

PICTURES = ("jpg", "png", "webp")
BOXED = ("mp4", "mov", "fragmented.mp4", "m4a")
FILMS, SOUNDS = BOXED[:3], ("wav", "mp3", "m4a")


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """The bytes of one small file of each kind."""
    directory = tmp_path_factory.mktemp("media")
    files = {}
    for kind in dict.fromkeys((*PICTURES, *BOXED, *SOUNDS)):
        path = directory / f"in.{kind}"
        if kind == "fragmented.mp4":
            frames = [making.a_picture(seed=1 + n // 8) for n in range(24)]
            options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
            making.write_video(path, frames, options=options)
        else:
            making.make_media(path)
        files[kind] = path.read_bytes()
    return files


@pytest.fixture
def nothing_decodes(monkeypatch):
    def decoded(*_args: object, **_options: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imread", decoded)
    monkeypatch.setattr(content, "_sampled", decoded)
    monkeypatch.setattr(content, "_samples", decoded)
    monkeypatch.setattr(c2pa, "Reader", decoded)


def look(path, data):
    path.write_bytes(data)
    return content.read_content(path=str(path), watermark_keys_hex={})


def box(kind: bytes, inside: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(inside), kind) + inside


def chunk(inside: bytes) -> bytes:
    return b"LIST" + struct.pack("<I", 4 + len(inside)) + b"INFO" + inside


def nested(kind: str, depth: int) -> bytes:
    """What, behind a file of this kind, is boxes `depth` deep in each other."""
    inside = b""
    for _ in range(depth):
        if kind in BOXED:
            inside = box(b"moov", inside)
        else:
            described = box(b"jumd", b"") + inside
            inside = chunk(inside) if kind in {"wav", "webp"} else box(b"jumb", described)
    return inside


def of_pixels(kind: str, data: bytes) -> bytes:
    """A picture whose header claims 16 000 x 16 000 pixels."""
    if kind == "png":
        return making.huge_png(16_000, 16_000)
    if kind == "jpg":
        at, sides = data.index(b"\xff\xc0") + 5, struct.pack(">HH", 16_000, 16_000)
    else:
        at, sides = data.index(b"VP8L") + 9, struct.pack("<I", 15_999 | 15_999 << 14)
    return data[:at] + sides + data[at + 4 :]


@pytest.mark.usefixtures("nothing_decodes")
class TestBeforeDecoding:
    @pytest.mark.parametrize("kind", PICTURES)
    def test_a_picture_of_too_many_pixels_is_unreadable(self, kind, media, tmp_path):
        found = look(tmp_path / "file", of_pixels(kind, media[kind]))
        assert "16000 x 16000 pixels" in found["reason"]

    @pytest.mark.parametrize("kind", FILMS)
    def test_a_film_of_too_many_pixels_is(self, kind, media, tmp_path, monkeypatch):
        monkeypatch.setattr(content, "MAX_FRAME_PIXELS", 100 * 100)
        assert "too many for film" in look(tmp_path / "file", media[kind])["reason"]

    @pytest.mark.parametrize("kind", [*FILMS, *SOUNDS])
    def test_what_is_too_long_is(self, kind, media, tmp_path, monkeypatch):
        monkeypatch.setattr(content, "MAX_DURATION_S", 1)
        assert "longer" in look(tmp_path / "file", media[kind])["reason"]

    @pytest.mark.parametrize("kind", BOXED)
    def test_what_has_too_many_tracks_is_and_no_reader_opened_it(
        self, kind, media, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(content, "_open", None)
        data = media[kind] + box(b"moov", box(b"trak", b"") * structure.MAX_TRACKS)
        assert "16 tracks" in look(tmp_path / "file", data)["reason"]

    @pytest.mark.parametrize("kind", [*PICTURES, *BOXED, *SOUNDS[:2]])
    def test_what_is_nested_too_deep_is_for_every_reader(self, kind, media, tmp_path):
        path = tmp_path / "file"
        assert "deep" in look(path, media[kind] + nested(kind, structure.MAX_DEPTH + 1))["reason"]
        roots = {"claim_root_pem": "", "tsa_root_pem": ""}
        found = credentials.read_credentials(path=str(path), **roots)
        assert (found["state"], "deep" in found["reason"]) == ("absent", True)

    def test_what_has_too_many_boxes_is(self, media, tmp_path, monkeypatch):
        monkeypatch.setattr(structure, "MAX_BOXES", 100)
        assert (
            "100 boxes" in look(tmp_path / "file", media["mp4"] + box(b"free", b"") * 200)["reason"]
        )


class TestWithinTheCaps:
    @pytest.mark.parametrize("kind", [*PICTURES, *BOXED, *SOUNDS[:2]])
    def test_files_are_as_deep_as_they_are(self, kind, media, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(media[kind] + nested(kind, structure.MAX_DEPTH - 2))
        assert structure.excess(path, tracks=True) == ""

    @pytest.mark.parametrize("kind", PICTURES)
    def test_addresses_within_a_manifest_are_not_boxes(self, kind, media, tmp_path):
        path = tmp_path / "file"
        addresses = b"self#jumbf=c2pa.assertions/c2pa.ingredient.v3" * (structure.MAX_DEPTH + 1)
        path.write_bytes(media[kind] + box(b"jumb", box(b"jumd", b"") + addresses))
        assert structure.excess(path) == ""

    @pytest.mark.parametrize("size", [0, 1, 7, 2**31, 2**32 - 1])
    def test_a_box_that_lies_about_its_length_ends_the_walk(self, size, media, tmp_path):
        path = tmp_path / "file"
        for kind in (b"moov", b"free", b"jumb", b"LIST"):
            for whole in (media["mp4"], media["wav"], media["png"]):
                lies = struct.pack(">I4s", size, kind) + box(b"jumd", b"")
                path.write_bytes(whole + lies + b"\x00" * 9)
                assert structure.excess(path) == ""


class TestWhileDecoding:
    """A header may lie: what is decoded is capped again."""

    @pytest.mark.parametrize("kind", FILMS)
    def test_a_frame_larger_than_the_header_said_is_not_decoded(
        self, kind, media, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(content, "_tracks", lambda *_: (True, False))
        monkeypatch.setattr(content, "MAX_FRAME_PIXELS", 100 * 100)
        assert "no frame" in look(tmp_path / "file", media[kind])["reason"]

    @pytest.mark.parametrize("kind", FILMS)
    def test_a_film_of_more_frames_than_its_length_allows_is_unreadable(
        self, kind, media, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(content, "MAX_FRAMES", 10)
        assert "more frames" in look(tmp_path / "file", media[kind])["reason"]

    @pytest.mark.parametrize("kind", SOUNDS)
    def test_of_sound_the_first_two_minutes_are(self, kind, media, tmp_path, monkeypatch):
        path = tmp_path / "file"
        path.write_bytes(media[kind])
        monkeypatch.setattr(content, "LOOKED_AT_S", 1)
        assert len(content._samples(path, content.sniff(path), 8000)) < 1.5 * 8000
