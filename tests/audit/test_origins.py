"""Files without our credentials: what derives from ours, what is others', what is neither."""

from datetime import datetime

import cv2
import pytest
from sqlmodel import Session

from app import clock, config
from app.audit import service
from app.audit.original import NOT_SHOWN
from app.audit.service import verify_file
from tests.audit.evidence import (
    ONE_DATABASE,
    first_generation,
    graft,
    look,
    never_logged,
    reencode,
    release,
    tiny,
)
from tests.provenance import making
from tests.provenance.conftest import FILM_PAYLOAD, KEY, PAYLOADS
from tests.provenance.making import FORMATS


@ONE_DATABASE
class TestRecovered:
    def test_a_picture_stripped_and_recompressed_is_recovered(
        self, session, authority, marked, tmp_path
    ):
        out, copy = tmp_path / "out.png", tmp_path / "copy.jpg"
        output = release(session, authority, marked / "girl.png", out, PAYLOADS["girl.png"])
        picture = cv2.imread(str(out))
        smaller = cv2.resize(picture, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(copy), smaller, [cv2.IMWRITE_JPEG_QUALITY, 70])
        found = look(session, copy, authority)
        assert found.verdict == "recovered"
        assert found.findings["released_original"] == {"still": None, "said": NOT_SHOWN}
        assert found.findings["credentials"] == "absent"
        assert found.findings["manifest"]["found_by"] == "watermark"
        assert found.findings["manifest"]["generation_id"] == output.manifest.generation_id

    def test_a_film_reencoded_and_rescaled_is_recovered(self, session, authority, marked, tmp_path):
        out, copy = tmp_path / "out.mp4", tmp_path / "copy.mp4"
        release(session, authority, marked / "girl.mp4", out, FILM_PAYLOAD)
        reencode(out, copy, width=540, height=640, crf=20)
        found = look(session, copy, authority)
        assert (found.verdict, found.findings["credentials"]) == ("recovered", "absent")
        assert found.findings["license"]["when_made"] == "licensed"

    def test_a_sound_stripped_and_compressed_is_recovered(self, session, authority, tmp_path):
        import watermark.audio

        voice = making.a_voice(3, seconds=15.0, rate=44100)
        whole = watermark.audio.embed(voice[:, None], 44100, PAYLOADS["girl.png"], KEY)[:, 0]
        (tmp_path / "in.wav").write_bytes(making.wav_bytes(whole))
        out, copy = tmp_path / "out.wav", tmp_path / "copy.mp3"
        release(session, authority, tmp_path / "in.wav", out, PAYLOADS["girl.png"])
        making.encode_audio(copy, whole, 44100, 44100)
        found = look(session, copy, authority)
        assert (found.verdict, found.findings["medium"]) == ("recovered", "audio")

    def test_a_face_painted_over_locally_is_recovered_never_intact(
        self, session, authority, marked, tmp_path
    ):
        out, copy = tmp_path / "out.png", tmp_path / "copy.png"
        release(session, authority, marked / "girl.png", out, PAYLOADS["girl.png"])
        picture = cv2.imread(str(out))
        cv2.circle(picture, (230, 210), 30, (40, 60, 200), -1)
        cv2.imwrite(str(copy), picture)
        assert look(session, copy, authority).verdict == "recovered"


@ONE_DATABASE
class TestTransplanted:
    def test_our_mark_on_content_that_contradicts_it_is_transplanted(
        self, session, authority, marked, samples, tmp_path
    ):
        import watermark.image

        release(session, authority, marked / "girl.png", tmp_path / "out.png", PAYLOADS["girl.png"])
        stranger = cv2.imread(str(samples / "isaac-newton.jpg"))
        copy = watermark.image.embed(stranger, PAYLOADS["girl.png"], KEY)
        cv2.imwrite(str(tmp_path / "copy.png"), copy)
        found = look(session, tmp_path / "copy.png", authority)
        assert (found.verdict, found.findings["content"]) == ("transplanted", "other")

    def test_our_mark_on_another_output_of_ours_is_transplanted(
        self, session, authority, marked, samples, tmp_path
    ):
        import watermark.image

        for name in ("girl.png", "mona.png"):
            release(session, authority, marked / name, tmp_path / name, PAYLOADS[name])
        mona = cv2.imread(str(samples / "mona-lisa.jpg"))
        mona = cv2.resize(mona, (480, 715), interpolation=cv2.INTER_AREA)
        copy = watermark.image.embed(mona, PAYLOADS["girl.png"], KEY)
        cv2.imwrite(str(tmp_path / "copy.png"), copy)
        found = look(session, tmp_path / "copy.png", authority)
        assert found.verdict == "transplanted"
        assert found.findings["resemblance"] > 0.9

    def test_a_manifest_of_ours_on_another_output_of_ours_is_transplanted(
        self, session, authority, tmp_path, in_process, no_marks
    ):
        one = release(session, authority, tiny(tmp_path / "a.png"), tmp_path / "a_out.png")
        release(
            session, authority, tiny(tmp_path / "b.png", seed=9), tmp_path / "b_out.png", b"B" * 8
        )
        grafted = graft(tmp_path / "b_out.png", one.file.manifest_bytes)
        assert look(session, grafted, authority).verdict == "transplanted"


@ONE_DATABASE
class TestUnknownOrigin:
    def test_a_file_signed_under_another_root_is_of_unknown_origin(
        self, session, authority, tmp_path, monkeypatch, in_process, no_marks, data_dir
    ):
        """Same names, same assertion, even our generation id: another key."""
        release(session, authority, tiny(tmp_path / "in.jpg"), tmp_path / "ours.jpg")
        foreign = making.another_authority(monkeypatch, tmp_path / "foreign")
        src = tiny(tmp_path / "b.jpg", seed=5)
        claimed = making.a_manifest(src, generation_id=first_generation(session))
        making.signed(foreign, src, tmp_path / "foreign.jpg", claimed)
        monkeypatch.setenv("UNDERSTUDY_DATA_DIR", str(data_dir))
        config.settings.cache_clear()
        found = look(session, tmp_path / "foreign.jpg", authority)
        assert (found.findings["credentials"], found.findings["signer_ours"]) == ("valid", False)
        assert found.verdict == "unknown-origin"

    def test_our_own_file_is_not_intact_to_whoever_trusts_another_root(
        self, session, authority, tmp_path, monkeypatch, in_process, no_marks, data_dir
    ):
        release(session, authority, tiny(tmp_path / "in.jpg"), tmp_path / "ours.jpg")
        foreign = making.another_authority(monkeypatch, tmp_path / "foreign")
        monkeypatch.setenv("UNDERSTUDY_DATA_DIR", str(data_dir))
        config.settings.cache_clear()
        assert look(session, tmp_path / "ours.jpg", foreign).verdict == "recovered"

    def test_what_we_signed_and_never_kept_is_of_unknown_origin(
        self, session, authority, tmp_path, in_process, no_marks
    ):
        making.signed(authority, tiny(tmp_path / "in.jpg"), tmp_path / "out.jpg")
        assert look(session, tmp_path / "out.jpg", authority).verdict == "unknown-origin"


@ONE_DATABASE
class TestTheRest:
    def test_a_strangers_picture_is_not_ours(
        self, session, authority, tmp_path, in_process, no_marks
    ):
        found = look(session, tiny(tmp_path / "in.jpg"), authority)
        assert (found.verdict, found.findings["license"]) == ("not-ours", None)

    @pytest.mark.parametrize(
        "content", [b"", b"\x00", b"hello, world", b"%PDF-1.7\n", b"\xff" * 99]
    )
    def test_what_is_no_medium_is_unreadable(
        self, content, session, authority, tmp_path, in_process
    ):
        (tmp_path / "file").write_bytes(content)
        assert look(session, tmp_path / "file", authority).verdict == "unreadable"

    @pytest.mark.parametrize("kind", FORMATS)
    def test_a_bare_header_is_unreadable(self, kind, session, authority, tmp_path, in_process):
        path = tiny(tmp_path / f"in.{kind}")
        path.write_bytes(path.read_bytes()[:40])
        assert look(session, path, authority).verdict == "unreadable"

    def test_twenty_thousand_pixels_squared_are_unreadable_in_a_real_sandbox(
        self, session, authority, tmp_path
    ):
        (tmp_path / "huge.png").write_bytes(making.huge_png(20_000, 20_000))
        found = look(session, tmp_path / "huge.png", authority)
        assert found.verdict == "unreadable"
        assert "20000 x 20000" in found.sentence


@ONE_DATABASE
class TestForAStranger:
    def test_learns_whether_it_is_licensed_now_and_not_why_not(
        self, session, authority, tmp_path, in_process, no_marks
    ):
        release(session, authority, tiny(tmp_path / "in.jpg"), tmp_path / "out.jpg")
        asked = []

        def withdrawn_since(_session: Session, _id: str, at: datetime) -> str:
            asked.append(at)
            return "licensed" if len(asked) == 1 else "withdrawn"

        found = verify_file(
            session,
            tmp_path / "out.jpg",
            **authority.trust,
            watermark_keys={1: KEY},
            license_state=withdrawn_since,
            log_inclusion=never_logged,
        )
        assert found.verdict == "intact"
        assert found.findings["license"] == {"when_made": "licensed", "now": "not-licensed"}
        assert "withdrawn" not in found.sentence
        assert asked[0] < asked[1] <= clock.now()

    def test_the_records_know_nothing_of_an_output_no_generation_made(self, session):
        assert service.records.license_state(session, "gen_none", clock.now()) == "not-on-record"
        assert service.records.log_inclusion(session, "gen_none")["state"] == "absent"
