"""Routes about how else a performer is called, and whether their face may be searched for."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlmodel import Session

from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.registry import matching, naming, service
from app.registry.errors import PerformerNameRefused, PerformerUnknown
from app.vault import LikenessErased

router = APIRouter(prefix="/v1/performers/{performer_id}", tags=["registry"])
NAMES: dict[str, JsonValue] = {"names": ["Griet van Delft", "The Girl"]}


class NamesRead(BaseModel):
    """How else a performer is called; lines that say so need their replica in the scene."""

    names: list[str] = Field(examples=[NAMES["names"]])


class NamesCreate(BaseModel):
    """All other names of a performer, in place of those that stood."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [NAMES]})

    names: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=20)] = Field(
        description="Stage names and former names, of two words or more: one word is often a word."
    )


class MatchingRead(BaseModel):
    """Whether the performer's face may be searched for in what productions upload and render."""

    allowed: bool = Field(examples=[False])
    chosen_at: datetime | None = Field(examples=[None])


class MatchingCreate(BaseModel):
    """Allow a search for the performer's face, or end it."""

    model_config = ConfigDict(extra="forbid")

    allowed: bool = Field(examples=[True])


@router.get("/names", responses=read_refusals(PerformerUnknown))
@may("performer", "agent", to="read")
def list_other_names(performer_id: str, read: Reading) -> NamesRead:
    """List how else a performer is called."""
    performer = service.performer_of(read.session, read.organization_id, performer_id)
    found = naming.names_of(read.session, performer.id)
    return NamesRead(names=[each.name for each in found])


@router.post(
    "/names",
    status_code=201,
    response_model=NamesRead,
    responses=act_refusals(PerformerUnknown, PerformerNameRefused, LikenessErased),
)
@may("performer", "agent", to="likeness")
def set_other_names(performer_id: str, body: NamesCreate, act: Acting) -> Response:
    """Say how else a performer is called: lines of others are screened for these names too."""

    def name(session: Session) -> tuple[int, BaseModel]:
        performer = service.performer_of(session, act.organization_id, performer_id)
        found = naming.name_otherwise(session, performer, body.names, by=act.principal)
        return 201, NamesRead(names=[each.name for each in found])

    return act.once(fingerprint_of(body), name)


@router.get("/matching", responses=read_refusals(PerformerUnknown))
@may("performer", "agent", to="read")
def read_matching(performer_id: str, read: Reading) -> MatchingRead:
    """Say whether the performer's face may be searched for; until they allow it, it is not."""
    performer = service.performer_of(read.session, read.organization_id, performer_id)
    return _matching(read.session, performer.id)


@router.post(
    "/matching",
    status_code=201,
    response_model=MatchingRead,
    responses=act_refusals(PerformerUnknown, LikenessErased),
)
@may("performer", "representative", to="consent")
def choose_matching(performer_id: str, body: MatchingCreate, act: Acting) -> Response:
    """Allow a search for the performer's face, or end it: who signs for the performer may."""

    def choose(session: Session) -> tuple[int, BaseModel]:
        performer = service.performer_in_place(
            session, act.organization_id, performer_id, stops=not body.allowed
        )
        matching.choose(session, performer, allowed=body.allowed, by=act.principal)
        return 201, _matching(session, performer.id)

    return act.once(fingerprint_of(body), choose)


def _matching(session: Session, performer_id: str) -> MatchingRead:
    newest = matching.choice_of(session, performer_id)
    if newest is None:
        return MatchingRead(allowed=False, chosen_at=None)
    return MatchingRead(allowed=newest.allowed, chosen_at=newest.chosen_at)
