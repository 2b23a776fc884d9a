"""Routes about budgets: what an organization lets its projects and licenses use, and what is."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.access import may
from app.gateway import budgets
from app.gateway.models_budgets import LIMITS, Budget
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals

router = APIRouter(prefix="/v1", tags=["gateway"])
CONTRACT_ID = "con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
Limit = Annotated[int | None, Field(ge=0, lt=10**15)]


class BudgetLimits(BaseModel):
    """Limits; null is none. Money in minor units of the budget's currency, days are UTC."""

    total_minor: Limit = Field(None, examples=[1000000], description="Money in all.")
    daily_minor: Limit = Field(None, examples=[50000], description="Money a day.")
    total_seconds: Limit = Field(None, examples=[120], description="Seconds in all.")
    daily_seconds: Limit = Field(None, examples=[30], description="Seconds a day.")
    at_once: Annotated[int | None, Field(ge=0, lt=10**6)] = Field(
        None, examples=[4], description="Generations under way at once."
    )


class BudgetSet(BudgetLimits):
    """The limits of a project or of a contract from now on, in the place of those before."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"project": "NIGHTGLASS", "currency": "EUR", "total_minor": 1000000, "at_once": 4}
            ]
        },
    )

    project: Annotated[str, Field(max_length=120)] = ""
    contract_id: Annotated[str, Field(max_length=40)] = ""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]


class BudgetUsed(BaseModel):
    """What is charged and held by now, in the units of the limits."""

    model_config = ConfigDict(from_attributes=True)

    total_minor: int = Field(examples=[220000])
    daily_minor: int = Field(examples=[0])
    total_seconds: int = Field(examples=[31])
    daily_seconds: int = Field(examples=[0])
    at_once: int = Field(examples=[1])


class BudgetRead(BudgetLimits):
    """A budget that holds, and what is used of it."""

    id: str = Field(examples=["bud_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    project: str = Field(examples=["NIGHTGLASS"], description="Empty for that of a contract.")
    contract_id: str = Field(examples=[""], description="Its first version; or empty.")
    currency: str = Field(examples=["EUR"])
    set_at: datetime
    used: BudgetUsed


class BudgetPage(BaseModel):
    """Budgets that hold, the one set last first; `next_before` continues the list."""

    items: list[BudgetRead]
    next_before: str | None = Field(examples=[None])


def _read(budget: Budget, used: budgets.Used) -> BudgetRead:
    return BudgetRead(
        **budget.model_dump(include={"id", "project", "currency", "set_at", *LIMITS}),
        contract_id=budget.series_id,
        used=BudgetUsed.model_validate(used),
    )


@router.post(
    "/budgets",
    status_code=201,
    response_model=BudgetRead,
    responses=act_refusals(budgets.BudgetRefused),
)
@may("organization", to="money")
def set_budget(body: BudgetSet, act: Acting) -> Response:
    """Set the limits of a project or of a contract from now on; without any, there are none.

    They replace all that were set for it before. What is under way already goes on, and counts.
    """

    def keep(session: Session) -> tuple[int, BaseModel]:
        budget = budgets.set_budget(
            session,
            act.organization_id,
            project=body.project,
            contract_id=body.contract_id,
            currency=body.currency,
            limits=body.model_dump(include=set(LIMITS), exclude_none=True),
            api_key_id=act.principal.api_key_id,
        )
        return 201, _read(budget, budgets.used_of(session, budget))

    return act.once(fingerprint_of(body), keep)


@router.get("/budgets", responses=read_refusals())
@may("organization", to="read")
def list_budgets(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> BudgetPage:
    """List the caller's budgets as they hold now, and what is used of each."""
    held = sorted(budgets.in_force(read.session, read.organization_id), key=lambda each: each.id)
    found = [each for each in reversed(held) if before is None or each.id < before][:limit]
    used = budgets.used_of_each(read.session, found)
    items = [_read(each, is_) for each, is_ in zip(found, used, strict=True)]
    return BudgetPage(items=items, next_before=found[-1].id if len(found) == limit else None)
