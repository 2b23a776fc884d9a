"""Amendments: the next version of one contract, with one quota, and permits that keep theirs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from app import clock
from app.gateway.generators import catalogue
from app.gateway.models import GenerationReplica
from app.ledger.models import Hold
from app.licensing.contracts import life, service
from app.licensing.contracts.life import Act, Actor, State
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import ContractInForce, Usage
from app.licensing.decisions import gather, looking, under_lock
from app.licensing.decisions import service as decisions
from app.licensing.errors import ActNotAllowed, ContractAlreadyWithdrawn, ContractInvalid
from app.transparency.models import LogOutbox
from tests import scenes
from tests.licensing.negotiating import (
    a_represented_scene,
    amended,
    attempt,
    wording,
)

GENERATORS = catalogue.TRAINS_ON_INPUTS


def _wider(scene: scenes.Scene) -> dict[str, object]:
    grant = wording(scene)["grant"]
    grant["territories"] = {"include": ["DE", "FR", "NL", "JP"], "exclude": []}
    return {"grant": grant}


class TestAmendment:
    def test_changes_nothing_until_both_have_signed_it(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        second = service.amend_contract(
            session,
            scene.contract,
            scene.production.organization.id,
            wording(scene, **_wider(scene)),
        )
        assert scene.ask(session, territories=("JP",))[0].codes == ["TERRITORY_NOT_LICENSED"]
        attempt(session, scene, Act.SIGN, Actor.PERFORMER, second)
        assert scene.ask(session, territories=("JP",))[0].codes == ["TERRITORY_NOT_LICENSED"]
        attempt(session, scene, Act.SIGN, Actor.LICENSEE, second)
        decision, generation = scene.ask(session, territories=("JP",))
        assert generation is not None
        governing = [[scene.performer.id, scene.contract.series_id, 2]]
        assert decision.request["governing"] == governing
        now = clock.now()
        assert life.state_of(scene.contract, at=now) is State.SUPERSEDED
        assert life.state_of(second, at=now) is State.ACTIVE
        kinds = session.exec(
            select(LogOutbox.kind).where(LogOutbox.subject_id == scene.contract.series_id)
        ).all()
        assert sorted(kinds) == ["contract-amended", "contract-executed"]

    def test_narrows_what_is_asked_from_now_on(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        grant = {**wording(scene)["grant"], "territories": {"include": ["FR"], "exclude": []}}
        amended(session, scene, grant=grant)
        assert scene.ask(session)[0].codes == ["TERRITORY_NOT_LICENSED"]

    def test_takes_effect_when_it_says(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        later = clock.now() + timedelta(days=30)
        second = amended(
            session, scene, **_wider(scene), amends={"effective_at": later.isoformat()}
        )
        assert second.effective_at == later
        assert scene.ask(session, territories=("JP",))[0].codes == ["TERRITORY_NOT_LICENSED"]
        facts = [gather.in_force(session, each) for each in (scene.contract, second)]
        use = decisions.use_of(scene.ask(session, territories=("JP",))[0])
        seen = looking.look(session, replace(use, at=later), generators=GENERATORS)
        assert seen.answer.permitted
        assert [fact.version for fact in facts] == [1, 2]
        found = service.contract_of(session, scene.desk.organization.id, scene.contract.series_id)
        assert found.version == 1

    def test_names_the_version_it_replaces_in_the_words_both_sign(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        desk = scene.desk.organization.id
        for amends in (
            {"contract": "con_other"},
            {"document_sha256": "0" * 64},
        ):
            document = wording(scene, notice_hours=1, amends=amends)
            with pytest.raises(ContractInvalid, match="amend that one"):
                service.amend_contract(session, scene.contract, desk, document)
        second = amended(session, scene)
        names = gather.documents.recorded(second.document.encode()).amends
        assert names is not None
        assert (names.contract, names.document_sha256) == (
            scene.contract.series_id,
            scene.contract.document_sha256,
        )
        first = wording(scene, amends=names.model_dump(mode="json"))
        with pytest.raises(ContractInvalid, match="amends nothing"):
            service.offer_contract(session, desk, first)

    def test_is_alone_on_the_table(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        desk, production = scene.desk.organization.id, scene.production.organization.id
        second = service.amend_contract(
            session, scene.contract, production, wording(scene, notice_hours=1)
        )
        with pytest.raises(ActNotAllowed, match="on the table already"):
            service.amend_contract(session, scene.contract, desk, wording(scene, notice_hours=2))
        service.decline_offer(session, second, desk)
        third = service.amend_contract(
            session, scene.contract, desk, wording(scene, notice_hours=2)
        )
        assert third.version == 3
        scenes.sign(session, replace(scene, contract=third))
        assert scene.ask(session)[0].request["governing"][0][2] == 3

    def test_is_between_the_same_two(self, session: Session) -> None:
        scene, other = scenes.a_scene(session), scenes.a_scene(session)
        desk = scene.desk.organization.id
        document = wording(replace(scene, production=other.production), notice_hours=1)
        with pytest.raises(ContractInvalid, match="/licensee"):
            service.amend_contract(session, scene.contract, desk, document)
        document = wording(replace(scene, performer=other.performer), notice_hours=1)
        with pytest.raises(ContractInvalid, match="/performer/id"):
            service.amend_contract(session, scene.contract, desk, document)


class TestQuota:
    def test_is_not_filled_again_by_an_amendment(self, session: Session) -> None:
        quota = {"max_seconds": 9, "max_renders": None, "max_seconds_per_output": 5}
        scene = scenes.a_scene(session, quota=quota)
        assert scene.ask(session)[1] is not None
        amended(session, scene, grant={**wording(scene)["grant"], "quota": quota})
        decision, generation = scene.ask(session)
        assert generation is None
        assert decision.codes == ["QUOTA_EXCEEDED"]
        books = {hold.contract_id for hold in session.exec(select(Hold))}
        assert books == {scene.contract.series_id}

    def test_counted_by_version_would_be_found(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = under_lock.in_force

        def forgetful(session: Session, contract: Contract) -> ContractInForce:
            fact = honest(session, contract)
            return fact if contract.version == 1 else replace(fact, usage=Usage())

        monkeypatch.setattr(under_lock, "in_force", forgetful)
        with pytest.raises(AssertionError):
            self.test_is_not_filled_again_by_an_amendment(session)


class TestPermitOfAnEarlierVersion:
    def test_is_released_and_paid_by_its_own_version(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        permit, generation = scene.ask(session)
        assert generation is not None
        grant = {**wording(scene)["grant"], "territories": {"include": ["FR"], "exclude": []}}
        second = amended(session, scene, grant=grant)
        released = decisions.decide_release(session, permit.id, generators=GENERATORS)
        assert released.outcome == "permit"
        assert released.request["governing"][0][2] == 1
        assert looking.may_hand_out(session, permit.id, generators=GENERATORS)
        later, another = scene.ask(session, territories=("FR",))
        assert another is not None
        assert later.outcome == "permit"
        cast = session.exec(select(GenerationReplica)).all()
        assert {member.contract_id for member in cast} == {scene.contract.id, second.id}

    @pytest.mark.parametrize("act", [Act.WITHDRAW, Act.SUSPEND])
    def test_is_stopped_with_the_whole_contract(self, session: Session, act: Act) -> None:
        scene = scenes.a_scene(session)
        permit, _ = scene.ask(session)
        amended(session, scene)
        attempt(session, scene, act, Actor.PERFORMER, scene.contract)
        code = {Act.WITHDRAW: "REVOKED", Act.SUSPEND: "CONTRACT_SUSPENDED"}[act]
        released = decisions.decide_release(session, permit.id, generators=GENERATORS)
        assert released.codes == [code]
        assert scene.ask(session)[0].codes == [code]
        every = session.exec(select(Contract)).all()
        stopped = {each.version for each in every if each.withdrawn_at or each.suspended_at}
        assert stopped == {1, 2}


class TestSuspension:
    def test_stops_every_use_until_the_performer_lifts_it(self, session: Session) -> None:
        scene = a_represented_scene(session, signed=True)
        attempt(session, scene, Act.SUSPEND, Actor.AGENT, scene.contract)
        assert scene.ask(session)[0].codes == ["CONTRACT_SUSPENDED"]
        attempt(session, scene, Act.RESUME, Actor.PERFORMER, scene.contract)
        assert scene.ask(session)[0].outcome == "permit"
        kinds = session.exec(
            select(LogOutbox.kind)
            .where(LogOutbox.subject_id == scene.contract.series_id)
            .order_by(LogOutbox.id)  # type: ignore[arg-type]
        ).all()
        assert sorted(kinds) == ["contract-executed", "contract-resumed", "contract-suspended"]

    def test_is_not_escaped_by_an_amendment(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        attempt(session, scene, Act.SUSPEND, Actor.PERFORMER, scene.contract)
        second = amended(session, scene)
        assert life.state_of(second, at=clock.now()) is State.SUSPENDED
        assert scene.ask(session)[0].codes == ["CONTRACT_SUSPENDED"]


class TestWithdrawal:
    def test_takes_what_is_on_the_table_with_it(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        second = service.amend_contract(
            session,
            scene.contract,
            scene.production.organization.id,
            wording(scene, notice_hours=1),
        )
        attempt(session, scene, Act.WITHDRAW, Actor.PERFORMER, scene.contract)
        assert life.state_of(second, at=clock.now()) is State.WITHDRAWN
        with pytest.raises(ContractAlreadyWithdrawn):
            scenes.sign(session, replace(scene, contract=second))


class TestExclusive:
    def test_repeated_by_an_amendment_keeps_its_rank(self, session: Session) -> None:
        only = {"category": None, "territories": None, "media": None, "holdback_days": 0}
        first = scenes.a_scene(session, signed=False)
        scene = scenes.offered(session, first, lambda document: document.update(exclusivity=only))
        scenes.sign(session, scene)
        second = amended(session, scene, exclusivity=only)
        now = clock.now()
        (fact,) = gather.exclusives([scene.contract, second], at=now)
        assert fact.signed_at == scene.contract.executed_at
        third = amended(session, scene, exclusivity=None)
        assert list(gather.exclusives([scene.contract, second, third], at=clock.now())) == []
        fourth = amended(session, scene, exclusivity={**only, "holdback_days": 3})
        every = [scene.contract, second, third, fourth]
        (fact,) = gather.exclusives(every, at=clock.now())
        assert fact.signed_at == fourth.executed_at
