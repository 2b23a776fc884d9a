"""The vault: sealed likenesses open for a recorded purpose, whole, or not at all."""

import os
from pathlib import Path

import pytest
from sqlmodel import Session, select

from app import sandbox, storage, vault
from app.config import settings
from app.vault import (
    LikenessErased,
    PerformerKey,
    PurposeUnknown,
    VaultKeyMissing,
    VaultObject,
    VaultObjectAltered,
    VaultObjectUnknown,
    VaultOpening,
)

LIKENESS = b"the unmistakable likeness of somebody " * 100_000  # 3.8 MB: several segments


def opened(session: Session, thing: VaultObject) -> bytes:
    return vault.open_bytes(session, thing.id, purpose="owner-viewing", subject_id="gen_1")


def ciphertext_of(thing: VaultObject) -> Path:
    return settings().objects_dir / thing.storage_key


def key_of(owner_id: str) -> Path:
    return settings().performer_keys_dir / owner_id


def bytes_everywhere(*places: Path) -> bytes:
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


class TestSealAndOpen:
    @pytest.mark.parametrize("size", [0, 1, 1 << 20, len(LIKENESS)])
    def test_what_was_sealed_is_what_opens(self, session, size):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS[:size])
        assert opened(session, thing) == LIKENESS[:size]
        assert thing.size_bytes == size

    def test_a_file_opens_into_a_new_file_only_its_owner_can_read(self, session, tmp_path):
        source = tmp_path / "portrait.jpg"
        source.write_bytes(LIKENESS)
        thing = vault.seal(session, "per_1", "portrait", source)
        to = tmp_path / "opened"
        vault.open_to(session, thing.id, to, purpose="owner-viewing", subject_id="per_1")
        assert to.read_bytes() == LIKENESS
        assert to.stat().st_mode & 0o777 == 0o600

    def test_two_sealings_of_one_picture_share_no_ciphertext_and_no_key(self, session):
        one = vault.seal(session, "per_1", "portrait", LIKENESS)
        other = vault.seal(session, "per_1", "portrait", LIKENESS)
        assert ciphertext_of(one).read_bytes() != ciphertext_of(other).read_bytes()
        assert one.wrapped_key != other.wrapped_key

    def test_an_unknown_object_is_named(self, session):
        with pytest.raises(VaultObjectUnknown, match="vob_nope"):
            vault.open_bytes(session, "vob_nope", purpose="owner-viewing", subject_id="gen_1")


class TestRecordOpenings:
    def test_every_opening_names_object_purpose_and_subject(self, session):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        assert session.exec(select(VaultOpening)).all() == []
        opened(session, thing)
        vault.open_bytes(session, thing.id, purpose="export", subject_id="per_1")
        records = session.exec(select(VaultOpening).order_by(VaultOpening.id)).all()
        assert {(r.object_id, r.purpose, r.subject_id) for r in records} == {
            (thing.id, "owner-viewing", "gen_1"),
            (thing.id, "export", "per_1"),
        }

    def test_a_purpose_outside_the_closed_set_opens_nothing(self, session):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        with pytest.raises(PurposeUnknown, match="curiosity"):
            vault.open_bytes(session, thing.id, purpose="curiosity", subject_id="me")  # type: ignore[arg-type]

    def test_a_failed_opening_is_on_record_too(self, session):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        ciphertext_of(thing).write_bytes(b"")
        with pytest.raises(VaultObjectAltered):
            opened(session, thing)
        assert len(session.exec(select(VaultOpening)).all()) == 1


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


TAMPERINGS = {
    "emptied": lambda data: b"",
    "cut inside the header": lambda data: data[:20],
    "cut at a segment's end": lambda data: data[: 2 << 20],
    "cut by one byte": lambda data: data[:-1],
    "lengthened": lambda data: data + b"x",
    "flipped in the header": lambda data: flip(data, 3),
    "flipped in the first segment": lambda data: flip(data, 1000),
    "flipped in the last byte": lambda data: flip(data, len(data) - 1),
    "segments swapped": lambda data: data[: 1 << 20] + data[2 << 20 : 3 << 20] + data[1 << 20 :],
}


class TestTampering:
    @pytest.mark.parametrize("tampering", TAMPERINGS)
    def test_an_altered_ciphertext_is_named_and_no_plaintext_is_left(
        self, session, tmp_path, monkeypatch, tampering
    ):
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        path = ciphertext_of(thing)
        path.write_bytes(TAMPERINGS[tampering](path.read_bytes()))
        with pytest.raises(VaultObjectAltered, match=thing.id):
            vault.open_to(
                session, thing.id, tmp_path / "to", purpose="owner-viewing", subject_id="g"
            )
        assert not (tmp_path / "to").exists()
        assert LIKENESS[:38] not in bytes_everywhere(tmp_path)

    def test_the_ciphertext_of_another_object_does_not_open_in_its_place(self, session):
        mine = vault.seal(session, "per_1", "portrait", LIKENESS)
        other = vault.seal(session, "per_1", "portrait", b"another")
        ciphertext_of(mine).write_bytes(ciphertext_of(other).read_bytes())
        with pytest.raises(VaultObjectAltered):
            opened(session, mine)

    def test_not_even_together_with_its_key(self, session):
        mine = vault.seal(session, "per_1", "portrait", LIKENESS)
        other = vault.seal(session, "per_1", "portrait", b"another")
        ciphertext_of(mine).write_bytes(ciphertext_of(other).read_bytes())
        mine.wrapped_key, mine.size_bytes = other.wrapped_key, other.size_bytes
        with pytest.raises(VaultObjectAltered):
            opened(session, mine)

    @pytest.mark.parametrize("field", ["owner_id", "kind"])
    def test_an_object_moved_to_another_owner_or_kind_does_not_open(self, session, field):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        vault.seal(session, "per_2", "portrait", LIKENESS)
        setattr(thing, field, "per_2")
        with pytest.raises(VaultObjectAltered):
            opened(session, thing)

    def test_the_key_of_another_performer_does_not_open_in_its_place(self, session):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        vault.seal(session, "per_2", "portrait", LIKENESS)
        key_of("per_1").write_bytes(key_of("per_2").read_bytes())
        with pytest.raises(VaultObjectAltered, match="per_1"):
            opened(session, thing)

    def test_a_key_that_is_lost_is_not_called_destroyed(self, session):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        key_of("per_1").unlink()
        with pytest.raises(VaultKeyMissing, match="bring that store back"):
            opened(session, thing)

    def test_a_sealing_that_was_rolled_back_does_not_bar_the_next(self, session):
        vault.seal(session, "per_1", "portrait", LIKENESS)
        session.rollback()
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        assert opened(session, thing) == LIKENESS

    def test_another_root_key_opens_nothing(self, session, monkeypatch):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        monkeypatch.setattr("app.keys.secret", lambda purpose: os.urandom(32))
        with pytest.raises(VaultObjectAltered, match="root key"):
            opened(session, thing)

    def test_a_size_that_does_not_match_is_not_released(self, session, tmp_path):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        thing.size_bytes -= 1
        session.flush()
        with pytest.raises(VaultObjectAltered):
            vault.open_to(
                session, thing.id, tmp_path / "to", purpose="owner-viewing", subject_id="g"
            )
        assert not (tmp_path / "to").exists()


def erase(session: Session, owner_id: str) -> None:
    vault.erase_owner(session, owner_id)
    session.commit()
    vault.finish_erasure(session, owner_id)
    session.commit()


class TestErasure:
    def test_every_object_of_the_performer_is_unreadable_and_no_other(self, session):
        gone = [vault.seal(session, "per_1", kind, LIKENESS) for kind in ("portrait", "voice")]
        kept = vault.seal(session, "per_2", "portrait", LIKENESS)
        assert vault.erase_owner(session, "per_1") == gone
        for thing in gone:
            with pytest.raises(LikenessErased, match="per_1"):
                opened(session, thing)
        assert opened(session, kept) == LIKENESS

    def test_it_is_final_nothing_new_is_sealed_and_repeating_it_is_harmless(self, session):
        vault.seal(session, "per_1", "portrait", LIKENESS)
        erase(session, "per_1")
        first = session.get_one(PerformerKey, "per_1").model_dump()
        erase(session, "per_1")
        assert session.get_one(PerformerKey, "per_1").model_dump() == first
        with pytest.raises(LikenessErased):
            vault.seal(session, "per_1", "portrait", LIKENESS)

    def test_key_and_ciphertexts_are_gone_from_the_disk(self, session, data_dir):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        key, ciphertext = key_of("per_1").read_bytes(), ciphertext_of(thing).read_bytes()
        session.commit()
        assert key in bytes_everywhere(data_dir)
        assert ciphertext[:100] in bytes_everywhere(data_dir)
        erase(session, "per_1")
        assert key not in bytes_everywhere(data_dir)
        assert ciphertext[:100] not in bytes_everywhere(data_dir)

    def test_killed_between_the_decision_and_the_deed_it_is_finished_later(self, session):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        vault.erase_owner(session, "per_1")
        session.commit()
        with pytest.raises(LikenessErased):
            opened(session, thing)
        assert vault.unfinished_erasures(session) == ["per_1"]
        vault.finish_erasure(session, "per_1")
        assert vault.unfinished_erasures(session) == []
        assert not ciphertext_of(thing).exists()

    def test_nothing_is_destroyed_that_nobody_decided(self, session):
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        with pytest.raises(ValueError, match="nobody decided"):
            vault.finish_erasure(session, "per_1")
        assert opened(session, thing) == LIKENESS

    def test_backups_of_ciphertexts_and_database_do_not_undo_it(self, session):
        """Put back after the erasure, they open nothing: the key is in neither."""
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        ciphertext, key = storage.get(thing.storage_key), key_of("per_1").read_bytes()
        erase(session, "per_1")
        storage.put_new(thing.storage_key, ciphertext)
        row = session.get_one(PerformerKey, "per_1")
        row.destroyed_at = row.gone_at = None  # as it was before
        session.flush()
        with pytest.raises(LikenessErased):
            opened(session, thing)
        # The planted fault: keys backed up for as long as the rest.
        key_of("per_1").write_bytes(key)
        assert opened(session, thing) == LIKENESS


class TestNothingInTheClear:
    def test_no_place_holds_the_likeness_and_the_search_finds_a_planted_one(
        self, session, data_dir, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        thing = vault.seal(session, "per_1", "portrait", LIKENESS)
        assert opened(session, thing) == LIKENESS
        session.commit()
        everywhere = bytes_everywhere(data_dir, tmp_path)
        assert LIKENESS[:38] not in everywhere
        assert len(everywhere) > len(LIKENESS)  # the ciphertext was searched
        storage.put_new("planted", LIKENESS)  # the planted fault: a store in the clear
        assert LIKENESS[:38] in bytes_everywhere(data_dir, tmp_path)


class TestSweep:
    def test_what_a_killed_process_left_is_removed_and_a_living_one_s_is_not(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        dead = tmp_path / "understudy-4194305-abc"  # above the largest pid there can be
        dead.mkdir()
        (dead / "opened").write_bytes(LIKENESS)
        with sandbox.private_directory() as living:
            assert sandbox.sweep_private_directories() == 1
            assert living.exists()
        assert not dead.exists()
