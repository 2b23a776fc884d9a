"""The published suite, exactly, and the house's own cases, through the production path."""

import json

import pytest

from app.licensing.deciding.conformance import decide_case, run_scenarios
from app.licensing.deciding.decide import load_policies
from tests.licensing.cases import PUBLISHED, base, house, published

POLICIES = load_policies()


class TestPublishedSuite:
    def test_is_decided_exactly(self):
        mismatches, passed, failed = run_scenarios(PUBLISHED)
        assert mismatches == []
        assert (passed, failed) == (100, 0)

    def test_names_a_case_whose_expectation_is_wrong(self, tmp_path):
        suite = json.loads(PUBLISHED.read_text())
        suite["scenarios"][3]["expected"]["reason_codes"] = ["AFTER_TERM"]
        planted = tmp_path / "suite.json"
        planted.write_text(json.dumps(suite))
        mismatches, passed, failed = run_scenarios(planted)
        assert (passed, failed) == (99, 1)
        assert mismatches[0].startswith("S010: codes ['CONSENT_NOT_CONSPICUOUS'] instead of")

    def test_reports_a_case_it_cannot_read_as_failed(self, tmp_path):
        suite = json.loads(PUBLISHED.read_text())
        suite["scenarios"][0]["contracts"][0]["grant"]["telepathy"] = True
        planted = tmp_path / "suite.json"
        planted.write_text(json.dumps(suite))
        mismatches, _, failed = run_scenarios(planted)
        assert failed == 1
        assert "/grant/telepathy" in mismatches[0]

    @pytest.mark.parametrize("text", ["[]", '{"schema": "royalty-cases/1"}', "{"])
    def test_refuses_what_is_no_suite(self, tmp_path, text):
        planted = tmp_path / "suite.json"
        planted.write_text(text)
        with pytest.raises(ValueError):
            run_scenarios(planted)


@pytest.mark.parametrize("case", house(), ids=lambda case: case["id"])
def test_house_case(case):
    decision = decide_case(case, POLICIES)
    expected = case["expected"]
    assert decision.errors == ()
    assert (decision.outcome, list(decision.codes), list(decision.obligations)) == (
        expected["decision"],
        sorted(expected["reason_codes"]),
        sorted(expected["obligations"]),
    )


class TestHouseCases:
    def test_name_each_case_once(self):
        names = [case["id"] for case in house()]
        assert len(names) == len(set(names))

    def test_reach_every_rule_together_with_the_published_ones(self):
        reached = {
            rule
            for case in [*published(), *house()]
            for rule in decide_case(case, POLICIES).policy_ids
        }
        assert reached == POLICIES.rules.keys()

    def test_start_from_a_base_that_permits(self):
        assert decide_case(base(), POLICIES).permitted
