"""Routes about whom an agency brings in: send a table and photos, see who waits, take one back."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile

from app.access import may
from app.config import settings
from app.errors import TooLarge
from app.identity.api_edge import Act, Acting, Reading, act_refusals, read_refusals
from app.identity.errors import FileMissing, NotAllowed, UploadMalformed
from app.identity.uploads import CHUNK_BYTES, limited_form
from app.registry.imports import sending, service, words
from app.registry.imports.errors import ArchiveRefused, EntryNotFound, TableRefused
from app.registry.imports.models import STATES, RosterEntry
from app.registry.imports.table import COLUMNS, MOST_BYTES, read_table

router = APIRouter(prefix="/v1", tags=["registry"])
MOST_FILES = 200
Sent = list[tuple[str, BinaryIO]]
UPLOAD: dict[str, Any] = {
    "type": "object",
    "required": ["table"],
    "properties": {
        "table": {
            "type": "string",
            "format": "binary",
            "description": f"CSV whose first line names {', '.join(COLUMNS)}; an empty file where "
            "only photos come.",
        },
        "photos": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": f"Up to {MOST_FILES} files: JPEG, PNG, WebP, or zips of them.",
        },
    },
}


class BadRowRead(BaseModel):
    """A row that was not taken in. What stood in it is not kept, nor said back."""

    line: int = Field(examples=[3], description="Its line in the table; the first line is 1.")
    column: str = Field(examples=["email"])
    code: str = Field(examples=["no-address"])
    problem: str = Field(examples=["it is no mail address"])
    what_to_do: str = Field(examples=["Look at the address again."])


class BadPhotoRead(BaseModel):
    """A photo that was not taken in, by its place: its name may be somebody's."""

    number: int = Field(
        examples=[2],
        description="Its place among the photos sent, from 1: in the order of the form, those of "
        "a zip in the order of its directory, without folders and what systems put beside files.",
    )
    code: str = Field(examples=["photo-unnamed"])
    problem: str = Field(examples=["no row that waits names this photo"])
    what_to_do: str = Field(examples=["Look at how its name is written in the table."])


class RosterImportRead(BaseModel):
    """What came of an upload. What is good is in, whatever else was bad."""

    rows: int = Field(examples=[3])
    new: int = Field(examples=[1], description="The others are bad, or were in before.")
    bad: list[BadRowRead]
    photos: int = Field(examples=[2])
    photos_taken: int = Field(examples=[1])
    bad_photos: list[BadPhotoRead]


class RosterImportBegun(BaseModel):
    """That an upload came under this key: another one is refused under it."""

    state: Literal["begun"] = "begun"


class RosterEntryRead(BaseModel):
    """One person whom an agency wants to bring in; nobody is registered before they say yes."""

    id: str = Field(examples=["ros_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    reference: str = Field(examples=["K-001"])
    name: str = Field(examples=["Griet of Delft"], description="Forgotten once it has ended.")
    state: str = Field(
        examples=["invited"],
        description="no-photo, received, unfit or invited; then confirmed, refused, expired or "
        "taken-back.",
    )
    problem: str = Field(
        examples=[""], description="The code of what it lacks from the agency; empty for nothing."
    )
    mail: str = Field(
        examples=["sent"],
        description="Where the link is: waiting, sent or failed; by-hand where this installation "
        "sends no mail.",
    )
    created_at: datetime
    invited_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None = Field(examples=[None])
    performer_id: str | None = Field(examples=[None])


class RosterEntryPage(BaseModel):
    """Whom an agency wants to bring in, oldest first; `next_after` continues the list."""

    items: list[RosterEntryRead]
    next_after: str | None = Field(examples=[None])


class RosterLinkRead(BaseModel):
    """A link to hand to one person, and to nobody else: who holds it can say yes."""

    entry_id: str = Field(examples=["ros_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    reference: str = Field(examples=["K-001"])
    link: str = Field(examples=["https://understudy.example/enrollments/ros_01JD3Z6N8Q4C0R.seal"])
    expires_at: datetime


class RosterLinkPage(BaseModel):
    """Links to hand out, oldest first; `next_after` continues the list."""

    items: list[RosterLinkRead]
    next_after: str | None = Field(examples=[None])


After = Annotated[str | None, Query(max_length=40)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post(
    "/roster-imports",
    status_code=201,
    response_model=RosterImportRead,
    responses=act_refusals(
        NotAllowed, FileMissing, UploadMalformed, TooLarge, TableRefused, ArchiveRefused
    ),
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": UPLOAD}}}
    },
)
@may("agency", to="likeness")
async def import_roster(request: Request, act: Acting) -> Response:
    """Take in a table and photos as far as they are good; name every bad row. Nobody is registered.

    Each person is invited once their photo was looked at, and registered when they say yes. An
    upload that broke off is sent again, under its key or another: what is in is not taken twice.
    """
    if act.principal.kind != "agency":
        raise NotAllowed("an agency brings many in; use POST /v1/performers for one of your own")
    limit_bytes = settings().import_limit_bytes
    async with limited_form(request, limit_bytes, files=MOST_FILES) as form:
        return await run_in_threadpool(_take, act, form)


def _take(act: Act, form: FormData) -> Response:
    table, photos = sent_in(form)
    if not table and not photos:
        raise FileMissing("send a table, photos, or both; nothing came")
    # 1. A table that is none leaves the key free.
    if table:
        read_table(table)
    # 2. The key is this upload's from here on; what was answered to it is answered again.
    fingerprint = _fingerprint(table, photos)
    act.once(fingerprint, lambda _: (201, RosterImportBegun()))
    done = replace(act, idempotency_key=f"{act.idempotency_key}\x1fdone")
    kept = done.kept(fingerprint)
    if kept is not None:
        return kept
    # 3. Every step commits on its own: whoever is killed in between goes on where it stopped.
    report = sending.take(table, photos, by=act.principal)
    return done.once(fingerprint, lambda _: (201, _report(report)))


def sent_in(form: FormData) -> tuple[bytes, Sent]:
    """Return the table (empty: none) and the photos of a form."""
    chosen = form.get("table")
    table = chosen.file.read(MOST_BYTES + 1) if isinstance(chosen, UploadFile) else b""
    photos: Sent = [
        (each.filename or "", each.file)
        for each in form.getlist("photos")
        if isinstance(each, UploadFile) and (each.filename or each.size)
    ]
    return table, photos


def _fingerprint(table: bytes, photos: Sent) -> bytes:
    whole = hashlib.sha256(hashlib.sha256(table).digest())
    for name, file in photos:
        digest = hashlib.sha256(name.encode())
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
        whole.update(digest.digest())
    return whole.digest()


def _report(report: sending.Report) -> RosterImportRead:
    def said(code: str) -> dict[str, str]:
        problem, todo = words.why(code)
        return {"code": code, "problem": problem, "what_to_do": todo}

    return RosterImportRead(
        rows=report.rows,
        new=report.new,
        bad=[
            BadRowRead(line=each.row.line, column=each.column, **said(each.code))
            for each in report.bad
        ],
        photos=report.photos,
        photos_taken=report.photos_taken,
        bad_photos=[
            BadPhotoRead(number=each.number, **said(each.code)) for each in report.photos_bad
        ],
    )


@router.get("/roster-entries", responses=read_refusals())
@may("agency", to="read")
def list_roster_entries(
    read: Reading,
    state: Annotated[
        str | None, Query(pattern=f"^({'|'.join(STATES)})$", description="Only those; else all.")
    ] = None,
    after: After = None,
    limit: Limit = 50,
) -> RosterEntryPage:
    """List whom the agency wants to bring in, oldest first, those who answered too."""
    found = service.entries_of(
        read.session,
        read.organization_id,
        states=STATES if state is None else (state,),
        after=after,
        limit=limit,
    )
    items = [_read(each) for each in found]
    return RosterEntryPage(items=items, next_after=_more(found, limit))


@router.get("/roster-links", responses=read_refusals())
@may("agency", to="likeness")
def list_roster_links(read: Reading, after: After = None, limit: Limit = 50) -> RosterLinkPage:
    """List the links that wait to be handed out, where this installation sends no mail.

    Where it does, a link goes to its address, and nobody at the agency sees it.
    """
    found = service.entries_of(
        read.session,
        read.organization_id,
        states=("invited",),
        mail="by-hand",
        after=after,
        limit=limit,
    )
    items = [
        RosterLinkRead(
            entry_id=each.id,
            reference=each.reference,
            link=service.link_of(each),
            expires_at=each.expires_at,
        )
        for each in found
    ]
    return RosterLinkPage(items=items, next_after=_more(found, limit))


@router.post(
    "/roster-entries/{roster_entry_id}/retraction",
    response_model=RosterEntryRead,
    responses=act_refusals(EntryNotFound),
)
@may("agency", to="likeness")
def take_roster_entry_back(roster_entry_id: str, act: Acting) -> Response:
    """Take back one who has not answered: the link opens nothing, the photo is destroyed."""

    def take_back(session: Session) -> tuple[int, BaseModel]:
        return 200, _read(service.take_back(session, act.organization_id, roster_entry_id))

    return act.once(b"", take_back)


def _more(found: Sequence[RosterEntry], limit: int) -> str | None:
    return found[-1].id if len(found) == limit else None


def _read(entry: RosterEntry) -> RosterEntryRead:
    said = entry.model_dump(include=set(RosterEntryRead.model_fields) - {"problem"})
    return RosterEntryRead(problem=words.problem_of(entry), **said)
