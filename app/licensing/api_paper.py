"""Routes about contracts on paper: a PDF of what is signed."""

from fastapi import APIRouter, Response

from app.identity.api_edge import Reading, read_refusals
from app.licensing import paper, service
from app.licensing.errors import ContractNotFound

router = APIRouter(prefix="/v1", tags=["paper"])
PDF = "application/pdf"


@router.get(
    "/contracts/{contract_id}/paper",
    responses={
        200: {"content": {PDF: {}}, "description": "The PDF, with the signed document inside."},
        **read_refusals(ContractNotFound),
    },
    response_class=Response,
)
def export_contract(contract_id: str, read: Reading) -> Response:
    """Give a contract as a PDF: plain words, signature page, and the signed document inside."""
    contract = service.contract_of(read.session, read.organization_id, contract_id)
    content = paper.paper_of(read.session, contract)
    return Response(content, media_type=PDF, headers=named(f"{contract_id}.pdf"))


def named(name: str) -> dict[str, str]:
    """Name a file for whoever saves it; never show it in the page it was asked from."""
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
