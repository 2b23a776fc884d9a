"""What is asked most is answered by a shorter way: exactly as by the longer one, or not by it.

`application/json; charset=utf-8` is unusual, so it goes the longer way: FastAPI's own.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from httpx import Response
from sqlmodel import select

from app import db
from app.identity import api_edge
from app.identity.api_quick import Quick
from app.licensing.decisions.models import Decision
from tests.http.house import House, question

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
LONGER = "application/json; charset=utf-8"
_numbers = itertools.count()


def as_said(answer: Response) -> object:
    """What an answer says, but for what is new each time; of a decision also what was asked."""
    said = answer.json()
    if answer.status_code != 201:
        return answer.status_code, said
    with db.reading() as session:
        asked = session.exec(select(Decision).where(Decision.id == said["id"])).one().request["use"]
    for new in ("id", "at", "receipt"):
        del said[new]
    return said, {**asked, "at": None}


def sent(house: House, body: bytes, kind: str, **changed: str) -> Response:
    number = next(_numbers)
    headers = {
        **house.keys["production"], "Idempotency-Key": f"quick {number}".replace(" ", "-"),
        "Content-Type": kind, **changed,
    }  # fmt: skip
    return house.client.post("/v1/authorizations", headers=headers, content=body)


def assert_both_say_the_same(house: House, body: bytes, what: str = "", **changed: str) -> None:
    headers = {name.replace("_", "-"): value for name, value in changed.items()}
    keyed = {"Idempotency-Key"} & headers.keys()
    shorter = sent(house, body, "application/json", **headers)
    if keyed and shorter.status_code == 201:
        headers["Idempotency-Key"] += "2"  # else it would be the kept answer
    longer = sent(house, body, LONGER, **headers)
    assert as_said(shorter) == as_said(longer), (what, body, changed)


def noting(asked: list[str], name: str, honest: Callable[..., Any]) -> Callable[..., Any]:
    async def noted(*args: Any) -> Any:
        asked.append(name)
        return await honest(*args)

    return noted


BODIES = {
    "as usual": {},
    "a number for a length": {"length_s": 5},
    "a fraction for a length": {"length_s": 5.125},
    "a length with an exponent": {"length_s": "1e2"},
    "too fine a length": {"length_s": 0.0001},
    "a count as text": {"renders": "3"},
    "a count with a point": {"renders": 3.0},
    "half a render": {"renders": 1.5},
    "a truth for a count": {"renders": True},
    "a word for a truth": {"realtime": "yes"},
    "a day": {"principal_photography_start": "2026-12-01"},
    "no day": {"principal_photography_start": "2026-12-41"},
    "an instant": {"exhibit_until": "2027-01-01T00:00:00+01:00"},
    "an instant as a number": {"exhibit_until": 1800000000},
    "a naive instant": {"exhibit_until": "2027-01-01T00:00:00"},
    "a huge count": {"background_count_shortfall": 10**40},
    "nothing where something must be": {"performers": None},
    "a field nobody knows": {"at": "x"},
    "somebody twice": {"performers": ["per_1", "per_1"]},
    "half a character": {"project": "\ud800"},
    "a text that ends texts": {"project": "a\x00b"},
    "letters of others": {"project": "Ñandú 映画"},
    "nested": {"project": [[[]]]},
}


class TestQuick:
    def test_answers_as_fastapi_does(self, house: House) -> None:
        for what, changes in BODIES.items():
            body = json.dumps(question(house, **changes)).encode()
            assert_both_say_the_same(house, body, what=what)

    def test_reads_bytes_as_fastapi_does(self, house: House) -> None:
        plain = json.dumps(question(house)).encode()
        for body in (
            b"",
            b"null",
            b"[]",
            b"{",
            plain + b"}",
            b"\xef\xbb\xbf" + plain,
            plain.decode().encode("utf-16"),
            plain.replace(b'"medium"', b'"m\xff"'),
            plain[:-1] + b',"medium":"theatrical"}',
            plain[:-1] + b',"length_s":NaN}',
            plain[:-1] + b',"length_s":Infinity}',
            plain[:-1] + b',"project":"\\u0000"}',
            b" \n" + plain + b"\r\n",
        ):
            assert_both_say_the_same(house, body)

    def test_reads_headers_as_fastapi_does(self, house: House) -> None:
        body = json.dumps(question(house)).encode()
        good = house.keys["production"]["Authorization"]
        for changed in (
            {"Authorization": ""},
            {"Authorization": "Basic abc"},
            {"Authorization": good.lower()},
            {"Authorization": good.replace(" ", "  ")},
            {"Authorization": good + "x"},
            {"Authorization": "Bearer ustk_"},
            {"Idempotency-Key": ""},
            {"Idempotency-Key": "k" * 129},
            {"Idempotency-Key": "with a blank"},
        ):
            assert_both_say_the_same(house, body, **changed)

    def test_is_what_answers_the_usual(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """Else the tests above would compare FastAPI with itself."""
        answered: list[object] = []
        usual = Quick._usual

        def seen(self: Quick, *asked: object) -> object:
            answered.append(usual(self, *asked))  # type: ignore[arg-type]
            return answered[-1]

        monkeypatch.setattr(Quick, "_usual", seen)
        body = json.dumps(question(house)).encode()
        for kind in ("application/json", LONGER):
            sent(house, body, kind)
        assert [each is None for each in answered] == [False, True]

    def test_asks_who_calls_and_whether_the_clock_can_be_believed(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        for name in ("insist_clock", "caller"):
            monkeypatch.setattr(api_edge, name, noting(asked, name, getattr(api_edge, name)))
        sent(house, json.dumps(question(house)).encode(), "application/json")
        assert asked == ["insist_clock", "caller"]
