"""Hostile media end in a finding, inside the caps, and never in an exception."""

import random
import struct

import cv2
import pytest
from structlog.testing import CapturingLogger

from app import sandbox
from app.provenance import content, credentials, verify
from tests.provenance import making
from tests.provenance.making import FORMATS


def look(path):
    return content.read_content(path=str(path), watermark_keys_hex={})


class TestReadContent:
    @pytest.mark.parametrize("kind", FORMATS)
    def test_reads_every_format_that_we_sign(self, kind, tmp_path):
        found = look(making.make_media(tmp_path / f"in.{kind}"))
        medium = {"mp4": "video", "mov": "video"}.get(kind, "image")
        medium = "audio" if kind in ("wav", "mp3", "m4a") else medium
        assert (found["readable"], found["medium"], found["searched"]) == (True, medium, False)

    @pytest.mark.parametrize("kind", FORMATS)
    def test_a_mutated_file_is_read_or_unreadable_and_never_raises(self, kind, tmp_path):
        whole = making.make_media(tmp_path / f"in.{kind}").read_bytes()
        rng = random.Random(f"content {kind}")
        for number in range(12):
            hurt = bytearray(whole[: rng.randrange(1, len(whole))] if number % 3 == 0 else whole)
            for _ in range(rng.randrange(1, 40)):
                hurt[rng.randrange(min(len(hurt), 4000))] = rng.randrange(256)
            path = tmp_path / f"hurt{number}.{kind}"
            path.write_bytes(hurt)
            for read in (look, _credentials, _remains):
                assert isinstance(read(path), dict)

    def test_the_pixel_cap_comes_before_decoding(self, tmp_path, monkeypatch):
        def decoded(*_args: object) -> None:
            raise AssertionError("it was decoded")

        monkeypatch.setattr(cv2, "imread", decoded)
        (tmp_path / "huge.png").write_bytes(making.huge_png(20_000, 20_000))
        found = look(tmp_path / "huge.png")
        assert not found["readable"]
        assert "20000 x 20000" in found["reason"]

    def test_a_film_of_too_many_pixels_is_not_decoded(self, tmp_path, monkeypatch):
        monkeypatch.setattr(content, "MAX_FRAME_PIXELS", 100 * 100)
        found = look(making.make_media(tmp_path / "in.mp4"))
        assert "too many" in found["reason"]

    def test_a_long_file_is_not_decoded(self, tmp_path, monkeypatch):
        monkeypatch.setattr(content, "MAX_DURATION_S", 1)
        assert "longer" in look(making.make_media(tmp_path / "in.wav"))["reason"]

    def test_a_bmff_of_nothing_but_boxes_is_unreadable(self, tmp_path):
        path = tmp_path / "empty.mp4"
        path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) * 3)
        assert not look(path)["readable"]


class TestInTheSandbox:
    def test_a_decoder_that_crashes_its_process_is_a_finding(self, tmp_path, monkeypatch):
        """Whatever the child does, the parent answers; here it cannot even start decoding."""
        monkeypatch.setattr(verify, "CONTENT_LIMITS", {**verify.CONTENT_LIMITS, "cpu_s": 0})
        path = making.make_media(tmp_path / "in.jpg")
        found = verify.read_content(path, {1: bytes(32)})
        assert (found.readable, found.searched) == (False, False)

    def test_an_answer_that_is_not_one_is_refused(self, tmp_path, monkeypatch):
        path = making.make_media(tmp_path / "in.jpg")
        for lie in ({}, {"state": "intact"}, {"state": "valid", "signer_ours": "perhaps"}):
            monkeypatch.setattr(sandbox, "run", lambda *_, lie=lie, **__: lie)
            assert verify._read_claims(path, {}).state == "unparsable"
            assert not verify.read_content(path, {1: bytes(32)}).readable
        monkeypatch.setattr(sandbox, "run", lambda *_, **__: {"labels": 7})
        assert verify._find_remains(path).labels == []


class TestWhichEpochFoundAMark:
    def test_is_put_in_the_log_and_in_no_finding(self, tmp_path, monkeypatch):
        path = making.make_media(tmp_path / "in.jpg")
        mark = {"payload": "00" * 8, "false_positive_log10": -12.0, "epoch": 7}
        said = {"readable": True, "medium": "image", "searched": True, "marks": [mark]}
        monkeypatch.setattr(sandbox, "run", lambda *_, **__: said)
        logger = CapturingLogger()
        monkeypatch.setattr(verify, "logger", logger)
        seen = verify.read_content(path, {7: bytes(32), 3: bytes(16)})
        (call,) = logger.calls
        assert call.kwargs == {"subject": "00" * 8, "epoch": 7}
        assert [each.payload for each in seen.marks] == ["00" * 8]
        assert not any("epoch" in name for name in verify.Findings.__dataclass_fields__)


def _credentials(path):
    return credentials.read_credentials(path=str(path), claim_root_pem="", tsa_root_pem="")


def _remains(path):
    return credentials.find_remains(path=str(path))
