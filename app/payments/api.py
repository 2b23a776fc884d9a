"""Routes of statements: each party reads its own, as JSON, CSV or PDF."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.access import may
from app.identity.api_edge import Reading, read_refusals
from app.payments import paper, statements
from app.payments.errors import StatementNotFound
from app.payments.example import STATEMENT
from app.problems import shows

router = APIRouter(prefix="/v1/statements", tags=["statements"])
CSV, PDF = "text/csv", "application/pdf"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class StatementRead(BaseModel):
    """One statement: whom it is for, of which period."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["stm_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kind: str = Field(
        examples=["performer"], description="performer, agent, production, union or usage."
    )
    period_id: str = Field(examples=["prd_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    party_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    about_id: str = Field(
        examples=[""], description="The production a report of use is about, else empty."
    )
    document_sha256: str = Field(examples=[SHA256], description="Of the canonical JSON.")
    issued_at: datetime


class StatementPage(BaseModel):
    """Statements, newest first."""

    items: list[StatementRead]
    next_before: str | None = Field(examples=[None])


@router.get("", responses=read_refusals())
@may("organization", to="read")
def list_statements(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> StatementPage:
    """List the statements the caller may read: their own, and of performers they represent."""
    found = statements.statements_for(
        read.session, read.organization_id, before=before, limit=limit
    )
    return StatementPage(
        items=[StatementRead.model_validate(each) for each in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.get(
    "/{statement_id}",
    responses={**shows(STATEMENT), **read_refusals(StatementNotFound)},
    response_class=Response,
)
@may("subject", "agent", to="read")
def read_statement(statement_id: str, read: Reading) -> Response:
    """Give a statement as canonical JSON (RFC 8785): the bytes its digest is over.

    Every line names the output it pays for, the journal entry, and the clauses that set it.
    """
    found = statements.statement_of(read.session, read.organization_id, statement_id)
    return Response(found.document, media_type="application/json")


@router.get(
    "/{statement_id}/csv",
    responses={
        200: {"content": {CSV: {}}, "description": "The lines, amounts in minor units."},
        **read_refusals(StatementNotFound),
    },
    response_class=Response,
)
@may("subject", "agent", to="read")
def read_statement_as_csv(statement_id: str, read: Reading) -> Response:
    """Give the lines of a statement as CSV; text that would run as a formula is quoted."""
    found = statements.statement_of(read.session, read.organization_id, statement_id)
    return _file(paper.as_csv(found).encode(), f"{CSV}; charset=utf-8", f"{found.id}.csv")


@router.get(
    "/{statement_id}/pdf",
    responses={
        200: {"content": {PDF: {}}, "description": "The PDF, with the JSON inside."},
        **read_refusals(StatementNotFound),
    },
    response_class=Response,
)
@may("subject", "agent", to="read")
def read_statement_as_pdf(statement_id: str, read: Reading) -> Response:
    """Give a statement as a PDF to read, with the JSON inside."""
    found = statements.statement_of(read.session, read.organization_id, statement_id)
    return _file(paper.as_pdf(found), PDF, f"{found.id}.pdf")


def _file(content: bytes, media_type: str, name: str) -> Response:
    """Answer with a file to save: never to be shown within the page it was asked from."""
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
