"""decide(): what it promises beyond single cases, and that nothing broken ever permits."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.licensing.deciding import decide as deciding
from app.licensing.deciding import facts, policy_set
from app.licensing.deciding.conformance import decide_case, read_case
from app.licensing.deciding.decide import (
    EVALUATION_ERROR,
    SEVERITY,
    Decision,
    decide,
    load_policies,
)
from app.licensing.deciding.inputs import ContractInForce, Usage
from app.licensing.deciding.policy_set import POLICY_DIR
from app.licensing.document import contract
from tests.licensing.cases import base, house, merged, published

POLICIES = load_policies()
CASES = [*published(), *house()]
PERMITTED = [case for case in CASES if case["expected"]["decision"] == "permit"]
ANY_CASE = st.sampled_from(range(len(CASES)))
DOZENS = settings(max_examples=120)


def severity(case: dict[str, Any]) -> int:
    return SEVERITY[decide_case(case, POLICIES).outcome]


def with_terms(inputs: Any, changes: dict[str, Any]) -> Any:
    """The same question under contracts that differ."""
    contracts, state, request = inputs
    return [regranted(each, changes) for each in contracts], state, request


def regranted(each: ContractInForce, changes: dict[str, Any]) -> ContractInForce:
    document = merged(each.terms.model_dump(mode="json"), changes)
    return replace(each, terms=contract.parse(document, recorded=True))


class TestDecide:
    def test_explains_each_code_by_clause_and_next_step(self):
        case = base()
        case["request"]["territories"] = ["JP"]
        case["contracts"][0]["grant"]["territories"]["include"] = ["US"]
        decision = decide_case(case, POLICIES)
        (finding,) = decision.findings
        assert finding.code == "TERRITORY_NOT_LICENSED"
        assert (finding.performer, finding.contract_id, finding.version) == ("P1", "C1", 1)
        assert finding.clause == "/grant/territories"
        assert finding.next_step.startswith("Ask for fewer places")
        assert decision.policy_ids == ("TERRITORY_NOT_LICENSED",)
        assert decision.policy_digest == POLICIES.digest

    def test_names_what_a_permit_rests_on(self):
        decision = decide_case(base(), POLICIES)
        assert decision.permitted
        assert decision.governing == (("P1", "C1", 1),)
        assert decision.policy_ids == ("PERMIT", "eu_art50_deepfake_label")
        assert "c2pa_sign" in decision.standing_obligations
        assert decision.facts["use/project"] == "NIGHTGLASS"
        assert decision.facts["Contract/P1/C1/v1/projects"] == ["NIGHTGLASS"]

    def test_attributes_each_code_to_its_performer(self):
        case = next(c for c in house() if c["title"] == "codes of several performers are united")
        found = {(f.performer, f.code) for f in decide_case(case, POLICIES).findings}
        assert found == {
            ("P1", "CONTENT_PROHIBITED"),
            ("P2", "CONTENT_NEEDS_APPROVAL"),
            ("P3", "CONTRACT_NOT_FOUND"),
        }

    def test_obliges_to_nothing_unless_it_permits(self):
        for case in CASES:
            decision = decide_case(case, POLICIES)
            if not decision.permitted:
                assert decision.obligations == decision.standing_obligations == ()
                assert decision.codes

    def test_lists_a_performer_named_twice_once(self):
        case = base()
        case["request"]["performers"] = ["P1", "P1"]
        assert decide_case(case, POLICIES).governing == (("P1", "C1", 1),)

    def test_gives_the_same_answer_to_the_same_question(self):
        assert decide_case(base(), POLICIES) == decide_case(base(), POLICIES)


class TestNarrowing:
    """Whatever takes something away from a contract never makes an answer milder."""

    @given(ANY_CASE, st.sampled_from(["nudity", "smoking", "graphic_violence", "stunt"]))
    @DOZENS
    def test_adding_a_prohibition(self, number, tag):
        self._never_milder(CASES[number], lambda grant: grant["content"]["prohibited"].append(tag))

    @given(ANY_CASE, st.sampled_from(["beverages", "tobacco", "cola", "finance", "soft_drinks"]))
    @DOZENS
    def test_blocking_a_category(self, number, category):
        self._never_milder(
            CASES[number],
            lambda grant: grant["content"]["blocked_brand_categories"].append(category),
        )

    @given(ANY_CASE, st.sampled_from(["US", "US-NY", "FR", "EU", "CN", "WORLD", "ATLANTIS"]))
    @DOZENS
    def test_excluding_a_place(self, number, place):
        self._never_milder(
            CASES[number], lambda grant: grant["territories"]["exclude"].append(place)
        )

    @given(ANY_CASE, st.sampled_from(["projects", "purposes", "media", "modalities", "languages",
                                      "generators", "include", "listed"]),
           st.integers(0, 3))  # fmt: skip
    @DOZENS
    def test_narrowing_a_set(self, number, name, keep):
        def narrow(grant: dict[str, Any]) -> None:
            inside = {"include": "territories", "listed": "sublicense"}.get(name)
            place = grant[inside] if inside else grant
            if name in place:
                place[name] = place[name][:keep]

        self._never_milder(CASES[number], narrow)

    @given(ANY_CASE, st.sampled_from(["max_seconds", "max_renders", "max_seconds_per_output"]),
           st.integers(0, 700))  # fmt: skip
    @DOZENS
    def test_lowering_a_quota(self, number, name, limit):
        def lower(grant: dict[str, Any]) -> None:
            before = grant["quota"][name]
            grant["quota"][name] = limit if before is None else min(before, limit)

        self._never_milder(CASES[number], lower)

    @given(ANY_CASE, st.integers(-90, 3))
    @DOZENS
    def test_withdrawing(self, number, days):
        case = CASES[number]
        before = severity(case)
        contracts, state, request = read_case(case)
        if any(each.status in ("withdrawn", "terminated") for each in contracts):
            return  # withdrawn already, and with no date: as old as can be
        gone = [
            replace(each, withdrawn_at=min(
                request.at + timedelta(days=days), each.withdrawn_at or request.at
            )) for each in contracts
        ]  # fmt: skip
        assert SEVERITY[decide(POLICIES, gone, state, request).outcome] >= before

    @given(ANY_CASE)
    @DOZENS
    def test_pausing(self, number):
        contracts, state, request = read_case(CASES[number])
        decision = decide(POLICIES, [replace(c, paused=True) for c in contracts], state, request)
        assert SEVERITY[decision.outcome] >= severity(CASES[number])

    @given(ANY_CASE, st.integers(0, 10))
    @DOZENS
    def test_taking_a_signature_away(self, number, which):
        contracts, state, request = read_case(CASES[number])
        fewer = [
            replace(each, signatures=tuple(s for n, s in enumerate(each.signatures) if n != which))
            for each in contracts
        ]
        decision = decide(POLICIES, fewer, state, request)
        if not decide_case(CASES[number], POLICIES).permitted and len(contracts) < 2:
            repaired = {"SIGNATORY_NOT_AUTHORISED"}  # a doubtful signature was the only fault
            if set(decide_case(CASES[number], POLICIES).codes) != repaired:
                assert not decision.permitted

    @staticmethod
    def _never_milder(case: dict[str, Any], change: Any) -> None:
        before = severity(case)
        contracts, state, request = read_case(case)
        changed = []
        for each in contracts:
            document = each.terms.model_dump(mode="json")
            change(document["grant"])
            changed.append(replace(each, terms=contract.parse(document, recorded=True)))
        assert SEVERITY[decide(POLICIES, changed, state, request).outcome] >= before


class TestOrder:
    @given(ANY_CASE, st.randoms(use_true_random=False))
    @DOZENS
    def test_of_anything_listed_never_matters(self, number, random):
        contracts, state, request = read_case(CASES[number])

        def shuffled(values: Any) -> Any:
            listed = list(values)
            random.shuffle(listed)
            return tuple(listed)

        turned_contracts = [
            replace(each, signatures=shuffled(each.signatures)) for each in shuffled(contracts)
        ]
        turned_state = replace(
            state,
            approvals=shuffled(state.approvals),
            strikes=shuffled(state.strikes),
            exclusives=shuffled(state.exclusives),
        )
        turned = replace(request, performers=shuffled(request.performers))
        for name in ("tags", "territories", "languages", "modalities"):
            if getattr(request, name) is not None:
                turned = replace(turned, **{name: shuffled(getattr(request, name))})
        one = decide(POLICIES, contracts, state, request)
        two = decide(POLICIES, turned_contracts, turned_state, turned)
        assert one.outcome == two.outcome
        assert (one.codes, one.obligations) == (two.codes, two.obligations)
        assert set(one.governing) == set(two.governing)


def questions(case: dict[str, Any]) -> tuple[Any, dict[str, Any], list[Any]]:
    contracts, state, request = read_case(case)
    drawn = facts.drawn_lines(contracts, state, request)
    use = facts.use_facts(state, request, drawn) | {"packs_on_file": sorted(POLICIES.packs)}
    return request, use, list(deciding._parts(contracts, state, request, drawn))


def answered(request: Any, use: dict[str, Any], parts: list[Any]) -> Decision:
    try:
        return deciding._unite(POLICIES, use, deciding._ask(POLICIES, request, use, parts))
    except ValueError as error:  # as decide() does
        return deciding._undecidable(POLICIES, use, parts, str(error))


class TestMissingFacts:
    def test_leave_the_answer_alone_when_nothing_is_missing(self):
        assert answered(*questions(base())).permitted

    def test_of_the_request_never_permit(self):
        for case in (PERMITTED[0], PERMITTED[-1]):
            request, use, parts = questions(case)
            for name in use:
                decision = answered(request, {k: v for k, v in use.items() if k != name}, parts)
                assert decision.outcome == "deny", name
                assert decision.codes == (EVALUATION_ERROR,)
                assert decision.errors

    def test_of_any_subject_never_permit(self):
        kinds = set()
        for case in PERMITTED:
            request, use, parts = questions(case)
            for part in parts:
                for number, question in enumerate(part.questions):
                    if question.kind in kinds or not question.attrs:
                        continue
                    kinds.add(question.kind)
                    for fewer in _without_each(question):
                        asked = list(part.questions)
                        asked[number] = fewer
                        decision = answered(request, use, [replace(part, questions=tuple(asked))])
                        assert decision.outcome == "deny"
                        assert decision.errors
        assert kinds == {"Contract", "RequiredApproval", "Exclusive", "SyntheticScene"}

    @pytest.mark.parametrize("name", [*facts.OPEN_FIELDS, "tags"])
    def test_left_open_by_the_request_never_permit_what_was_not(self, name):
        for case in CASES:
            if case["expected"]["decision"] == "permit":
                continue
            contracts, state, request = read_case(case)
            decision = decide(POLICIES, contracts, state, replace(request, **{name: None}))
            assert not decision.permitted, case["id"]


def _without_each(question: Any) -> Iterator[Any]:
    for name in question.attrs:
        yield replace(question, attrs={k: v for k, v in question.attrs.items() if k != name})


class TestShapes:
    def test_what_fits_once_is_held_against_the_schema_once(self, monkeypatch):
        request, use, parts = questions(base())
        rules, held = replace(POLICIES, instants=None), []  # nothing is remembered

        def seen(asked, engine, entities, schema):
            held.append(schema is not None)
            return judged(asked, engine, entities, schema)

        judged = deciding.cedarpy.is_authorized_batch
        monkeypatch.setattr(deciding.cedarpy, "is_authorized_batch", seen)
        for facts_of_use in (use, use, {**use, "at": use["at"] + 1, "project": "OTHER"}):
            deciding._ask(rules, request, facts_of_use, parts)
        assert held == [True, False, False]
        for wrong in ({**use, "renders": "1"}, {**use, "is_dub": 0}, {**use, "more": 1}):
            for _ in range(2):
                (answer,) = deciding._ask(rules, request, wrong, parts)
                assert answer.errors
                assert not answer.permits
        assert held[3:] == [True] * 6
        for wrong in ({**use, "renders": 2**63}, {**use, "tags": [1]}, {**use, "tags": None}):
            with pytest.raises(ValueError, match="no text, truth"):
                deciding._ask(rules, request, wrong, parts)


class TestFaults:
    """Whatever is broken is denied and reported."""

    @pytest.mark.parametrize(
        ("what", "changes"),
        [
            ("an integer beyond 64 bits", {"seconds": Decimal(10) ** 30}),
            ("a length that overflows the sum", {"seconds": Decimal(2**63 - 1) / 10**6}),
            ("a shortfall beyond 64 bits", {"background_count_shortfall": 2**64}),
            ("a negative length", {"seconds": Decimal(-1)}),
            ("no number", {"seconds": Decimal("NaN")}),
            ("infinity", {"seconds": Decimal("Infinity")}),
            ("no render", {"renders": 0}),
            ("fewer than no renders", {"renders": -5}),
            ("an action nobody knows", {"action": "resurrect"}),
            ("an instant without an offset", {"at": datetime(2026, 11, 22)}),  # noqa: DTZ001
            ("tags that are no texts", {"tags": (1, 2)}),
            ("places that are no texts", {"territories": ("US", None)}),
            ("a flag that is no flag", {"is_dub": "yes"}),
            ("half a character", {"project": "\ud800"}),
            ("an age that is no age", {"depicted_age": 1.5}),
        ],
    )
    def test_in_the_request(self, what, changes):
        contracts, state, request = read_case(base())
        grant = {"grant": {"quota": {"max_seconds": None}}}
        contracts = [
            replace(regranted(each, grant), usage=Usage(seconds=Decimal(10))) for each in contracts
        ]
        decision = decide(POLICIES, contracts, state, replace(request, **changes))
        assert decision.outcome == "deny", what
        assert EVALUATION_ERROR in decision.codes
        assert decision.errors

    @pytest.mark.parametrize("year", [1, 1969, 9999])
    def test_a_clock_far_off_never_permits(self, year):
        contracts, state, request = read_case(base())
        far = replace(request, at=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
        assert decide(POLICIES, contracts, state, far).outcome == "deny"

    @pytest.mark.parametrize(
        "rule",
        [
            "forbid (principal, action, resource) when { context.at * 9223372036854775807 > 0 };",
            "forbid (principal, action, resource) when { resource.beloved };",
        ],
    )
    def test_in_a_rule_that_forbids(self, rule):
        self._denies(f'@id("BROKEN") @outcome("deny") @summary("s") @source("s") {rule}')

    def test_in_a_rule_that_permits(self):
        self._denies(
            '@id("BROKEN") @outcome("obligation") @summary("s") @source("s") '
            "permit (principal, action, resource) when { context.at * 9223372036854775807 > 0 };"
        )

    def test_a_permit_without_the_base_rule_is_none(self):
        rest = [rule.text for rule in POLICIES.rules.values() if rule.id != policy_set.BASE]
        engine = policy_set.cedarpy.PolicySet.from_str("\n".join(rest))
        case = base()
        decision = decide_case(case, replace(POLICIES, engine=engine))
        assert decision.outcome == "deny"
        assert EVALUATION_ERROR in decision.codes

    def test_a_rule_nobody_can_name_is_an_error(self):
        stray = "permit (principal, action, resource);"
        texts = [rule.text for rule in POLICIES.rules.values()]
        engine = policy_set.cedarpy.PolicySet.from_str("\n".join([*texts, stray]))
        decision = decide_case(base(), replace(POLICIES, engine=engine))
        assert decision.outcome == "deny"
        assert "without a known id" in decision.errors[0]

    def test_no_rules_permit_nothing(self):
        engine = policy_set.cedarpy.PolicySet.from_str("")
        decision = decide_case(base(), replace(POLICIES, engine=engine))
        assert decision.outcome == "deny"
        assert decision.codes == (EVALUATION_ERROR,)

    @staticmethod
    def _denies(rule: str) -> None:
        texts = {str(p): p.read_text() for p in sorted(POLICY_DIR.rglob("*.cedar"))}
        engine = policy_set.cedarpy.PolicySet.from_str("\n".join([*texts.values(), rule]))
        decision = decide_case(base(), replace(POLICIES, engine=engine))
        assert decision.outcome == "deny"
        assert EVALUATION_ERROR in decision.codes
        assert decision.errors
