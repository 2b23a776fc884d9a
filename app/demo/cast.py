"""Who plays in the demo: three painted performers, an agency, a production, and their contract."""

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
from app.licensing.models import Contract
from app.licensing.signatures import sign_detached

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
    return {
        "v": 1,
        "instrument": "ICDR",
        "governing": "HOUSE-2026",
        "performer": {"id": performer_id, "name": performer_name, "dob": "1990-05-04"},
        "licensee": licensee_id,
        "representation": {"agent": agent_id},
        "consent": {
            "clear_and_conspicuous": True,
            "separately_signed": True,
            "uses_description": "My face and a synthetic voice may speak the lines of scene 41 of "
            "the film NIGHTGLASS, as scripted, in shots of a few seconds.",
        },
        "grant": {
            "projects": ["NIGHTGLASS"],
            "purposes": ["film_scene"],
            "media": ["theatrical", "svod"],
            "modalities": ["face", "voice"],
            "territories": {"include": ["DE", "FR", "NL"], "exclude": []},
            "languages": ["en"],
            "dubbing": "no",
            "generators": [MODEL],
            "realtime": False,
            "training": "no",
            "term": {
                "start": str(today - timedelta(days=1)),
                "end": str(today + timedelta(days=365)),
                "end_inclusive": True,
                "tz": "Europe/Amsterdam",
            },
            "quota": {"max_seconds": 40, "max_renders": None, "max_seconds_per_output": 10},
            "sublicense": {"mode": "no"},
            "content": {
                "prohibited": ["nudity", "political_endorsement", "smoking"],
                "approval": [],
                "blocked_brand_categories": ["tobacco"],
                "preview_waived": True,
            },
        },
        "approvals": {"per_use": False, "required": [], "on_silence": "deny", "sla_hours": 48},
        "notice_hours": 0,
        "strike_policy": {"agreements": []},
        "revocation": {
            "wind_down": "stop_now",
            "notice_days": 0,
            "existing_outputs": "keep",
            "removal_days": 0,
            "expiry_in_flight": "stop",
        },
        "postmortem": {"mode": "terminate"},
        "data": {"delete_after_term_days": 90, "encrypted": True},
        "compensation": {
            "currency": "EUR",
            "model": "per_second",
            "rate_minor": "1250",
            "parties": [
                {"id": performer_id, "weight": "1", "agent": agent_id, "agent_rate": "0.10"}
            ],
        },
    }
