"""Bundles over HTTP: for the licensee, for the performer's side, and for anybody."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any, BinaryIO, cast

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app import db, sandbox
from app.access import may
from app.audit.api import NEEDS_NO_KEY
from app.audit.bundle import making
from app.audit.bundle.errors import BundleNotReady, DraftNotCleared
from app.audit.clearance import packing
from app.errors import NotFound
from app.gateway import service as gateway
from app.gateway.errors import GenerationNotFound
from app.identity.api_edge import KnownCaller, Reading, limited, read_refusals
from app.identity.errors import NotAuthenticated
from app.problems import problems
from app.rates import TooManyRequests

router = APIRouter(prefix="/v1", tags=["verification"])
MEDIA_TYPE = "application/zip"
BYTES = {"schema": {"type": "string", "format": "binary"}, "example": "a zip"}
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: BYTES}}}
PIECE_BYTES = 1 << 20


@router.get(
    "/licenses/{generation_id}/bundle",
    response_class=StreamingResponse,
    responses={**ZIP, **problems(NotFound, NotAuthenticated, BundleNotReady, TooManyRequests)},
    dependencies=[limited("lookups")],
    openapi_extra=NEEDS_NO_KEY,
)
@may("anyone")
def read_public_bundle(generation_id: str, _caller: KnownCaller) -> StreamingResponse:
    """Give anybody what proves an output they have the file of: no file, no receipts in it.

    Needs no key, and gives who sends one the same: bundles are passed on.
    See docs/provenance.md: check it with `understudy verify FILE --offline BUNDLE`.
    """
    with db.reading() as session:
        made = making.make(session, generation_id, audience="stranger")
    return _sent(made, generation_id)


@router.get(
    "/generations/{generation_id}/bundle",
    response_class=StreamingResponse,
    responses={**ZIP, **read_refusals(GenerationNotFound, NotFound, BundleNotReady)},
)
@may("requester", "performer", "agent", to="read")
def read_bundle(generation_id: str, read: Reading) -> StreamingResponse:
    """Give the licensee all that proves its output, the file too while it is handed out.

    And the performer's side all but the file, where it is a party to every contract behind it.
    """
    audience = making.audience_of(read.session, generation_id, read.organization_id)
    return _sent(making.make(read.session, generation_id, audience=audience), generation_id)


@router.get(
    "/generations/{generation_id}/clearance",
    response_class=StreamingResponse,
    responses={
        **ZIP,
        **read_refusals(GenerationNotFound, NotFound, BundleNotReady, DraftNotCleared),
    },
)
@may("requester", to="read")
def read_clearance_pack(
    generation_id: str,
    read: Reading,
    reader: Annotated[
        str,
        Query(max_length=40, description="Whom it is for: an organization granted more, by id."),
    ] = "",
) -> StreamingResponse:
    """Give the licensee a pack for its distributor and insurer, safe to pass on.

    Signed facts, the AI-use disclosure as a PDF, and an offline bundle. With `reader`, as much more
    as the contracts let that organization see. A draft take has none.
    """
    generation_id = gateway.generation_of(read.session, read.organization_id, generation_id).id
    return sent_pack(packing.make(read.session, generation_id, reader=reader), generation_id)


def sent_pack(pack: packing.Pack, name: str) -> StreamingResponse:
    """Send a clearance pack as a download."""
    return sent(lambda to, work: packing.write(pack, to, work=work), f"{name}.clearance.zip")


def _sent(made: making.Made, name: str) -> StreamingResponse:
    return sent(lambda to, work: making.write(made, to, work=work), f"{name}.bundle.zip")


def sent(write: Callable[[BinaryIO, Path], None], file_name: str) -> StreamingResponse:
    """Write a zip to a file without a name, and send that in pieces."""
    target = tempfile.TemporaryFile()  # noqa: SIM115  closed when the last piece is sent
    with sandbox.private_directory() as work:
        write(cast("BinaryIO", target), Path(work))
    size = target.tell()
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="{file_name}"',
    }
    return StreamingResponse(_pieces(target), media_type=MEDIA_TYPE, headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece
