"""The catalogue over HTTP: a stranger sees who is listed, and nothing else of them."""

import pytest

from app import clock, db
from app.licensing.standing import standing_document
from app.licensing.standing.models import StandingOffer
from app.registry import listing, mandates
from app.registry import service as registry
from app.registry.models import Performer
from tests.http.house import House, a_house, a_standing_offer

PRODUCTIONS = {"kinds": ["production"]}
ABOUT = "Period drama, Dutch and English."


@pytest.fixture
def house(client) -> House:  # type: ignore[no-untyped-def]
    """A performer and a production without a contract between them."""
    return a_house(client, signed=False)


def listed(house: House, **asked: str) -> list[str]:
    found = house.client.get("/v1/catalogue", params=asked, headers=house.keys["stranger"])
    return [each["name"] for each in found.json()["items"]]


class TestCatalogue:
    @pytest.mark.parametrize("how", ["paused", "died", "erased"])
    def test_ends_with_whoever_cannot_be_used(self, house, how):
        path = f"/v1/performers/{house.scene.performer.id}/listing"
        assert house.post(path, "desk", json={"listed": True, "about": ABOUT}).status_code == 201
        assert listed(house) == ["The Girl"]
        with db.writing() as session:
            performer = session.get_one(Performer, house.scene.performer.id)
            if how == "paused":
                registry.pause(session, performer)
            elif how == "died":
                life = mandates.PerformerLife(
                    performer_id=performer.id, died_on=clock.now().date(), seal=""
                )
                session.add(life)
        if how == "erased":
            confirm = {"confirm": house.scene.performer.id}
            house.post(f"/v1/performers/{confirm['confirm']}/erasure", "desk", json=confirm)
            with db.reading() as session:
                chosen = listing.listing_of(session, confirm["confirm"])
                assert (chosen.about, chosen.listed_at) == ("", None)
        assert listed(house) == []

    def test_by_what_an_open_offer_allows(self, house):
        path = f"/v1/performers/{house.scene.performer.id}/listing"
        house.post(path, "desk", json={"listed": True})
        assert listed(house, medium="svod") == []
        with db.writing() as session:
            offer = session.get_one(StandingOffer, a_standing_offer(house, licensees=PRODUCTIONS))
            grant = standing_document.parse(offer.document).terms.grant
        assert listed(house, medium=grant.media[0], purpose=grant.purposes[0]) == ["The Girl"]
        assert listed(house, territory="DE-BY", language="en-GB") == ["The Girl"]
        for nothing in (
            {"medium": "broadcast_radio"}, {"purpose": "%"}, {"territory": "JP"},
            {"territory": "nowhere"}, {"language": "fr"},
        ):  # fmt: skip
            assert listed(house, **nothing) == [], nothing
        house.post(f"/v1/standing-offers/{offer.id}/retraction", "desk")
        assert listed(house, medium=grant.media[0]) == []
