"""Doors into the demo open to this machine alone, and to nobody else there is."""

import pytest
from fastapi import FastAPI
from rich.console import Console
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app import cli, config, db
from app.demo import doors, sandbox, story
from app.identity import service as identity
from app.identity import sessions
from app.identity.models_people import Passkey, PersonSession
from app.main import create_app

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


def test_open_to_every_persona_on_the_page_it_is_about(database, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    with db.writing() as session:
        for kind in ("performer", "production", "agency", "union"):
            identity.create_organization(session, f"A {kind}", kind)
    made, begun = doors.open_all()
    application = create_app()
    application.include_router(doors.router(made))
    seen = {}
    for door in made:
        browser = TestClient(application, base_url="https://x", client=("127.0.0.1", 1))
        answer = browser.get(f"/demo/{door.token}")
        assert answer.status_code == 200, (door.name, answer.text)
        assert not answer.url.path.startswith("/sign-in")
        seen[door.name] = answer.url.path
    assert seen == {
        "A performer": "/performer",
        "A production": "/production",
        "A agency": "/agency",
        "A union": "/union",
        doors.AUDITOR: "/production",
        doors.OPERATOR: "/operator",
    }
    assert [name for name, _ in begun] == [sandbox.PERFORMER, sandbox.PRODUCTION]
    for name, secret in begun:
        assert f"{name} invites you." in TestClient(application).get(f"/join/{secret}").text
    config.settings.cache_clear()


def test_nobody_who_is_somebody_gets_a_door(made):
    with db.writing() as session:
        assert doors.everybody(session) == []


def test_are_not_served_to_others(database, monkeypatch):
    monkeypatch.setattr(config.settings(), "host", "0.0.0.0")
    with pytest.raises(doors.NotLocal):
        doors.serve(Console(quiet=True))


def test_are_not_served_of_a_database_elsewhere(database, monkeypatch):
    monkeypatch.setattr(config.settings(), "database_url", "postgresql://somewhere")
    with pytest.raises(doors.NotLocal, match="own database"):
        doors.serve(Console(quiet=True))


def test_what_they_opened_ends_with_them(made):
    (door,) = made
    with db.writing() as session:
        passkey = session.get_one(Passkey, door.passkey_id)
        held, _ = sessions.sign_in(session, passkey, browser="")
        assert sessions.stands(held)
    doors.close(made)
    with db.reading() as session:
        assert not sessions.stands(session.get_one(PersonSession, held.id))


def test_the_demo_is_an_installation_of_its_own(database, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere")
    monkeypatch.setenv("UNDERSTUDY_KEYS_DIRECTORY", str(tmp_path / "real"))
    played = {}
    monkeypatch.setattr(
        story, "play", lambda **_: played.update(of=config.settings()) or {"kept": 1}
    )
    assert CliRunner().invoke(cli.app, ["demo", "--out", str(tmp_path / "out")]).exit_code == 0
    assert played["of"].database_url == ""
    assert played["of"].keys_dir.is_relative_to(tmp_path / "out")
    config.settings.cache_clear()
    db.engine.cache_clear()


def test_a_server_has_no_such_route(application, database):
    assert TestClient(application).get("/demo/x").status_code == 404
