"""Signing reads files in children, some of which stay: what one that was taken over can do."""

import os
import signal
from hashlib import sha256

import pytest

from app import sandbox, sandbox_standing
from app.provenance import expected, sign
from app.provenance.errors import ReleaseGateClosed, SigningFailed
from app.provenance.finish import room_in_jpeg, superboxes
from app.provenance.manifest import Reference
from app.provenance.sameness import same_media
from tests.provenance import making
from tests.provenance.making import PAYLOAD
from tests.test_sandbox import linux_only


@pytest.fixture(autouse=True)
def none_waits():
    sandbox_standing.end_idle()
    yield
    sandbox_standing.end_idle()


@pytest.fixture
def src(tmp_path):
    return making.make_media(tmp_path / "in.jpg")


def taken_over(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(sign, "LAYING", f"tests.provenance.hostile_signers:{how}")


def sign_for(authority, src, out, party: str = "") -> sign.SignedFile:
    return sign.sign_file(
        src,
        out,
        making.a_manifest(src),
        sign=authority.signer.sign,
        chain_pem=authority.signer.chain_pem,
        stamp=authority.stamp,
        staple=authority.staple(),
        party=party,
    )


class TestTakenOver:
    @pytest.mark.parametrize(
        "how",
        [
            *("another_consent", "one_assertion_more", "another_title", "trained_on_freely"),
            *("another_performer", "nonsense"),
        ],
    )
    def test_it_gets_no_signature_for_what_was_not_ordered(
        self, how, authority, src, tmp_path, monkeypatch
    ):
        taken_over(monkeypatch, how)
        asked = []
        with pytest.raises(SigningFailed):
            sign.sign_file(
                src,
                tmp_path / "out.jpg",
                making.a_manifest(src),
                sign=asked.append,
                chain_pem=authority.signer.chain_pem,
            )
        assert asked == []
        assert not (tmp_path / "out.jpg").exists()

    def test_and_would_if_nobody_looked(self, authority, src, tmp_path, monkeypatch):
        """The planted fault: whatever is laid out is signed, and both verifiers believe it."""
        taken_over(monkeypatch, "another_consent")
        monkeypatch.setattr(sign, "check_laid_out", lambda store, _: superboxes(store))
        out = tmp_path / "out.jpg"
        sign_for(authority, src, out)
        sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)

    def test_it_has_no_say_in_what_a_jpeg_shows(self, authority, src, tmp_path, monkeypatch):
        taken_over(monkeypatch, "other_media")
        out = tmp_path / "out.jpg"
        sign_for(authority, src, out)
        assert same_media(src, out, "image/jpeg")
        with pytest.raises(ReleaseGateClosed, match="dataHash"):
            sign.check_release(out, **authority.trust, payload=PAYLOAD)

    def test_nor_in_where_a_jpeg_is_parted(self, authority, src, tmp_path, monkeypatch):
        taken_over(monkeypatch, "elsewhere")
        out = tmp_path / "out.jpg"
        sign_for(authority, src, out)
        with pytest.raises(ReleaseGateClosed):
            sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)

    def test_nothing_goes_in_behind_the_end(self, authority, src, tmp_path, monkeypatch):
        taken_over(monkeypatch, "behind_the_end")
        with pytest.raises(SigningFailed, match="into byte"):
            sign_for(authority, src, tmp_path / "out.jpg")
        assert not (tmp_path / "out.jpg").exists()

    @pytest.mark.parametrize("kind", ["png", "webp", "mp4", "wav"])
    def test_media_of_its_own_do_not_pass_the_gate(self, kind, authority, tmp_path, monkeypatch):
        """The planted fault: without the file that was to be signed, both verifiers believe it."""
        if kind in {"mp4", "wav"}:
            monkeypatch.setattr(sign, "IN_MEMORY_BYTES", 0)  # the other way files are written
        taken_over(monkeypatch, "other_media")
        src, out = making.make_media(tmp_path / f"in.{kind}"), tmp_path / f"out.{kind}"
        sign_for(authority, src, out)
        if kind == "png":
            sign.check_release(out, **authority.trust, payload=PAYLOAD)
        with pytest.raises(ReleaseGateClosed, match="media it was made from"):
            sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)

    def test_one_that_dies_is_an_error_with_a_name(self, authority, src, tmp_path, monkeypatch):
        taken_over(monkeypatch, "silence")
        with pytest.raises(sandbox.SandboxCrashed, match="sign"):
            sign_for(authority, src, tmp_path / "out.jpg")

    @linux_only
    def test_it_has_no_network_no_files_and_no_secret(self, authority, src, tmp_path, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_SECRET", "x")
        taken_over(monkeypatch, "doors")
        with pytest.raises(SigningFailed, match=r"shut=True (?!.*UNDERSTUDY)"):
            sign_for(authority, src, tmp_path / "out.jpg")


def a_jpeg(*segments: tuple[int, bytes]) -> bytes:
    """The start of a JPEG: each segment's marker and content, then that of the picture."""
    said = (b"\xff%c%b%b" % (m, (2 + len(c)).to_bytes(2, "big"), c) for m, c in segments)
    return b"\xff\xd8" + b"".join(said) + b"\xff\xda\x00\x02picture"


JFIF, EXIF, TABLE, BOXES = (0xE0, b"JFIF"), (0xE1, b"Exif"), (0xDB, b"table"), (0xEB, b"JP")


class TestRoomInJpeg:
    @pytest.mark.parametrize(
        ("segments", "room"),
        [
            ((), 2),
            ((TABLE,), 2),
            ((JFIF, TABLE), 10),
            ((EXIF, TABLE), 10),
            ((JFIF, EXIF, TABLE, EXIF), 18),
        ],
    )
    def test_is_behind_what_has_to_come_first(self, segments, room):
        assert room_in_jpeg(a_jpeg(*segments)) == room

    @pytest.mark.parametrize(
        "head",
        [
            *(b"", b"\xff", b"\xff\xd8", b"RIFF", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xe0\x00"),
            *(a_jpeg(BOXES), a_jpeg(JFIF, BOXES, TABLE), a_jpeg(JFIF)[:9], a_jpeg(JFIF)[:11]),
            b"\xff\xd8\xff\xe0\x00\x00" + bytes(9),
            a_jpeg(JFIF, (0xEB, b"HDR_RI ver=11")),  # not credentials, but where they go
        ],
    )
    def test_is_none_where_there_are_boxes_or_the_headers_do_not_end(self, head):
        assert room_in_jpeg(head) is None

    @pytest.mark.parametrize(
        "start",
        [
            b"\xff",  # fill: the marker is read as a length that reaches over the boxes
            b"\xff\xff\xff",
            b"\xff\x01",  # TEM, which has no length
            b"\xff\xd0",
            b"\xff\xd9\xff\xd8",  # the end of a picture without any, and another one
        ],
    )
    def test_is_none_where_a_reader_may_find_boxes_that_are_not_seen_here(self, start):
        """The planted fault: what follows is skipped, and a store among it stays in the file."""
        head = b"\xff\xd8" + start + a_jpeg(BOXES)[2:]
        for odd in (b"", b"\x00"):  # wherever the leap ends, a picture seems to begin
            assert room_in_jpeg(head + odd + b"\xff\xda" * 0x8000) is None

    def test_a_second_jpeg_behind_the_first_is_no_header_of_it(self):
        first = a_jpeg(JFIF, TABLE)
        assert room_in_jpeg(first + b"\xff\xd9" + a_jpeg(BOXES)) == room_in_jpeg(first)


class TestJpegs:
    """Their manifest is laid out apart; what the library wrote before would be in the way."""

    def signed(self, authority, src, tmp_path, described=None) -> bytes:
        out = tmp_path / "out.jpg"
        said = making.signed(authority, src, out, described)
        content = out.read_bytes()
        assert (said.sha256, said.size_bytes) == (sha256(content).hexdigest(), len(content))
        assert sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)
        return content

    def test_keep_what_has_to_come_first(self, authority, src, tmp_path):
        jfif = src.read_bytes()
        exif = b"\xff\xe1\x00\x10Exif\0\0" + b"II*\0\x08\0\0\0"
        src.write_bytes(jfif[:2] + exif + jfif[2:])
        assert self.signed(authority, src, tmp_path).startswith(jfif[:2] + exif)

    def test_may_carry_a_manifest_of_several_segments(self, authority, src, tmp_path):
        many = [Reference(f"{number:064x}") for number in range(250)]
        described = making.a_manifest(src, references=many)
        assert self.signed(authority, src, tmp_path, described).count(b"JP\x02\x11") > 1

    def test_that_were_signed_before_are_written_by_the_library(self, authority, src, tmp_path):
        before = self.signed(authority, src, tmp_path)
        again = tmp_path / "again.jpg"
        again.write_bytes(before)
        assert self.signed(authority, again, tmp_path).count(b"jumdc2pa") == 1

    def test_with_long_headers_too(self, authority, src, tmp_path):
        jfif = src.read_bytes()
        profile = b"\xff\xe2\xff\xff" + bytes(0xFFFD)
        src.write_bytes(jfif[:20] + profile * 2 + jfif[20:])
        assert len(self.signed(authority, src, tmp_path)) > 2 * 0xFFFF


class TestDecoded:
    """What is checked is what any reader reads: said once, and nothing after it."""

    def test_reads_what_is_said_once(self):
        assert expected._decoded(b"json", b'{"a": {"b": 1}}') == {"a": {"b": 1}}
        assert expected._decoded(b"cbor", b"\xa1\x61\x61\x01") == {"a": 1}

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            (b"json", b'{"a": 1, "a": 2}'),
            (b"json", b'{"a": {"b": 1, "b": 1}}'),
            (b"json", b'{"a": 1} {"a": 2}'),
            (b"cbor", b"\xa2\x61\x61\x01\x61\x61\x02"),
            (b"cbor", b"\xa1\x61\x61\x01\x02"),
        ],
    )
    def test_refuses_what_is_said_twice_or_after_the_end(self, kind, content):
        with pytest.raises(ValueError, match=r"twice|Extra data"):
            expected._decoded(kind, content)


class TestWhoIsServed:
    def served_by(self, authority, src, out, party: str) -> int:
        sign_for(authority, src, out, party)
        return next(one.pid for one in sandbox_standing._idle if one.party == party)

    def test_one_child_serves_several_files_of_one_party_and_no_other_partys(
        self, authority, src, tmp_path
    ):
        out = tmp_path / "out.jpg"
        pids = [self.served_by(authority, src, out, party) for party in ("a", "a", "b", "a")]
        assert pids[0] == pids[1] == pids[3] != pids[2]

    def test_only_so_many_files(self, authority, src, tmp_path, monkeypatch):
        monkeypatch.setattr(sandbox_standing, "MOST_FILES", 1)
        sign_for(authority, src, tmp_path / "out.jpg")
        assert sandbox_standing._idle != []
        sign_for(authority, src, tmp_path / "out.jpg")
        assert sandbox_standing._idle == []

    def test_none_after_an_error(self, authority, src, tmp_path):
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"not media at all")
        sign_for(authority, src, tmp_path / "out.jpg")
        with pytest.raises(SigningFailed):
            sign_for(authority, broken, tmp_path / "other.jpg")
        assert sandbox_standing._idle == []

    def test_where_it_was_killed_meanwhile_another_one_signs(self, authority, src, tmp_path):
        out = tmp_path / "out.jpg"
        first = self.served_by(authority, src, out, "")
        os.kill(first, signal.SIGKILL)
        assert self.served_by(authority, src, out, "") != first
        assert sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)
