"""Paper in: a signed PDF becomes hashed evidence beside structured terms. It permits nothing.

What binds is the document. It may name a paper (`/paper`), and then whoever signs the document
confirms that it says what that paper says. The PDF is never opened here: its first and last bytes
are looked at, and it is kept, encrypted under the performer's key, for the parties to read.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from sqlmodel import Session, col, select

from app import vault
from app.identity.principal import Principal
from app.licensing.contracts.models import Contract
from app.licensing.contracts.models_paper import ContractPaper
from app.licensing.document import contract as documents
from app.licensing.errors import PaperMissing, PaperNotFound, PaperNotPdf, PaperTooLate

KIND = "signed-paper"
MAX_PAPERS = 20
_HEAD = re.compile(rb"%PDF-(1\.[0-7]|2\.0)[\r\n ]")
_TAIL = re.compile(rb"startxref\s+(\d{1,12})\s+%%EOF\s*$")
_TAIL_BYTES = 1024


def check_is_pdf(file: Path) -> None:
    """Insist on a PDF's first line and its last: nothing in between is read.

    Raises PaperNotPdf.
    """
    size_bytes = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(16)
        opened.seek(max(0, size_bytes - _TAIL_BYTES))
        tail = _TAIL.search(opened.read())
    if not _HEAD.match(head):
        raise PaperNotPdf("the file does not begin as a PDF does (%PDF-1.x); send the scan as PDF")
    if tail is None or int(tail[1]) >= size_bytes:
        raise PaperNotPdf("the file does not end as a PDF does; it was cut short, or added to")


def attach_paper(
    session: Session, contract: Contract, file: Path, *, sha256: str, by: Principal
) -> ContractPaper:
    """Keep a signed paper with a contract that is not in force yet; the same one is kept once.

    Takes the row lock that a signature takes, so nobody signs while it is put in. Raises
    PaperNotPdf, PaperTooLate.
    """
    check_is_pdf(file)
    session.refresh(contract, with_for_update=True)
    kept = papers_of(session, contract)
    for paper in kept:
        if paper.sha256 == sha256:
            return paper
    if contract.executed_at is not None or contract.withdrawn_at is not None:
        raise PaperTooLate(
            f"{contract.series_id} was signed by both sides or withdrawn: paper is attached "
            "before that; offer a document that names it"
        )
    if len(kept) >= MAX_PAPERS:
        raise PaperTooLate(f"{contract.series_id} has {MAX_PAPERS} papers, and takes no more")
    sealed = vault.seal(session, f"contract:{contract.series_id}", KIND, file)
    paper = ContractPaper(
        contract_id=contract.series_id,
        vault_object_id=sealed.id,
        sha256=sha256,
        size_bytes=sealed.size_bytes,
        organization_id=by.organization_id,
        api_key_id=by.api_key_id,
    )
    session.add(paper)
    session.flush()
    return paper


def papers_of(session: Session, contract: Contract) -> Sequence[ContractPaper]:
    """List the papers kept with a contract, oldest first."""
    theirs = select(ContractPaper).where(ContractPaper.contract_id == contract.series_id)
    return session.exec(theirs.order_by(col(ContractPaper.id))).all()


def paper_by_id(session: Session, paper_id: str) -> ContractPaper:
    """Return one paper, whoever asks: insist on a party first. Raises PaperNotFound."""
    paper = session.get(ContractPaper, paper_id)
    if paper is None:
        raise not_found(paper_id)
    return paper


def not_found(paper_id: str) -> PaperNotFound:
    """Return the one answer for what does not exist and for what is somebody else's."""
    return PaperNotFound(f"no paper of a contract of yours has the id {paper_id[:64]}")


def insist_on_paper(session: Session, contract: Contract) -> None:
    """Refuse that anybody signs for a paper that is not here to be read. Raises PaperMissing."""
    named = documents.recorded(contract.document.encode()).paper
    if named is None:
        return
    if named.sha256 not in {paper.sha256 for paper in papers_of(session, contract)}:
        raise PaperMissing(
            f"the document says what a paper with the SHA-256 {named.sha256} says, and no such "
            "paper is attached; attach it (POST /v1/contracts/{id}/paper), and sign then"
        )


def open_paper(session: Session, paper: ContractPaper, *, organization_id: str) -> bytes:
    """Return a paper's bytes, for a party; the opening is on record. Errors as in the vault."""
    return vault.open_bytes(
        session, paper.vault_object_id, purpose="evidence", subject_id=organization_id
    )
