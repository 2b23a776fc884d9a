"""Routes about contracts and decisions."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing import boundaries, decisions, service
from app.licensing import contract as documents
from app.licensing.api_boundaries import FindingRead, found
from app.licensing.api_words import SectionRead, told
from app.licensing.approval_requests import what_to_ask
from app.licensing.errors import (
    AlreadySigned,
    BoundariesCrossed,
    BoundariesNotAcknowledged,
    ContractAlreadyWithdrawn,
    ContractInvalid,
    ContractNotFound,
    DecisionNotFound,
    PaperMissing,
    SignatureRefused,
)
from app.licensing.example import DOCUMENT
from app.licensing.models import Contract
from app.licensing.names import registered_names
from app.problems import shows

router = APIRouter(prefix="/v1", tags=["licensing"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class ContractCreate(BaseModel):
    """A contract document, offered by one of its two parties."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(
        description="The terms, as `/v1/schemas/contract` describes them.",
        examples=[DOCUMENT],
    )


class SignatureRead(BaseModel):
    """Who signed, in which role, when."""

    model_config = ConfigDict(from_attributes=True)

    role: str = Field(examples=["performer"])
    signing_key_id: str = Field(examples=["sig_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    signed_at: datetime


class ContractRead(BaseModel):
    """A contract as its parties see it."""

    id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    licensee_id: str = Field(examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    version: int = Field(examples=[1])
    status: str = Field(examples=["active"], description="offered, active or withdrawn")
    document_sha256: str = Field(examples=[SHA256])
    signatures: list[SignatureRead]
    executed_at: datetime | None
    withdrawn_at: datetime | None = Field(examples=[None])
    plain_language: list[SectionRead] = Field(
        description="The whole document in plain words, each sentence with its field."
    )
    crosses: list[FindingRead] = Field(
        description="Boundaries of the performer's that it crosses, until their side has signed.",
        examples=[[]],
    )


class SignatureCreate(BaseModel):
    """A detached JWS over the contract's canonical bytes, made on the signer's own device."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["performer", "licensee"]
    jws: str = Field(
        max_length=4096,
        examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6InNpZ18wMUpEIiwicm9sZSI6InBlcmZvcm1lciJ9..MEUCIQ"],
        description="RFC 7515 appendix F; its header names `alg`, `kid` and `role`.",
    )
    acknowledged: list[Annotated[str, Field(max_length=400)]] = Field(
        default=[],
        max_length=1000,
        examples=[["/content/nudity"]],
        description="Of the performer's side: the `boundary` of every finding in `crosses`.",
    )


class ApprovalNeeded(BaseModel):
    """A human's yes that a use needs and has not."""

    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kind: str = Field(examples=["use"])
    roles: list[str] = Field(examples=[["performer"]])
    content_tags: list[str] = Field(examples=[[]])
    sublicensee: str | None = Field(examples=[None])
    transferee: str | None = Field(examples=[None])
    training_scope: str | None = Field(examples=[None])


class DecisionRead(BaseModel):
    """One answer of the policies, as the asking party sees it."""

    id: str = Field(examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    at: datetime
    outcome: Literal["permit", "needs-approval", "deny"]
    codes: list[str] = Field(examples=[["TERRITORY_NOT_LICENSED"]])
    obligations: list[str] = Field(examples=[["c2pa_sign", "watermark"]])
    explanations: list[dict[str, Any]] = Field(
        examples=[
            [
                {
                    "policy": "TERRITORY_NOT_LICENSED",
                    "outcome": "deny",
                    "summary": "The use reaches a place the contract does not cover.",
                    "source": "contract, grant.territories",
                    "contract_id": "con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
                    "clause": "/grant/territories",
                    "next_step": "Leave those places out, or agree an amendment that adds them.",
                }
            ]
        ]
    )
    approvals_needed: list[ApprovalNeeded] = Field(
        description="Whose yes is missing now; `POST /v1/approvals` asks for it."
    )
    policy_digest: str = Field(examples=[SHA256])
    receipt: str = Field(
        description="Signed statement (JWS) of this decision, free of terms.",
        examples=["eyJhbGciOiJFUzI1NiJ9.eyJ2IjoxLCJvdXRjb21lIjoiZGVueSJ9.MEUCIQ"],
    )


def _read(session: Session, contract: Contract) -> ContractRead:
    return ContractRead(
        **contract.model_dump(include=set(ContractRead.model_fields) & set(Contract.model_fields)),
        status=contract.status,
        signatures=[
            SignatureRead.model_validate(signature)
            for signature in service.signatures_of(session, contract)
        ],
        plain_language=told(
            documents.plain_sections(
                documents.recorded(contract.document.encode()),
                names=registered_names(session, contract),
            )
        ),
        crosses=found(boundaries.unsigned_crossings(session, contract)),
    )


@router.get(
    "/schemas/contract",
    tags=["public"],
    responses=shows({"title": "Contract", "type": "object", "required": ["v", "instrument"]}),
)
def read_contract_schema() -> dict[str, Any]:
    """Give the JSON Schema of the contract document. Public."""
    return documents.json_schema()


@router.post(
    "/contracts",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(ContractInvalid, BoundariesCrossed),
)
def offer_contract(body: ContractCreate, act: Acting) -> Response:
    """Put a contract document between a performer and a licensee; the caller is one of them."""

    def offer(session: Session) -> tuple[int, BaseModel]:
        contract = service.offer_contract(session, act.organization_id, body.document)
        return 201, _read(session, contract)

    return act.once(fingerprint_of(body), offer)


@router.get("/contracts", responses=read_refusals())
def list_contracts(read: Reading) -> list[ContractRead]:
    """List the contracts the caller is a party of, newest first."""
    return [
        _read(read.session, contract)
        for contract in service.contracts_of(read.session, read.organization_id)
    ]


@router.get("/contracts/{contract_id}", responses=read_refusals(ContractNotFound))
def read_contract(contract_id: str, read: Reading) -> ContractRead:
    """Show one contract of the caller's."""
    contract = service.contract_of(read.session, read.organization_id, contract_id)
    return _read(read.session, contract)


@router.get(
    "/contracts/{contract_id}/document",
    responses={**shows(DOCUMENT), **read_refusals(ContractNotFound)},
    response_class=Response,
)
def read_document(contract_id: str, read: Reading) -> Response:
    """Give the canonical bytes (RFC 8785) that both parties sign."""
    contract = service.contract_of(read.session, read.organization_id, contract_id)
    return Response(contract.document, media_type="application/json")


@router.post(
    "/contracts/{contract_id}/signatures",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(
        ContractNotFound,
        AlreadySigned,
        ContractAlreadyWithdrawn,
        SignatureRefused,
        BoundariesNotAcknowledged,
        PaperMissing,
    ),
)
def sign_contract(contract_id: str, body: SignatureCreate, act: Acting) -> Response:
    """Sign a contract; the second party's signature executes it."""

    def sign(session: Session) -> tuple[int, BaseModel]:
        contract = service.contract_of(session, act.organization_id, contract_id)
        service.sign_contract(
            session,
            contract,
            act.organization_id,
            role=body.role,
            jws=body.jws,
            acknowledged=body.acknowledged,
        )
        return 201, _read(session, contract)

    return act.once(fingerprint_of(body), sign)


@router.post(
    "/contracts/{contract_id}/withdrawal",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(ContractNotFound, ContractAlreadyWithdrawn),
)
def withdraw_contract(contract_id: str, act: Acting) -> Response:
    """Withdraw consent at once. Only the performer may."""

    def withdraw(session: Session) -> tuple[int, BaseModel]:
        contract = service.contract_of(session, act.organization_id, contract_id)
        service.withdraw_contract(session, contract, act.organization_id)
        return 201, _read(session, contract)

    return act.once(contract_id.encode(), withdraw)


@router.get("/decisions/{decision_id}", responses=read_refusals(DecisionNotFound))
def read_decision(decision_id: str, read: Reading) -> DecisionRead:
    """Show a decision the caller asked for: codes, clauses, and its signed receipt."""
    decision = decisions.decision_of(read.session, read.organization_id, decision_id)
    shown = decision.model_dump(include=set(DecisionRead.model_fields) - {"codes"})
    needed = [ApprovalNeeded(**asdict(ask)) for ask in what_to_ask(read.session, decision)]
    return DecisionRead(**shown, codes=decision.shown_codes, approvals_needed=needed)
