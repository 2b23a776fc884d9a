"""What a simulation starts from: a draft as if signed, or a contract as the server knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from app.licensing.contracts.models import Contract
from app.licensing.contracts.service import contract_of
from app.licensing.deciding.inputs import ContractInForce, State, UseRequest
from app.licensing.decisions.gather import in_force, is_readable, of_performers, state_of, tampered
from app.licensing.document import contract as documents
from app.licensing.document.contract import Contract as Terms
from app.licensing.errors import ContractInvalid
from app.licensing.simulations.simulation import as_if_signed, asked_at, draft, usual_use
from app.licensing.strikes import service as strikes


@dataclass(frozen=True)
class Start:
    """What is asked about, before anything is supposed."""

    terms: Terms
    contract: ContractInForce
    state: State
    usual: UseRequest
    as_if_signed: bool


def parse_draft(document: Mapping[str, Any]) -> Terms:
    """Read a draft. Raises ContractInvalid with a pointer to every field that is wrong."""
    try:
        return documents.parse(document)
    except documents.DocumentRefused as refused:
        problems = [{"pointer": p.pointer, "message": p.message} for p in refused.problems]
        raise ContractInvalid(str(refused), errors=problems) from refused


def terms_of(session: Session, contract: Contract) -> Terms:
    """Read a stored contract. Raises ContractInvalid where it was changed behind our back."""
    broken = contract.series_id in tampered(session, [contract])
    if broken or not is_readable(contract):
        raise ContractInvalid("the stored contract was changed; it permits nothing as it stands")
    return documents.recorded(contract.document.encode())


def from_draft(
    document: Mapping[str, Any], now: datetime, *, generators: Mapping[str, bool]
) -> Start:
    """Start from a draft: nobody's promises to others are looked at, and no record of anybody.

    Its generators are taken at its word, where this installation does not know them. Raises
    ContractInvalid with a pointer to every field that is wrong.
    """
    terms = parse_draft(document)
    named = dict.fromkeys(terms.grant.generators, False)
    return Start(
        terms,
        as_if_signed(draft(terms), now),
        State(generators={**named, **generators}),
        usual_use(terms, asked_at(terms, now)),
        as_if_signed=True,
    )


def from_contract(
    session: Session,
    organization_id: str,
    contract_id: str,
    now: datetime,
    *,
    generators: Mapping[str, bool],
) -> Start:
    """Start from a contract of the caller's, with all that the server knows around it.

    One that is not executed is asked about as if it were. Raises ContractNotFound, ContractInvalid.
    """
    contract = contract_of(session, organization_id, contract_id)
    terms = terms_of(session, contract)
    theirs = session.exec(of_performers([contract.performer_id])).all()
    readable = [each for each in theirs if is_readable(each)]
    unsigned = contract.executed_at is None
    is_theirs = organization_id == contract.licensee_id
    # Who merely drafts is not told what is on record of somebody: a pause, a death, an age.
    known = draft(terms) if unsigned and is_theirs else in_force(session, contract)
    usual = usual_use(terms, asked_at(terms, now))
    switches = strikes.confirmed(session)
    state = state_of(session, readable, [known], usual, generators=generators, switches=switches)
    asked_about = as_if_signed(known, now) if unsigned else known
    return Start(terms, asked_about, state, usual, as_if_signed=unsigned)
