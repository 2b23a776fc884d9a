"""Real files, really signed, through the sandbox or beside it, and the word each gets."""

import random
import shutil
import struct
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from sqlmodel import Session

from app import clock, config
from app.audit import service
from app.audit.service import Verdict, verify_file
from app.provenance import service as provenance
from app.provenance.service import SignedOutput
from tests.provenance import making
from tests.provenance.conftest import FILM_PAYLOAD, KEY, PAYLOADS
from tests.provenance.making import FORMATS, Authority

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def always_licensed(_session: Session, _generation_id: str, _at: datetime) -> str:
    return "licensed"


def never_logged(_session: Session, _generation_id: str) -> dict[str, Any]:
    return {"state": "absent", "record": None, "leaf_index": None}


def look(session: Session, path: Path, authority: Authority) -> Verdict:
    return verify_file(
        session,
        path,
        **authority.roots,
        watermark_key=KEY,
        license_state=always_licensed,
        log_inclusion=never_logged,
    )


def release(
    session: Session,
    authority: Authority,
    src: Path,
    out: Path,
    payload: bytes = making.PAYLOAD,
) -> SignedOutput:
    """Sign, pass the gate, and keep the manifest: what the pipeline does."""
    described = making.a_manifest(src, payload)
    output = provenance.sign_output(src, out, described, certificates=authority.directory)
    provenance.register(session, output)
    return output


def tiny(path: Path, seed: int = 1) -> Path:
    """Media too small to carry a mark, so that looking for one is over at once."""
    if path.suffix[1:] in ("jpg", "png", "webp"):
        cv2.imwrite(str(path), making.a_picture(48, 40, seed))
        return path
    if path.suffix[1:] in ("mp4", "mov"):
        making.write_video(path, [making.a_picture(48, 48, seed + n) for n in range(6)])
        return path
    return making.make_media(path, seed)


class TestIntact:
    def test_a_released_picture_is_intact_in_a_real_sandbox(
        self, session, authority, marked, tmp_path
    ):
        output = release(
            session, authority, marked / "girl.png", tmp_path / "out.png", PAYLOADS["girl.png"]
        )
        found = look(session, tmp_path / "out.png", authority)
        assert found.verdict == "intact"
        assert found.findings["manifest"]["generation_id"] == output.manifest.generation_id
        assert found.findings["mark"] == "ours"
        assert found.findings["content"] == "same"
        assert found.findings["license"] == {"when_made": "licensed", "now": "licensed"}

    @ONE_DATABASE
    def test_a_released_film_is_intact_under_any_name(self, session, authority, marked, tmp_path):
        release(session, authority, marked / "girl.mp4", tmp_path / "out.mp4", FILM_PAYLOAD)
        renamed = shutil.copy(tmp_path / "out.mp4", tmp_path / "holiday.jpeg")
        assert look(session, renamed, authority).verdict == "intact"


@ONE_DATABASE
class TestAltered:
    @pytest.mark.parametrize("kind", FORMATS)
    def test_a_byte_changed_anywhere_is_never_intact(
        self, kind, session, authority, tmp_path, in_process, no_marks
    ):
        out, hurt = tmp_path / f"out.{kind}", tmp_path / f"hurt.{kind}"
        release(session, authority, tiny(tmp_path / f"in.{kind}"), out)
        assert look(session, out, authority).verdict == "intact"
        whole = out.read_bytes()
        rng = random.Random(20261122)
        words = set()
        for at in [0, 1, 5, len(whole) - 1, *rng.sample(range(len(whole)), 36)]:
            hurt.write_bytes(_flipped(whole, at, 1 << rng.randrange(8)))
            words.add(look(session, hurt, authority).verdict)
        assert words == {"altered"}

    @pytest.mark.parametrize("kind", ["jpg", "mp4"])
    def test_every_byte_of_the_manifest_is_watched(
        self, kind, session, authority, tmp_path, in_process, no_marks
    ):
        """C2PA ignores some bytes (padding, an outer header); the whole-file hash does not."""
        out, hurt = tmp_path / f"out.{kind}", tmp_path / f"hurt.{kind}"
        output = release(session, authority, tiny(tmp_path / f"in.{kind}"), out)
        whole = out.read_bytes()
        start = whole.index(output.file.manifest_bytes)
        for at in range(start - 24, start + len(output.file.manifest_bytes), 397):
            hurt.write_bytes(_flipped(whole, at, 0x40))
            assert look(session, hurt, authority).verdict == "altered", at

    def test_a_box_appended_to_a_film_is_altered_though_c2pa_trusts_it(
        self, session, authority, tmp_path, in_process, no_marks
    ):
        out = tmp_path / "out.mp4"
        release(session, authority, tiny(tmp_path / "in.mp4"), out)
        with out.open("ab") as file:
            file.write(struct.pack(">I4s", 16, b"free") + b"whatever")
        found = look(session, out, authority)
        assert found.findings["credentials"] == "valid"
        assert found.verdict == "altered"

    def test_is_not_noticed_when_the_whole_file_comparison_is_planted_out(
        self, session, authority, tmp_path, in_process, no_marks, monkeypatch
    ):
        """The planted fault: without the whole-file hash, the appended box would pass."""
        out = tmp_path / "out.mp4"
        release(session, authority, tiny(tmp_path / "in.mp4"), out)
        with out.open("ab") as file:
            file.write(struct.pack(">I4s", 16, b"free") + b"whatever")
        kept = provenance.by_file
        sha256 = _only_hash(session)
        monkeypatch.setattr(provenance, "by_file", lambda session, _: kept(session, sha256))
        assert look(session, out, authority).verdict == "intact"

    def test_a_file_cut_short_is_altered(self, session, authority, tmp_path, in_process, no_marks):
        out = tmp_path / "out.jpg"
        release(session, authority, tiny(tmp_path / "in.jpg"), out)
        out.write_bytes(out.read_bytes()[:-200])
        assert look(session, out, authority).verdict == "altered"

    def test_a_manifest_copied_onto_a_strangers_picture_is_altered(
        self, session, authority, tmp_path, in_process, no_marks
    ):
        """Our manifest in a stranger's picture: the hard binding does not hold."""
        ours = release(session, authority, tiny(tmp_path / "in.png"), tmp_path / "out.png")
        making.signed(authority, tiny(tmp_path / "b.png", seed=9), tmp_path / "b_out.png")
        grafted = _graft(tmp_path / "b_out.png", ours.file.manifest_bytes)
        found = look(session, grafted, authority)
        assert found.findings["manifest"]["generation_id"] == ours.manifest.generation_id
        assert found.verdict == "altered"


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
        assert found.findings["credentials"] == "absent"
        assert found.findings["manifest"]["found_by"] == "watermark"
        assert found.findings["manifest"]["generation_id"] == output.manifest.generation_id

    def test_a_film_reencoded_and_rescaled_is_recovered(self, session, authority, marked, tmp_path):
        out, copy = tmp_path / "out.mp4", tmp_path / "copy.mp4"
        release(session, authority, marked / "girl.mp4", out, FILM_PAYLOAD)
        _reencode(out, copy, width=540, height=640, crf=20)
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
        grafted = _graft(tmp_path / "b_out.png", one.file.manifest_bytes)
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
        claimed = making.a_manifest(src, generation_id=_generation(session))
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
            **authority.roots,
            watermark_key=KEY,
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


@pytest.fixture
def no_marks(monkeypatch):
    """Leave looking for marks out where a test is about something else: a miss takes seconds."""
    from app.provenance import content

    monkeypatch.setattr(content, "_marks", lambda _key, _look: (True, {}, ""))


def _flipped(whole: bytes, at: int, mask: int) -> bytes:
    return whole[:at] + bytes((whole[at] ^ mask,)) + whole[at + 1 :]


def _generation(session: Session) -> str:
    from sqlmodel import select

    from app.provenance.models import SignedManifest

    return session.exec(select(SignedManifest.generation_id).order_by(SignedManifest.id)).first()


def _only_hash(session: Session) -> str:
    return provenance.by_generation(session, _generation(session)).file_sha256


def _graft(png: Path, manifest: bytes) -> Path:
    """Put another manifest of the same length into a signed PNG's caBX chunk."""
    whole = png.read_bytes()
    at = whole.index(b"caBX")
    (size,) = struct.unpack(">I", whole[at - 4 : at])
    assert size == len(manifest)
    chunk = b"caBX" + manifest
    end = at + 4 + size + 4
    grafted = png.with_name("grafted.png")
    grafted.write_bytes(whole[:at] + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[end:])
    return grafted


def _reencode(src: Path, dst: Path, *, width: int, height: int, crf: int) -> None:
    with av.open(str(src)) as container:
        frames = [
            frame.reformat(width=width, height=height).to_ndarray(format="bgr24")
            for frame in container.decode(video=0)
        ]
    making.write_video(dst, frames, crf=crf)
