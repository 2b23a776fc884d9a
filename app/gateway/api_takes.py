"""The route that chooses a take of a shot."""

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlmodel import Session

from app.access import may
from app.gateway import choosing, service, takes
from app.gateway.api import GenerationDenied, GenerationRead, answer_decided
from app.gateway.budgets import BudgetExceeded
from app.gateway.errors import GenerationNotFound
from app.gateway.materials.errors import MaterialNotFound, MaterialNotUsable
from app.gateway.stops import Stopped
from app.identity.api_edge import Acting, act_refusals
from app.ledger.errors import FundsLacking
from app.licensing.errors import StandingOfferSpent, UseUnpriced

router = APIRouter(prefix="/v1", tags=["gateway"])


@router.post(
    "/generations/{generation_id}/selection",
    status_code=201,
    response_model=GenerationRead,
    responses=act_refusals(
        GenerationDenied,
        GenerationNotFound,
        takes.TakeNotThere,
        takes.TakeChosen,
        takes.TakesNotAgreed,
        MaterialNotFound,
        MaterialNotUsable,
        Stopped,
        BudgetExceeded,
        FundsLacking,
        UseUnpriced,
        StandingOfferSpent,
    ),
)
@may("requester", to="generate", checks=("project", "contract"))
def choose_take(generation_id: str, act: Acting) -> Response:
    """Choose this take of its shot: the full price once, less the contract's credit for drafts.

    It is decided again, under the shot's own contracts, and the draft's materials are looked at
    again; nothing is rendered again. The answer is the generation that is released,
    without a slate, and derives from the draft.
    """

    def choose(session: Session) -> tuple[int, BaseModel]:
        principal = act.principal
        draft = service.generation_of(
            session, principal.organization_id, generation_id, scope=principal.scope
        )
        decision, generation = choosing.choose_take(session, draft)
        return answer_decided(session, principal, decision, generation, line=draft.line)

    return act.once(generation_id.encode(), choose)
