"""Who may see what of a work: every level, viewer and instant, by the one rule that decides it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.licensing.document import contract, disclosure
from app.licensing.document.disclosure import (
    FACTS,
    LEVELS,
    STRANGER,
    Agreed,
    Disclosure,
    Granted,
    Viewer,
    level_for,
    rank,
    told,
)
from app.licensing.words.differences import differences
from tests.licensing.test_contract import a_document

TZ = "Europe/Amsterdam"
RELEASE = datetime(2027, 2, 28, 23, tzinfo=UTC)  # 1 March begins in Amsterdam
BEFORE, AFTER = RELEASE - timedelta(microseconds=1), RELEASE
PARTY, COURT, OTHER = (Viewer(frozenset({name})) for name in ("org_desk", "org_court", "org_x"))
SAYS = Disclosure.model_validate_json(
    '{"now":"license","release_on":"2027-03-01","after_release":"credit","granted_by":"both",'
    '"verifiers":"use"}'
)


def agreed(says: Disclosure | None = SAYS, *grants: Granted) -> Agreed:
    return Agreed(says, TZ, frozenset({"org_desk", "org_production"}), grants=grants)


def granted(side: str, level: str, who: str = "org_court") -> Granted:
    return Granted(side, who, level, BEFORE - timedelta(days=9), AFTER + timedelta(days=9))


BY_BOTH = (granted("performer", "terms"), granted("licensee", "use"))
# What it says and was granted; by the viewer's name, the level before and after the release.
MATRIX = [
    ((None,), {"stranger": "license license", "court": "license license", "party": "terms terms"}),
    ((SAYS,), {"stranger": "license credit", "court": "license credit", "other": "license credit"}),
    ((SAYS, *BY_BOTH), {"stranger": "license credit", "court": "use use", "other": "license credit",
                        "party": "terms terms"}),
    ((SAYS, BY_BOTH[0]), {"court": "license credit"}),
    ((SAYS, granted("performer", "credit"), BY_BOTH[1]), {"court": "credit credit"}),
    ((SAYS.model_copy(update={"granted_by": "licensee"}), *BY_BOTH), {"court": "use use"}),
    ((SAYS.model_copy(update={"granted_by": "licensee"}), BY_BOTH[0]), {"court": "license credit"}),
    ((SAYS.model_copy(update={"granted_by": "either"}), BY_BOTH[0]), {"court": "use use"}),
    ((SAYS.model_copy(update={"granted_by": "anybody"}), *BY_BOTH), {"court": "license credit"}),
    ((SAYS.model_copy(update={"now": "whatever"}), *BY_BOTH), {"stranger": "license credit"}),
    ((None, *BY_BOTH), {"court": "use use", "stranger": "license license"}),
]  # fmt: skip
VIEWERS = {"stranger": STRANGER, "court": COURT, "other": OTHER, "party": PARTY}


@pytest.mark.parametrize(("contract_says", "expected"), MATRIX)
def test_every_viewer_sees_their_level_before_and_after_the_release(contract_says, expected):
    one = agreed(*contract_says)
    for name, levels in expected.items():
        seen = [level_for([one], VIEWERS[name], at) for at in (BEFORE, AFTER)]
        assert " ".join(seen) == levels, name


def test_a_grant_counts_in_its_span_alone_and_for_its_verifier():
    (late,) = [replace(granted("licensee", "use"), starts_at=AFTER, ends_at=AFTER + timedelta(1))]
    one = agreed(SAYS.model_copy(update={"granted_by": "either"}), late)
    spans = (BEFORE, AFTER, late.ends_at)
    assert [level_for([one], COURT, at) for at in spans] == ["license", "use", "credit"]


def test_of_a_withdrawn_or_altered_contract_strangers_learn_the_default():
    opened = agreed(Disclosure(now="use"), *BY_BOTH)
    assert level_for([replace(opened, withdrawn=True)], STRANGER, AFTER) == "license"
    assert level_for([replace(opened, withdrawn=True)], COURT, AFTER) == "use"
    for viewer in VIEWERS.values():
        assert level_for([replace(opened, sound=False)], viewer, AFTER) == "license"


@given(st.lists(st.sampled_from(LEVELS[:3]), max_size=4), st.sampled_from(list(VIEWERS)))
def test_the_strictest_of_all_contracts_counts(levels, name):
    contracts = [replace(agreed(Disclosure(now=level)), parties=frozenset()) for level in levels]
    strictest = min(levels, key=rank, default="license")
    assert level_for(contracts, VIEWERS[name], AFTER) == strictest


def test_a_party_to_one_contract_is_a_stranger_to_the_other():
    theirs = replace(agreed(None), parties=frozenset({"org_else"}))
    assert level_for([agreed(None)], PARTY, AFTER) == "terms"
    assert level_for([agreed(None), theirs], PARTY, AFTER) == "license"


@pytest.mark.parametrize("level", LEVELS)
def test_facts_above_the_level_are_not_even_read(level):
    def unread() -> str:
        raise AssertionError("read without leave")

    facts = {name: (lambda: "seen") if rank(at) <= rank(level) else unread
             for name, at in FACTS.items()}  # fmt: skip
    viewer = PARTY if level == "terms" else STRANGER
    says = Disclosure(now="use" if level == "terms" else level)
    said = told([agreed(says)], viewer, AFTER, facts)
    assert set(said) == {"level", *(name for name, at in FACTS.items() if rank(at) <= rank(level))}


def test_a_fact_that_nobody_placed_is_never_told():
    with pytest.raises(KeyError):
        told([agreed()], PARTY, AFTER, {"shoe_size": lambda: 38})


def test_a_rule_that_forgets_a_contract_is_noticed(monkeypatch):
    monkeypatch.setattr(disclosure, "min", max, raising=False)  # the planted fault
    with pytest.raises(AssertionError):
        test_a_party_to_one_contract_is_a_stranger_to_the_other()


class TestInTheDocument:
    def test_a_change_of_it_shows_field_by_field_in_words(self):
        silent = contract.parse(a_document())
        says = {"now": "license", "release_on": "2026-12-24", "after_release": "credit"}
        first = contract.parse(a_document() | {"disclosure": says})
        then = contract.parse(a_document() | {"disclosure": {**says, "release_on": "2026-12-31"}})
        (whole,) = differences(silent, first)
        assert whole.pointer == "/disclosure"
        assert "24 December 2026, by the clock of" in whole.sentence
        (day,) = differences(first, then)
        assert (day.pointer, day.before, day.after) == (
            "/disclosure/release_on", "2026-12-24", "2026-12-31",
        )  # fmt: skip
        assert day.sentence.startswith("The release is on 31 December 2026")

    def test_a_document_without_it_keeps_its_digest(self):
        assert b"disclosure" not in contract.canonical(contract.parse(a_document()))

    @pytest.mark.parametrize("now", LEVELS[:3])
    def test_every_combination_offered_only_opens(self, now):
        for after, most in product([None, *LEVELS[:3]], LEVELS):
            says = {"now": now, "after_release": after, "verifiers": most}
            opens = rank(now) <= rank(after or now) <= rank(most)
            try:
                contract.parse(a_document() | {"disclosure": says})
            except contract.DocumentRefused:
                assert not opens, says
            else:
                assert opens, says
