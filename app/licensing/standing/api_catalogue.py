"""The catalogue over HTTP: performers who want to be found, by what they allow in advance."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.access import may
from app.identity.api_edge import Reading, read_refusals
from app.licensing.standing import catalogue

router = APIRouter(prefix="/v1", tags=["standing offers"])
Word = Annotated[str, Query(max_length=120)]


class RatesRead(BaseModel):
    """What one standing offer costs, in plain words."""

    standing_offer_id: str = Field(examples=["sto_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    rates: list[str] = Field(examples=[["Each second costs 12.50 EUR."]])


class ListedRead(BaseModel):
    """A performer who wants to be found, with the newest offers the caller could accept."""

    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    name: str = Field(examples=["Griet of Delft"])
    about: str = Field(examples=["Period drama, Dutch and English."])
    offers: list[RatesRead]


class CataloguePage(BaseModel):
    """Listed performers, newest first; `next_before` continues the list."""

    items: list[ListedRead]
    next_before: str | None = Field(examples=[None])


@router.get("/catalogue", responses=read_refusals())
@may("organization", to="read")
def search_catalogue(  # noqa: PLR0917 - FastAPI fills them in by name
    read: Reading,
    purpose: Word = "",
    medium: Word = "",
    territory: Word = "",
    language: Word = "",
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> CataloguePage:
    """List performers who want to be found; with filters, by what their open offers allow."""
    asked = catalogue.Search(purpose, medium, territory.upper(), language)
    found = catalogue.search(read.session, read.principal, asked, before=before, limit=limit)
    items = [
        ListedRead(
            performer_id=each.performer.id,
            name=each.performer.name,
            about=each.listing.about,
            offers=[
                RatesRead(standing_offer_id=offer.id, rates=catalogue.rates(offer))
                for offer in each.offers
            ],
        )
        for each in found
    ]
    more = items[-1].performer_id if len(items) == limit else None
    return CataloguePage(items=items, next_before=more)
