"""A union that keeps an agreement, scenes under it, and strikes called with two keys."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from app.identity import service as identity
from app.identity.principal import Principal
from app.licensing.strikes import service as strikes
from app.licensing.strikes.models import StrikeSwitch
from tests import scenes

AGREEMENT = "SAG-AFTRA-TVT-2026"
People = tuple[Principal, Principal]


def a_union(session: Session, agreement: str = AGREEMENT) -> People:
    """A union that keeps an agreement: the two people who may act for it."""
    union = identity.create_organization(session, "Actors united", "union")
    strikes.name_keeper(session, agreement, union)
    first, second = (
        identity.create_api_key(session, union, name=name)[0] for name in ("first", "second")
    )
    return Principal(union.id, "union", first.id), Principal(union.id, "union", second.id)


def proposed(session: Session, people: People, act: str = "suspend", **when: Any) -> StrikeSwitch:
    """Propose a turn of the switch with the first key."""
    return strikes.propose_switch(session, people[0], agreement=AGREEMENT, act=act, **when)


def a_strike(
    session: Session,
    people: People,
    act: str = "suspend",
    *,
    takes_effect_at: datetime | None = None,
) -> StrikeSwitch:
    """Propose with the first key and confirm with the second."""
    switch = proposed(session, people, act, takes_effect_at=takes_effect_at)
    return strikes.confirm_switch(session, people[1], switch.id)


def a_scene_under(session: Session, agreement: str = AGREEMENT, **grant: Any) -> scenes.Scene:
    """A signed scene whose contract is suspended by strikes under the agreement."""

    def change(document: dict[str, Any]) -> None:
        document["strike_policy"] = {"agreements": [agreement]}
        document["grant"] |= grant

    scene = scenes.offered(session, scenes.a_scene(session, signed=False), change)
    scenes.sign(session, scene)
    return scene
