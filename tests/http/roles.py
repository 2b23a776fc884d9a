"""Everybody who may hold a key, each with things of their own: for tests that ask as each role."""

from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, select

from app import db
from app.access import ACTIONS
from app.demo.cast import register_party
from app.identity import service as identity
from app.identity.models import Organization
from app.identity.principal import Scope
from app.licensing.strikes.models import AgreementKeeper
from tests.http.house import House
from tests.http.things import things_of
from tests.licensing.mandating import granted, make_minor
from tests.scenes import Scene, a_scene, an_api_key, represent

MEMBER = ("read", "ask", "generate", "negotiate")
APPROVER = (*MEMBER, "approve", "sign", "money", "dispute")
# Without a key: whoever has none, and the operator, whose door is the host's command line alone.
KEYLESS = ("nobody", "operator")
# Rows of `things_of` that stand for what they name, with nothing in the vault behind them.
SHELLS = ("paper_id", "material_id")
ROLES = (
    "performer",
    "agent",
    "guardian",
    "estate",
    "loan_out",
    "production_member",
    "production_approver",
    "union_officer",
    "auditor",
    *KEYLESS,
)


@dataclass(frozen=True)
class Asker:
    """One role: with what it asks, and an id of a thing of its own for every name in addresses."""

    headers: dict[str, str]
    things: dict[str, str]


def askers(house: House, papers: Path) -> dict[str, Asker]:
    """Fill a house with every role; who stands for another performer has that one's things."""
    things = things_of(house)
    for name in SHELLS:
        del things[name]
    with db.writing() as session:
        scene = house.scene
        represent(session, scene, scene.agency.organization)
        keeper = session.exec(select(AgreementKeeper)).one()
        union = session.get_one(Organization, keeper.organization_id)
        loan_out = register_party(session, "The Girl's company", "performer")
        granted(session, scene, "loan_out", papers, loan_out)
        production = scene.production.organization
        found = {
            "performer": Asker(house.keys["desk"], things),
            "agent": Asker(house.keys["agency"], things),
            "guardian": _in_place(session, things, "guardian", papers),
            "estate": _in_place(session, things, "estate_rep", papers),
            "loan_out": Asker(an_api_key(session, loan_out.organization), things),
            "production_member": Asker(_a_key(session, production, MEMBER), things),
            "production_approver": Asker(_a_key(session, production, APPROVER), things),
            "union_officer": Asker(an_api_key(session, union), things),
            "auditor": Asker(_a_key(session, production, ("read",)), things),
        }
    return found | {role: Asker({}, things) for role in KEYLESS}


def _in_place(session: Session, things: dict[str, str], role: str, papers: Path) -> Asker:
    """Somebody in the place of a performer of their own: a minor, or one who has died."""
    scene: Scene = a_scene(session, signed=False)
    if role == "guardian":
        make_minor(session, scene)
    holder = register_party(session, f"{role}'s house", "performer")
    mandate = granted(session, scene, role, papers, holder)
    own = {
        "performer_id": scene.performer.id,
        "contract_id": scene.contract.id,
        "mandate_id": mandate.id,
    }
    return Asker(an_api_key(session, holder.organization), things | own)


def _a_key(session: Session, house: Organization, actions: tuple[str, ...]) -> dict[str, str]:
    """A key that does only what this role does: how a house gives its people's programs less."""
    assert set(actions) <= set(ACTIONS)
    scope = Scope.of(actions)
    _, text = identity.create_api_key(session, house, name="role", scope=scope)
    return {"Authorization": f"Bearer {text}"}
