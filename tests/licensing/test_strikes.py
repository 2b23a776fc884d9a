"""The strike switch: two keys of one union, at an instant, sparing what is finished."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from app import clock, db
from app.gateway import pipeline
from app.gateway.generators import catalogue
from app.gateway.models import Generation
from app.identity import service as identity
from app.ledger.models import Hold
from app.licensing.decisions import looking
from app.licensing.errors import (
    AgreementNotKept,
    ProposalLapsed,
    SecondKeyNeeded,
    StrikeInstantRefused,
    StrikeNotFound,
    StrikeSettled,
)
from app.licensing.strikes import service as strikes
from app.licensing.strikes.models import StrikeSwitch
from app.transparency import leaf
from app.transparency.models import LogOutbox
from tests.licensing.unions import AGREEMENT, People, a_scene_under, a_strike, a_union, proposed

QUICK_ON_POSTGRESQL = True

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


class TestTwoKeys:
    def test_a_proposal_alone_stops_nothing(self, session: Session) -> None:
        scene, people = a_scene_under(session), a_union(session)
        switch = proposed(session, people)
        assert switch.state(clock.now()) == "proposed"
        assert scene.ask(session)[0].outcome == "permit"

    def test_a_confirmed_strike_stops_at_once_and_a_lift_ends_it(self, session: Session) -> None:
        scene, people = a_scene_under(session), a_union(session)
        a_strike(session, people)
        assert scene.ask(session)[0].codes == ["STRIKE_SUSPENDED"]
        a_strike(session, people, "lift")
        assert scene.ask(session)[0].outcome == "permit"

    @ONE_DATABASE
    def test_one_key_may_not_do_both(self, session: Session) -> None:
        people = a_union(session)
        switch = proposed(session, people)
        with pytest.raises(SecondKeyNeeded):
            strikes.confirm_switch(session, people[0], switch.id)
        switch.confirmed_by, switch.confirmed_at = switch.proposed_by, clock.now()
        switch.effective_at = clock.now()
        with pytest.raises(sa.exc.IntegrityError):  # nor may whoever forgets to check
            session.flush()

    @ONE_DATABASE
    def test_the_first_confirmation_stands(self, session: Session) -> None:
        people = a_union(session)
        switch = a_strike(session, people)
        with pytest.raises(StrikeSettled):
            strikes.confirm_switch(session, people[1], switch.id)

    @ONE_DATABASE
    def test_an_unconfirmed_proposal_lapses(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        people = a_union(session)
        switch = proposed(session, people)
        later = switch.lapses_at
        monkeypatch.setattr(clock, "now", lambda: later)
        assert switch.state(later) == "lapsed"
        with pytest.raises(ProposalLapsed):
            strikes.confirm_switch(session, people[1], switch.id)

    @ONE_DATABASE
    def test_a_proposal_of_a_key_revoked_since_is_void(self, session: Session) -> None:
        people = a_union(session)
        switch = proposed(session, people)
        identity.revoke_api_key(session, session.get_one(strikes.ApiKey, people[0].api_key_id))
        with pytest.raises(ProposalLapsed, match="revoked"):
            strikes.confirm_switch(session, people[1], switch.id)

    @ONE_DATABASE
    def test_only_the_keeping_union_has_a_hand_on_it(self, session: Session) -> None:
        people, others = a_union(session), a_union(session, "ANOTHER-AGREEMENT")
        with pytest.raises(AgreementNotKept):
            proposed(session, others)
        switch = proposed(session, people)
        for stranger_s in (switch.id, "stk_none"):
            with pytest.raises(StrikeNotFound):
                strikes.confirm_switch(session, others[1], stranger_s)
        assert strikes.switches_of(session, others[0].organization_id) == []

    @ONE_DATABASE
    def test_an_agreement_has_one_keeper_and_it_is_a_union(self, session: Session) -> None:
        a_union(session)
        another = identity.create_organization(session, "Others united", "union")
        studio = identity.create_organization(session, "Nightglass", "production")
        for organization in (another, studio):
            with pytest.raises(AgreementNotKept):
                strikes.name_keeper(session, AGREEMENT, organization)


class TestInstant:
    @ONE_DATABASE
    def test_a_strike_begins_at_its_instant_and_not_before(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene, people = a_scene_under(session), a_union(session)
        begins_at = clock.now() + timedelta(hours=1)
        switch = a_strike(session, people, takes_effect_at=begins_at)
        assert switch.state(clock.now()) == "scheduled"
        assert scene.ask(session)[0].outcome == "permit"
        monkeypatch.setattr(clock, "now", lambda: begins_at)
        assert switch.state(begins_at) == "in-effect"
        assert scene.ask(session)[0].codes == ["STRIKE_SUSPENDED"]

    @ONE_DATABASE
    def test_a_late_confirmation_does_not_backdate(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        people = a_union(session)
        planned = clock.now() + timedelta(hours=1)
        switch = strikes.propose_switch(
            session, people[0], agreement=AGREEMENT, act="suspend", takes_effect_at=planned
        )
        late = planned + timedelta(hours=1)
        monkeypatch.setattr(clock, "now", lambda: late)
        assert strikes.confirm_switch(session, people[1], switch.id).effective_at == late

    @ONE_DATABASE
    @pytest.mark.parametrize("off", [timedelta(seconds=-1), timedelta(days=367)])
    def test_the_past_and_the_far_future_are_refused(
        self, session: Session, off: timedelta
    ) -> None:
        people = a_union(session)
        with pytest.raises(StrikeInstantRefused):
            strikes.propose_switch(
                session,
                people[0],
                agreement=AGREEMENT,
                act="suspend",
                takes_effect_at=clock.now() + off,
            )

    @ONE_DATABASE
    def test_a_slow_clock_does_not_decide_before_the_confirmation(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene, people = a_scene_under(session), a_union(session)
        switch = a_strike(session, people)
        assert switch.effective_at is not None
        slow = switch.effective_at - timedelta(seconds=20)
        monkeypatch.setattr(clock, "now", lambda: slow)
        assert scene.ask(session)[0].codes == ["STRIKE_SUSPENDED"]


class TestSpans:
    @staticmethod
    def _turns(*turns: tuple[str, int]) -> list[tuple[int, int | None]]:
        switches = [
            StrikeSwitch(
                agreement=AGREEMENT,
                act=act,
                proposed_by="key_1",
                lapses_at=NOON,
                effective_at=NOON + timedelta(hours=hour),
            )
            for act, hour in turns
        ]
        return [
            (
                (span.from_at - NOON) // timedelta(hours=1),
                None if span.to_at is None else (span.to_at - NOON) // timedelta(hours=1),
            )
            for span in strikes.spans(switches)
        ]

    @pytest.mark.parametrize(
        ("turns", "expected"),
        [
            ([], []),
            ([("suspend", 1)], [(1, None)]),
            ([("suspend", 1), ("lift", 3)], [(1, 3)]),
            ([("suspend", 1), ("suspend", 2), ("lift", 3)], [(1, 3)]),
            ([("lift", 1), ("suspend", 2)], [(2, None)]),
            ([("suspend", 1), ("lift", 1)], [(1, 1)]),
            ([("suspend", 1), ("lift", 2), ("lift", 3), ("suspend", 4)], [(1, 2), (4, None)]),
        ],
    )
    def test_are_from_a_suspension_to_its_lift(
        self, turns: list[tuple[str, int]], expected: list[tuple[int, int | None]]
    ) -> None:
        assert self._turns(*turns) == expected

    def test_a_mere_proposal_is_no_strike(self) -> None:
        proposal = StrikeSwitch(agreement="A", act="suspend", proposed_by="k", lapses_at=NOON)
        with pytest.raises(ValueError, match="only proposed"):
            strikes.spans([proposal])


class TestRelease:
    """A strike during a render stops the release; what is finished may still be handed out."""

    def _signed(self) -> tuple[str, People]:
        with db.writing() as session:
            scene, people = a_scene_under(session), a_union(session)
            _, generation = scene.ask(session)
            assert generation is not None
            generation.state, generation.output_sha256 = "signed", "0" * 64
        return generation.id, people

    def test_is_refused_and_nothing_is_charged(self, database: str) -> None:
        generation_id, people = self._signed()
        with db.writing() as session:
            a_strike(session, people)
        pipeline.release(generation_id)
        with db.reading() as session:
            generation = session.get_one(Generation, generation_id)
            assert (generation.state, generation.reason) == ("refused", "STRIKE_SUSPENDED")
            assert session.exec(select(Hold.state)).all() == ["voided"]

    @ONE_DATABASE
    def test_a_release_that_overlooks_the_strike_is_found(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strikes, "spans", lambda _switches: ())
        with pytest.raises(AssertionError):
            self.test_is_refused_and_nothing_is_charged(database)

    @ONE_DATABASE
    def test_spares_finished_work(self, database: str) -> None:
        generation_id, people = self._signed()
        pipeline.release(generation_id)
        with db.writing() as session:
            a_strike(session, people)
        with db.reading() as session:
            released = session.get_one(Generation, generation_id)
            assert released.state == "released"
            assert looking.may_hand_out(
                session, released.decision_id, generators=catalogue.TRAINS_ON_INPUTS
            )

    @ONE_DATABASE
    def test_a_strike_under_another_agreement_concerns_nobody_else(self, session: Session) -> None:
        scene = a_scene_under(session)
        proposer, confirmer = a_union(session, "ANOTHER-AGREEMENT")
        switch = strikes.propose_switch(
            session, proposer, agreement="ANOTHER-AGREEMENT", act="suspend"
        )
        strikes.confirm_switch(session, confirmer, switch.id)
        assert scene.ask(session)[0].outcome == "permit"


class TestLog:
    @ONE_DATABASE
    def test_every_turn_of_the_switch_is_promised_a_leaf_that_its_row_opens(
        self, session: Session
    ) -> None:
        people = a_union(session)
        proposed(session, people)
        turns = [a_strike(session, people), a_strike(session, people, "lift")]
        rows = session.exec(select(LogOutbox).where(LogOutbox.kind == "strike-switched")).all()
        assert len(rows) == 2
        for row in rows:
            switch = next(turn for turn in turns if turn.id == row.subject_id)
            assert row.salt is not None
            leaf.open_leaf(row.entry.encode(), switch.id, strikes.evidence(switch), salt=row.salt)
