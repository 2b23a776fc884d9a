"""What rooms record, what parties open, what readers are proved, what witnesses add."""

import dataclasses
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import select

from app import db
from app.transparency import leaf, note, service
from app.transparency.errors import (
    CheckpointNotFound,
    LeafNotFound,
    LeafNotPublished,
    LeafRefused,
    NoteRefused,
    ProofRefused,
)
from app.transparency.models import LogOutbox
from app.transparency.proof import verify_proof

WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS_KEY = note.VerifierKey(
    "witness.example/w", WITNESS.public_key().public_bytes_raw(), note.COSIGNATURE
)
TERMS = {"performer": "Jane Doe", "fee_minor": 125_000}


class TestRecord:
    def test_keeps_a_commitment_and_a_salt_and_nothing_of_the_terms(self, log, session):
        outbox_id = service.record(session, "contract-executed", "con_1", TERMS)
        row = session.get(LogOutbox, outbox_id)
        assert (row.kind, row.subject_id, len(row.salt)) == ("contract-executed", "con_1", 16)
        assert "Jane" not in repr(row.model_dump())
        assert "125000" not in repr(row.model_dump())

    def test_refuses_an_unknown_kind_and_a_name_as_subject(self, log, session):
        for kind, subject_id in (("gossip", "con_1"), ("decision", "Jane Doe")):
            with pytest.raises(LeafRefused):
                service.record(session, kind, subject_id, {})

    @pytest.mark.parametrize("kind", list(leaf.LeafKind))
    def test_every_kind_is_stored_in_both_databases(self, kind, log, session):
        row = session.get(LogOutbox, service.record(session, kind, "sub_1", {}))
        assert leaf.parse_leaf(row.entry.encode()).kind == kind


class TestOpenCommitment:
    def test_whoever_holds_payload_and_salt_can_prove_what_was_logged(self, log, session):
        opened = service.opening(
            session, service.record(session, "contract-executed", "con_1", TERMS)
        )
        entry, salt = opened["entry"].encode(), bytes.fromhex(opened["salt"])
        assert leaf.open_leaf(entry, "con_1", TERMS, salt=salt).kind == "contract-executed"
        with pytest.raises(ProofRefused):
            leaf.open_leaf(entry, "con_1", TERMS | {"fee_minor": 1}, salt=salt)

    def test_erasing_the_salt_leaves_the_log_intact_and_silent(
        self, log_rows, run, look, signer, session
    ):
        log_rows(2)
        before = run()
        assert service.erase_salts(session, "gen_0") == 1
        assert service.erase_salts(session, "gen_0") == 0
        session.commit()
        row = look.exec(select(LogOutbox).where(LogOutbox.subject_id == "gen_0")).one()
        assert service.opening(look, row.id)["salt"] is None
        assert run() == before
        proof = service.inclusion_proof(look, row.id)
        verify_proof(json.dumps(proof.to_json()), signer.key)

    def test_nothing_recorded_is_nothing_opened(self, log, session):
        with pytest.raises(LeafNotFound):
            service.opening(session, "obx_unknown")


class TestProveInclusion:
    def test_a_stranger_checks_it_offline_for_every_leaf_and_size(
        self, log_rows, run, look, signer
    ):
        ids = log_rows(3)
        run()
        ids += log_rows(300)
        run()
        for index, outbox_id in enumerate(ids):
            for which in (index, outbox_id):
                proof = service.inclusion_proof(look, which)
                head = verify_proof(json.dumps(proof.to_json()), signer.key)
                assert (head.size, proof.leaf_index) == (303, index)
        small = service.inclusion_proof(look, ids[1], size=3)
        assert verify_proof(json.dumps(small.to_json()), signer.key).size == 3

    def test_a_tampered_proof_is_refused_member_by_member(self, log_rows, run, look, signer):
        log_rows(5)
        run()
        log_rows(1)
        run()
        good = service.inclusion_proof(look, 2, size=5).to_json()
        other = service.inclusion_proof(look, 3, size=5).to_json()
        newer = service.inclusion_proof(look, 2, size=6).to_json()
        verify_proof(json.dumps(good), signer.key)
        for change in (
            {"v": 2},
            {"type": "consistency"},
            {"type": None},
            {"leaf_index": 3},
            {"leaf_index": True},
            {"leaf_index": "2"},
            {"entry": other["entry"]},
            {"entry": "\ud800"},
            {"path": other["path"]},
            {"path": good["path"][:-1]},
            {"path": ["zz"]},
            {"path": [7]},
            {"path": None},
            {"checkpoint": newer["checkpoint"]},
            {"checkpoint": None},
            {"checkpoint": good["checkpoint"].replace("\n5\n", "\n6\n")},
        ):
            with pytest.raises((ProofRefused, NoteRefused)):
                verify_proof(json.dumps(good | change), signer.key)

    @pytest.mark.parametrize("document", ["", "[]", "7", "[" * 100_000, '{"v":1}', b"\xff"])
    def test_what_is_no_proof_is_refused(self, document, signer):
        with pytest.raises(ProofRefused):
            verify_proof(document, signer.key)

    def test_says_what_is_missing(self, log_rows, run, look):
        (first,) = log_rows(1)
        with pytest.raises(LeafNotPublished, match="waits for the sequencer"):
            service.inclusion_proof(look, first)
        look.rollback()
        run()
        (second,) = log_rows(1)
        run()
        look.rollback()
        with pytest.raises(LeafNotPublished, match="not in the checkpoint of 1"):
            service.inclusion_proof(look, second, size=1)
        with pytest.raises(CheckpointNotFound, match="signed at 7"):
            service.inclusion_proof(look, 0, size=7)
        for unknown in (2, "obx_unknown"):
            with pytest.raises(LeafNotFound):
                service.inclusion_proof(look, unknown)


class TestProveConsistency:
    def test_a_stranger_checks_that_the_log_only_grew(self, log_rows, run, look, signer):
        sizes = []
        for count in (1, 2, 300, 5):
            log_rows(count)
            sizes.append(run().size)
        for old in sizes:
            for new in (size for size in sizes if size >= old):
                proof = service.consistency_proof(look, old, size=new).to_json()
                assert verify_proof(json.dumps(proof), signer.key).size == new
        with pytest.raises(CheckpointNotFound, match="swap"):
            service.consistency_proof(look, 303, size=1)

    def test_checkpoints_of_two_histories_have_no_proof(self, log_rows, run, look, signer):
        # The planted fault: the same key signs another past of the same size.
        log_rows(3)
        run()
        log_rows(1)
        run()
        proof = service.consistency_proof(look, 3)
        past = note.parse_checkpoint(note.parse_note(proof.old_checkpoint.encode()).text)
        forged = note.sign_checkpoint(dataclasses.replace(past, root=b"f" * 32), signer)
        document = proof.to_json() | {"old_checkpoint": str(forged)}
        with pytest.raises(ProofRefused):
            verify_proof(json.dumps(document), signer.key)


class TestAddCosignatures:
    def test_serves_a_witness_line_with_the_checkpoint_it_saw(self, log_rows, run, signer):
        log_rows(2)
        run()
        with db.writing() as session:
            line = cosign(service.checkpoint_at(session).note)
            for _ in range(2):  # the same line again changes nothing
                checkpoint = service.add_cosignatures(session, 2, [line], [WITNESS_KEY])
        text = service.checkpoint_text(checkpoint)
        parsed = note.parse_note(text.encode())
        assert note.witnessed_by(parsed, [WITNESS_KEY]) == {WITNESS_KEY.name: 1_700_000_000}
        assert len(parsed.signatures) == 2
        assert note.open_checkpoint(text.encode(), signer.key).size == 2

    def test_refuses_strangers_and_lines_for_other_checkpoints(self, log_rows, run):
        log_rows(2)
        run()
        with db.writing() as session:
            signed = service.checkpoint_at(session).note
            with pytest.raises(NoteRefused, match="not a witness"):
                service.add_cosignatures(session, 2, [cosign(signed)], [])
            false = cosign(signed.replace("\n2\n", "\n3\n"))
            with pytest.raises(NoteRefused, match="does not fit"):
                service.add_cosignatures(session, 2, [false], [WITNESS_KEY])
            assert service.checkpoint_at(session).cosignatures == ""


def cosign(signed: str) -> str:
    at, text = 1_700_000_000, note.parse_note(signed.encode()).text
    value = WITNESS.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
    line = note.Signature(WITNESS_KEY.name, WITNESS_KEY.key_id, at.to_bytes(8, "big") + value)
    return str(line)
