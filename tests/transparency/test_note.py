"""Signed notes and checkpoints: what is accepted, and every way of being refused."""

import base64
import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.transparency import note
from app.transparency.errors import NoteRefused

# The example in the documentation of Go's golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngot"
    "pRZb6KE6RyyBwJnAM=\n"
)
# The example of C2SP tlog-cosignature: a checkpoint with a witness's line.
C2SP_COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhc"
    "yv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX"
    "3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
ORIGIN = "log.example/one"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = note.Signer.under(ORIGIN, PRIVATE.public_key(), PRIVATE.sign)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS_KEY = note.VerifierKey(
    "witness.example/w", WITNESS.public_key().public_bytes_raw(), note.COSIGNATURE
)


def a_checkpoint(size: int = 7, origin: str = ORIGIN) -> note.Checkpoint:
    return note.Checkpoint(origin, size, b"r" * 32)


def a_signed_note() -> str:
    return str(note.sign_checkpoint(a_checkpoint(), SIGNER))


def a_cosignature(text: str, *, at: int = 1_700_000_000) -> note.Signature:
    value = WITNESS.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
    return note.Signature(WITNESS_KEY.name, WITNESS_KEY.key_id, at.to_bytes(8, "big") + value)


class TestVerifyNote:
    def test_accepts_the_example_of_gos_package(self):
        key = note.VerifierKey.parse(GO_KEY)
        note.verify_note(note.parse_note(GO_NOTE.encode()), key)
        assert str(key) == GO_KEY

    def test_refuses_that_example_with_one_word_changed(self):
        parsed = note.parse_note(GO_NOTE.replace("answer", "remedy").encode())
        with pytest.raises(NoteRefused, match="does not fit"):
            note.verify_note(parsed, note.VerifierKey.parse(GO_KEY))

    def test_refuses_a_note_nobody_we_know_has_signed(self):
        with pytest.raises(NoteRefused, match="is not signed by"):
            note.verify_note(note.parse_note(GO_NOTE.encode()), SIGNER.key)

    def test_refuses_a_second_line_by_the_same_key_that_does_not_fit(self):
        parsed = note.parse_note(a_signed_note().encode())
        forged = note.Signature(SIGNER.key.name, SIGNER.key.key_id, bytes(64))
        with pytest.raises(NoteRefused, match="does not fit"):
            note.verify_note(note.add_signatures(parsed, [forged]), SIGNER.key)


class TestParseNote:
    def test_writes_back_what_it_read_with_witness_lines_preserved(self):
        for text in (GO_NOTE, C2SP_COSIGNED, a_signed_note()):
            assert str(note.parse_note(text.encode())) == text

    def test_reads_the_published_checkpoint_example(self):
        parsed = note.parse_note(C2SP_COSIGNED.encode())
        checkpoint = note.parse_checkpoint(parsed.text)
        assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
        assert [line.name for line in parsed.signatures] == [
            "example.com/behind-the-sofa",
            "witness.example.com/w1",
        ]

    @pytest.mark.parametrize(
        "bad",
        [
            b"",
            b"\xff\xfe",
            b"text\n",
            b"text\n\n",
            GO_NOTE.replace("\n", "\r\n").encode(),
            GO_NOTE[:-1].encode(),
            GO_NOTE.replace("— ", "- ").encode(),
            GO_NOTE.replace("PeterNeumann ", "Peter+Neumann ").encode(),
            GO_NOTE.replace("PeterNeumann ", "Peter\u2003Neumann ").encode(),
            GO_NOTE.replace("PeterNeumann ", " ").encode(),
            GO_NOTE.replace("JnAM=", "JnAN=").encode(),  # other base64, same bytes
            GO_NOTE.replace("JnAM=", "JnAM").encode(),
            GO_NOTE.replace("x08go", "x08*o").encode(),
            (GO_NOTE + "\n").encode(),
            (GO_NOTE + "trailing\n").encode(),
            b"text\n\n" + "— name AAAAAA==\n".encode(),  # a key id and nothing behind it
            b"text\n\n" + 101 * "— name AAAAAAA=\n".encode(),
            b"x" * (note.NOTE_LIMIT_BYTES + 1),
        ],
    )
    def test_refuses_every_other_spelling(self, bad):
        with pytest.raises(NoteRefused):
            note.parse_note(bad)

    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_or_refused(self, raw):
        with contextlib.suppress(NoteRefused):
            assert str(note.parse_note(raw)).encode() == raw

    @given(st.integers(0, 200), st.binary(min_size=1, max_size=3))
    def test_a_checkpoint_with_any_bytes_replaced_is_refused(self, at, replacement):
        raw = a_signed_note().encode()
        at %= len(raw)
        bad = raw[:at] + replacement + raw[at + 1 :]
        if bad != raw:
            with pytest.raises(NoteRefused):
                note.open_checkpoint(bad, SIGNER.key)


class TestParseVerifierKey:
    @pytest.mark.parametrize(
        "bad",
        [
            "",
            "name",
            GO_KEY.replace("c74f20a3", "c74f20a4"),
            GO_KEY.replace("Peter", "Pieter"),
            GO_KEY.replace("+ARpc", "+ARpd"),
            GO_KEY[:-4],
            "a\udcffb+00000000+AQ==",
        ],
    )
    def test_refuses_a_key_whose_parts_disagree(self, bad):
        with pytest.raises(NoteRefused):
            note.VerifierKey.parse(bad)


class TestSignCheckpoint:
    def test_is_opened_by_whoever_holds_the_public_key(self):
        key = note.VerifierKey.parse(str(SIGNER.key))
        assert note.open_checkpoint(a_signed_note().encode(), key) == a_checkpoint()

    def test_never_returns_a_note_under_another_key_than_readers_hold(self):
        swapped = note.Signer(SIGNER.key, WITNESS.sign)
        with pytest.raises(NoteRefused, match="does not fit"):
            note.sign_checkpoint(a_checkpoint(), swapped)

    @pytest.mark.parametrize("origin", ["", "two\nlines", "other.example/log"])
    def test_refuses_an_origin_that_is_not_the_keys_own(self, origin):
        with pytest.raises(NoteRefused):
            note.sign_checkpoint(a_checkpoint(origin=origin), SIGNER)

    def test_refuses_a_key_of_another_kind(self):
        with pytest.raises(NoteRefused, match="Ed25519"):
            note.Signer.under(ORIGIN, object(), PRIVATE.sign)


class TestParseCheckpoint:
    ROOT = base64.b64encode(bytes(32)).decode()

    def test_keeps_extension_lines(self):
        text = f"{ORIGIN}\n0\n{self.ROOT}\nmore\n"
        checkpoint = note.parse_checkpoint(text)
        assert (checkpoint.size, checkpoint.extensions, checkpoint.text) == (0, ("more",), text)

    @pytest.mark.parametrize("size", ["", "-1", "+1", "01", "1 ", "1_0", "٣", "1e3", str(1 << 63)])
    def test_refuses_a_size_in_another_spelling(self, size):
        with pytest.raises(NoteRefused):
            note.parse_checkpoint(f"{ORIGIN}\n{size}\n{self.ROOT}\n")

    @pytest.mark.parametrize(
        "text", ["", "a\n1\n", "a\n1\nAAAA\n", f"a\n1\n{ROOT}", f"a\n1\n{ROOT}\n\nx\n"]
    )
    def test_refuses_missing_and_empty_lines(self, text):
        with pytest.raises(NoteRefused):
            note.parse_checkpoint(text)


class TestVerifyCosignature:
    def test_says_when_the_witness_saw_the_checkpoint(self):
        signed = note.parse_note(a_signed_note().encode())
        cosigned = note.add_signatures(signed, [a_cosignature(signed.text)])
        assert note.witnessed_by(cosigned, [WITNESS_KEY]) == {WITNESS_KEY.name: 1_700_000_000}
        assert note.open_checkpoint(str(cosigned).encode(), SIGNER.key) == a_checkpoint()

    def test_an_absent_witness_is_no_witness(self):
        assert note.witnessed_by(note.parse_note(a_signed_note().encode()), [WITNESS_KEY]) == {}

    def test_refuses_a_cosignature_of_another_checkpoint(self):
        signed = note.parse_note(a_signed_note().encode())
        other = a_cosignature(a_checkpoint(size=8).text)
        with pytest.raises(NoteRefused, match="does not fit"):
            note.witnessed_by(note.add_signatures(signed, [other]), [WITNESS_KEY])

    def test_refuses_a_cosignature_whose_time_was_moved(self):
        signed = note.parse_note(a_signed_note().encode())
        line = a_cosignature(signed.text)
        moved = note.Signature(line.name, line.key_id, bytes(8) + line.value[8:])
        with pytest.raises(NoteRefused, match="does not fit"):
            note.verify_cosignature(note.add_signatures(signed, [moved]), WITNESS_KEY)
