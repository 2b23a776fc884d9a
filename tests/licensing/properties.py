"""What holds of every question, each as a function: narrower, fewer, later never permit more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.licensing.deciding import facts
from app.licensing.deciding.decide import SEVERITY, Decision
from app.licensing.document import contract
from app.licensing.document.territories import EU
from tests.licensing.cases import merged
from tests.licensing.questions import (
    AGREEMENTS,
    BRANDS,
    PLACES,
    TAGS,
    Pick,
    Question,
    contract_of,
    exclusive_of,
    strike_of,
)

Answering = Callable[[Question], Decision]
Property = Callable[[Answering, Question, Pick], None]
DAY = timedelta(days=1)


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


def not_paying(ask: Answering, question: Question, pick: Pick) -> None:
    at = pick.instant(40)
    after = question.each(lambda each: replace(each, unpaid_since=min(at, each.unpaid_since or at)))
    assert_no_milder(ask, question, after)


def another_strike_or_promise(ask: Answering, question: Question, pick: Pick) -> None:
    state = question.state
    after = question.given(
        strikes=(*state.strikes, replace(strike_of(pick), agreement=pick.one_of(*AGREEMENTS))),
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
    (not_paying, {}),
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
