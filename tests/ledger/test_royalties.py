"""What holds for any terms and any sequence of events."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ledger.books import Line, RoyaltyState, add, check_balanced, difference
from app.ledger.errors import (
    AdvanceAlreadyPaid,
    AmountTooLarge,
    EntryUnbalanced,
    EventIncomplete,
    NothingToCorrect,
    RoyaltyRefused,
    TermNotAgreed,
)
from app.ledger.quotes import quote
from app.ledger.royalties import post_event
from app.ledger.splits import half_up, split_by_weight
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent
from tests.ledger.factories import event_of, terms_of

RATES = {
    "per_second": {"rate_minor": "33.333"},
    "per_render": {"rate_minor": "1001"},
    "per_line": {"session_minor": "113495", "lines_per_session": 300},
    "day_equivalent": {"pro_rata_daily_minor": "99999", "minimum_daily_minor": "124600"},
    "cpm": {"rate_minor": "250.7"},
    "revenue_share": {"share": "1/3", "deduction_cap": "0.2"},
    "flat": {"rate_minor": "12345"},
    "buyout": {},
    "multiplier": {"base_minor": "113495", "multiplier": "7.5"},
    "residual_schedule": {"base_minor": "124601", "schedule": ["0.5", "0.333", "0.05"]},
    "sum_flat": {"items_minor": ["55000.5", "27500"]},
    "tiered_marginal": {"tiers": [["10", "200.5"], ["50", "150"], [None, "99.9"]]},
    "tiered_whole": {"tiers": [["10", "200.5"], ["50", "150"], [None, "99.9"]]},
}
OPTIONS = {
    "cap_minor": 250_000,
    "floor_minor": "700",
    "minimum_guarantee_minor": 90_000,
    "advance": {"amount_minor": 50_001},
    "ph": {"rate": "0.235", "fund": "PH", "ceiling_minor": 80_000},
    "scale_floor_minor": "9000",
    "language_surcharge": "0.25",
    "realtime_multiplier": "2.5",
    "withholding": {"rate": "0.3", "base": "net_share"},
    "annual_rate": "0.18",
}


@st.composite
def any_terms(draw: st.DrawFn) -> CompensationTerms:
    model = draw(st.sampled_from(sorted(RATES)))
    options = draw(st.lists(st.sampled_from(sorted(OPTIONS)), unique=True, max_size=5))
    parties = [
        {"id": f"P{place}", "weight": str(weight), **agent}
        for place, (weight, agent) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.integers(1, 60),
                        st.sampled_from([{}, {"agent": "AG1", "agent_rate": "0.10"}]),
                    ),
                    min_size=1,
                    max_size=4,
                )
            )
        )
    ]
    extra = {name: OPTIONS[name] for name in options if (model, name) != ("buyout", "floor_minor")}
    extra |= draw(
        st.sampled_from(
            [
                {},
                {"platform_fee": {"rate": "0.05", "mode": "inclusive"}},
                {"platform_fee": {"rate": "0.0333", "mode": "on_top"}},
            ]
        )
    )
    extra |= draw(st.sampled_from([{}, {"payout_currency": "JPY", "fx": "149.37"}]))
    return CompensationTerms.model_validate(
        {"currency": "USD", "model": model, "parties": parties, **RATES[model], **extra}
    )


uses = st.builds(
    lambda seconds, lines, languages, realtime: event_of(
        seconds=seconds,
        lines=lines,
        days="0.5",
        impressions=lines * 977,
        gross_receipts_minor=lines * 1003,
        deductions_minor=lines * 499,
        languages=languages,
        realtime=realtime,
    ),
    st.decimals(0, 90, places=3, allow_nan=False).map(lambda number: format(number, "f")),
    st.integers(0, 400),
    st.integers(0, 3),
    st.booleans(),
)
others = st.sampled_from(
    [
        {"advance": True},
        {"period_end": True},
        {"principal_minor": 99_999, "days_late": 13},
        {"reported_seconds": "10", "actual_seconds": "12", "audit_cost_minor": 5001},
        {"reverse": 0},
        {"reverse": 1},
        {"refund_of": 0, "amount_minor": 333},
        {"refund_of": 1, "amount_minor": 1},
    ]
).map(UsageEvent.model_validate)
stories = st.lists(st.one_of(uses, others), min_size=1, max_size=8)


def told(terms: CompensationTerms, events: list[UsageEvent]):
    """Post a story; a refused event posts nothing. Yields each entry and the state after it."""
    state = RoyaltyState()
    for event in events:
        try:
            lines, state = post_event(terms, state, event)
        except RoyaltyRefused:
            lines, state = (), state.skip()
        yield lines, state


def sums(lines) -> dict[str, int]:
    total: dict[str, int] = {}
    for line in lines:
        total[line.currency] = total.get(line.currency, 0) + line.amount_minor
    return total


class TestPostEvent:
    @settings(max_examples=150)
    @given(any_terms(), stories)
    def test_every_entry_sums_to_zero_per_currency(self, terms, events):
        for lines, _ in told(terms, events):
            assert not any(sums(lines).values())
            assert all(type(line.amount_minor) is int for line in lines)

    @settings(max_examples=100)
    @given(any_terms(), stories, uses)
    def test_reversal_restores_every_balance_and_total(self, terms, events, use):
        *_, (_, before) = told(terms, events)
        try:
            lines, after = post_event(terms, before, use)
        except RoyaltyRefused:
            return
        negated, restored = post_event(terms, after, event_of(reverse=before.number))
        assert [(x.account, x.currency, -x.amount_minor) for x in negated] == [
            (x.account, x.currency, x.amount_minor) for x in lines
        ]
        assert restored.totals == before.totals

    @settings(max_examples=100)
    @given(any_terms(), uses, st.lists(st.integers(1, 9999), max_size=4))
    def test_refunds_and_the_reversal_of_the_rest_come_to_nothing(self, terms, use, amounts):
        refunds = [event_of(refund_of=0, amount_minor=amount) for amount in amounts]
        balance: dict[tuple[str, str], int] = {}
        for lines, _ in told(terms, [use, *refunds, event_of(reverse=0)]):
            for line in lines:
                place = (line.account, line.currency)
                balance[place] = balance.get(place, 0) + line.amount_minor
        assert not any(balance.values())

    @settings(max_examples=100)
    @given(any_terms(), uses)
    def test_the_same_id_posts_once(self, terms, use):
        named = UsageEvent.model_validate({**use.model_dump(exclude_none=True), "id": "e1"})
        (_, once), (again, twice) = list(told(terms, [named, named]))
        assert again == ()
        assert twice.totals == once.totals

    @settings(max_examples=100)
    @given(stories)
    def test_a_cap_is_never_exceeded(self, events):
        terms = terms_of(rate_minor="99.7", cap_minor=5000)
        for _, state in told(terms, events):
            assert state.total("billed") <= 5000

    @settings(max_examples=100)
    @given(st.lists(st.integers(0, 80), min_size=1, max_size=8), st.integers(1, 9000))
    def test_whole_volume_is_billed_at_its_tier_and_never_above_the_cap(self, seconds, cap_minor):
        """What stands billed depends on the volume alone, however it came in parts."""
        tiers = [["20", "200"], ["60", "150"], [None, "90"]]
        terms = terms_of(model="tiered_whole", rate_minor=None, tiers=tiers, cap_minor=cap_minor)
        whole = 0
        for length, (_, state) in zip(
            seconds, told(terms, [event_of(seconds=str(each)) for each in seconds]), strict=True
        ):
            whole += length
            rate = 200 if whole <= 20 else 150 if whole <= 60 else 90
            assert state.total("billed") == min(whole * rate, cap_minor)

    @settings(max_examples=100)
    @given(
        st.sampled_from([None, "L1"]),
        st.lists(
            st.tuples(st.sampled_from([None, "L1", "L2"]), st.booleans(), st.integers(1, 300)),
            max_size=9,
        ),
    )
    def test_a_licence_earns_back_no_more_than_its_own_advance(self, named, story):
        advance = {"amount_minor": 10_000} | ({"licence": named} if named else {})
        terms, balance = terms_of(advance=advance), dict.fromkeys(("", "L1", "L2"), 0)
        events = [
            event_of(
                **({"licence": licence} if licence else {}),
                **({"advance": True} if pays else {"seconds": str(length)}),
            )
            for licence, pays, length in story
        ]
        for event, (lines, _) in zip(events, told(terms, events), strict=True):
            moved = sum(line.amount_minor for line in lines if line.account == "memo:unrecouped")
            own = event.licence or (named if event.advance and named else "")
            if not event.advance and moved and not balance[own]:
                own = ""  # of an advance that names no licence
            balance[own] += moved
            assert all(each >= 0 for each in balance.values()), "recouped from another's advance"

    def test_an_event_without_its_quantity_is_refused_by_name(self):
        with pytest.raises(EventIncomplete, match="seconds"):
            post_event(terms_of(), RoyaltyState(), event_of(count=1))

    def test_a_settlement_the_terms_do_not_have_is_refused(self):
        for event in (event_of(advance=True), event_of(principal_minor=5, days_late=1)):
            with pytest.raises(TermNotAgreed):
                post_event(terms_of(), RoyaltyState(), event)

    def test_more_than_the_books_can_hold_is_refused(self):
        with pytest.raises(AmountTooLarge):
            post_event(terms_of(), RoyaltyState(), event_of(seconds="1" + "0" * 15))

    def test_an_advance_is_paid_once(self):
        terms = terms_of(advance={"amount_minor": 500})
        _, state = post_event(terms, RoyaltyState(), event_of(advance=True))
        with pytest.raises(AdvanceAlreadyPaid):
            post_event(terms, state, event_of(advance=True))

    def test_what_was_never_posted_cannot_be_corrected(self):
        with pytest.raises(NothingToCorrect):
            post_event(terms_of(), RoyaltyState(), event_of(reverse=0))

    def test_a_correction_cannot_itself_be_reversed(self):
        _, state = post_event(terms_of(), RoyaltyState(), event_of(seconds="1"))
        _, state = post_event(terms_of(), state, event_of(reverse=0))
        with pytest.raises(NothingToCorrect):
            post_event(terms_of(), state, event_of(reverse=1))

    def test_an_advance_of_one_licence_is_not_recouped_by_another(self):
        terms = terms_of(advance={"amount_minor": 500, "licence": "L1"})
        _, state = post_event(terms, RoyaltyState(), event_of(advance=True))
        for licence in ({}, {"licence": "L2"}):
            lines, _ = post_event(terms, state, event_of(seconds="1", **licence))
            assert "memo:unrecouped" not in {line.account for line in lines}
        lines, _ = post_event(terms, state, event_of(seconds="1", licence="L1"))
        assert "memo:unrecouped" in {line.account for line in lines}


class TestCheckBalanced:
    def test_catches_an_entry_that_is_one_unit_off(self):
        with pytest.raises(EntryUnbalanced, match="EUR"):
            check_balanced([Line("a", "EUR", 5), Line("b", "EUR", -4), Line("c", "USD", 0)])

    def test_does_not_net_currencies_against_each_other(self):
        with pytest.raises(EntryUnbalanced):
            check_balanced([Line("a", "EUR", 5), Line("b", "USD", -5)])


class TestSplitByWeight:
    @given(
        st.integers(-(10**9), 10**9),
        st.lists(st.fractions(0, 1000), min_size=1, max_size=12).filter(any),
    )
    def test_never_creates_or_loses_a_unit(self, total, weights):
        parts = split_by_weight(total, weights)
        assert sum(parts) == total
        whole = sum(weights)
        assert all(
            abs(part - total * weight / whole) < 1
            for part, weight in zip(parts, weights, strict=True)
        )

    def test_gives_a_tie_to_the_first_listed(self):
        assert split_by_weight(1, [Fraction(1), Fraction(1)]) == [1, 0]
        assert split_by_weight(-1, [Fraction(1), Fraction(1)]) == [-1, 0]

    @pytest.mark.parametrize("weights", [[], [Fraction(-1), Fraction(2)], [Fraction(0)]])
    def test_refuses_weights_that_share_nothing(self, weights):
        with pytest.raises(ValueError):
            split_by_weight(5, weights)


class TestHalfUp:
    @pytest.mark.parametrize(
        ("amount", "rounded"),
        [("3/2", 2), ("-3/2", -1), ("149/100", 1), ("-151/100", -2), ("0", 0), ("5/2", 3)],
    )
    def test_rounds_exact_halves_up(self, amount, rounded):
        assert half_up(Fraction(amount)) == rounded

    @given(st.fractions(-(10**6), 10**6))
    def test_is_the_nearest_and_of_two_the_higher(self, amount):
        assert -Fraction(1, 2) < half_up(amount) - amount <= Fraction(1, 2)


EFFECTS = st.dictionaries(st.sampled_from("abcd"), st.fractions(-3, 3).filter(bool))


class TestTotals:
    @given(EFFECTS, EFFECTS)
    def test_what_was_added_is_the_difference_again(self, before, added):
        after = add(before, added)
        assert difference(after, before) == added
        assert all(
            after.get(name, 0) == before.get(name, 0) + added.get(name, 0) for name in "abcd"
        )
        assert 0 not in after.values()


class TestQuote:
    def test_says_what_a_use_costs_and_brings(self):
        told_price = quote(
            terms_of(platform_fee={"rate": "0.05", "mode": "on_top"}), event_of(seconds="10")
        )
        assert told_price.licensee_minor == 1260
        assert [(line.account, line.amount_minor) for line in told_price.payees] == [
            ("performer:P1:payable", 1080),
            ("agent:AG1:payable", 120),
            ("platform:fee", 60),
        ]

    def test_is_what_is_then_posted(self):
        terms, event = terms_of(cap_minor=1500), event_of(seconds="10")
        _, state = post_event(terms, RoyaltyState(), event)
        assert quote(terms, event, state=state).licensee_minor == 300
        assert quote(terms, event).licensee_minor == 1200
