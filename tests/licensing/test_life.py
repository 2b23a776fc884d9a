"""The life of a contract: the table is the page, and the service does what the table says."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.errors import AppError
from app.licensing.contracts import acts, life, service
from app.licensing.contracts.life import Act, Actor, State, Turn
from app.licensing.contracts.listing import contracts_of, state_sql
from app.licensing.contracts.models import Contract, ContractEvent
from app.licensing.errors import ActNotAllowed
from tests.licensing.negotiating import (
    a_represented_scene,
    attempt,
    organization_of,
    stand,
    wording,
)
from tests.scenes import Scene

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"
SIDES = {Turn.AUTHOR: " of its author's side", Turn.OTHER: " of the other side", Turn.EITHER: ""}
WHOLE = {Act.AMEND, Act.SUSPEND, Act.RESUME, Act.WITHDRAW}
# Who is registered; who has a mandate, and who ratifies: test_mandates.py.
REGISTERED = (Actor.PERFORMER, Actor.AGENT, Actor.LICENSEE)
ELSEWHERE = {Act.DRAFT, Act.RATIFY}


def _written() -> Iterator[tuple[str, str, str]]:
    """Read the table of the page: (state, act, who)."""
    text = PAGE.read_text("utf-8")
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found = re.findall(r"`(\w+)`: ([\w ,']+)", cells[1]) if len(cells) == 2 else []
        state = cells[0].strip("`")
        if line.startswith("| `") and state in set(State):
            yield from ((state, act, who.strip()) for act, who in found)


class TestTable:
    def test_every_cell_stands_on_the_page(self) -> None:
        walked = {
            (state.value, act.value, ", ".join(sorted(step.who)) + SIDES[step.turn])
            for state, act in itertools.product(State, Act)
            if (step := life.LIFE[state].get(act))
        }
        assert set(_written()) == walked

    def test_every_cell_allows_whom_its_step_names_and_nobody_else(self) -> None:
        cells = itertools.product(State, Act, Actor, ("performer", "licensee"))
        for state, act, actor, author_side in cells:
            step = life.LIFE[state].get(act)
            expected = (
                step is not None
                and actor in step.who
                and {
                    Turn.EITHER: True,
                    Turn.AUTHOR: life.side_of(actor) == author_side,
                    Turn.OTHER: life.side_of(actor) != author_side,
                }[step.turn]
            )
            assert life.may(state, act, actor, author_side=author_side) == expected
            assert str(state) in life.why_not(state, act)

    def test_an_agent_never_signs_resumes_or_withdraws(self) -> None:
        for steps in life.LIFE.values():
            for act in (Act.SIGN, Act.RESUME, Act.WITHDRAW):
                assert act not in steps or Actor.AGENT not in steps[act].who

    def test_nobody_but_the_performer_s_side_suspends(self) -> None:
        for steps in life.LIFE.values():
            assert Act.SUSPEND not in steps or Actor.LICENSEE not in steps[Act.SUSPEND].who

    def test_nothing_leads_out_of_an_ending(self) -> None:
        for state in (State.DECLINED, State.LAPSED, State.RETRACTED, State.WITHDRAWN):
            assert life.LIFE[state] == {}


class TestService:
    @pytest.mark.parametrize("state", State)
    def test_does_in_every_state_what_the_table_says(self, session: Session, state: State) -> None:
        scene = stand(session, a_represented_scene(session), state)
        contract = scene.contract
        assert life.state_of(contract, at=clock.now()) is state
        for act, actor in itertools.product(set(Act) - ELSEWHERE, REGISTERED):
            # An act on the whole is done to the document that stands for it.
            subject = contract
            if act in WHOLE:
                subject = acts.face(acts.lock(session, contract), at=clock.now())
            stands = life.state_of(subject, at=clock.now())
            may = life.may(stands, act, actor, author_side=subject.author_side)
            if (stands, act, actor) == (State.SIGNED, Act.SIGN, Actor.PERFORMER):
                may = False  # each party signs once, and here the performer has
            with session.begin_nested() as undone:
                before = _events(session)
                refusal = _refusal(session, scene, act, actor, subject)
                assert (refusal is None) == may, (state, act, actor)
                assert refusal is None or (refusal.status in (404, 409, 422) and refusal.detail)
                assert (_events(session) > before) == may
                if may:
                    newest = session.exec(
                        select(Contract)
                        .where(Contract.series_id == subject.series_id)
                        .order_by(col(Contract.version).desc(), col(Contract.round).desc())
                    ).first()
                    step = life.LIFE[stands][act]
                    assert newest is not None
                    assert life.state_of(newest, at=clock.now()) in step.to
                undone.rollback()
            session.expire_all()

    def test_a_refusal_says_the_state_what_to_do_and_what_is_open(self, session: Session) -> None:
        scene = stand(session, a_represented_scene(session), State.SUSPENDED)
        with pytest.raises(ActNotAllowed) as refused:
            service.resume_contract(session, scene.contract, scene.agency.organization.id)
        assert "suspended" in refused.value.detail
        assert "guardian or estate_rep or union_for_estate can resume" in refused.value.detail
        assert refused.value.extra == {
            "state": "suspended",
            "act": "resume",
            "open_acts": ["amend"],
        }

    def test_a_table_with_one_cell_too_many_is_found(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene = stand(session, a_represented_scene(session), State.ACTIVE)
        wider = {**life.LIFE[State.ACTIVE], Act.WITHDRAW: life.LIFE[State.ACTIVE][Act.AMEND]}
        monkeypatch.setitem(life.LIFE, State.ACTIVE, wider)
        assert set(_written()) != {
            (state.value, act.value, ", ".join(sorted(step.who)) + SIDES[step.turn])
            for state, steps in life.LIFE.items()
            for act, step in steps.items()
        }
        service.withdraw_contract(session, scene.contract, scene.production.organization.id)


class TestList:
    @pytest.mark.parametrize("state", State)
    def test_sql_says_of_every_state_what_the_code_says(
        self, session: Session, state: State
    ) -> None:
        scene = stand(session, a_represented_scene(session), state)
        at = clock.now()
        for contract, said in session.exec(select(Contract, state_sql(at))).all():
            assert life.state_of(contract, at=at) == said
        found = session.execute(
            sa.select(Contract.id).where(state_sql(at) == state.value)  # type: ignore[call-overload]
        ).scalars()
        assert scene.contract.id in set(found)

    @pytest.mark.parametrize("state", State)
    def test_shows_each_contract_once_by_the_document_that_stands_for_it(
        self, session: Session, state: State
    ) -> None:
        scene = stand(session, a_represented_scene(session), state)
        for actor in REGISTERED:
            organization_id = organization_of(scene, actor)
            shown = contracts_of(session, organization_id)
            assert len({each.series_id for each in shown}) == len(shown)
            for each in shown:
                assert service.contract_of(session, organization_id, each.series_id) is each
            stands = {life.state_of(each, at=clock.now()).value for each in shown}
            kept = [contracts_of(session, organization_id, state=each) for each in State]
            assert {life.state_of(each, at=clock.now()) for page in kept for each in page} == stands
            assert sum(len(page) for page in kept) == len(shown)

    def test_continues_where_a_page_ended(self, session: Session) -> None:
        scene = a_represented_scene(session)
        for hours in range(5):
            document = wording(scene, notice_hours=100 + hours)
            service.offer_contract(session, scene.production.organization.id, document)
        desk, seen = scene.desk.organization.id, []
        before = None
        while page := contracts_of(session, desk, before=before, limit=2):
            seen += [each.series_id for each in page]
            before = page[-1].series_id
        assert seen == sorted(set(seen), reverse=True)
        assert len(seen) == 6


def _refusal(
    session: Session, scene: Scene, act: Act, actor: Actor, contract: Contract
) -> AppError | None:
    try:
        attempt(session, scene, act, actor, contract)
    except AppError as refusal:
        return refusal
    return None


def _events(session: Session) -> int:
    return len(session.exec(select(ContractEvent.id)).all())
