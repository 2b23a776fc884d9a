"""Routes about money between the operator and a party: profiles, invoices, self-billing."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.ledger import funding
from app.ledger.errors import InvoiceNotFound, PartyUnknown, ProfileRefused
from app.ledger.receivables import invoices, profiles
from app.ledger.receivables.models import Invoice, OpenInvoice, PartyProfile
from app.ledger.receivables.profiles import ProfileInput
from app.ledger.receivables.references import creditor_reference

# (session, organization id): everybody it speaks for: itself, and its performers.
SpeaksFor = Callable[[Session, str], Sequence[str]]
ORG = "org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"


class ProfileRead(BaseModel):
    """What a party says of itself, from a day on."""

    number: int = Field(examples=[1])
    valid_from: date = Field(examples=["2026-12-01"])
    name: str = Field(examples=["Nightglass Pictures B.V."])
    address: list[str] = Field(examples=[["Oude Delft 1", "2611 BA Delft"]])
    country: str = Field(examples=["NL"])
    vat_id: str | None = Field(examples=["NL123456789B01"])
    vat_rate: str | None = Field(examples=["0.21"])
    withholding_rate: str | None = Field(examples=[None])
    iban: str | None = Field(examples=["NL91ABNA0417164300"])
    due_days: int = Field(examples=[30])
    recorded_at: datetime


class FundsRead(BaseModel):
    """Where a licensee's money stands in one currency, in minor units."""

    currency: str = Field(examples=["EUR"])
    available_minor: int = Field(examples=[93750], description="What may still be held.")
    prepaid_minor: int = Field(examples=[0])
    credit_minor: int = Field(examples=[100000], description="What the operator approved.")
    invoiced_minor: int = Field(examples=[0], description="Invoiced and not paid.")
    unbilled_minor: int = Field(examples=[0], description="Used and not invoiced.")
    held_minor: int = Field(examples=[6250], description="Set aside for generations under way.")
    reference: str = Field(
        examples=["RF18C0R2T5V7X9Y1B3D"], description="Name it when paying in (ISO 11649)."
    )


class InvoiceRead(BaseModel):
    """A document as it was issued; its digest is of the canonical JSON (RFC 8785)."""

    id: str = Field(examples=["inv_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kind: str = Field(examples=["invoice"])
    number: str = Field(examples=["INV-000001"])
    supplier_id: str = Field(examples=["operator"])
    customer_id: str = Field(examples=[ORG])
    currency: str = Field(examples=["EUR"])
    net_minor: int = Field(examples=[6250])
    tax_minor: int = Field(examples=[1313])
    withheld_minor: int = Field(examples=[0])
    total_minor: int = Field(examples=[7563])
    issued_at: datetime
    due_at: datetime | None
    outstanding_minor: int = Field(examples=[7563], description="What is still to be paid on it.")
    document: dict[str, Any] = Field(examples=[{"v": 1, "number": "INV-000001"}])
    document_sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015" * 2])


def router_of(speaks_for: SpeaksFor) -> APIRouter:
    """Return the routes, for whoever `speaks_for` says the caller speaks for."""
    routes = APIRouter(prefix="/v1", tags=["ledger"])

    def check_speaks(session: Session, organization_id: str, party_id: str) -> None:
        if party_id not in speaks_for(session, organization_id):
            raise PartyUnknown(
                f"you do not speak for {party_id[:64]}; name yourself or a performer of yours"
            )

    @routes.post(
        "/parties/{party_id}/profiles",
        status_code=201,
        response_model=ProfileRead,
        responses=act_refusals(PartyUnknown, ProfileRefused),
    )
    @may("subject", to="money")
    def set_profile(party_id: str, body: ProfileInput, act: Acting) -> Response:
        """Say what invoices call a party, and which tax it bears, from a day on."""

        def handler(session: Session) -> tuple[int, BaseModel]:
            check_speaks(session, act.organization_id, party_id)
            key_id = act.principal.api_key_id
            return 201, _profile(profiles.set_profile(session, party_id, body, api_key_id=key_id))

        return act.once(fingerprint_of(body), handler)

    @routes.get("/parties/{party_id}/profiles", responses=read_refusals(PartyUnknown))
    @may("subject", to="read")
    def list_profiles(party_id: str, read: Reading) -> list[ProfileRead]:
        """List what a party has said of itself, in the order it did."""
        check_speaks(read.session, read.organization_id, party_id)
        return [_profile(each) for each in profiles.profiles_of(read.session, party_id)]

    @routes.get("/funds", responses=read_refusals())
    @may("organization", to="read")
    def list_funds(read: Reading) -> list[FundsRead]:
        """Say what the caller may still spend, in each currency it has money or credit in."""
        reference = creditor_reference(read.organization_id)
        return [
            FundsRead(**asdict(each), available_minor=each.available_minor, reference=reference)
            for each in funding.standings_of(read.session, read.organization_id)
        ]

    @routes.get("/invoices", responses=read_refusals())
    @may("organization", to="read")
    def list_invoices(
        read: Reading,
        before: Annotated[str | None, Query(max_length=64, description="An id.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[InvoiceRead]:
        """List invoices, credit notes and self-billing statements of the caller's, newest first."""
        parties = speaks_for(read.session, read.organization_id)
        found = invoices.invoices_of(read.session, parties, before=before, limit=limit)
        return [_invoice(read.session, each) for each in found]

    @routes.get("/invoices/{invoice_id}", responses=read_refusals(InvoiceNotFound))
    @may("subject", to="read")
    def read_invoice(invoice_id: str, read: Reading) -> InvoiceRead:
        """Read one document the caller is a party of."""
        parties = speaks_for(read.session, read.organization_id)
        found = invoices.invoice_of(read.session, invoice_id, parties=parties)
        return _invoice(read.session, found)

    return routes


def _profile(profile: PartyProfile) -> ProfileRead:
    return ProfileRead.model_validate(profile.model_dump())


def _invoice(session: Session, invoice: Invoice) -> InvoiceRead:
    left = session.get(OpenInvoice, invoice.id)
    return InvoiceRead.model_validate(
        {
            **invoice.model_dump(),
            "number": invoice.reads,
            "outstanding_minor": left.outstanding_minor if left else 0,
        }
    )
