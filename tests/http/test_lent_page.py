"""Somebody without an account takes back, at a page, what a production declared of them."""

import pytest

from app import config, db
from app.gateway.materials import consents
from app.gateway.materials.models_consents import MaterialConsent
from app.identity.principal import Principal
from tests.gateway.materials.making import a_material, declared
from tests.http.browser import Browser
from tests.http.house import a_house
from tests.identity.authenticator import ORIGIN

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]


@pytest.fixture
def lent(client, served, monkeypatch, tmp_path):
    """Where the page of a declaration is, as its uploader is told, and the consent's id."""
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    house = a_house(client)
    with db.writing() as session:
        key = house.get("/v1/api-keys").json()["items"][0]["id"]
        by = Principal(house.scene.production.organization.id, "production", key)
        material = a_material(session, house.scene, key, "driving", directory=tmp_path)
        consents.by_declaration(session, material, *declared(house.scene, material), by=by)
    (told,) = house.get(f"/v1/materials/{material.id}/consents").json()["items"]
    assert told["withdrawal_page"].startswith(f"{ORIGIN}/lent/")
    return told["withdrawal_page"].removeprefix(ORIGIN), told["id"]


def _withdrawn_at(consent_id):
    with db.reading() as session:
        return session.get_one(MaterialConsent, consent_id).withdrawn_at


def test_says_what_was_declared_and_takes_it_back_for_good(lent, served):
    path, consent_id = lent
    pieter = Browser(served)
    pieter.open(path)
    assert "Do you want to take this back?" in pieter.page
    assert "Nightglass Pictures" in pieter.page
    assert "Pieter of Delft" in pieter.page
    assert _withdrawn_at(consent_id) is None  # a program that opens every link takes nothing back
    assert "It is taken back." in pieter.send(path).text
    first = _withdrawn_at(consent_id)
    assert "It is taken back." in pieter.send(path).text  # the page was still open elsewhere
    pieter.open(path)
    assert "It is taken back." in pieter.page
    assert _withdrawn_at(consent_id) == first


def test_is_nobodys_without_the_whole_link_nor_from_elsewhere(lent, served):
    path, consent_id = lent
    stranger = Browser(served)
    stranger.open(path)
    for forged in (path[:-2], f"/lent/{consent_id}", "/lent/x"):
        assert stranger.send(forged).status_code == 404, forged
    assert stranger.send(path, form_token="0" * 64).status_code == 403
    assert _withdrawn_at(consent_id) is None
