"""Every route but those for everybody needs an API key, and a key is kept only as its hash."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import Session, SQLModel, select
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import app.models  # noqa: F401  every table
from app import clock, config, db
from app.access import may
from app.identity import authentication
from app.identity import service as identity
from app.identity.models import ApiKey
from app.main import create_app
from tests.http.house import House, assert_problem, is_open, operations, rows

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
UNDOCUMENTED = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}


def _bad_keys(house: House) -> dict[str, dict[str, str]]:
    """Everything that is no key, or is one no longer."""
    organization = house.scene.production.organization
    with db.writing() as session:
        _, expired = identity.create_api_key(
            session, organization, name="old", expires_at=clock.now() - timedelta(seconds=1)
        )
        key, revoked = identity.create_api_key(session, organization, name="lost")
        identity.revoke_api_key(session, key)
    good = house.keys["production"]["Authorization"]
    texts = {
        "none": None,
        "empty": "Bearer ",
        "another scheme": good.replace("Bearer", "Basic"),
        "unknown": f"Bearer ustk_0123abcd_{'x' * 43}",
        "another secret": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "a prefix alone": good.rpartition("_")[0],
        "not a key": "Bearer é\u00ff_",
        "expired": f"Bearer {expired}",
        "revoked": f"Bearer {revoked}",
    }
    return {name: {"Authorization": text} if text else {} for name, text in texts.items()}


def assert_every_route_asks(app: FastAPI, house: House, client: TestClient) -> None:
    """Call every closed route without a good key, with all else in order: 401, nothing done."""
    bad = {name: {k: v.encode("latin-1") for k, v in key.items()} for name, key in
           _bad_keys(house).items()}  # fmt: skip
    before, asked = rows(), 0
    for verb, path, operation in operations(app):
        if is_open(path):
            assert {} in operation.get("security", [{}]), path  # a key may be sent to some
            continue
        assert operation["security"] == [{"HTTPBearer": []}], path
        address = path.format_map(dict.fromkeys(_names(operation), "any"))
        said = set()
        for name, key in bad.items():
            answer = client.request(
                verb.upper(), address, headers={**key, "Idempotency-Key": "k"}, json={}
            )
            problem = assert_problem(answer, 401, "not-authenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
            if name in {"unknown", "another secret", "expired", "revoked"}:
                said.add(answer.content)
            assert problem["detail"]
            asked += 1
        assert len(said) == 1, "the answer says which part of the key was wrong"
    assert asked > 10 * len(bad)
    assert rows() == before


def _names(operation: dict) -> list[str]:  # type: ignore[type-arg]
    return [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]


class TestAsk:
    @pytest.fixture(autouse=True)
    def _as_often_as_it_takes(self, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_RATE_LOOKUPS", "")
        config.settings.cache_clear()

    def test_every_closed_route_answers_401_alike_to_what_is_no_key(self, served, house, client):
        assert_every_route_asks(served, house, client)

    @ONE_DATABASE
    def test_a_route_that_forgets_to_ask_is_found(self, house):
        app = create_app()
        everything = may("organization", to="read")(lambda: {"everything": "for everybody"})
        app.get("/v1/forgotten")(everything)
        with pytest.raises(KeyError, match="security"), TestClient(app) as client:
            assert_every_route_asks(app, house, client)

    @ONE_DATABASE
    def test_a_route_that_asks_and_does_not_look_is_found(self, served, house, monkeypatch):
        principal = identity.Principal(house.scene.desk.organization.id, "performer", "key_X")
        monkeypatch.setattr(authentication, "authenticate", lambda *_: principal)
        monkeypatch.setattr(authentication, "check_standing", lambda *_: None)
        with pytest.raises(AssertionError), TestClient(served) as client:
            assert_every_route_asks(served, house, client)

    @ONE_DATABASE
    def test_a_good_key_opens_and_nobody_else_becomes_its_owner(self, house):
        for who, party in (("desk", house.scene.desk), ("production", house.scene.production)):
            answer = house.get("/v1/organization", who)
            assert answer.json()["id"] == party.organization.id

    @ONE_DATABASE
    def test_a_key_ends_with_its_revocation(self, house):
        assert house.get("/v1/organization").status_code == 200
        with db.writing() as session:
            for key in session.exec(select(ApiKey)):
                identity.revoke_api_key(session, key)
        assert_problem(house.get("/v1/organization"), 401, "not-authenticated")

    def test_no_route_escapes_the_documentation(self, application):
        documented = {path for _, path, _ in operations(application)}
        for route in application.routes:
            if isinstance(route, Mount):
                assert route.path == "/static-offline-docs"
            elif isinstance(route, Route) and "{" not in route.path:
                assert route.path in documented | UNDOCUMENTED


def _key(house: House) -> list[str]:
    return house.keys["production"]["Authorization"].split("_", 2)


def _written(session: Session) -> str:
    """Every value of every row of every table."""
    tables = SQLModel.metadata.tables.values()
    return "\n".join(repr(tuple(row)) for table in tables for row in session.execute(select(table)))


class TestKeep:
    def test_a_key_is_a_prefix_and_a_hash_and_nothing_else(self, house, data_dir: Path):
        house.ask()
        label, prefix, secret = _key(house)
        assert label == "Bearer ustk"
        with db.reading() as session:
            written = _written(session)
            assert prefix in written
            assert hashlib.sha256(secret.encode()).hexdigest() in written
            assert secret not in written
        for file in data_dir.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes()

    @ONE_DATABASE
    def test_a_secret_anywhere_in_the_database_would_be_found(self, house):
        secret = _key(house)[2]
        with db.writing() as session:
            identity.create_organization(session, f"leaked {secret}", "agency")
        with db.reading() as session:
            assert secret in _written(session)
