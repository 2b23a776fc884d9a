"""Routes about the rules: the published sets, and the explanation of a decision."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from app.access import may
from app.identity.api_edge import Reading, read_refusals
from app.licensing.deciding.policy_set import PolicySet
from app.licensing.decisions import published, rulebook
from app.licensing.decisions.explain import NOTICE, explain
from app.licensing.decisions.published import PolicySetNotFound
from app.licensing.errors import DecisionNotFound
from app.problems import problems

router = APIRouter(prefix="/v1", tags=["licensing"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
IfNoneMatch = Annotated[str | None, Header(include_in_schema=False)]


class RuleRead(BaseModel):
    """One rule: its code, what follows, why, and its text in Cedar."""

    id: str = Field(examples=["TERRITORY_NOT_LICENSED"])
    outcome: str = Field(examples=["deny"], description="permit, deny, needs-approval, obligation")
    summary: str = Field(examples=["The use reaches a place the contract does not cover."])
    source: str = Field(examples=["contract, grant.territories"])
    clause: str = Field(examples=["/grant/territories"])
    next_step: str = Field(examples=["Ask for fewer places, or agree an amendment."])
    obliges: list[str] = Field(examples=[[]])
    pack: str = Field(examples=[""], description="The pack it belongs to; empty: for everybody.")
    file: str = Field(examples=["scope.cedar"])
    text: str = Field(examples=['@id("TERRITORY_NOT_LICENSED") ... forbid (...);'])


class PackRead(BaseModel):
    """Rules of one dated agreement, statute or guidance."""

    name: str = Field(examples=["eu-ai-act-art-50"])
    title: str = Field(examples=["EU AI Act, Article 50: transparency"])
    kind: str = Field(examples=["statute"])
    from_: str = Field(alias="from", examples=["2026-08-02"])
    to: str | None = Field(examples=[None])
    source: str = Field(examples=["Regulation (EU) 2024/1689 (AI Act) Art. 50"])
    notice: str = Field(examples=["A summary of published text. Not legal advice."])


class PolicySetRead(BaseModel):
    """A whole set of rules, named by its digest."""

    v: int = Field(examples=[1])
    digest: str = Field(examples=[SHA256])
    notice: str = Field(examples=["These rules are not legal advice."])
    rules: list[RuleRead]
    packs: list[PackRead]
    facts: str = Field(alias="schema", examples=["entity Organization;"])


class FactRead(BaseModel):
    """One fact the rule read, in words."""

    name: str = Field(examples=["territories"])
    value: str = Field(examples=["JP"])


class ReasonRead(BaseModel):
    """One rule that determined the answer, with the clause it comes from."""

    model_config = ConfigDict(from_attributes=True)

    code: str = Field(examples=["TERRITORY_NOT_LICENSED"])
    outcome: str = Field(examples=["deny"])
    summary: str = Field(examples=["The use reaches a place the contract does not cover."])
    source: str = Field(examples=["contract, grant.territories"])
    next_step: str = Field(examples=["Ask for fewer places, or agree an amendment."])
    pack: str = Field(examples=[""])
    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    clause: str = Field(examples=["/grant/territories"])
    sentence: str = Field(examples=["In Germany, France and the Netherlands."])
    facts: list[FactRead]


class ExplanationRead(BaseModel):
    """A decision in words, as far as it concerns whoever asks."""

    decision_id: str = Field(examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    at: datetime
    outcome: str = Field(examples=["deny"])
    headline: str = Field(examples=["Not permitted."])
    obligations: list[str] = Field(examples=[[]])
    reasons: list[ReasonRead]
    policy_digest: str = Field(examples=[SHA256])
    notice: str = Field(examples=[NOTICE])


@router.get("/policies", tags=["public"], response_model=PolicySetRead)
@may("anyone")
def read_policies(if_none_match: IfNoneMatch = None) -> Any:
    """Publish the rules in force here: every code, its source and its text. Public."""
    return _published(rulebook.today(), if_none_match, "public, max-age=60")


@router.get(
    "/policies/{digest}",
    tags=["public"],
    response_model=PolicySetRead,
    responses=problems(PolicySetNotFound),
)
@may("anyone")
def read_policy_set(
    digest: Annotated[str, Path(max_length=200)], if_none_match: IfNoneMatch = None
) -> Any:
    """Give a set of rules that was in force here, by the digest decisions name. Public."""
    policies = published.set_of(digest)
    return _published(policies, if_none_match, "public, max-age=31536000, immutable")


@router.get("/decisions/{decision_id}/explanation", responses=read_refusals(DecisionNotFound))
@may("requester", "performer", "agent", to="read")
def explain_decision(decision_id: str, read: Reading) -> ExplanationRead:
    """Explain a decision in words, to whoever asked for it and to the performer's side."""
    found = explain(read.session, decision_id, organization_id=read.organization_id)
    return ExplanationRead(
        decision_id=found.decision_id,
        at=found.at,
        outcome=found.outcome,
        headline=found.headline,
        obligations=list(found.obligations),
        reasons=[
            ReasonRead(
                code=reason.code,
                outcome=reason.outcome,
                summary=reason.summary,
                source=reason.source,
                next_step=reason.next_step,
                pack=reason.pack,
                contract_id=reason.contract_id,
                clause=reason.clause,
                sentence=reason.sentence,
                facts=[FactRead(name=name, value=value) for name, value in reason.facts],
            )
            for reason in found.reasons
        ],
        policy_digest=found.policy_digest,
        notice=found.notice,
    )


def _published(policies: PolicySet, if_none_match: str | None, kept: str) -> Response:
    """Answer with a set, or with nothing where the caller has it already."""
    headers = {"ETag": f'"{policies.digest}"', "Cache-Control": kept}
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    body = PolicySetRead.model_validate(published.as_json(policies))
    return Response(
        body.model_dump_json(by_alias=True), media_type="application/json", headers=headers
    )
