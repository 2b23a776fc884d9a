"""A script of many lines is one request, with one answer for each line, and each acts once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Request
from sqlmodel import select

from app import db
from app.gateway import api_batches
from app.gateway.models import Generation
from app.ledger.models import Hold
from app.licensing.decisions.models import Decision
from tests.http.house import House, a_house, assert_problem

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CONTENT = {
    "prohibited": ["smoking"],
    "approval": [],
    "blocked_brand_categories": [],
    "preview_waived": True,
}
SCRIPT = [
    ("I hold the light.", "5"),
    ("Put that cigarette down.", "5"),  # denied by its content
    ("I hold it longer.", "4.0"),
    ("And I let it go.", "300"),  # the generator does not do this
]


@pytest.fixture
def house(client) -> House:  # type: ignore[no-untyped-def]
    return a_house(client, content=CONTENT)


def _batch(house: House, script: list[tuple[str, str]]) -> dict[str, Any]:
    body = house.scene.body()
    del body["line"], body["length_s"]
    return body | {"lines": [{"line": line, "length_s": length} for line, length in script]}


def _answers(house: House, script: list[tuple[str, str]], key: str = "k") -> list[dict[str, Any]]:
    answer = house.post("/v1/generations/batches", key=key, json=_batch(house, script))
    assert answer.status_code == 201, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def _kept() -> tuple[int, int, int]:
    with db.reading() as session:
        counts = [len(session.exec(select(each)).all()) for each in (Generation, Hold, Decision)]
    return counts[0], counts[1], counts[2]


class TestBatch:
    def test_answers_each_line_as_if_it_had_been_asked_alone(self, house: House) -> None:
        answers = _answers(house, SCRIPT)
        assert [(each["number"], each["status"]) for each in answers] == [
            (0, 201),
            (1, 403),
            (2, 201),
            (3, 422),
        ]
        assert answers[0]["answer"]["line"] == "I hold the light."
        assert answers[1]["answer"]["codes"] == ["CONTENT_PROHIBITED"]
        assert "cigarette" in answers[1]["answer"]["detail"]
        assert answers[3]["answer"]["code"] == "job-not-offered"
        alone = house.ask(line="I hold the light.").json()
        assert alone.keys() == answers[0]["answer"].keys()

    def test_that_is_sent_again_answers_the_same_and_acts_once(self, house: House) -> None:
        first = _answers(house, SCRIPT)
        assert _kept() == (2, 2, 3)
        assert _answers(house, SCRIPT) == first
        assert _kept() == (2, 2, 3)

    def test_that_broke_off_goes_on_where_it_was(self, house: House, monkeypatch) -> None:
        plain, asked = api_batches.answer_request, []

        def dies_at_the_second(*words: Any) -> Any:
            asked.append(words)
            if len(asked) == 2:
                raise RuntimeError("the server dies")
            return plain(*words)

        monkeypatch.setattr(api_batches, "answer_request", dies_at_the_second)
        assert len(_answers(house, SCRIPT)) == 1  # what came before the stream broke off
        assert _kept() == (1, 1, 1)
        answers = _answers(house, SCRIPT)
        assert [each["status"] for each in answers] == [201, 403, 201, 422]
        assert _kept() == (2, 2, 3)

    def test_another_one_under_its_key_is_refused_and_so_is_one_that_is_too_long(
        self, house: House
    ) -> None:
        _answers(house, SCRIPT[:1])
        other = house.post("/v1/generations/batches", key="k", json=_batch(house, SCRIPT[2:3]))
        assert_problem(other, 422, "idempotency-key-reused")
        long = house.post("/v1/generations/batches", json=_batch(house, [("Yes.", "5")] * 5001))
        assert_problem(long, 422, "invalid-request")
        assert _kept() == (1, 1, 1)

    def test_takes_every_line_at_its_longest_in_any_letters_and_not_a_byte_for_a_stranger(
        self, house: House, monkeypatch
    ) -> None:
        monkeypatch.setattr(api_batches, "_answer", lambda _act, _body, number: {"number": number})
        script = json.dumps(_batch(house, [("д" * 1000, "300.000")] * 5000)).encode()
        assert len(script) > 30_000_000
        path, sent = "/v1/generations/batches", {"content": script}
        taken = house.client.post(path, **sent, headers=_headers(house, "k"))
        assert (taken.status_code, len(taken.text.splitlines())) == (201, 5000)
        deep = b'{"replicas":' + b"[" * 490 + b"]" * 490 + b"}"
        nested = house.client.post(path, content=deep, headers=_headers(house, "m"))
        assert_problem(nested, 422, "invalid-request")
        for names, told in ((30, api_batches.TOLD_MOST), (60_000, 1)):
            wide = json.dumps(dict.fromkeys(map(str, range(names)), 1)).encode()
            refused = house.client.post(path, content=wide, headers=_headers(house, "n"))
            assert len(assert_problem(refused, 422, "invalid-request")["errors"]) == told
        monkeypatch.setattr(api_batches, "LIMIT_BYTES", 1000)
        longer = house.client.post(path, **sent, headers=_headers(house, "l"))
        assert_problem(longer, 413, "too-large")
        stranger = house.client.post(path, **sent, headers={"Idempotency-Key": "k"})
        assert stranger.status_code == 401

    def test_is_given_up_when_it_comes_too_slowly_and_a_third_one_at_once_waits(
        self, house: House, monkeypatch
    ) -> None:
        async def never(*_: object) -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(60)

        path, script = "/v1/generations/batches", json.dumps(_batch(house, SCRIPT[:1])).encode()
        with monkeypatch.context() as patched:
            patched.setattr(api_batches, "READ_S", 0.05)
            patched.setattr(Request, "stream", never)
            slow = house.client.post(path, content=script, headers=_headers(house, "s"))
        assert_problem(slow, 408, "too-slow")
        assert not api_batches._coming.total()
        ours = dict.fromkeys([house.scene.production.organization.id], api_batches.AT_ONCE)
        monkeypatch.setattr(api_batches, "_coming", Counter(ours))
        third = house.client.post(path, content=script, headers=_headers(house, "t"))
        assert_problem(third, 429, "too-many-batches")
        assert _kept() == (0, 0, 0)


def _headers(house: House, key: str) -> dict[str, str]:
    return house.keys["production"] | {"Idempotency-Key": key}
