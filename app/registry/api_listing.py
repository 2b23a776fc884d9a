"""Routes about whether a performer wants to be found in the catalogue."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlmodel import Session

from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.registry import listing, service
from app.registry.errors import PerformerNameRefused, PerformerUnknown
from app.registry.models import Performer
from app.vault import LikenessErased

router = APIRouter(prefix="/v1/performers/{performer_id}/listing", tags=["registry"])
CHOICE: dict[str, JsonValue] = {"listed": True, "about": "Period drama, Dutch and English."}


class ListingRead(BaseModel):
    """Whether a performer stands in the catalogue, and what is said of them there."""

    listed: bool = Field(examples=[True])
    about: str = Field(examples=[CHOICE["about"]])
    chosen_at: datetime | None = Field(examples=["2026-11-22T09:00:00Z"])


class ListingCreate(BaseModel):
    """Stand in the catalogue from now on, or no longer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CHOICE]})

    listed: bool = Field(examples=[True])
    about: str = Field(
        default="",
        max_length=listing.ABOUT_CHARACTERS,
        examples=[CHOICE["about"]],
        description="Shown with the performer's name to every organization.",
    )


@router.get("", responses=read_refusals(PerformerUnknown))
@may("performer", "agent", to="read")
def read_listing(performer_id: str, read: Reading) -> ListingRead:
    """Say whether a performer stands in the catalogue; until they say so, they do not."""
    performer = service.performer_of(read.session, read.organization_id, performer_id)
    return _read(read.session, performer)


@router.post(
    "",
    status_code=201,
    response_model=ListingRead,
    responses=act_refusals(PerformerUnknown, PerformerNameRefused, LikenessErased),
)
@may("performer", "representative", to="consent")
def choose_listing(performer_id: str, body: ListingCreate, act: Acting) -> Response:
    """Stand in the catalogue, or no longer: who signs for the performer may."""

    def choose(session: Session) -> tuple[int, BaseModel]:
        performer = service.performer_in_place(
            session, act.organization_id, performer_id, stops=not body.listed
        )
        listing.choose_listing(
            session, performer, listed=body.listed, about=body.about, by=act.principal
        )
        return 201, _read(session, performer)

    return act.once(fingerprint_of(body), choose)


def _read(session: Session, performer: Performer) -> ListingRead:
    chosen = listing.listing_of(session, performer.id)
    if chosen is None:
        return ListingRead(listed=False, about="", chosen_at=None)
    return ListingRead(
        listed=listing.is_listed(session, performer),
        about=chosen.about,
        chosen_at=chosen.chosen_at,
    )
