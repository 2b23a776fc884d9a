"""A portrait in the catalogue: their own choice, on record each time it opens, and away at once."""

import pytest
from sqlmodel import select

from app import config, db, vault
from app.registry import listing, portraits
from app.vault import VaultOpening
from tests.http.house import a_house
from tests.http.test_performer_pages import joined, sent, shown
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
STILL = b"\xff\xd8\xff a still"


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    monkeypatch.setattr(portraits, "make_still", lambda picture: STILL + picture.read_bytes()[:0])
    return a_house(client)


@pytest.fixture
def griet(served, house):
    return joined(served, house.scene.desk.organization)


@pytest.fixture
def felix(served, house):
    return joined(served, house.scene.production.organization, "Felix")


def choose(house, griet, at="/performer/catalogue/portrait", **fields):
    performer_id = house.scene.performer.id
    return sent(griet, "/performer/catalogue", at, performer_id=performer_id, **fields)


def openings(house):
    with db.reading() as session:
        found = session.exec(select(VaultOpening).where(VaultOpening.purpose == "catalogue")).all()
        return [each.subject_id for each in found]


class TestPortrait:
    def test_is_shown_by_their_choice_alone_and_each_look_is_on_record(self, house, griet, felix):
        at = f"/production/catalogue/{house.scene.performer.id}"
        choose(house, griet, "/performer/catalogue", listed="true", about="Period drama.")
        assert "<img" not in shown(felix, at)
        refused(felix.open(f"{at}/portrait"), "portrait-not-shown")
        choose(house, griet, shown="true")
        assert f'src="{at}/portrait"' in shown(felix, at)
        assert f'src="{at}/portrait"' in shown(felix, "/production/catalogue")
        answer = felix.open(f"{at}/portrait")
        assert (answer.content, answer.headers["content-type"]) == (STILL, "image/jpeg")
        assert answer.headers["cache-control"] == "no-store"
        mine = f"/performer/catalogue/portrait?of={house.scene.performer.id}"
        assert griet.open(mine).content == STILL
        performer, production = house.scene.performer.id, house.scene.production.organization.id
        assert openings(house) == [performer, production, house.scene.desk.organization.id]

    @pytest.mark.parametrize("away", ["put away", "taken out", "paused", "erased"])
    def test_is_away_at_once(self, house, griet, felix, away):
        at = f"/production/catalogue/{house.scene.performer.id}/portrait"
        choose(house, griet, "/performer/catalogue", listed="true")
        choose(house, griet, shown="true")
        assert felix.open(at).status_code == 200
        with db.reading() as session:
            object_id = listing.listing_of(session, house.scene.performer.id).portrait_object_id
        if away == "put away":
            choose(house, griet, shown="false")
        elif away == "taken out":
            choose(house, griet, "/performer/catalogue", listed="false")
        elif away == "paused":
            sent(griet, "/performer", "/performer/pause")
        else:
            name = house.scene.performer.id
            griet.open("/performer/data")
            griet.send("/performer/data/erasure", performer_id=name, confirm=name)
        refused(felix.open(at), "portrait-not-shown")
        if away != "paused":
            with pytest.raises(vault.AppError), db.writing() as session:
                portraits.open_still(session, object_id, viewer_id="org_1")

    def test_is_chosen_by_nobody_else_and_by_nobody_outside_the_catalogue(
        self, house, served, griet, felix
    ):
        performer_id = house.scene.performer.id
        at = "/performer/catalogue/portrait"
        shown(griet, "/performer/catalogue")
        refused(griet.send(at, performer_id=performer_id, shown="true"), "not-in-catalogue")
        shown(felix, "/account")
        refused(felix.send(at, performer_id=performer_id, shown="true"), "not-allowed")
        assert felix.open(f"{at}?of={performer_id}").status_code == 403
