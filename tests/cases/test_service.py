"""A case holds what it says it holds, ends only as it may, and its end is done and logged."""

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from app import clock, db
from app.audit import records
from app.cases import frozen, holds, opening, reading, record, service
from app.cases.errors import (
    CaseAboutNothing,
    CaseClosed,
    CaseNotFound,
    CaseNotYours,
    CaseOpenAlready,
    CaseRefused,
    TooManyCases,
)
from app.cases.models import Case
from app.gateway import handing_out
from app.gateway.errors import OutputNotReleased
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.models import Organization
from app.identity.principal import Principal
from app.ledger.errors import NothingToPay
from app.ledger.models import JournalEntry
from app.ledger.service import balances
from app.notices import service as notices
from app.privacy import erasure
from app.privacy.errors import ErasureHeld
from app.registry.models import Performer
from app.transparency import service as transparency
from tests.payments.payouts import NET_MINOR, Payee, a_payee, an_order

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def who(session: Session, organization: Organization) -> Principal:
    key, _ = identity.create_api_key(session, organization, name="test")
    return Principal(organization.id, organization.kind, key.id)


def output_of(session: Session) -> Generation:
    generation = session.exec(select(Generation)).one()
    generation.state, generation.released_at = "released", clock.now()
    generation.output_key = "x"
    session.add(generation)
    session.flush()
    return generation


def said(generation: Generation, asked: str = "takedown", **more: object) -> opening.Complaint:
    return opening.Complaint(
        "beyond-consent",
        asked,
        "Not this.",
        generation_id=generation.id,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def payee(session: Session) -> Payee:
    return a_payee(session)


@pytest.fixture
def desk(session: Session, payee: Payee) -> Principal:
    return who(session, payee.story.scene.desk.organization)


@pytest.fixture
def production(session: Session, payee: Payee) -> Principal:
    return who(session, payee.story.scene.production.organization)


@pytest.fixture
def agency(session: Session, payee: Payee) -> Principal:
    return who(session, payee.story.scene.agency.organization)


class TestWhatIsHeld:
    def test_a_performer_in_dispute_is_not_erased_until_it_ends(self, session, payee, desk):
        generation = output_of(session)
        performer = session.get_one(Performer, payee.story.scene.performer.id)
        case = opening.open_case(session, said(generation), desk)
        assert erasure.consequences(session, performer).held_by == [case.id]
        with pytest.raises(ErasureHeld, match=case.id):
            erasure.erase(session, performer, by=desk, confirmed=performer.id)
        service.take_back(session, case.id, "We talked.", desk)
        assert erasure.erase(session, performer, by=desk, confirmed=performer.id)

    def test_what_it_earned_is_paid_out_only_afterwards(self, session, payee, production):
        generation = output_of(session)
        case = opening.open_case(
            session, said(generation, "reversal", hold_payouts=True), production
        )
        held = holds.held_entries(session)
        assert set(held.values()) == {case.id}
        with pytest.raises(NothingToPay, match=case.id):
            an_order(session, held=held)
        service.take_back(session, case.id, "It was right.", production)
        made = an_order(session, held=holds.held_entries(session))
        assert NET_MINOR in [each.amount_minor for each in made.payouts]

    @ONE_DATABASE
    def test_a_visitors_case_holds_nothing_until_it_is_taken_up(self, session, payee):
        performer = session.get_one(Performer, payee.story.scene.performer.id)
        case = opening.open_for_visitor(session, said(output_of(session)), secret="s" * 43)
        assert reading.state_of(case, clock.now()) == "waiting"
        assert erasure.consequences(session, performer).held_by == []
        production = payee.story.scene.production.organization.id
        assert not [
            e for e in notices.notices_for(session, [production]) if e.subject_id == case.id
        ]
        assert not transparency.leaves_of(session, case.id)
        service.take_up(session, case.id, because="They name the film's first day.")
        told = [e for e in notices.notices_for(session, [production]) if e.subject_id == case.id]
        assert [each.kind for each in told] == ["case-opened"]
        assert [row.kind for row, _ in transparency.leaves_of(session, case.id)] == ["case-opened"]
        assert erasure.consequences(session, performer).held_by == [case.id]

    @ONE_DATABASE
    def test_what_was_on_record_is_frozen_and_logged(self, session, payee, desk):
        generation = output_of(session)
        case = opening.open_case(session, said(generation), desk)
        entries = [row[0] for row in case.evidence["entries"]]
        assert entries == [session.exec(select(JournalEntry.id).where(
            JournalEntry.generation_id == generation.id)).one()]  # fmt: skip
        assert case.evidence_sha256 == frozen.digest_of(case.evidence)
        payload = record.opening_evidence(case)
        assert transparency.bears_out(session, "case-opened", case.id, payload)
        case.evidence_sha256 = "0" * 64
        assert not transparency.bears_out(
            session, "case-opened", case.id, record.opening_evidence(case)
        )


class TestHowItEnds:
    def test_what_the_production_accepts_comes_down_at_once(
        self, session, payee, desk, agency, production
    ):
        generation = output_of(session)
        before = clock.now() - timedelta(seconds=1)
        case = opening.open_case(session, said(generation), desk)
        with pytest.raises(CaseNotYours):
            service.accept(session, case.id, "Yes.", agency)
        handing_out.check_handing_out(session, generation)
        service.accept(session, case.id, "As you wish.", production)
        assert (case.outcomes, reading.state_of(case, clock.now())) == (["takedown"], "closed")
        with pytest.raises(OutputNotReleased, match="taken down"):
            handing_out.check_handing_out(session, generation)
        assert records.license_state(session, generation.id, clock.now()) == "taken-down"
        assert records.license_state(session, generation.id, before) != "taken-down"
        assert transparency.bears_out(
            session, "case-closed", case.id, record.closing_evidence(case)
        )
        for act in (service.answer, service.accept, service.take_back):
            with pytest.raises(CaseClosed):
                act(session, case.id, "More.", production)

    def test_a_reversal_wants_everybody_it_takes_from_and_is_exact(
        self, session, payee, desk, agency, production
    ):
        case = opening.open_case(session, said(output_of(session), "reversal"), production)
        service.accept(session, case.id, "Agreed.", desk)
        assert (case.closed_at, payee.owed(session)) == (None, NET_MINOR)
        service.accept(session, case.id, "Agreed.", agency)
        assert case.outcomes == ["reversal"]
        assert set(balances(session).values()) == {0}

    @ONE_DATABASE
    def test_the_operator_does_what_is_decided_and_says_why(self, session, payee, desk):
        generation = output_of(session)
        case = opening.open_case(session, said(generation), desk)
        for outcomes, because in (
            ([], "x"), (["erased"], "x"), (["withdrawn"], "x"), (["takedown", "takedown"], "x"),
            (["takedown"], " "), (["dismissed", "takedown"], "x"),
        ):  # fmt: skip
            with pytest.raises(CaseRefused):
                service.decide(session, case.id, outcomes, because=because)
        service.decide(session, case.id, ["takedown", "reversal"], because="Clause 4.")
        assert generation.taken_down_at is not None
        assert payee.owed(session) == 0
        assert reading.events_of(session, case.id)[-1].words == "Clause 4."

    @ONE_DATABASE
    def test_time_ends_nothing_and_is_seen(self, session, payee, desk):
        case = opening.open_case(session, said(output_of(session)), desk)
        assert reading.state_of(case, case.decide_by) == "overdue"
        performer = session.get_one(Performer, payee.story.scene.performer.id)
        before = case.decide_by
        service.extend(session, case.id, days=10, because="A witness travels.")
        assert case.decide_by == before + timedelta(days=10)
        assert holds.holding(session, performer.id) == [case.id]
        with pytest.raises(CaseRefused):
            service.extend(session, case.id, days=400, because="Long.")


class TestWhoMay:
    @ONE_DATABASE
    def test_sides_see_it_and_nobody_else(self, session, payee, desk, agency, production):
        case = opening.open_case(session, said(output_of(session)), desk)
        union = payee.story.union.id
        other = identity.create_organization(session, "Elsewhere", "production").id
        for each in (desk.organization_id, agency.organization_id, union):
            assert reading.case_of(session, each, case.id) is case
        told = notices.notices_for(session, [production.organization_id])
        assert [each.kind for each in told if each.subject_id == case.id] == ["case-opened"]
        mine = notices.notices_for(session, [desk.organization_id])
        assert not [each for each in mine if each.subject_id == case.id]
        assert [each.id for each in reading.cases_of(session, union)] == [case.id]
        assert reading.cases_of(session, other) == []
        with pytest.raises(CaseNotFound):
            reading.case_of(session, other, case.id)

    @ONE_DATABASE
    def test_a_stranger_holds_no_money_and_turns_none_back(self, session, payee):
        generation = output_of(session)
        other = who(session, identity.create_organization(session, "Elsewhere", "production"))
        for complaint in (said(generation, "reversal"), said(generation, hold_payouts=True)):
            with pytest.raises(CaseRefused):
                opening.open_case(session, complaint, other)
        case = opening.open_case(session, said(generation), other)
        assert (case.side, case.holds_from) == ("visitor", None)

    @ONE_DATABASE
    def test_who_has_no_part_in_it_reads_the_operators_words_and_its_own(
        self, session, payee, production
    ):
        other = who(session, identity.create_organization(session, "Elsewhere", "production"))
        case = opening.open_case(session, said(output_of(session)), other)
        service.answer(session, case.id, "Between us.", production)
        service.take_up(session, case.id, because="Looks right.")
        shown = reading.shown_to(session, case, "visitor", other.organization_id)
        assert shown.evidence == {}
        assert [each.words for each in shown.events] == ["Not this.", "Looks right."]
        whole = reading.shown_to(session, case, "production", production.organization_id)
        assert len(whole.events) == 3
        assert whole.evidence["entries"]
        desk = payee.story.scene.desk.organization.id
        assert reading.shown_to(session, case, "performer", desk).evidence == case.evidence
        stranger = reading.shown_to(session, case, "performer", other.organization_id).evidence
        assert (stranger["contracts"], stranger["entries"]) == ([], [])

    @ONE_DATABASE
    def test_only_so_many_strangers_say_so(self, session, payee, monkeypatch):
        monkeypatch.setattr(opening, "VISITORS_MOST", 2)
        generation = output_of(session)
        for number in range(2):
            opening.open_for_visitor(session, said(generation), secret=f"{number}" * 43)
        with pytest.raises(TooManyCases):
            opening.open_for_visitor(session, said(generation), secret="x" * 43)

    @ONE_DATABASE
    def test_the_same_twice_is_one(self, session, payee, desk):
        generation = output_of(session)
        case = opening.open_case(session, said(generation), desk)
        with pytest.raises(CaseOpenAlready, match=case.id):
            opening.open_case(session, said(generation), desk)
        assert opening.open_case(session, said(generation, "correction"), desk).id != case.id

    @ONE_DATABASE
    def test_what_was_never_released_is_as_unknown_as_what_is_not(self, session, payee, desk):
        held = payee.story.scene.ask(session)[1]
        for generation_id in (held.id, "gen_unknown"):
            with pytest.raises(CaseAboutNothing, match="no output of this installation"):
                opening.open_case(
                    session,
                    opening.Complaint("other", "takedown", "No.", generation_id=generation_id),
                    desk,
                )

    @ONE_DATABASE
    def test_a_file_of_ours_is_its_output_and_another_is_a_number(self, session, payee, desk):
        generation = output_of(session)
        of_ours = opening.Complaint(
            "other", "takedown", "No.", file_sha256=generation.output_sha256 or ""
        )
        assert opening.open_case(session, of_ours, desk).generation_id == generation.id
        foreign = opening.Complaint("passed-off", "takedown", "No.", file_sha256="f" * 64)
        case = opening.open_case(session, foreign, desk)
        assert (case.generation_id, case.evidence["output"]) == (None, None)
        with pytest.raises(CaseRefused, match="nothing to take down"):
            service.decide(session, case.id, ["takedown"], because="It is false.")
        with pytest.raises(CaseRefused, match="say what it is about"):
            opening.open_case(session, opening.Complaint("other", "takedown", "No."), desk)


def test_two_ends_at_once_are_one(database):
    with db.writing() as session:
        payee = a_payee(session)
        desk = who(session, payee.story.scene.desk.organization)
        case_id = opening.open_case(session, said(output_of(session)), desk).id
    with db.writing() as session:
        service.decide(session, case_id, ["takedown"], because="First.")
    with db.writing() as session, pytest.raises(CaseClosed):
        service.decide(session, case_id, ["dismissed"], because="Second.")
    with db.reading() as session:
        assert session.get_one(Case, case_id).outcomes == ["takedown"]
