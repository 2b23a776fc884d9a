"""Contracts in every state of their life, and every act that may be tried on them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app import clock
from app.demo import cast
from app.licensing.contracts import service
from app.licensing.contracts.life import Act, Actor, State
from app.licensing.contracts.models import Contract
from tests import scenes
from tests.scenes import Scene

LONG_AGO = timedelta(days=400)


def a_represented_scene(session: Session, *, signed: bool = False) -> Scene:
    """A scene whose agency is the performer's registered agent."""
    scene = scenes.a_scene(session, signed=signed)
    scenes.represent(session, scene, scene.agency.organization)
    return scene


def wording(scene: Scene, **changes: Any) -> dict[str, Any]:
    """A document between the scene's two, with changes at its top."""
    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    return {**document, **changes}


def organization_of(scene: Scene, actor: Actor) -> str:
    """Return the organization that acts so in a scene."""
    party = {Actor.PERFORMER: scene.desk, Actor.AGENT: scene.agency}.get(actor, scene.production)
    return party.organization.id


def stand(session: Session, scene: Scene, state: State) -> Scene:
    """Bring a scene's offered contract into a state; the licensee has offered it."""
    return STANDING[state](session, scene)


def attempt(session: Session, scene: Scene, act: Act, actor: Actor, contract: Contract) -> None:
    """Try an act on a contract, as one of the scene's organizations."""
    organization_id = organization_of(scene, actor)
    document = wording(scene, notice_hours=7)
    if act in (Act.COUNTER, Act.REVISE):
        service.replace_document(session, contract, organization_id, document, act=act)
    elif act is Act.AMEND:
        service.amend_contract(session, contract, organization_id, document)
    elif act is Act.SIGN:
        party = scene.desk if actor is Actor.PERFORMER else scene.production
        role = "licensee" if actor is Actor.LICENSEE else "performer"
        jws = party.sign(contract, role)
        service.sign_contract(session, contract, organization_id, role=role, jws=jws)
    else:
        plain: dict[Act, Callable[..., object]] = {
            Act.OFFER: service.offer_draft,
            Act.DECLINE: service.decline_offer,
            Act.RETRACT: service.retract_offer,
            Act.SUSPEND: service.suspend_contract,
            Act.RESUME: service.resume_contract,
            Act.WITHDRAW: service.withdraw_contract,
        }
        plain[act](session, contract, organization_id)


def amended(session: Session, scene: Scene, **changes: Any) -> Contract:
    """Amend a scene's contract and have both sign: the next version."""
    contract = service.amend_contract(
        session,
        scene.contract,
        scene.production.organization.id,
        wording(scene, **{"notice_hours": 1, **changes}),
    )
    scenes.sign(session, replace(scene, contract=contract))
    return contract


def edit(session: Session, contract: Contract, **columns: Any) -> None:
    """Edit a stored row as somebody with the database would."""
    session.flush()
    session.execute(sa.update(Contract).where(col(Contract.id) == contract.id).values(**columns))
    session.expire_all()


def _draft(session: Session, scene: Scene) -> Scene:
    drafted = service.offer_contract(
        session, scene.production.organization.id, wording(scene, notice_hours=3), draft=True
    )
    return replace(scene, contract=drafted)


def _countered(session: Session, scene: Scene) -> Scene:
    answer = service.replace_document(
        session,
        scene.contract,
        scene.desk.organization.id,
        wording(scene, notice_hours=2),
        act=Act.COUNTER,
    )
    return replace(scene, contract=answer)


def _signed(session: Session, scene: Scene) -> Scene:
    attempt(session, scene, Act.SIGN, Actor.PERFORMER, scene.contract)
    return scene


def _active(session: Session, scene: Scene) -> Scene:
    scenes.sign(session, scene)
    return scene


def _edited(**columns: Any) -> Callable[[Session, Scene], Scene]:
    def stand_so(session: Session, scene: Scene) -> Scene:
        edit(session, scene.contract, **columns)
        return scene

    return stand_so


def _after(state: State, act: Act, actor: Actor) -> Callable[[Session, Scene], Scene]:
    def stand_so(session: Session, scene: Scene) -> Scene:
        scene = stand(session, scene, state)
        attempt(session, scene, act, actor, scene.contract)
        return scene

    return stand_so


def _superseded(session: Session, scene: Scene) -> Scene:
    amended(session, _active(session, scene))
    return scene


def _replaced(session: Session, scene: Scene) -> Scene:
    _countered(session, scene)
    return scene


def _expired(session: Session, scene: Scene) -> Scene:
    return _edited(ends_at=clock.now() - LONG_AGO)(session, _active(session, scene))


STANDING: dict[State, Callable[[Session, Scene], Scene]] = {
    State.DRAFT: _draft,
    State.OFFERED: lambda _session, scene: scene,
    State.COUNTERED: _countered,
    State.SIGNED: _signed,
    State.DECLINED: _after(State.OFFERED, Act.DECLINE, Actor.PERFORMER),
    State.LAPSED: _edited(expires_at=clock.now() - LONG_AGO),
    State.RETRACTED: _after(State.OFFERED, Act.RETRACT, Actor.LICENSEE),
    State.REPLACED: _replaced,
    State.ACTIVE: _active,
    State.SUSPENDED: _after(State.ACTIVE, Act.SUSPEND, Actor.PERFORMER),
    State.SUPERSEDED: _superseded,
    State.EXPIRED: _expired,
    State.WITHDRAWN: _after(State.ACTIVE, Act.WITHDRAW, Actor.PERFORMER),
}
