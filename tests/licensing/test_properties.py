"""What holds of every question: narrower, fewer, later and longer never permit more.

Each property is shown able to fail by a fault planted in a rule or beside it. `make exhaustive`
asks the same in large numbers.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.licensing.deciding import approvals as approving
from app.licensing.deciding import policy_set
from app.licensing.deciding.decide import SEVERITY, Decision, decide, load_policies
from app.licensing.deciding.inputs import SignatureFact
from tests.licensing.properties import (
    EVERYTHING,
    Answering,
    Property,
    another_answer_of_the_past,
    another_performer,
    another_strike_or_promise,
    asking_for_more,
    asking_later,
    asking_later_after_withdrawal,
    each_performer_alone,
    excluding_a_place,
    leaving_a_fact_of_contracts_out,
    leaving_a_fact_out,
    naming_every_member,
    narrowing_a_set,
    narrowing_a_word,
    not_paying,
    prohibiting_more,
    shortening_the_term,
    suspending,
    turning_everything_round,
    withdrawing,
)
from tests.licensing.questions import (
    SIGNED,
    Pick,
    Question,
    question_of,
)

POLICIES = load_policies()
FEW, MANY = 100, 6000


def answer(question: Question) -> Decision:
    """Ask the product."""
    return decide(POLICIES, question.contracts, question.state, question.request)


def planted(old: str, new: str) -> Answering:
    """Ask by rules of which one says something else."""
    files = {name: text.replace(old, new) for name, text in POLICIES.files.items()}
    assert files != POLICIES.files, "the fault was not planted"
    rules = policy_set.build(files, POLICIES.schema_text)
    return lambda question: decide(rules, question.contracts, question.state, question.request)


def check(
    holds: Property,
    *,
    by: Answering = answer,
    examples: int = FEW,
    planted: bool = False,
    versions: int = 2,
) -> None:
    """Hold a property against generated questions; raises AssertionError where it does not."""

    @settings(
        max_examples=examples,
        database=None,
        derandomize=planted,  # a fault is found every time, or never
        phases=[Phase.generate],  # a seed is found again, and cannot be made simpler
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=True))
    def run(random: Random) -> None:
        pick = Pick(random)
        holds(by, question_of(pick, versions=versions), pick)

    run()


def assert_fails(holds: Property, *, by: Answering, **options: Any) -> None:
    """Insist that a planted fault breaks the property."""
    with pytest.raises(AssertionError):
        check(holds, by=by, examples=10 * FEW, planted=True, **options)


NAMES = [holds.__name__.replace("_", " ") for holds, _ in EVERYTHING]


class TestProperties:
    @pytest.mark.parametrize(("holds", "options"), EVERYTHING, ids=NAMES)
    def test_never_permits_more(self, holds, options):
        check(holds, **options)

    @pytest.mark.exhaustive
    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize(("holds", "options"), EVERYTHING, ids=NAMES)
    def test_never_permits_more_in_large_numbers(self, holds, options):
        check(holds, examples=MANY, **options)


def but(change: Callable[[Question], Question]) -> Answering:
    """Ask the product about something else than was asked."""
    return lambda question: answer(change(question))


def forgetting(question: Question) -> Question:
    """What is left open is taken for what is usual."""
    usual = {
        "project": "NIGHTGLASS",
        "purpose": "film_scene",
        "tags": (),
        "generator": "GEN_INHOUSE",
    }
    usual |= {"edit_kind": "trim", "transferee": "STUDIO_C", "medium": "svod"}
    usual |= {"territories": ("DE",), "languages": ("en",), "modalities": ("face",)}
    left = {name: value for name, value in usual.items() if getattr(question.request, name) is None}
    return question.ask(**left)


def trusting(question: Question) -> Question:
    """Who has not signed is taken to have signed."""
    return question.each(
        lambda each: each if each.signatures else replace(each, signatures=SIGNED_BY_ALL)
    )


SIGNED_BY_ALL = tuple(
    SignatureFact(role, SIGNED, authority_verified=True, valid=True)
    for role in ("performer", "guardian", "licensee")
)
TERRITORIES = "unless { resource.territories.containsAll(context.territories) };"
IN_ARREARS = "when { context.at >= resource.payment_grace_ends_at }"
WITHDRAWN = "when { context.at >= resource.withdrawn_at }"
FAULTS: list[tuple[Property, Answering]] = [
    (
        prohibiting_more,
        planted(
            "when { resource.prohibited_tags.containsAny(context.tags) };",
            "when { resource.prohibited_tags == context.tags };",
        ),
    ),
    (narrowing_a_set, planted(TERRITORIES, TERRITORIES.replace("unless", "when"))),
    (narrowing_a_word, planted('["yes", "with_approval"]', '["no", "with_approval"]')),
    (excluding_a_place, planted(TERRITORIES, TERRITORIES.replace("unless", "when"))),
    (
        shortening_the_term,
        planted(
            "when { context.at >= resource.ends_at }", "when { context.at < resource.ends_at }"
        ),
    ),
    (withdrawing, planted(WITHDRAWN, WITHDRAWN.replace(">=", "<"))),
    (suspending, planted("|| resource.paused", "|| !resource.paused")),
    (not_paying, planted(IN_ARREARS, IN_ARREARS.replace(">=", "<"))),
    (
        another_strike_or_promise,
        planted(
            "when { resource.strike_agreements.containsAny(context.agreements_on_strike) };",
            "unless { resource.strike_agreements.containsAny(context.agreements_on_strike) };",
        ),
    ),
    (turning_everything_round, but(lambda q: q.ask(performers=q.request.performers[-1:]))),
    (leaving_a_fact_out, but(forgetting)),
    (leaving_a_fact_of_contracts_out, but(trusting)),
    (another_performer, but(lambda q: q.ask(performers=q.request.performers[-1:]))),
    (each_performer_alone, but(lambda q: q.ask(performers=q.request.performers[:1]))),
    (asking_for_more, planted("when { context.realtime }", "when { !context.realtime }")),
    (
        asking_later,
        planted(
            WITHDRAWN,
            WITHDRAWN.replace(" }", " && context.at < resource.withdrawn_at + 1728000000000 }"),
        ),
    ),
    (
        asking_later_after_withdrawal,
        planted(
            WITHDRAWN,
            WITHDRAWN.replace(" }", " && context.at < resource.withdrawn_at + 1728000000000 }"),
        ),
    ),
    (
        naming_every_member,
        planted('context.reaches.contains("EU")', 'context.territories.contains("EU")'),
    ),
]


class TestFaults:
    @pytest.mark.parametrize(
        ("holds", "by"), FAULTS, ids=[holds.__name__.replace("_", " ") for holds, _ in FAULTS]
    )
    def test_a_planted_fault_is_found(self, holds, by):
        (options,) = [options for each, options in EVERYTHING if each is holds]
        assert_fails(holds, by=by, **options)

    def test_answers_taken_in_the_order_they_are_listed_are_found(self, monkeypatch):
        monkeypatch.setattr(approving, "latest", lambda answers: next(iter(answers), None))
        for holds in (turning_everything_round, another_answer_of_the_past):
            assert_fails(holds, by=answer)


class TestQuestions:
    def test_are_answered_in_every_way_and_by_most_rules(self):
        outcomes: Counter[str] = Counter()
        rules: set[str] = set()

        def count(ask: Answering, question: Question, _pick: Pick) -> None:
            decision = ask(question)
            outcomes[decision.outcome] += 1
            rules.update(decision.policy_ids)

        check(count, by=answer, examples=5 * FEW, planted=True)
        assert min(outcomes[each] for each in SEVERITY) > FEW / 4
        assert len(rules) > 45, sorted(POLICIES.rules.keys() - rules)
