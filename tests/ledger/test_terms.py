"""What may be signed: nothing that would not be applied, nothing that is not exact."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.ledger.terms import CompensationTerms, exact
from app.ledger.usage import UsageEvent
from tests.ledger.factories import terms_of


class TestExact:
    def test_reads_decimals_and_ratios_without_floats(self):
        assert exact("0.1") + exact("0.2") == exact("0.3") == exact("3/10")

    @pytest.mark.parametrize("text", ["", "1e3", "-1", "nan", ".5", "1/0", "1.", "١", "1_0", " 1"])
    def test_refuses_anything_else(self, text):
        with pytest.raises(ValueError):
            exact(text)

    @given(st.text(max_size=20))
    def test_never_fails_otherwise(self, text):
        with suppress(ValueError):
            assert exact(text) >= 0


class TestCompensationTerms:
    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"rate_minor": 1.5}, "rate_minor"),
            ({"rate_minor": None}, "priced by rate_minor"),
            ({"schedule": ["0.5"]}, "priced by rate_minor"),
            ({"currency": "XXX"}, "ISO 4217"),
            ({"currency": "usd"}, "pattern"),
            ({"model": "per_mood"}, "model"),
            ({"parties": []}, "parties"),
            ({"parties": [{"id": "P1", "weight": "0"}]}, "weight above zero"),
            ({"parties": [{"id": "P1"}, {"id": "P1"}]}, "once"),
            ({"parties": [{"id": "P1", "agent": "AG1"}]}, "together"),
            ({"parties": [{"id": "P1:payable"}]}, "pattern"),
            ({"parties": [{"id": "P1", "agent": "A", "agent_rate": "1.1"}]}, "more than the whole"),
            ({"deduction_cap": "0.2"}, "revenue_share"),
            ({"guarantee_mode": "top_up"}, "minimum_guarantee_minor"),
            ({"minimum_guarantee_minor": 5, "cap_minor": 4}, "above the cap"),
            ({"included_languages": 2}, "language_surcharge"),
            ({"fx": "1.1"}, "payout_currency"),
            ({"fx": "0", "payout_currency": "EUR"}, "zero"),
            ({"fx": "1.1", "payout_currency": "USD"}, "the currency itself"),
            ({"fx_on": "yesterday"}, "isoformat"),
            ({"surprise": 1}, "surprise"),
        ],
    )
    def test_refuses_what_could_not_be_applied(self, changes, why):
        with pytest.raises(ValidationError, match=why):
            terms_of(**changes)

    @pytest.mark.parametrize(
        "tiers",
        [
            [["100", "200"]],
            [["100", "200"], ["50", "100"], [None, "1"]],
            [[None, "200"], [None, "100"]],
            [["0", "200"], [None, "100"]],
            [["100", None], [None, "100"]],
            [["100"]],
            [],
        ],
    )
    def test_refuses_tiers_that_do_not_rise_to_an_open_one(self, tiers):
        with pytest.raises(ValidationError):
            terms_of(model="tiered_marginal", rate_minor=None, tiers=tiers)

    def test_keeps_numbers_as_they_were_written(self):
        document = terms_of(rate_minor="120.50").model_dump(mode="json", exclude_unset=True)
        assert document["rate_minor"] == "120.50"
        assert CompensationTerms.model_validate(document) == terms_of(rate_minor="120.50")


class TestUsageEvent:
    @pytest.mark.parametrize(
        "fields",
        [
            {"seconds": 1.5},
            {"seconds": "-1"},
            {"count": True},
            {"advance": True, "period_end": True},
            {"refund_of": 0},
            {"amount_minor": 5},
            {"refund_of": 0, "amount_minor": 0},
            {"refund_of": 0, "amount_minor": 5, "reverse": 0},
            {"principal_minor": 5},
            {"actual_seconds": "5"},
            {"reverse": -1},
            {"mood": "good"},
        ],
    )
    def test_is_one_thing_and_whole(self, fields):
        with pytest.raises(ValidationError):
            UsageEvent.model_validate(fields)
