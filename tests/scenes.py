"""A scene ready to be asked for: two desks, an agency, an enrolled performer, a signed contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app import clock
from app.access import ACTIONS
from app.demo import cast
from app.gateway import service as gateway
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.models import Organization
from app.identity.principal import Scope
from app.ledger.receivables.credit import approve_credit
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions.models import Decision
from app.registry import service as registry
from app.registry.models import Performer, Replica

CREDIT_MINOR = 10**12
TAKES = {"max_takes": 5, "draft_rate": "0.25", "draft_credit": "0.5", "draft_days": 30}
PORTRAIT = Path(__file__).parent.parent / "samples" / "girl-with-a-pearl-earring.jpg"


@dataclass
class Scene:
    """Everything a permitted use needs; `ask` asks for it, with changes."""

    desk: cast.Party
    production: cast.Party
    agency: cast.Party
    performer: Performer
    replica: Replica
    contract: Contract

    def ask(
        self,
        session: Session,
        *,
        generator: str = "local/puppet-1",
        length_s: str = "5",
        size: tuple[int, int] = (1280, 720),
        line: str = "I hold the light.",
        materials: Mapping[str, str] | None = None,
        shot: str = "",
        parent: tuple[str, str] = ("", ""),
        **changes: Any,
    ) -> tuple[Decision, Generation | None]:
        """Ask for a generation as the production, through the gateway's own door."""
        use = {
            "project": "NIGHTGLASS",
            "purpose": "film_scene",
            "medium": "svod",
            "territories": ("DE",),
            "languages": ("en",),
            "modalities": ("face", "voice"),
            "tags": (),
            **changes,
        }
        organization_id = self.production.organization.id
        asked = gateway.Asked(
            (self.replica.id,), generator, line, Decimal(length_s), size, materials or {},
            shot, *parent,
        )  # fmt: skip
        request = UseRequest(
            action="generate",
            requester_org=organization_id,
            performers=(),
            at=clock.now(),
            generator=generator,
            seconds=Decimal(length_s),
            **use,
        )
        return gateway.request_generation(session, organization_id, asked, request)

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return the same request as JSON for POST /v1/generations."""
        return {
            "replicas": [self.replica.id],
            "project": "NIGHTGLASS",
            "purpose": "film_scene",
            "medium": "svod",
            "territories": ["DE"],
            "languages": ["en"],
            "generator": "local/puppet-1",
            "line": "I hold the light.",
            "length_s": "5",
            **changes,
        }


def a_portrait_seen(path: Path = PORTRAIT) -> registry.Portrait:
    """What the sandboxed reader would say of a portrait, without reading it: for speed."""
    return registry.Portrait("image/jpeg", 1000, 1182, path.stat().st_size, "0" * 64, (0.1,) * 128)


def grant_credit(session: Session, organization: Organization) -> None:
    """Let an organization owe: the operator's act, without which nothing is held."""
    for currency in ("EUR", "USD"):
        approve_credit(session, organization.id, currency=currency, amount_minor=CREDIT_MINOR)


def a_scene(
    session: Session,
    *,
    generator: str = "local/puppet-1",
    seen: registry.Portrait | None = None,
    signed: bool = True,
    **grant: Any,
) -> Scene:
    """Register, enroll, offer and sign; `grant` changes the contract's grant."""
    desk = cast.register_party(session, "The Girl, performer", "performer")
    production = cast.register_party(session, "Nightglass Pictures", "production")
    agency = cast.register_party(session, "Delft Talent", "agency")
    grant_credit(session, production.organization)
    performer = registry.enroll(
        session,
        organization_id=desk.organization.id,
        name="The Girl",
        portrait=PORTRAIT,
        inspected=seen or a_portrait_seen(),
    )
    document = cast.contract_document(
        performer.id, "The Girl", production.organization.id, agency.organization.id
    )
    document["grant"] |= {"generators": [generator], **grant}
    contract = licensing.offer_contract(session, production.organization.id, document)
    scene = Scene(
        desk,
        production,
        agency,
        performer,
        registry.replicas_of(session, performer.id)[0],
        contract,
    )
    if signed:
        sign(session, scene)
    return scene


def represent(session: Session, scene: Scene, agent: Organization | None) -> None:
    """Register an agency as the performer's agent, or nobody."""
    performer = session.get_one(Performer, scene.performer.id)
    performer.agent_organization_id = agent and agent.id
    performer.seal = registry.seal_of(session, performer)
    session.flush()


Change = Callable[[dict[str, Any]], object]


def offered(session: Session, scene: Scene, change: Change) -> Scene:
    """Offer another document between the same two; return the scene of that contract."""
    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    change(document)
    contract = licensing.offer_contract(session, scene.production.organization.id, document)
    return replace(scene, contract=contract)


def with_takes(session: Session, terms: dict[str, Any] | None = TAKES) -> Scene:
    """A scene whose contract agrees takes of a shot; without terms, none."""

    def agree(document: dict[str, Any]) -> None:
        document["grant"]["quota"] = {"max_seconds": 400}
        if terms is not None:
            document["compensation"]["takes"] = terms

    scene = offered(session, a_scene(session, signed=False), agree)
    sign(session, scene)
    return scene


def sign(session: Session, scene: Scene) -> None:
    """Have both parties sign."""
    for party, role in ((scene.desk, "performer"), (scene.production, "licensee")):
        licensing.sign_contract(
            session,
            scene.contract,
            party.organization.id,
            role=role,
            jws=party.sign(scene.contract, role),
        )


def an_api_key(session: Session, organization: Organization) -> dict[str, str]:
    """Make an API key that may do everything; return it as the header that carries it."""
    _, text = identity.create_api_key(session, organization, name="test", scope=Scope.of(ACTIONS))
    return {"Authorization": f"Bearer {text}"}
