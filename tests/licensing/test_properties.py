"""What holds of every question: narrower, fewer, later and longer never permit more.

Each property is shown able to fail by a fault planted in a rule or beside it. `make exhaustive`
asks the same in large numbers.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.licensing.deciding import approvals as approving
from app.licensing.deciding import facts, policy_set
from app.licensing.deciding.decide import SEVERITY, Decision, decide, load_policies
from app.licensing.deciding.inputs import SignatureFact
from app.licensing.document import contract
from app.licensing.document.territories import EU
from tests.licensing.cases import merged
from tests.licensing.questions import (
    BRANDS,
    PLACES,
    SIGNED,
    TAGS,
    Pick,
    Question,
    contract_of,
    exclusive_of,
    question_of,
    strike_of,
)

POLICIES = load_policies()
Answering = Callable[[Question], Decision]
Property = Callable[[Answering, Question, Pick], None]
FEW, MANY = 100, 6000
DAY = timedelta(days=1)


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
        deadline=None,
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


def severity(decision: Decision) -> int:
    assert decision.errors == ()
    return SEVERITY[decision.outcome]


def assert_no_milder(ask: Answering, before: Question, after: Question) -> None:
    assert severity(ask(after)) >= severity(ask(before))


def regranted(question: Question, change: Callable[[dict[str, Any]], object]) -> Question:
    """The same question under documents of which each grant was changed."""

    def changed(each: Any) -> Any:
        document = each.terms.model_dump(mode="json")
        change(document["grant"])
        return replace(each, terms=contract.parse(document, recorded=True))

    return question.each(changed)


def prohibiting_more(ask: Answering, question: Question, pick: Pick) -> None:
    tag, brand = pick.one_of(*TAGS), pick.one_of(*BRANDS)
    name, more = pick.one_of(
        ("prohibited", tag), ("approval", tag), ("blocked_brand_categories", brand)
    )
    after = regranted(question, lambda grant: grant["content"][name].append(more))
    assert_no_milder(ask, question, after)


NARROWED: list[tuple[str, ...]] = [
    ("projects",),
    ("purposes",),
    ("media",),
    ("modalities",),
    ("languages",),
    ("generators",),
    ("territories", "include"),
    ("sublicense", "listed"),
]


def narrowing_a_set(ask: Answering, question: Question, pick: Pick) -> None:
    *inside, name = pick.one_of(*NARROWED)
    which = pick.random.randint(0, 2)

    def narrow(grant: dict[str, Any]) -> None:
        place = grant[inside[0]] if inside else grant
        place[name] = [each for number, each in enumerate(place.get(name, ())) if number != which]

    assert_no_milder(ask, question, regranted(question, narrow))


def narrowing_a_word(ask: Answering, question: Question, pick: Pick) -> None:
    changes: dict[str, Any] = pick.one_of(
        {"grant": {"dubbing": "no"}},
        {"grant": {"realtime": False}},
        {"grant": {"training": "no"}},
        {"grant": {"sublicense": {"mode": "no"}}},
        {"grant": {"quota": {"max_seconds": 0}}},
        {"grant": {"quota": {"max_renders": 0}}},
        {"grant": {"quota": {"max_seconds_per_output": 0}}},
        {"revocation": {"wind_down": "stop_now"}},
        {"revocation": {"existing_outputs": "remove"}},
        {"revocation": {"expiry_in_flight": "stop"}},
        {"postmortem": {"mode": "terminate"}},
        {"policy": {"max_term_years": 1, "minor_court_approval": True}},
        {"approvals": {"per_use": True}},
        {"consent": {"clear_and_conspicuous": False}},
    )

    def narrow(each: Any) -> Any:
        document = merged(each.terms.model_dump(mode="json"), changes)
        return replace(each, terms=contract.parse(document, recorded=True))

    assert_no_milder(ask, question, question.each(narrow))


def excluding_a_place(ask: Answering, question: Question, pick: Pick) -> None:
    place = pick.one_of(*PLACES)
    after = regranted(question, lambda grant: grant["territories"]["exclude"].append(place))
    assert_no_milder(ask, question, after)


def shortening_the_term(ask: Answering, question: Question, pick: Pick) -> None:
    day = pick.instant(30).date().isoformat()

    def shorten(grant: dict[str, Any]) -> None:
        grant["term"]["end"] = min(grant["term"]["end"], day)

    assert_no_milder(ask, question, regranted(question, shorten))


def withdrawing(ask: Answering, question: Question, pick: Pick) -> None:
    at = pick.instant(40)
    after = question.each(
        lambda each: replace(each, withdrawn_at=min(at, each.withdrawn_at or at), status="active")
    )
    before = question.each(lambda each: replace(each, status="active"))
    assert_no_milder(ask, before, after)


def suspending(ask: Answering, question: Question, pick: Pick) -> None:
    stop: dict[str, Any] = pick.one_of({"status": "suspended"}, {"paused": True}, {"intact": False})
    after = question.each(lambda each: each if each.status == "draft" else replace(each, **stop))
    assert_no_milder(ask, question, after)


def another_strike_or_promise(ask: Answering, question: Question, pick: Pick) -> None:
    state = question.state
    after = question.given(
        strikes=(*state.strikes, strike_of(pick)),
        exclusives=(*state.exclusives, exclusive_of(pick)),
    )
    assert_no_milder(ask, question, after)


def turning_everything_round(ask: Answering, question: Question, pick: Pick) -> None:
    def turned(grant: dict[str, Any]) -> None:
        for name in ("projects", "purposes", "media", "modalities", "languages"):
            grant[name] = pick.shuffled(grant[name])
        for name in ("include", "exclude"):
            grant["territories"][name] = pick.shuffled(grant["territories"][name])
        for name in ("prohibited", "approval"):
            grant["content"][name] = pick.shuffled(grant["content"][name])

    state = question.state
    after = replace(regranted(question, turned), contracts=pick.shuffled(
        regranted(question, turned).each(
            lambda each: replace(each, signatures=pick.shuffled(each.signatures))
        ).contracts
    )).given(
        approvals=pick.shuffled(state.approvals),
        strikes=pick.shuffled(state.strikes),
        exclusives=pick.shuffled(state.exclusives),
    ).ask(
        **{
            name: pick.shuffled(getattr(question.request, name))
            for name in ("performers", "tags", "territories", "languages", "modalities")
        }
    )  # fmt: skip
    one, two = ask(question), ask(after)
    assert (one.outcome, one.codes, one.obligations) == (two.outcome, two.codes, two.obligations)
    assert set(one.governing) == set(two.governing)
    assert one.errors == two.errors == ()


# Facts that speak for a use; without them it is never permitted more.
SUPPORTING: dict[str, Any] = {
    **dict.fromkeys([*facts.OPEN_FIELDS, "tags", "script_hash", "training_scope"]),
    **dict.fromkeys(["permit_issued_at", "sublicensed_from"]),
    "idempotent_replay": False,
    "phase": "authorize",
}


def leaving_a_fact_out(ask: Answering, question: Question, pick: Pick) -> None:
    name = pick.one_of(*SUPPORTING, "generators", "notice_given_at", "yeses")
    state = question.state
    if name == "yeses":
        noes = tuple(each for each in state.approvals if each.status != "approved")
        after = question.given(approvals=noes)
    elif name in SUPPORTING:
        after = question.ask(**{name: SUPPORTING[name]})
    else:
        after = question.given(**{name: {} if name == "generators" else None})
    if ask(after).permitted:
        assert ask(question).permitted


def leaving_a_fact_of_contracts_out(ask: Answering, question: Question, pick: Pick) -> None:
    fewer: dict[str, Any] = pick.one_of(
        {"executed_at": None},
        {"effective_at": None},
        {"signatures": ()},
        {"ratified_at": None},
        {"court_approved": False},
        {"intact": False},
    )
    after = question.each(lambda each: replace(each, **fewer))
    if ask(after).permitted:
        assert ask(question).permitted


def another_performer(ask: Answering, question: Question, pick: Pick) -> None:
    newcomer = "P4"
    theirs = (contract_of(pick, newcomer, "C4", 1),) if pick.one_of(True, False) else ()
    after = replace(question, contracts=(*question.contracts, *theirs)).ask(
        performers=(*question.request.performers, newcomer)
    )
    assert_no_milder(ask, question, after)


def each_performer_alone(ask: Answering, question: Question, _pick: Pick) -> None:
    together = ask(question)
    alone = [ask(question.ask(performers=(each,))) for each in question.request.performers]
    assert set(together.codes) == {code for each in alone for code in each.codes}
    assert severity(together) == max(severity(each) for each in alone)


def asking_for_more(ask: Answering, question: Question, pick: Pick) -> None:
    request = question.request
    more: dict[str, Any] = pick.one_of(
        {"seconds": request.seconds and request.seconds + 30},
        {"renders": request.renders + 5},
        {"realtime": True},
        {"training": True},
        {"tags": None if request.tags is None else (*request.tags, "smoking")},
        {"tags": None if request.tags is None else (*request.tags, "stunt")},
        {"territories": request.territories and (*request.territories, "US-NY")},
        {"languages": request.languages and (*request.languages, "ja")},
        {"modalities": request.modalities and (*request.modalities, "body")},
        {"background_count_shortfall": 3},
        {"exhibit_until": (request.exhibit_until or request.at) + 900 * DAY},
    )
    assert_no_milder(ask, question, question.ask(**more))


# What time has ended, time does not bring back.
ENDED = frozenset(
    "REVOKED OUTPUT_REMOVAL_DUE AFTER_TERM TERM_CAPPED RETENTION_ENDED RIGHTS_TERM_ENDED_REVIEW "
    "POSTMORTEM_NOT_GRANTED".split()
)


def asking_later(ask: Answering, question: Question, pick: Pick) -> None:
    before = ask(question)
    later = question.request.at + timedelta(hours=pick.random.randint(1, 24 * 400))
    ended = ENDED & set(before.codes)
    if ended:
        assert ENDED & set(ask(question.ask(at=later)).codes), (ended, later)


def asking_later_after_withdrawal(ask: Answering, question: Question, pick: Pick) -> None:
    gone = question.each(lambda each: replace(each, withdrawn_at=question.request.at))
    if not ask(gone).permitted and "REVOKED" in ask(gone).codes:
        later = question.request.at + timedelta(hours=pick.random.randint(1, 24 * 400))
        assert not ask(gone.ask(at=later)).permitted


def naming_every_member(ask: Answering, question: Question, _pick: Pick) -> None:
    group, members = question.ask(territories=("EU",)), question.ask(territories=tuple(EU))
    one, two = ask(group), ask(members)
    assert (one.outcome, one.codes, one.obligations) == (two.outcome, two.codes, two.obligations)


def another_answer_of_the_past(ask: Answering, question: Question, pick: Pick) -> None:
    """An answer from before the one that counts changes nothing."""
    dated = [
        each
        for each in question.state.approvals
        if each.at is not None and each.at <= question.request.at
    ]
    if dated:
        newer = pick.one_of(*dated)
        old = replace(newer, status=pick.one_of("approved", "rejected"), at=newer.at - DAY)
        after = question.given(approvals=(old, *question.state.approvals))
        assert ask(after).codes == ask(question).codes


EVERYTHING: list[tuple[Property, dict[str, Any]]] = [
    (prohibiting_more, {}),
    (narrowing_a_set, {}),
    (narrowing_a_word, {}),
    (excluding_a_place, {}),
    (shortening_the_term, {}),
    (withdrawing, {}),
    (suspending, {}),
    (another_strike_or_promise, {}),
    (turning_everything_round, {}),
    (leaving_a_fact_out, {}),
    (leaving_a_fact_of_contracts_out, {}),
    (another_performer, {}),
    (each_performer_alone, {}),
    (asking_for_more, {}),
    (asking_later, {"versions": 1}),
    (asking_later_after_withdrawal, {"versions": 1}),
    (naming_every_member, {}),
    (another_answer_of_the_past, {}),
]
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
