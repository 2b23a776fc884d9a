"""Whether the performers of a generation were told of it, as its permit obliges."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.access import may
from app.gateway import service
from app.gateway.errors import GenerationNotFound
from app.gateway.telling import duties_of
from app.identity.api_edge import Reading, read_refusals

router = APIRouter(prefix="/v1", tags=["generations"])


class DutyRead(BaseModel):
    """What is owed to one performer of a generation: that they hear of it."""

    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    obligation: str = Field(examples=["performer_notification"])
    met: bool = Field(examples=[True], description="Whether something proves that they were told.")
    evidence: list[str] = Field(
        examples=[["email 2026-11-28T10:00:00Z: 250 OK"]],
        description="A mail server's answer to the whole mail, or a look at their page.",
    )


class Notification(BaseModel):
    """What the permit obliges to, performer by performer."""

    generation_id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    duties: list[DutyRead]


@router.get(
    "/generations/{generation_id}/notification", responses=read_refusals(GenerationNotFound)
)
@may("requester", to="read", checks=("project", "contract"))
def read_notification(generation_id: str, read: Reading) -> Notification:
    """Say of each performer whether the duty to notify them is met, and by which evidence.

    Having tried meets nothing: a mail under way, refused or returned counts for none.
    """
    generation = service.generation_of(
        read.session, read.organization_id, generation_id, scope=read.principal.scope
    )
    return Notification(
        generation_id=generation.id,
        duties=[
            DutyRead(
                performer_id=each.performer_id,
                obligation=each.obligation,
                met=each.met,
                evidence=list(each.evidence),
            )
            for each in duties_of(read.session, generation)
        ],
    )
