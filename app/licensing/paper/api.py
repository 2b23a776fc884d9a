"""Routes about paper: a contract as a PDF, and signed PDFs kept as evidence beside a contract."""

from datetime import datetime
from typing import BinaryIO

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import db
from app.access import PARTIES, may
from app.config import settings
from app.errors import TooLarge
from app.identity.api_edge import Act, Acting, Reading, act_refusals, read_refusals
from app.identity.errors import FileMissing, UploadMalformed
from app.identity.uploads import file_of, form_body, keep, limited_form
from app.licensing.contracts import papers, service
from app.licensing.errors import ContractNotFound, PaperNotFound, PaperNotPdf, PaperTooLate
from app.licensing.paper import service as paper
from app.sandbox import private_directory
from app.vault import LikenessErased

router = APIRouter(prefix="/v1", tags=["paper"])
PDF = "application/pdf"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ATTACHING = (FileMissing, UploadMalformed, TooLarge, ContractNotFound, PaperNotPdf, PaperTooLate,
             LikenessErased)  # fmt: skip
FILE = {"type": "string", "format": "binary", "description": "The signed paper, as a PDF."}


class PaperRead(BaseModel):
    """A signed paper kept beside a contract: evidence, which permits nothing."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["cpa_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    sha256: str = Field(
        examples=[SHA256], description="What a document names in `/paper` to say the same."
    )
    size_bytes: int = Field(examples=[182_044])
    organization_id: str = Field(
        examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"], description="Who handed it in."
    )
    attached_at: datetime


@router.get(
    "/contracts/{contract_id}/paper",
    responses={
        200: {"content": {PDF: {}}, "description": "The PDF, with the signed document inside."},
        **read_refusals(ContractNotFound),
    },
    response_class=Response,
)
@may(*PARTIES, to="read")
def export_contract(contract_id: str, read: Reading) -> Response:
    """Give a contract as a PDF: plain words, signature page, and the signed document inside."""
    contract = service.contract_of(read.session, read.organization_id, contract_id)
    return _file(paper.paper_of(read.session, contract), f"{contract.series_id}.pdf")


@router.post(
    "/contracts/{contract_id}/paper",
    status_code=201,
    response_model=PaperRead,
    responses=act_refusals(*ATTACHING),
    openapi_extra=form_body(file=FILE),
)
@may(*PARTIES, to="negotiate")
async def attach_paper(contract_id: str, request: Request, act: Acting) -> Response:
    """Keep a signed PDF as evidence beside a contract that is not in force. It permits nothing."""
    async with limited_form(request, settings().upload_limit_bytes) as form:
        upload = file_of(form, "file")
        return await run_in_threadpool(_attach, act, contract_id, upload.file)


def _attach(act: Act, contract_id: str, upload: BinaryIO) -> Response:
    with private_directory() as directory:
        path = directory / "paper"
        digest = keep(upload, path, settings().upload_limit_bytes)

        def attach(session: Session) -> tuple[int, BaseModel]:
            contract = service.newest_document_of(session, act.organization_id, contract_id)
            kept = papers.attach_paper(
                session, contract, path, sha256=digest.hex(), by=act.principal
            )
            return 201, PaperRead.model_validate(kept)

        return act.once(digest, attach)


@router.get("/contracts/{contract_id}/papers", responses=read_refusals(ContractNotFound))
@may(*PARTIES, to="read")
def list_papers(contract_id: str, read: Reading) -> list[PaperRead]:
    """List the papers kept beside a contract, oldest first: at most twenty."""
    contract = service.contract_of(read.session, read.organization_id, contract_id)
    return [PaperRead.model_validate(each) for each in papers.papers_of(read.session, contract)]


@router.get(
    "/papers/{paper_id}",
    responses={
        200: {"content": {PDF: {}}, "description": "The PDF as it was handed in, unopened."},
        **read_refusals(PaperNotFound, LikenessErased),
    },
    response_class=Response,
)
@may(*PARTIES, to="read")
def download_paper(paper_id: str, read: Reading) -> Response:
    """Give a paper back to a party of its contract. Each opening is on record."""
    found = papers.paper_by_id(read.session, paper_id)
    try:
        service.contract_of(read.session, read.organization_id, found.contract_id)
    except ContractNotFound:
        raise papers.not_found(paper_id) from None
    with db.writing() as session:
        content = papers.open_paper(session, found, organization_id=read.organization_id)
    return _file(content, f"{found.id}.pdf")


def _file(content: bytes, name: str) -> Response:
    """Answer with a file to save: never to be shown within the page it was asked from."""
    return Response(
        content,
        media_type=PDF,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
