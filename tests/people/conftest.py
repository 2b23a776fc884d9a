"""A server with an origin, a desk, and Griet, who came in by the operator's link."""

import pytest

from app import config, db
from app.identity import service as identity
from tests.http.browser import Browser, first_link
from tests.identity.authenticator import ORIGIN
from tests.notices.conftest import certificate, postbox  # noqa: F401 - fixtures
from tests.people.arriving import joined
from tests.scenes import a_scene, represent


@pytest.fixture
def served(database, application, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return application


@pytest.fixture
def house(served):
    with db.writing() as session:
        return identity.create_organization(session, "The Girl's desk", "performer")


@pytest.fixture
def griet(served, house):
    browser = Browser(served)
    assert browser.join(first_link(house)).status_code == 303
    return browser


@pytest.fixture
def scene(served):
    with db.writing() as session:
        scene = a_scene(session, signed=False)
        represent(session, scene, scene.agency.organization)
    return scene


@pytest.fixture
def girl(served, scene):
    return joined(served, scene.desk.organization, "Griet")


@pytest.fixture
def agent(served, scene):
    return joined(served, scene.agency.organization, "Maria")
