"""Explanations read like words, come from the record, and keep other people's contracts shut."""

import pytest
from sqlmodel import Session

from app.licensing.decisions.explain import explain
from app.licensing.decisions.facts_in_words import value_in_words
from app.licensing.errors import DecisionNotFound
from tests.licensing.unions import a_scene_under, a_strike, a_union
from tests.scenes import a_scene

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class TestExplain:
    def test_names_the_clause_of_a_strike_in_plain_words(self, session: Session) -> None:
        scene = a_scene_under(session)
        a_strike(session, a_union(session))
        decision, _ = scene.ask(session)
        (reason,) = explain(session, decision.id).reasons
        assert reason.clause == "/strike_policy/agreements"
        assert "strike" in reason.sentence.lower()
        assert ("agreements on strike", "SAG-AFTRA-TVT-2026") in reason.facts

    def test_says_tomorrow_what_it_says_today(self, session: Session) -> None:
        decision, _ = a_scene(session).ask(session, territories=("JP",))
        before = explain(session, decision.id)
        a_scene(session)
        assert explain(session, decision.id) == before

    def test_keeps_other_contracts_from_whoever_asks(self, session: Session) -> None:
        scene, other = a_scene(session), a_scene(session)
        decision, _ = scene.ask(session, territories=("JP",))
        for organization in (other.desk, other.production):
            with pytest.raises(DecisionNotFound):
                explain(session, decision.id, organization_id=organization.organization.id)
        theirs = explain(session, decision.id, organization_id=scene.desk.organization.id)
        assert [reason.code for reason in theirs.reasons] == ["TERRITORY_NOT_LICENSED"]

    def test_an_unknown_id_is_not_found(self, session: Session) -> None:
        with pytest.raises(DecisionNotFound):
            explain(session, "dec_none")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ends_at", 1_798_761_600_000_000, "1 January 2027, 00:00:00 UTC"),
        ("withdrawn_at", "4611686018427387904", "never"),
        ("withdrawn_at", 2**62, "never"),
        ("max_length", "4611686018427387904", "without limit"),
        ("length", 5_000_000, "5 seconds"),
        ("photography_starts_on", 20270701, "1 July 2027"),
        ("photography_starts_on", 0, "not given"),
        ("photography_starts_on", 99, "99"),
        ("is_dub", True, "yes"),
        ("territories", ["DE", "FR"], "DE, FR"),
        ("territories", [f"P{n}" for n in range(10)], "P0, P1, P2, P3, P4, P5, P6, P7 and 2 more"),
        ("tags", [], "none"),
        ("script_hash", "", "not given"),
        ("uses_description_length", 120, "120"),
        ("at", 2**61, str(2**61)),
    ],
)
def test_a_fact_reads_like_words(database: str, name: str, value: object, said: str) -> None:
    assert value_in_words(name, value) == said
