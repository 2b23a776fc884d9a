"""Terms in advance at the pages, by who stands in the performer's place: a guardian, an estate."""

from datetime import timedelta

from app import clock, db
from app.licensing.standing.models import StandingOffer
from tests.http.test_catalogue_pages import TERMS
from tests.licensing.mandating import BORN_ON, granted, holder_of, make_minor
from tests.people.arriving import joined
from tests.people.test_recovery import invited
from tests.people.visiting import ONE_DATABASE, everything, refused


def drafts(browser, scene, born_on=BORN_ON):
    browser.open("/performer/catalogue")
    until = (clock.now() + timedelta(days=20)).date().isoformat()
    fields = {**TERMS, "performer_id": scene.performer.id, "until": until}
    return browser.send("/performer/offers", **fields | {"born_on": str(born_on)})


def signs(browser, path):
    browser.open(path)
    return browser.prove(path, browser.device.get(browser.options()))


class TestTermsInAdvance:
    @ONE_DATABASE
    def test_of_a_minor_are_a_guardians_to_write_sign_and_take_back(
        self, served, scene, girl, tmp_path
    ):
        with db.writing() as session:
            make_minor(session, scene)
            holder = holder_of(session, "guardian")
            granted(session, scene, "guardian", tmp_path, holder)
        first = joined(served, holder.organization, "Anna")
        guardian = invited(first, holder.organization, "guardian", "Jan")
        path = drafts(guardian, scene).headers["location"]
        assert "You sign as the guardian." in guardian.open(path).text
        for other in (girl, first):  # the minor, and who is none in the guardian's house
            assert "Sign with my passkey" not in other.open(path).text
        page, answer = girl.page, guardian.device.get(guardian.options())
        girl.page = page if 'name="form_token"' in page else girl.open("/account").text
        stolen = {"ceremony": guardian.value("ceremony"), "answer": str(answer)}
        refused(girl.send(path, **stolen), "not-allowed")
        assert signs(guardian, path).headers["location"] == path
        assert "Any production may accept this." in guardian.open(path).text
        (offer,) = everything(StandingOffer)
        assert offer.signed_at is not None
        assert guardian.send(f"{path}/retraction").status_code == 303
        assert everything(StandingOffer)[0].retracted_at is not None

    @ONE_DATABASE
    def test_are_nobodys_without_the_mandate_or_the_role(self, served, scene, girl):
        guardian = invited(girl, scene.desk.organization, "guardian", "Jan")
        path = drafts(girl, scene, born_on="1990-05-04").headers["location"]
        assert "Sign with my passkey" in girl.open(path).text  # an adult, at their own desk
        assert "Sign with my passkey" not in guardian.open(path).text
        with db.writing() as session:
            stranger = holder_of(session, "guardian")
        other = joined(served, stranger.organization, "Piet")
        refused(other.open(path), "standing-offer-not-found")
        looker = invited(girl, scene.desk.organization, "auditor", "Saskia")
        looker.open("/account")
        refused(looker.send(f"{path}/retraction"), "not-allowed")
