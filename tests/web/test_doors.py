"""Doors into the demo open to this machine alone, and to nobody else there is."""

import pytest
from fastapi import FastAPI
from rich.console import Console
from starlette.testclient import TestClient

from app import config, db
from app.demo import doors
from app.identity import service as identity

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def made(database):
    with db.writing() as session:
        identity.create_organization(session, "The Girl's desk", "performer")
        return doors.make_doors(session, doors.everybody(session))


def knocks(made, host, token):
    app = FastAPI()
    app.include_router(doors.router(made))
    return TestClient(app, client=(host, 1)).get(f"/demo/{token}", follow_redirects=False)


def test_open_from_this_machine_and_from_no_other(made):
    (door,) = made
    opened = knocks(made, "127.0.0.1", door.token)
    assert opened.headers["location"] == "/performer"
    assert "__Host-understudy=" in opened.headers["set-cookie"]
    for host, token in (("192.0.2.7", door.token), ("testclient", door.token), ("::1", "x")):
        assert knocks(made, host, token).status_code == 404


def test_nobody_who_is_somebody_gets_a_door(made):
    with db.writing() as session:
        assert doors.everybody(session) == []


def test_are_not_served_to_others(database, monkeypatch):
    monkeypatch.setattr(config.settings(), "host", "0.0.0.0")
    with pytest.raises(doors.NotLocal):
        doors.serve(Console(quiet=True))


def test_a_server_has_no_such_route(application, database):
    assert TestClient(application).get("/demo/x").status_code == 404
