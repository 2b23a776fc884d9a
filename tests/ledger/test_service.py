"""Holds, captures and corrections on a real database, both kinds."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session, func, select

from app import clock, db
from app.ledger import service
from app.ledger.check import check
from app.ledger.errors import (
    CaptureExceedsHold,
    EntryNotReversible,
    HoldDiffers,
    HoldNotFound,
    HoldSettled,
    PostingKeyReused,
    RefundExceedsCharge,
)
from app.ledger.models import Hold, JournalEntry
from app.ledger.posting import digest_of, lines_of
from tests.ledger.factories import a_captured_entry, a_licensee, event_of, terms_of

QUICK_ON_POSTGRESQL = True


def place(session: Session, **changes) -> Hold:
    asked = {"amount_minor": 1200, "currency": "USD", "seconds": 10, **changes}
    return service.place_hold(
        session,
        "gen_1",
        asked.pop("contract_id", "con_1"),
        licensee_id=a_licensee(session).id,
        **asked,
    )


def capture(session: Session, seconds: str = "10", **options) -> JournalEntry:
    return service.capture_hold(
        session, "gen_1", terms=terms_of(), event=event_of(seconds=seconds), **options
    )


def _held_and_used(session: Session, contract_id: str) -> tuple[Decimal, Decimal]:
    used, held, *_ = service.used_and_unpaid(session.connection(), contract_id)
    return held, used


class TestPlaceHold:
    def test_reserves_seconds_and_posts_nothing(self, session):
        place(session, seconds="10.5")
        assert _held_and_used(session, "con_1") == (Decimal("10.5"), 0)
        assert service.balances(session) == {}

    def test_the_same_hold_again_is_the_first_one(self, session):
        assert place(session).id == place(session).id

    def test_another_amount_for_the_same_generation_is_refused(self, session):
        place(session)
        with pytest.raises(HoldDiffers):
            place(session, amount_minor=1300)

    def test_an_expired_hold_reserves_nothing_and_cannot_be_captured(self, session):
        place(session, lasts=timedelta(seconds=-1))
        assert _held_and_used(session, "con_1") == (0, 0)
        with pytest.raises(HoldSettled, match="expired"):
            capture(session)
        assert service.expire_holds(session) == 1
        assert service.expire_holds(session) == 0

    def test_a_hold_that_still_runs_is_not_expired(self, session):
        hold = place(session)
        assert service.expire_holds(session) == 0
        assert hold.state == "placed"
        assert hold.expires_at > clock.now()


class TestRenders:
    def test_counts_pictures_as_films_and_gives_back_what_was_reversed(self, session):
        def post(key, terms, **event):
            return service.post_usage(
                session, "con_1", terms=terms, event=event_of(**event), key=key, generation_id=key
            )

        def renders():
            return service.used_and_unpaid(session.connection(), "con_1").renders

        by_piece = terms_of(
            model="per_render",
            takes={"draft_rate": "0.25", "draft_credit": "0.5", "max_takes": 5, "draft_days": 30},
            stopped_share="1",
        )
        picture = post("picture", by_piece, renders=1)
        film = post("film", by_piece, renders=1, seconds="5")
        post("draft", by_piece, renders=1, shot="sht_1", draft=True)
        assert renders() == 3
        chosen = post("chosen", by_piece, renders=1, shot="sht_1", chosen=True)
        bill = {"stopped_cost_minor": 10, "cost_currency": "USD", "vendor": "pika"}
        stopped = post("stopped", by_piece, **bill)
        assert renders() == 3, "a take is not rendered twice; what was stopped is no render"
        service.refund_entry(session, picture, amount_minor=1, key="a refund", reason="part")
        assert renders() == 3, "a refund gives back money alone"
        for entry, left in ((chosen, 3), (stopped, 3), (picture, 2), (film, 1)):
            service.reverse_entry(session, entry, reason="wrong")
            assert renders() == left


class TestCaptureHold:
    def test_posts_one_balanced_entry_and_frees_the_rest(self, session):
        hold = place(session, amount_minor=5000, seconds=60)
        entry = capture(session)
        assert service.balances(session, contract_id="con_1") == {
            ("agent:AG1:payable", "USD"): -120,
            ("licensee:receivable", "USD"): 1200,
            ("performer:P1:payable", "USD"): -1080,
        }
        assert (entry.generation_id, entry.contract_id) == ("gen_1", "con_1")
        assert (hold.state, hold.entry_id) == ("captured", entry.id)
        assert _held_and_used(session, "con_1") == (0, 10)
        assert service.evidence(entry)["digest"] == digest_of(entry, lines_of(session, entry.id))

    def test_a_second_capture_returns_the_first_entry(self, session):
        place(session)
        first = capture(session)
        assert capture(session, seconds="5").id == first.id
        assert service.balances(session, account="licensee:receivable") == {
            ("licensee:receivable", "USD"): 1200
        }

    def test_never_takes_more_than_was_held(self, session):
        place(session)
        with pytest.raises(CaptureExceedsHold, match=r"12\.12 USD"), session.begin_nested():
            capture(session, seconds="10.1")
        assert service.balances(session) == {}

    def test_each_contract_of_a_scene_has_its_own_hold_and_entry(self, session):
        place(session)
        place(session, contract_id="con_2")
        with pytest.raises(HoldDiffers, match="name the contract"):
            capture(session)
        entries = {capture(session, contract_id=each).id for each in ("con_1", "con_2")}
        assert len(entries) == 2
        assert _held_and_used(session, "con_2") == (0, 10)

    def test_without_a_hold_nothing_is_posted(self, session):
        with pytest.raises(HoldNotFound):
            capture(session)

    def test_another_currency_than_was_held_is_refused(self, session):
        place(session, currency="EUR")
        with pytest.raises(HoldDiffers):
            capture(session)

    def test_totals_carry_from_one_generation_to_the_next(self, session):
        terms = terms_of(cap_minor=2000)
        for number, expected in enumerate((1200, 800, 0)):
            name = f"gen_{number}"
            service.place_hold(
                session,
                name,
                "con_1",
                licensee_id=a_licensee(session).id,
                amount_minor=1200,
                currency="USD",
                seconds=10,
            )
            entry = service.capture_hold(session, name, terms=terms, event=event_of(seconds="10"))
            assert lines_of(session, entry.id)[0].amount_minor == expected
        assert check(session).ok


class TestVoidHold:
    def test_frees_the_seconds_and_charges_nothing(self, session):
        place(session)
        place(session, contract_id="con_2")
        holds = service.void_hold(session, "gen_1", reason="the generator failed")
        assert {hold.state for hold in holds} == {"voided"}
        assert _held_and_used(session, "con_1") == (0, 0)
        with pytest.raises(HoldSettled, match="the generator failed"):
            capture(session, contract_id="con_1")

    def test_twice_is_once(self, session):
        place(session)
        service.void_hold(session, "gen_1", reason="first")
        assert service.void_hold(session, "gen_1", reason="second")[0].reason == "first"

    def test_what_was_captured_is_reversed_not_voided(self, session):
        a_captured_entry(session)
        with pytest.raises(HoldSettled, match="reverse its entry"):
            service.void_hold(session, "gen_1", reason="changed our minds")


class TestReverseEntry:
    def test_restores_every_balance_and_the_seconds(self, session):
        entry = a_captured_entry(session)
        service.reverse_entry(session, entry, reason="the wrong take")
        assert set(service.balances(session).values()) == {0}
        assert _held_and_used(session, "con_1") == (0, 0)
        assert check(session).ok

    def test_twice_is_once(self, session):
        entry = a_captured_entry(session)
        first = service.reverse_entry(session, entry, reason="the wrong take")
        assert service.reverse_entry(session, entry, reason="again").id == first.id

    def test_a_reversal_is_not_reversed(self, session):
        reversal = service.reverse_entry(session, a_captured_entry(session), reason="wrong")
        with pytest.raises(EntryNotReversible):
            service.reverse_entry(session, reversal, reason="or was it")

    def test_after_a_refund_takes_back_only_what_is_left(self, session):
        entry = a_captured_entry(session)
        service.refund_entry(session, entry, amount_minor=500, key="late", reason="delivered late")
        service.reverse_entry(session, entry, reason="the wrong take")
        assert set(service.balances(session).values()) == {0}
        result = check(session)
        assert result.ok, result.first_difference

    def test_a_refund_is_once_per_key_and_never_more_than_was_charged(self, session):
        entry = a_captured_entry(session)
        options = {"amount_minor": 700, "reason": "delivered late"}
        first = service.refund_entry(session, entry, key="a", **options)
        assert service.refund_entry(session, entry, key="a", **options).id == first.id
        with pytest.raises(RefundExceedsCharge, match="500 are still charged"):
            service.refund_entry(session, entry, key="b", **options)


class TestPostUsage:
    def test_a_key_posts_once_and_only_its_own_event(self, session):
        terms = terms_of(advance={"amount_minor": 500})
        options = {"terms": terms, "key": "advance of November"}
        first = service.post_usage(session, "con_1", event=event_of(advance=True), **options)
        again = service.post_usage(session, "con_1", event=event_of(advance=True), **options)
        assert first is not None
        assert again is not None
        assert first.id == again.id
        with pytest.raises(PostingKeyReused):
            service.post_usage(session, "con_1", event=event_of(seconds="1"), **options)

    def test_what_owes_nothing_is_recorded_without_an_entry(self, session):
        event = event_of(period_end=True)
        assert service.post_usage(session, "con_1", terms=terms_of(), event=event, key="k") is None
        result = check(session)
        assert (result.ok, result.events, result.entries) == (True, 1, 0)


class TestQuoteUse:
    def test_prices_the_next_use_and_writes_nothing(self, session):
        terms = terms_of(cap_minor=1500)
        a_captured_entry(session)
        planned = event_of(seconds="10")
        assert service.quote_use(session, "con_1", terms=terms, event=planned).licensee_minor == 300
        assert service.amount_to_hold(session, "con_1", terms=terms, event=planned) == 1200
        assert session.exec(select(func.count()).select_from(JournalEntry)).one() == 1


class TestManyAtOnce:
    def test_a_storm_of_captures_of_one_generation_posts_once(self, session):
        place(session)
        session.commit()
        found: list[str] = []

        def storm() -> None:
            with db.writing() as own:
                found.append(capture(own).id)

        self.run([storm] * 8)
        assert len(found) == 8
        assert len(set(found)) == 1
        assert check(session).entries == 1

    def test_captures_of_one_contract_count_every_use(self, session):
        def generation(number: int):
            def work() -> None:
                with db.writing() as own:
                    a_captured_entry(own, generation_id=f"gen_{number}")

            return work

        a_licensee(session)
        session.commit()
        self.run([generation(number) for number in range(8)])
        assert service.balances(session, account="licensee:receivable") == {
            ("licensee:receivable", "USD"): 8 * 1200
        }
        result = check(session)
        assert (result.first_difference, result.entries) == (None, 8)

    def run(self, work) -> None:
        threads = [threading.Thread(target=each) for each in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
