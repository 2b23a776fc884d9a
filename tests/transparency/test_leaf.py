"""Leaves commit to what happened and tell nobody who cannot open them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transparency import leaf
from app.transparency.errors import LeafRefused, ProofRefused

AT = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)
SALT = bytes(range(16))
PAYLOAD = {"document_sha256": "ab" * 32, "fee_minor": 125_000, "currency": "EUR"}


def a_leaf(**changes: object) -> leaf.Leaf:
    given = {"kind": "contract-executed", "subject_id": "con_1", "payload": PAYLOAD} | changes
    return leaf.make_leaf(
        given["kind"],
        given["subject_id"],
        given["payload"],
        at=given.get("at", AT),
        salt=given.get("salt", SALT),
    )


class TestMakeLeaf:
    def test_holds_kind_moment_and_commitment_in_canonical_json(self):
        made = a_leaf()
        assert made.entry == (
            b'{"at":"2026-11-22T09:30:15.123Z","commitment":"'
            + made.commitment.encode()
            + b'","kind":"contract-executed","v":1}'
        )
        assert leaf.parse_leaf(made.entry) == made

    def test_says_nothing_of_subject_or_payload(self):
        for secret in (b"con_1", b"125000", b"EUR", b"abab", b"currency"):
            assert secret not in a_leaf().entry

    def test_the_same_thing_under_another_salt_is_another_commitment(self):
        assert a_leaf().commitment != a_leaf(salt=bytes(16)).commitment

    def test_moments_are_utc_wherever_they_were_taken(self):
        elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
        assert a_leaf(at=elsewhere) == a_leaf()

    @pytest.mark.parametrize(
        "changes",
        [
            {"kind": "gossip"},
            {"subject_id": "Jane Doe"},
            {"subject_id": "jane@example.org"},
            {"subject_id": ""},
            {"salt": b"short"},
            {"payload": {"share": float("nan")}},
            {"payload": {"fee": 2**60}},
            {"payload": {"raw": b"bytes"}},
            {"payload": {"text": "\ud800"}},
        ],
    )
    def test_refuses_what_could_not_be_opened_again(self, changes):
        with pytest.raises(LeafRefused):
            a_leaf(**changes)


class TestParseLeaf:
    @pytest.mark.parametrize(
        "change",
        [
            (b'"v":1', b'"v":2'),
            (b"contract-executed", b"contract-doubted"),
            (b'","kind', b'", "kind'),
            (b'{"at"', b'{"a":0,"at"'),
            (b"}", b"}\n"),
            (b".123Z", b"Z"),
        ],
    )
    def test_refuses_every_other_spelling(self, change):
        bad = a_leaf().entry.replace(*change)
        assert bad != a_leaf().entry
        with pytest.raises(LeafRefused):
            leaf.parse_leaf(bad)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, entry):
        with pytest.raises(LeafRefused):
            leaf.parse_leaf(entry)


class TestOpenLeaf:
    def test_opens_for_whoever_holds_salt_subject_and_payload(self):
        assert leaf.open_leaf(a_leaf().entry, "con_1", PAYLOAD, salt=SALT) == a_leaf()

    @pytest.mark.parametrize(
        ("subject_id", "payload", "salt"),
        [
            ("con_2", PAYLOAD, SALT),
            ("con_1", PAYLOAD | {"fee_minor": 125_001}, SALT),
            ("con_1", PAYLOAD | {"more": None}, SALT),
            ("con_1", PAYLOAD, bytes(16)),
        ],
    )
    def test_does_not_open_for_another_story(self, subject_id, payload, salt):
        with pytest.raises(ProofRefused, match="something else"):
            leaf.open_leaf(a_leaf().entry, subject_id, payload, salt=salt)
