"""Signed papers for tests: a PDF as a scanner makes it, and one kept beside an offer."""

import hashlib
import tempfile
from pathlib import Path

from sqlmodel import Session

from app.identity import service as identity
from app.identity.models import Organization
from app.identity.principal import Principal
from app.licensing.contracts import papers
from app.licensing.contracts.models import Contract
from app.licensing.contracts.models_paper import ContractPaper
from tests.scenes import Scene, offered


def a_pdf(text: str = "signed by hand") -> bytes:
    """Return a PDF of one empty page, with a comment in it."""
    parts = [
        b"%PDF-1.4\n%" + text.encode() + b"\n",
        b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n",
        b"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n",
        b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>\nendobj\n",
    ]
    at, table = 0, []
    for part in parts:
        at += len(part)
        table.append(at)
    offsets = "".join(f"{offset:010d} 00000 n \n" for offset in table[:-1])
    end = f"xref\n0 4\n0000000000 65535 f \n{offsets}trailer\n<</Size 4/Root 1 0 R>>\n"
    return b"".join(parts) + f"{end}startxref\n{at}\n%%EOF\n".encode()


def attached(
    session: Session, contract: Contract, content: bytes, *, organization_id: str
) -> ContractPaper:
    """Attach a PDF as an organization of the scene would."""
    organization = session.get_one(Organization, organization_id)
    key, _ = identity.create_api_key(session, organization, name="paper")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "paper"
        path.write_bytes(content)
        return papers.attach_paper(
            session,
            contract,
            path,
            sha256=hashlib.sha256(content).hexdigest(),
            by=Principal(organization_id, organization.kind, key.id),
        )


def a_paper(session: Session, scene: Scene) -> ContractPaper:
    """Attach a PDF to another offer between the parties of a scene."""
    other = offered(session, scene, lambda document: document["grant"].update(projects=["OTHER"]))
    return attached(
        session, other.contract, a_pdf(), organization_id=scene.production.organization.id
    )
