"""Every page of the one list asks the database as often for many as for few, and stays short."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy.pool.base import _ConnectionFairy as PoolProxiedConnection
from sqlmodel import select

from app import config, db
from app.identity import recorded, sessions
from app.identity.models import Organization
from app.licensing.contracts import listing
from app.licensing.decisions import guard
from tests.web import crowds
from tests.web.test_every_page import MOST_BYTES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("chromium"),
]
FEW, MANY = 3, 30
MORE = re.compile(r'href="([^"]*[?;](?:before|after|start|place)=[^"]*)"')
UNKNOWN = "refused"  # its address leads nowhere, on purpose


@pytest.fixture
def town(database, application, monkeypatch, tmp_path):
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", "http://localhost:8000")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")
    for kind in ("LOOKUPS", "FILES", "ALIKE", "PERSONS"):
        monkeypatch.setenv(f"UNDERSTUDY_RATE_{kind}", "")
    config.settings.cache_clear()
    monkeypatch.setattr(guard, "LOOK_EVERY_S", 10**6)  # else once a second, whoever asks
    monkeypatch.setattr(recorded, "LOOK_EVERY_S", 10**6)  # else by how long this takes; this too:
    monkeypatch.setattr(sessions, "NOTED_EVERY", timedelta(days=1))
    return crowds.a_town(tmp_path)


def test_every_page_asks_as_often_for_many_as_for_few(application, town, monkeypatch):
    copies = crowds.copies()
    visit = crowds.visits(application, town)
    for name in town.paths:
        visit(name)  # what is read once, and kept
    for write in copies.values():
        write(FEW)
    few, a_few_asked_one_by_one = _each(visit, town), _planted(visit, monkeypatch)
    for write in copies.values():
        write(MANY - FEW)
    many, many_asked_one_by_one = _each(visit, town), _planted(visit, monkeypatch)
    assert {name: len(asked) for name, (asked, _) in many.items()} == {
        name: len(asked) for name, (asked, _) in few.items()
    }
    assert many_asked_one_by_one > a_few_asked_one_by_one
    assert [name for name, (_, weight) in many.items() if weight > MOST_BYTES] == []
    assert many["contracts"][1] > few["contracts"][1]  # there is more on it


def _each(visit: Callable[[str], Any], town: Any) -> dict[str, tuple[list[str], int]]:
    """Open every page, and the next page of each list; return what was asked, and its weight."""
    found, lost = {}, []
    for name in town.paths:
        with counted() as asked:
            answer = visit(name)
        if answer.status_code != (404 if name == UNKNOWN else 200):
            lost.append((name, answer.status_code))
        found[name] = (asked, len(answer.content))
        lost += [
            (name, further)
            for further in MORE.findall(answer.text)[:1]
            if visit(name, html.unescape(further)).status_code != 200
        ]
    assert lost == []
    return found


def _planted(visit: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """Ask the database about every contract of a list by itself; count that."""

    def asking(contract: Any) -> str:
        with db.reading() as session:
            session.exec(select(Organization.name).where(Organization.id == contract.licensee_id))
        return honest(contract)

    honest = listing.state_now
    with monkeypatch.context() as planted, counted() as asked:
        planted.setattr(listing, "state_now", asking)
        visit("contracts")
    return len(asked)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Note every statement that is sent to a database meanwhile; many rows of one are one."""
    asked: list[str] = []
    honest = PoolProxiedConnection.cursor

    def noting(self: Any, *given: Any) -> Any:
        return _Noting(honest(self, *given), asked)

    with patch.object(PoolProxiedConnection, "cursor", noting):
        yield asked


class _Noting:
    """A driver's cursor, and a note of what was asked of it."""

    def __init__(self, cursor: Any, asked: list[str]) -> None:
        self.__dict__.update(cursor=cursor, asked=asked)

    def execute(self, text: str, *values: Any) -> Any:
        self.asked.append(text)
        return self.cursor.execute(text, *values)

    def executemany(self, text: str, *values: Any) -> Any:
        self.asked.append(text)
        return self.cursor.executemany(text, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.cursor, name, value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.cursor)
