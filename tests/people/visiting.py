"""What a visit is judged by: refusals as pages, rows, and a clock that moves."""

from datetime import timedelta

import pytest
from sqlmodel import select

from app import clock, db

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def refused(answer, code):
    assert answer.status_code >= 400, answer.headers
    assert code in answer.text, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return answer


def everything(model):
    with db.reading() as session:
        return session.exec(select(model)).all()


def later(monkeypatch, **by):
    at = clock.now() + timedelta(**by)
    monkeypatch.setattr(clock, "now", lambda: at)
