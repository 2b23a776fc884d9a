"""Released files are intact; whatever happened to them since, they are not."""

import random
import shutil
import struct

import pytest
from sqlmodel import Session

from app.provenance import service as provenance
from tests.audit.evidence import ONE_DATABASE, first_generation, graft, look, release, tiny
from tests.provenance import making
from tests.provenance.conftest import FILM_PAYLOAD, PAYLOADS
from tests.provenance.making import FORMATS


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
        grafted = graft(tmp_path / "b_out.png", ours.file.manifest_bytes)
        found = look(session, grafted, authority)
        assert found.findings["manifest"]["generation_id"] == ours.manifest.generation_id
        assert found.verdict == "altered"


def _flipped(whole: bytes, at: int, mask: int) -> bytes:
    return whole[:at] + bytes((whole[at] ^ mask,)) + whole[at + 1 :]


def _only_hash(session: Session) -> str:
    return provenance.by_generation(session, first_generation(session)).file_sha256
