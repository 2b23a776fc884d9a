"""Who plays in the demo: three painted performers, an agency, a production, and their contract."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey
from sqlmodel import Session

from app import clock
from app.gateway.generators.local import MODEL
from app.identity import service as identity
from app.identity.models import Organization, SigningKey
from app.licensing.contracts.models import Contract
from app.licensing.contracts.signatures import sign_detached
from app.licensing.document.example import DOCUMENT

SAMPLES = Path(__file__).parents[2] / "samples"
PERFORMERS = (
    ("The Girl with a Pearl Earring", "girl-with-a-pearl-earring.jpg"),
    ("Mona Lisa", "mona-lisa.jpg"),
    ("Isaac Newton", "isaac-newton.jpg"),
)


@dataclass(frozen=True)
class Party:
    """An organization with a signing key that never leaves its own device (here: this process)."""

    organization: Organization
    key: ECKey
    registered: SigningKey

    @property
    def name(self) -> str:
        """What the organization is called."""
        return self.organization.name

    def sign(self, contract: Contract, role: str) -> str:
        """Sign a contract's canonical bytes as the party's device would."""
        return sign_detached(
            contract.document.encode(), self.key, key_id=self.registered.id, role=role
        )


def register_party(session: Session, name: str, kind: str) -> Party:
    """Register an organization and the public half of a fresh P-256 key."""
    organization = identity.create_organization(session, name, kind)
    key = ECKey.generate_key("P-256")
    registered = identity.register_signing_key(session, organization.id, key.as_dict(private=False))
    return Party(organization, key, registered)


def contract_document(
    performer_id: str, performer_name: str, licensee_id: str, agent_id: str
) -> dict[str, Any]:
    """One feature scene: 40 seconds of face and voice in Germany, France and the Netherlands.

    12.50 EUR a second, of which the agent has 10 %.
    """
    today = clock.now().date()
    document = deepcopy(DOCUMENT)
    document["performer"] |= {"id": performer_id, "name": performer_name}
    document["licensee"] = licensee_id
    document["representation"] = {"agent": agent_id}
    document["grant"]["generators"] = [MODEL]
    document["grant"]["term"] |= {
        "start": str(today - timedelta(days=1)),
        "end": str(today + timedelta(days=365)),
    }
    document["compensation"]["parties"][0] |= {"id": performer_id, "agent": agent_id}
    return document
