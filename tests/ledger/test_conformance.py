"""The published suite and our own cases, through the code that posts."""

import json
from pathlib import Path

import pytest

from app.errors import BadRequest
from app.ledger.books import RoyaltyState
from app.ledger.conformance import run_royalties
from app.ledger.royalties import post_event
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "conformance" / "royalties.json"
OURS = sorted((Path(__file__).parent / "cases").glob("*.json"))


def rewritten(tmp_path: Path, change) -> Path:
    suite = json.loads(SUITE.read_text())
    change(suite)
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(suite))
    return path


class TestRunRoyalties:
    def test_every_published_case_is_exact(self):
        assert run_royalties(SUITE) == ([], 32, 0)

    @pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
    def test_every_case_of_our_own_is_exact(self, path):
        mismatches, passed, failed = run_royalties(path)
        assert (mismatches, failed) == ([], 0)
        assert passed > 0

    def test_the_lines_come_in_the_order_the_suite_writes_them(self):
        for case in json.loads(SUITE.read_text())["cases"]:
            state = RoyaltyState()
            terms = CompensationTerms.model_validate(case["terms"])
            for event, expected in zip(case["events"], case["expected"], strict=True):
                lines, state = post_event(terms, state, UsageEvent.model_validate(event))
                wanted = [(x["account"], x["currency"], x["amount"]) for x in expected]
                assert [(x.account, x.currency, x.amount_minor) for x in lines] == wanted

    def test_one_unit_off_is_a_mismatch_of_that_case_alone(self, tmp_path):
        def one_off(suite):
            suite["cases"][0]["expected"][0][0]["amount"] += 1

        mismatches, passed, failed = run_royalties(rewritten(tmp_path, one_off))
        assert (passed, failed) == (31, 1)
        assert mismatches[0].startswith("R01: event 0: expected licensee:receivable 1501 USD")

    def test_a_missing_zero_line_is_a_mismatch(self, tmp_path):
        def drop_zero(suite):
            case = next(case for case in suite["cases"] if case["id"] == "R37")
            case["expected"][0] = [x for x in case["expected"][0] if x["amount"]]

        assert run_royalties(rewritten(tmp_path, drop_zero))[2] == 1

    def test_an_unknown_term_is_a_mismatch_not_an_ignored_word(self, tmp_path):
        def unknown(suite):
            suite["cases"][0]["terms"]["loyalty_bonus"] = "0.5"

        mismatches, _, failed = run_royalties(rewritten(tmp_path, unknown))
        assert failed == 1
        assert "loyalty_bonus" in mismatches[0]

    def test_a_number_with_a_point_is_read_exactly(self, tmp_path):
        def as_number(suite):
            suite["cases"][0]["events"][0]["seconds"] = 12.5

        assert run_royalties(rewritten(tmp_path, as_number))[2] == 0

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"schema": "another"}', b"\xff", b"{}"])
    def test_what_is_no_suite_is_named(self, tmp_path, content):
        path = tmp_path / "suite.json"
        path.write_bytes(content)
        with pytest.raises(BadRequest):
            run_royalties(path)
