"""What rules said of the same facts is not asked again, nor told of an instant it is not of."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import cedarpy
import pytest

from app.licensing.deciding import decide as deciding
from app.licensing.deciding.answered import MOST, Answered, instants_read
from app.licensing.deciding.conformance import read_case
from app.licensing.deciding.decide import Decision, PolicySet, decide, load_policies
from app.licensing.document import local_days
from tests.licensing.cases import published

POLICIES = load_policies()
CASES = [read_case(case) for case in published()][::12]
MICROSECOND = timedelta(microseconds=1)


def around_each_instant(found: Decision) -> Iterator[Any]:
    """The moments before, at and after each instant that rules compare the present one with."""
    edges = {
        value
        for name, value in found.facts.items()
        if name.rsplit("/", 1)[1] in (POLICIES.instants or ())
    }
    for edge in sorted(edges):
        at = local_days.instant(edge)
        if 1990 < at.year < 2100:
            yield from (at - MICROSECOND, at, at + MICROSECOND)


def told(policies: PolicySet, case: Any, at: Any) -> Any:
    contracts, state, use = case
    found = decide(policies, contracts, state, replace(use, at=at))
    return found.outcome, found.codes, found.obligations, found.policy_ids, found.errors


def assert_remembers_only_what_holds() -> int:
    """Ask one set at every instant in turn, and each time a set that remembers nothing."""
    asked = 0
    for case in CASES:
        remembering = replace(POLICIES)
        instants = list(around_each_instant(decide(replace(POLICIES), *case)))
        for at in (*instants, *reversed(instants)):
            afresh = replace(POLICIES, instants=None)
            assert told(remembering, case, at) == told(afresh, case, at), at
            asked += 1
    return asked


class TestAnswered:
    def test_is_what_would_be_said_afresh_at_every_instant(self) -> None:
        assert assert_remembers_only_what_holds() > 100

    def test_forgetting_an_instant_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keep = Answered.keep
        monkeypatch.setattr(
            Answered, "keep", lambda self, facts, at, _, said: keep(self, facts, at, (), said)
        )
        with pytest.raises(AssertionError):
            assert_remembers_only_what_holds()

    def test_the_same_facts_are_evaluated_once_and_others_by_themselves(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evaluated: list[str] = []
        plain = deciding._evaluated

        def seen(policies: PolicySet, request: Any, *rest: Any) -> Any:
            evaluated.append(request.project)
            return plain(policies, request, *rest)

        monkeypatch.setattr(deciding, "_evaluated", seen)
        rules, (contracts, state, use) = replace(POLICIES), CASES[0]
        for asked in (
            use,
            replace(use, at=use.at + MICROSECOND),
            replace(use, project="another"),
            replace(use, requester_org="org_other"),
            use,
        ):
            decide(rules, contracts, state, asked)
        assert evaluated == [use.project, "another", use.project]

    def test_keeps_no_more_than_it_says(self) -> None:
        kept: Answered[int] = Answered()
        for number in range(MOST + 5):
            kept.keep(number, 0, (), number)
        assert kept.at(4, 0) is None
        assert kept.at(5, 0) == 5


class TestInstantsRead:
    @pytest.mark.parametrize(
        ("condition", "instants"),
        [
            ("context.at < resource.ends_at", {"ends_at"}),
            ("resource.ends_at <= context.at && context.length > 5", {"ends_at"}),
            ("!(context.at >= resource.ends_at) || context.at > resource.starts_at",
             {"ends_at", "starts_at"}),
            ("context.length > 5", set()),
            ("context.at + 1 < resource.ends_at", None),
            ("context.at < resource.ends_at + 1", None),
            ("context.at < 5", None),
            ("context.at < context.engaged_at", None),
            ("context.at == resource.ends_at", None),
            ("context has at", None),
            ("context == resource.all", None),
            ("[context.at].contains(resource.ends_at)", None),
            ("resource.terms.ends_at > context.at", None),
        ],
    )  # fmt: skip
    def test_reads_what_a_rule_does_with_the_instant(
        self, condition: str, instants: set[str] | None
    ) -> None:
        rule = f"forbid (principal, action, resource) when {{ {condition} }};"
        meanings = json.loads(cedarpy.policies_to_json_str(rule))["staticPolicies"].values()
        assert instants_read(meanings) == instants

    def test_every_rule_of_ours_only_compares_it(self) -> None:
        assert POLICIES.instants
