"""What an estate signed counts for nothing once the death it rested on was taken back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from app import clock
from app.identity.models_people import Person
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from app.licensing.decisions import gather
from app.licensing.decisions.undone import undone
from app.licensing.errors import StandingOfferNotOpen
from app.licensing.mandates import deaths, service
from app.registry import lives, mandates
from app.registry import service as registry
from app.registry.errors import DeathDisputed
from app.registry.models_mandates import Mandate
from app.twofold.models import TwofoldAct
from tests.licensing.approving import a_scene_with_approvals, answer, ask, codes
from tests.licensing.mandating import a_document, granted, holder_of, signed
from tests.licensing.negotiating import wording
from tests.licensing.standing_offers import accepted, another
from tests.licensing.test_standing import signed_in_place
from tests.scenes import a_scene, offered, sign

ONLY = {"category": None, "territories": None, "media": None, "holdback_days": 0}
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def signed_by_estate(session, scene, estate, contract, role="estate_rep"):
    for party, as_whom in ((estate, role), (scene.production, "licensee")):
        contracts.sign_contract(
            session,
            contract,
            party.organization.id,
            role=as_whom,
            jws=party.sign(contract, as_whom),
        )
    return replace(scene, contract=contract)


def taken_back(session, scene):
    """Two operators take the death back, and the performer allows work again."""
    life = mandates.life_of(session, scene.performer.id)
    act = TwofoldAct(
        kind=deaths.CORRECTION,
        subject_id=scene.performer.id,
        asked={"died_on": str(life.died_on)},
        lapses_at=clock.now() + timedelta(days=1),
        settled_at=clock.now(),
    )
    session.add(act)
    session.flush()
    deaths.put_in_force(session, act)
    registry.resume(session, scene.performer)


def amendment(session, scene, **changes):
    grant = wording(scene)["grant"] | {"territories": {"include": ["DE", "JP"], "exclude": []}}
    by = scene.production.organization.id
    said = wording(scene, grant=grant, **changes)
    return contracts.amend_contract(session, scene.contract, by, said)


@pytest.mark.parametrize("role", ["estate_rep", "union_for_estate"])
def test_a_contract_permits_nothing_any_more(session, tmp_path, role):
    """Whoever stood in, and also where their mandate had ended before by itself."""
    scene = a_scene(session, signed=False)
    estate = holder_of(session, role)
    granted(session, scene, role, tmp_path, estate)
    signed_by_estate(session, scene, estate, scene.contract, role)
    assert scene.ask(session)[0].codes == []
    if role == "union_for_estate":  # the estate is found, which ends the union's
        granted(session, scene, "estate_rep", tmp_path, holder_of(session, "estate_rep"))
    taken_back(session, scene)
    assert scene.ask(session)[0].codes == ["CONTRACT_NOT_EXECUTED"]
    for each in session.exec(select(Mandate)):
        assert mandates.is_whole(each)
        assert not mandates.stands(each, at=each.granted_at)
    granted(session, scene, role, tmp_path, estate, ends_at=later(20))  # they died, in truth
    assert scene.ask(session)[0].codes == ["CONTRACT_NOT_EXECUTED"]


def later(days):
    return (clock.now() + timedelta(days=days)).isoformat()


@ONE_DATABASE
def test_a_mandate_that_were_only_ended_would_be_found(session, tmp_path, monkeypatch):
    """The planted fault: the estate's mandate ends now, and what it signed was signed by it."""
    monkeypatch.setattr(
        deaths, "_undo", lambda session, each: service.revoke(session, each, by="o")
    )
    scene = a_scene(session, signed=False)
    estate = holder_of(session, "estate_rep")
    granted(session, scene, "estate_rep", tmp_path, estate)
    signed_by_estate(session, scene, estate, scene.contract)
    taken_back(session, scene)
    assert scene.ask(session)[0].outcome == "permit"


def test_an_amendment_does_not_govern_and_an_exclusive_blocks_nobody(session, tmp_path):
    scene = offered(
        session, a_scene(session, signed=False), lambda said: said.update(exclusivity=ONLY)
    )
    sign(session, scene)
    estate, rival = holder_of(session, "estate_rep"), another(session)
    granted(session, scene, "estate_rep", tmp_path, estate)
    signed_by_estate(session, scene, estate, amendment(session, scene, exclusivity=None))
    assert scene.ask(session, territories=("JP",))[0].outcome == "permit"
    other = offered(
        session, replace(scene, production=rival), lambda said: said.update(exclusivity=ONLY)
    )
    signed_by_estate(session, other, estate, other.contract)
    taken_back(session, scene)
    assert scene.ask(session, territories=("JP",))[0].codes == ["TERRITORY_NOT_LICENSED"]
    permitted, _ = scene.ask(session)
    assert permitted.outcome == "permit"
    assert permitted.request["governing"] == [[scene.performer.id, scene.contract.series_id, 1]]
    every = session.exec(select(Contract).order_by(Contract.id)).all()
    now = clock.now()
    (counts,) = gather.exclusives(every, at=now, undone=undone(session, every))
    assert counts.licensee == scene.production.organization.id  # their own, as before
    # The planted fault: nobody looks at who signed, so the estate's counts, and theirs is over.
    (counts,) = gather.exclusives(every, at=now)
    assert counts.licensee == rival.organization.id


@ONE_DATABASE
def test_an_exclusive_does_not_deny_whom_the_performer_signs_with(session, tmp_path):
    scene = a_scene(session, signed=False)
    estate, rival = holder_of(session, "estate_rep"), another(session)
    granted(session, scene, "estate_rep", tmp_path, estate)
    other = offered(
        session, replace(scene, production=rival), lambda said: said.update(exclusivity=ONLY)
    )
    signed_by_estate(session, other, estate, other.contract)
    taken_back(session, scene)
    sign(session, scene)
    assert scene.ask(session)[0].codes == []


@ONE_DATABASE
def test_a_standing_offer_is_nobodys_to_accept_and_what_was_made_from_it_permits_nothing(
    session, tmp_path
):
    scene = a_scene(session, signed=False)
    estate = holder_of(session, "estate_rep")
    granted(session, scene, "estate_rep", tmp_path, estate)
    offer = signed_in_place(session, scene, "estate_rep", estate)
    accepted(session, offer, scene.production)
    assert scene.ask(session)[0].outcome == "permit"
    taken_back(session, scene)
    assert scene.ask(session)[0].codes == ["CONTRACT_NOT_EXECUTED"]
    with pytest.raises(StandingOfferNotOpen, match="to give"):
        accepted(session, offer, another(session))


@ONE_DATABASE
def test_a_standing_offer_is_not_signed_while_somebody_says_that_they_are_alive(
    session, tmp_path, monkeypatch
):
    """Planted fault: nobody asks whether the death is disputed."""
    scene = a_scene(session, signed=False)
    estate = holder_of(session, "estate_rep")
    granted(session, scene, "estate_rep", tmp_path, estate)
    girl = Person(name="Griet")
    session.add(girl)
    session.flush()
    lives.say_alive(session, scene.performer, girl.id)
    with pytest.raises(DeathDisputed):
        signed_in_place(session, scene, "estate_rep", estate)
    with monkeypatch.context() as faulty:
        faulty.setattr(lives, "check_not_disputed", lambda *_: None)
        assert signed_in_place(session, scene, "estate_rep", estate).signed_at is not None


@ONE_DATABASE
def test_an_answer_is_nobodys_even_where_its_house_is_an_estate_again(session, tmp_path):
    scene = a_scene_with_approvals(session, "estate_rep")
    estate = holder_of(session, "estate_rep")
    granted(session, scene, "estate_rep", tmp_path, estate)
    signed_by_estate(
        session,
        scene,
        estate,
        contracts.amend_contract(
            session,
            scene.contract,
            scene.production.organization.id,
            wording(scene, approvals=approvals_of(scene), notice_hours=1),
        ),
    )
    (request,) = ask(session, scene, scene.ask(session, script_hash="0" * 64)[0])
    scene.agency = estate
    answer(session, scene, request, who="agency", role="estate_rep")
    assert scene.ask(session, script_hash="0" * 64)[0].codes == []
    taken_back(session, scene)
    refused = ["APPROVER_NOT_AUTHORISED"]
    assert codes(session, scene, script_hash="0" * 64) == refused
    granted(session, scene, "estate_rep", tmp_path, estate, ends_at=later(20))
    assert "APPROVER_NOT_AUTHORISED" in codes(session, scene, script_hash="0" * 64)


def approvals_of(scene):
    return {"per_use": True, "required": ["estate_rep"], "on_silence": "deny", "sla_hours": 48}


@ONE_DATABASE
def test_who_acts_by_what_an_estate_gave_does_no_longer(session, tmp_path):
    scene = a_scene(session)
    estate, loan_out = (holder_of(session, each) for each in ("estate_rep", "loan_out"))
    guild = holder_of(session, "union")
    granted(session, scene, "estate_rep", tmp_path, estate)
    for role, holder in (("loan_out", loan_out), ("union", guild)):
        document = a_document(scene, holder, role)
        service.grant(session, estate.organization.id, document, jws=signed(document, estate))
    taken_back(session, scene)
    for holder in (estate, loan_out, guild):
        assert mandates.roles_of(session, scene.performer.id, holder.organization.id) == []
    document = a_document(scene, loan_out, "loan_out", ends_at=later(20))
    service.grant(session, scene.desk.organization.id, document, jws=signed(document, scene.desk))
    granted(session, scene, "estate_rep", tmp_path, estate, ends_at=later(20))
    taken_back(session, scene)  # what they gave between two such deaths was theirs to give
    (own,) = [
        each
        for each in mandates.of_performers(session, [scene.performer.id])
        if each.grantor_id == scene.desk.organization.id
    ]
    assert own.revoked_at > own.granted_at
