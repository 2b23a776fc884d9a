"""A contract as its parties see it over HTTP: where it stands, its versions, rounds and history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.licensing.boundaries import service as boundaries
from app.licensing.boundaries.api import FindingRead
from app.licensing.boundaries.api import found as found_crossings
from app.licensing.contracts import acts, history, life, service
from app.licensing.contracts.models import Contract
from app.licensing.contracts.names import registered_names
from app.licensing.document import contract as documents
from app.licensing.words import plain_language
from app.licensing.words.api_words import SectionRead, told
from app.licensing.words.differences import differences
from app.registry.models import Performer

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CONTRACT_ID = "con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
ORGANIZATION_ID = "org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"


class SignatureRead(BaseModel):
    """Who signed, in which role, when."""

    model_config = ConfigDict(from_attributes=True)

    role: str = Field(examples=["performer"])
    signing_key_id: str = Field(examples=["sig_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    signed_at: datetime


class ContractRead(BaseModel):
    """One document of a contract: the version in effect, or what is on the table."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=[CONTRACT_ID], description="Of the contract: all versions share it.")
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    licensee_id: str = Field(examples=[ORGANIZATION_ID])
    version: int = Field(examples=[1])
    round: int = Field(examples=[1])
    status: life.State = Field(examples=["active"])
    author_id: str = Field(examples=[ORGANIZATION_ID], description="Who made this document.")
    document_sha256: str = Field(examples=[SHA256])
    signatures: list[SignatureRead]
    ends_at: datetime = Field(description="The first instant after the term.")
    offered_at: datetime | None
    expires_at: datetime | None = Field(description="When the offer lapses, unless executed.")
    executed_at: datetime | None
    effective_at: datetime | None
    suspended_at: datetime | None = Field(examples=[None])
    withdrawn_at: datetime | None = Field(examples=[None])
    open_acts: list[str] = Field(
        examples=[["amend", "suspend", "withdraw"]],
        description="What the caller may do to this document now.",
    )
    plain_language: list[SectionRead] = Field(
        description="The whole document in plain words, each sentence with its field."
    )
    crosses: list[FindingRead] = Field(
        description="Boundaries of the performer's that it crosses, until their side has signed.",
        examples=[[]],
    )


class ChangeRead(BaseModel):
    """One field in which a document differs from the one before it."""

    model_config = ConfigDict(from_attributes=True)

    pointer: str = Field(examples=["/grant/territories/include"], description="RFC 6901.")
    before: Any = Field(examples=[["DE", "FR", "NL"]])
    after: Any = Field(examples=[["DE"]])
    sentence: str = Field(examples=["In DE."], description="What the field says now, if anything.")


class RoundRead(BaseModel):
    """One document on the way to a version, and what it changed."""

    model_config = ConfigDict(from_attributes=True)

    round: int = Field(examples=[2])
    status: life.State = Field(examples=["countered"])
    author_id: str = Field(examples=[ORGANIZATION_ID])
    author_side: str = Field(examples=["performer"])
    document_sha256: str = Field(examples=[SHA256])
    created_at: datetime
    offered_at: datetime | None
    expires_at: datetime | None
    signatures: list[SignatureRead]
    changes: list[ChangeRead] = Field(
        description="Against the round before; of a first round, against the version it amends."
    )


class VersionRead(BaseModel):
    """One version of a contract, with every round of its negotiation."""

    version: int = Field(examples=[1])
    status: life.State = Field(examples=["active"])
    executed_at: datetime | None
    effective_at: datetime | None
    superseded_at: datetime | None = Field(examples=[None])
    rounds: list[RoundRead]


class EventRead(BaseModel):
    """One thing that was done to the contract."""

    number: int = Field(examples=[3])
    at: datetime
    act: life.Act = Field(examples=["sign"])
    actor: life.Actor = Field(examples=["performer"])
    organization_id: str = Field(examples=[ORGANIZATION_ID])
    version: int = Field(examples=[1])
    round: int = Field(examples=[1])
    note: str = Field(examples=[""])
    evidence_sha256: str = Field(
        examples=[SHA256], description="Digest of the stored contract after it; the log has it."
    )


class ContractWhole(ContractRead):
    """A contract with all its versions, the rounds of each, and what was done to it."""

    versions: list[VersionRead]
    events: list[EventRead]


class ContractPage(BaseModel):
    """Contracts, newest first; `next_before` continues the list."""

    items: list[ContractRead]
    next_before: str | None = Field(examples=[None])


def shown(session: Session, contract: Contract, organization_id: str) -> ContractRead:
    """Show one document to a party."""
    return ContractRead(**_fields(session, contract, organization_id))


def shown_whole(session: Session, contract: Contract, organization_id: str) -> ContractWhole:
    """Show a contract to a party, as far as they may see it: not the other side's drafts."""
    found = service.documents_of(session, organization_id, contract.series_id)
    placed = {document.id: document for document in found}
    return ContractWhole(
        **_fields(session, contract, organization_id),
        versions=_versions(session, found),
        events=[
            EventRead(
                **event.model_dump(include=set(EventRead.model_fields)),
                version=placed[event.contract_id].version,
                round=placed[event.contract_id].round,
            )
            for event in history.events_of(session, contract.series_id)
            if event.contract_id in placed
        ],
    )


def _fields(session: Session, contract: Contract, organization_id: str) -> dict[str, Any]:
    performer = session.get_one(Performer, contract.performer_id)
    able_as = acts.capacities(
        session, performer, contract.licensee_id, organization_id, contract_id=contract.series_id
    )
    state = life.state_of(contract, at=clock.now())
    terms = documents.recorded(contract.document.encode())
    return {
        **contract.model_dump(include=set(ContractRead.model_fields) - {"id"}),
        "id": contract.series_id,
        "status": state,
        "open_acts": acts.open_acts(
            able_as,
            state,
            contract.author_side,
            waits_to_be_ratified=service.waits_to_be_ratified(session, contract),
        ),
        "signatures": _signatures(session, contract),
        "plain_language": told(
            plain_language.sections(terms, names=registered_names(session, contract))
        ),
        "crosses": found_crossings(boundaries.unsigned_crossings(session, contract)),
    }


def _signatures(session: Session, contract: Contract) -> list[SignatureRead]:
    signed = service.signatures_of(session, contract)
    return [SignatureRead.model_validate(signature) for signature in signed]


def _versions(session: Session, found: Sequence[Contract]) -> list[VersionRead]:
    """Lay out documents by version, each round with what it changed."""
    at, versions = clock.now(), []
    by_digest = {each.document_sha256: each for each in found if each.executed_at is not None}
    for number in sorted({document.version for document in found}):
        rounds = [document for document in found if document.version == number]
        amends = documents.recorded(rounds[0].document.encode()).amends
        before = by_digest.get(amends.document_sha256) if amends else None
        last = rounds[-1]
        versions.append(
            VersionRead(
                version=number,
                status=life.state_of(last, at=at),
                executed_at=last.executed_at,
                effective_at=last.effective_at,
                superseded_at=last.superseded_at,
                rounds=[
                    RoundRead(
                        **document.model_dump(include=set(RoundRead.model_fields)),
                        status=life.state_of(document, at=at),
                        signatures=_signatures(session, document),
                        changes=changes(earlier, document),
                    )
                    for earlier, document in zip([before, *rounds], rounds, strict=False)
                ],
            )
        )
    return versions


def changes(before: Contract | None, after: Contract) -> list[ChangeRead]:
    """Show what one document changed against another; nothing where there is none before it."""
    if before is None:
        return []
    one, other = (documents.recorded(each.document.encode()) for each in (before, after))
    return [ChangeRead.model_validate(each) for each in differences(one, other)]
