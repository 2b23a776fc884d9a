"""Documents on the table: drafted, offered, countered, declined, retracted, amended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from app import clock
from app.identity.models import Organization
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import acts, life
from app.licensing.contracts.history import By, record
from app.licensing.contracts.life import Act, State
from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.licensing.document import local_days
from app.licensing.errors import ActNotAllowed, ContractInvalid
from app.registry.models import Performer

LONGEST_OFFER = timedelta(days=366)
LIVE = (State.OFFERED, State.COUNTERED, State.SIGNED, State.ACTIVE, State.SUSPENDED)
MAX_ROUNDS = 200


@dataclass(frozen=True)
class Proposal:
    """A document that could be signed, and who would sign it."""

    terms: documents.Contract
    performer: Performer
    licensee_id: str


def offer_contract(
    session: Session,
    organization_id: str,
    document: Mapping[str, Any],
    *,
    draft: bool = False,
    expires_at: datetime | None = None,
    api_key_id: str | None = None,
) -> Contract:
    """Put a document between two parties, or (`draft`) keep it to one's own side for now.

    Neither is bound before both have signed it; it lapses at `expires_at`. The same words between
    the same two are the same contract while that one stands. Raises ContractInvalid with a pointer
    to every field that is wrong, or when the caller is neither party; BoundariesCrossed where it
    asks for what the performer never does.
    """
    proposal = read_proposal(session, document)
    if proposal.terms.amends is not None:
        raise invalid("/amends", "a first version amends nothing; send it as an amendment")
    by = _author(session, proposal, organization_id, api_key_id)
    at = clock.now()
    check_expiry(expires_at, at)
    same = select(Contract).where(
        Contract.performer_id == proposal.performer.id,
        Contract.licensee_id == proposal.licensee_id,
        Contract.document_sha256 == documents.digest(proposal.terms),
        Contract.version == 1,
        col(Contract.offered_at).is_not(None),
    )
    for standing in () if draft else session.exec(same.order_by(col(Contract.id))):
        if life.state_of(standing, at=at) in LIVE:
            return standing
    contract = document_row(proposal, by, at=at)
    contract.series_id = contract.id
    if not draft:
        boundaries.check_offer(session, proposal.performer, organization_id, proposal.terms)
        contract.offered_at, contract.expires_at = at, expires_at
    session.add(contract)
    act = Act.DRAFT if draft else Act.OFFER
    record(session, contract, act, by, at=at)
    acts.tell(session, contract, act, organization_id)
    return contract


def offer_draft(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    expires_at: datetime | None = None,
    api_key_id: str | None = None,
) -> Contract:
    """Put a draft on the table. Raises ActNotAllowed, ContractInvalid, BoundariesCrossed."""
    deed = acts.begin(session, contract, Act.OFFER, organization_id, api_key_id=api_key_id)
    check_expiry(expires_at, deed.at)
    proposal = read_proposal(session, contract.document)
    _check_fits(deed, proposal)
    _check_alone(deed)
    boundaries.check_offer(session, proposal.performer, organization_id, proposal.terms)
    contract.offered_at, contract.expires_at = deed.at, expires_at
    deed.finish()
    return contract


def replace_document(
    session: Session,
    contract: Contract,
    organization_id: str,
    document: Mapping[str, Any],
    *,
    act: Act,
    expires_at: datetime | None = None,
    api_key_id: str | None = None,
) -> Contract:
    """Answer an offer with another document (COUNTER), or change one's own draft (REVISE).

    The earlier round is kept as it was, with whatever signature it had, and binds nobody. Raises
    ActNotAllowed, ContractInvalid, BoundariesCrossed.
    """
    deed = acts.begin(session, contract, act, organization_id, api_key_id=api_key_id)
    proposal = read_proposal(session, _amending(deed, document))
    _check_fits(deed, proposal)
    if documents.digest(proposal.terms) == contract.document_sha256:
        raise invalid("", "these are the very words on the table; sign them, or change some")
    check_expiry(expires_at, deed.at)
    if contract.round >= MAX_ROUNDS:
        raise ActNotAllowed(
            f"{contract.series_id} has gone through {MAX_ROUNDS} rounds; make a new offer",
            state=life.state_of(contract, at=deed.at).value,
            act=act.value,
            open_acts=[],
        )
    answer = document_row(proposal, deed.by, at=deed.at)
    answer.series_id, answer.version = contract.series_id, contract.version
    answer.round = contract.round + 1
    if act is Act.COUNTER:
        boundaries.check_offer(session, proposal.performer, organization_id, proposal.terms)
        answer.counters_id = contract.id
        answer.offered_at, answer.expires_at = deed.at, expires_at
    contract.replaced_at = deed.at
    deed.finish(on=answer)
    return answer


def decline_offer(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    note: str = "",
    api_key_id: str | None = None,
) -> Contract:
    """Say no to what is on the table. Raises ActNotAllowed."""
    deed = acts.begin(session, contract, Act.DECLINE, organization_id, api_key_id=api_key_id)
    contract.declined_at = deed.at
    deed.finish(note=note)
    return contract


def retract_offer(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    note: str = "",
    api_key_id: str | None = None,
) -> Contract:
    """Take one's own document off the table, before both have signed it. Raises ActNotAllowed."""
    deed = acts.begin(session, contract, Act.RETRACT, organization_id, api_key_id=api_key_id)
    contract.retracted_at = deed.at
    deed.finish(note=note)
    return contract


def amend_contract(
    session: Session,
    contract: Contract,
    organization_id: str,
    document: Mapping[str, Any],
    *,
    draft: bool = False,
    expires_at: datetime | None = None,
    api_key_id: str | None = None,
) -> Contract:
    """Offer the next version of a contract in force; nothing changes until both have signed it.

    The document says in `amends` which version it takes the place of (it is filled in where it
    is left out), and may say from when. Raises ActNotAllowed, ContractInvalid, BoundariesCrossed.
    """
    deed = acts.begin_on_whole(session, contract, Act.AMEND, organization_id, api_key_id=api_key_id)
    check_expiry(expires_at, deed.at)
    proposal = read_proposal(session, _amending(deed, document))
    _check_fits(deed, proposal)
    row = document_row(proposal, deed.by, at=deed.at)
    row.series_id = contract.series_id
    row.version = 1 + max(each.version for each in deed.documents)
    if not draft:
        _check_alone(deed)
        boundaries.check_offer(session, proposal.performer, organization_id, proposal.terms)
        row.offered_at, row.expires_at = deed.at, expires_at
    deed.finish(on=row)
    return row


def read_proposal(session: Session, document: Mapping[str, Any] | str) -> Proposal:
    """Read a document as one that could be signed, and lock its performer. Raises ContractInvalid.

    The lock keeps two offers of the same words from becoming two contracts.
    """
    try:
        terms = documents.parse(document)
    except documents.DocumentRefused as refused:
        problems = [{"pointer": p.pointer, "message": p.message} for p in refused.problems]
        raise ContractInvalid(str(refused), errors=problems) from refused
    performer = session.get(Performer, terms.performer.id, with_for_update=True)
    licensee = session.get(Organization, terms.licensee)
    if performer is None or licensee is None:
        raise invalid(
            "/performer/id" if performer is None else "/licensee",
            "nobody is registered under this id; take ids from the registry",
        )
    return Proposal(terms, performer, licensee.id)


def document_row(proposal: Proposal, by: By, *, at: datetime) -> Contract:
    """Return a row for a document, not yet placed in any series."""
    return Contract(
        series_id="",
        performer_id=proposal.performer.id,
        licensee_id=proposal.licensee_id,
        author_id=by.organization_id,
        author_side=life.side_of(by.actor),
        document=documents.canonical(proposal.terms).decode(),
        document_sha256=documents.digest(proposal.terms),
        ends_at=local_days.instant(proposal.terms.grant.term.ends_at),
        created_at=at,
    )


def check_expiry(expires_at: datetime | None, at: datetime) -> None:
    """Insist that an offer stands for some time, and not for ever. Raises ContractInvalid."""
    if expires_at is not None and not at < expires_at <= at + LONGEST_OFFER:
        raise ContractInvalid(
            f"an offer stands for up to {LONGEST_OFFER.days} days from now; "
            f"{expires_at.isoformat()} is not within them",
            errors=[{"pointer": "/expires_at", "message": "in the past, or too far ahead"}],
        )


def invalid(pointer: str, message: str) -> ContractInvalid:
    """Return the refusal of a document for one field."""
    return ContractInvalid(
        f"{pointer or '/'}: {message}", errors=[{"pointer": pointer, "message": message}]
    )


def _author(
    session: Session, proposal: Proposal, organization_id: str, api_key_id: str | None
) -> By:
    able_as = acts.capacities(session, proposal.performer, proposal.licensee_id, organization_id)
    for actor, allowed in able_as.items():
        if allowed is None or acts.NEEDS[Act.OFFER] in allowed:
            return By(organization_id, actor, api_key_id)
    raise ContractInvalid("you are neither party of this contract; only a party offers it")


def _amending(deed: acts.Deed, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill in which version a later one amends, as far as its author has left that to us."""
    said = document.get("amends") or {}
    if not deed.executed or not isinstance(said, Mapping):
        return document
    newest = deed.executed[-1]
    amends = {"contract": newest.series_id, "document_sha256": newest.document_sha256, **said}
    return {**document, "amends": amends}


def _check_fits(deed: acts.Deed, proposal: Proposal) -> None:
    """Insist on the two whose contract it is, and that a later version amends the newest one."""
    contract, amends = deed.contract, proposal.terms.amends
    if proposal.performer.id != contract.performer_id:
        raise invalid("/performer/id", f"{contract.series_id} is with {contract.performer_id}")
    if proposal.licensee_id != contract.licensee_id:
        raise invalid("/licensee", f"{contract.series_id} is with {contract.licensee_id}")
    if not deed.executed:
        if amends is not None:
            raise invalid("/amends", "there is no version in force that this could amend")
        return
    newest = deed.executed[-1]
    expected = (newest.series_id, newest.document_sha256)
    if amends is None or (amends.contract, amends.document_sha256) != expected:
        raise invalid(
            "/amends",
            f"the newest version of {newest.series_id} is {newest.version}, with the document "
            f"{newest.document_sha256}; amend that one",
        )


def _check_alone(deed: acts.Deed) -> None:
    """Insist that no other version is on the table. Raises ActNotAllowed."""
    for other in deed.documents:
        state = life.state_of(other, at=deed.at)
        if state in life.ON_THE_TABLE and other is not deed.contract:
            raise ActNotAllowed(
                f"version {other.version} of {other.series_id} is on the table already: sign, "
                "counter or decline that one, or have it retracted",
                state=state.value,
                act=deed.act.value,
                open_acts=[],
            )
