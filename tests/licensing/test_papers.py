"""Paper in: evidence beside terms, which permits nothing until both sides confirm the terms."""

import hashlib

import pytest
from sqlmodel import Session, select

from app import storage, vault
from app.licensing.contracts import papers, service
from app.licensing.contracts.models_paper import ContractPaper
from app.licensing.errors import PaperMissing, PaperNotPdf, PaperTooLate
from app.licensing.paper.service import paper_of
from app.vault import VaultOpening
from tests.licensing.papers import a_pdf, attached
from tests.scenes import Change, Scene, a_scene, offered, sign

PDF = a_pdf()
DIGEST = hashlib.sha256(PDF).hexdigest()
NO_PDF = {
    "nothing": b"",
    "a text": b"I agree to everything. " * 50,
    "a picture called PDF": b"\xff\xd8\xff\xe0" + PDF,
    "no version": PDF.replace(b"%PDF-1.4", b"%PDF-9.9"),
    "cut short": PDF[:-20],
    "added to": PDF + b"<script>alert(1)</script>",
    "a table beyond its end": PDF.replace(b"startxref\n", b"startxref\n9999"),
    "no table": PDF.replace(b"startxref", b"startxxxx"),
}


def naming(paper: bytes) -> Change:
    """Let the document say what this paper says."""
    named = {"sha256": hashlib.sha256(paper).hexdigest(), "signed_on": "2026-11-20"}
    return lambda document: document.update(paper=named)


@pytest.fixture
def on_paper(session: Session) -> Scene:
    """An offer that names a paper, and nobody has signed."""
    return offered(session, a_scene(session, signed=False), naming(PDF))


def attach(session: Session, scene: Scene, content: bytes = PDF) -> ContractPaper:
    owner = scene.production.organization.id
    return attached(session, scene.contract, content, organization_id=owner)


class TestAttachPaper:
    def test_keeps_it_encrypted_and_gives_it_back_as_it_was(self, session, on_paper):
        paper = attach(session, on_paper)
        assert (paper.sha256, paper.size_bytes) == (DIGEST, len(PDF))
        sealed = session.get_one(vault.VaultObject, paper.vault_object_id)
        assert sealed.owner_id == f"contract:{on_paper.contract.series_id}"
        assert b"signed by hand" not in storage.get(sealed.storage_key)
        owner = on_paper.desk.organization.id
        assert papers.open_paper(session, paper, organization_id=owner) == PDF
        opening = session.exec(select(VaultOpening)).one()
        assert (opening.purpose, opening.subject_id) == ("evidence", owner)

    def test_keeps_several_and_the_same_one_once(self, session, on_paper):
        first = attach(session, on_paper)
        assert attach(session, on_paper).id == first.id
        second = attach(session, on_paper, a_pdf("annex"))
        kept = [each.id for each in papers.papers_of(session, on_paper.contract)]
        assert kept == [first.id, second.id]

    def test_keeps_no_more_than_a_score(self, session, on_paper, monkeypatch):
        monkeypatch.setattr(papers, "MAX_PAPERS", 1)
        attach(session, on_paper)
        with pytest.raises(PaperTooLate, match="no more"):
            attach(session, on_paper, a_pdf("annex"))

    @pytest.mark.parametrize("case", NO_PDF)
    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_refuses_what_is_no_pdf(self, session, on_paper, case):
        with pytest.raises(PaperNotPdf):
            attach(session, on_paper, NO_PDF[case])
        assert papers.papers_of(session, on_paper.contract) == []

    def test_takes_what_we_make_ourselves(self, session, on_paper):
        made = paper_of(session, on_paper.contract)
        assert attach(session, on_paper, made).size_bytes == len(made)

    def test_refuses_paper_for_what_is_in_force_or_withdrawn(self, session, on_paper):
        attach(session, on_paper)
        sign(session, on_paper)
        with pytest.raises(PaperTooLate):
            attach(session, on_paper, a_pdf("afterwards"))
        assert attach(session, on_paper).sha256 == DIGEST
        service.withdraw_contract(session, on_paper.contract, on_paper.desk.organization.id)
        with pytest.raises(PaperTooLate):
            attach(session, on_paper, a_pdf("after that"))

    def test_the_performer_s_erasure_leaves_it_to_both_parties(self, session, on_paper):
        """A signed contract is a record, and not a likeness: it has a key of its own."""
        paper = attach(session, on_paper)
        vault.erase_owner(session, on_paper.performer.id)
        assert papers.open_paper(session, paper, organization_id="org_1").startswith(b"%PDF")


class TestConfirm:
    def test_paper_alone_permits_nothing(self, session, on_paper):
        attach(session, on_paper)
        decision, generation = on_paper.ask(session)
        assert (decision.outcome, decision.codes) == ("deny", ["CONTRACT_NOT_EXECUTED"])
        assert generation is None

    def test_one_side_alone_confirms_nothing(self, session, on_paper):
        attach(session, on_paper)
        service.sign_contract(
            session,
            on_paper.contract,
            on_paper.production.organization.id,
            role="licensee",
            jws=on_paper.production.sign(on_paper.contract, "licensee"),
        )
        decision, _ = on_paper.ask(session)
        assert decision.codes == ["CONTRACT_NOT_EXECUTED"]

    def test_what_both_sides_sign_names_the_paper_and_then_permits(self, session, on_paper):
        attach(session, on_paper)
        sign(session, on_paper)
        assert f'"paper":{{"sha256":"{DIGEST}"' in on_paper.contract.document
        decision, generation = on_paper.ask(session)
        assert decision.outcome == "permit"
        assert generation is not None

    def test_nobody_signs_for_a_paper_that_is_not_here(self, session, on_paper):
        attach(session, on_paper, a_pdf("another paper"))
        with pytest.raises(PaperMissing, match="no such paper"):
            sign(session, on_paper)
        assert on_paper.contract.executed_at is None

    def test_a_document_that_names_no_paper_needs_none(self, session):
        scene = a_scene(session, signed=False)
        attach(session, scene)
        sign(session, scene)
        assert scene.contract.executed_at is not None
