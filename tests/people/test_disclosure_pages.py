"""A side lets somebody see more of what is made under a contract, by a passkey; it ends it."""

import re
from datetime import timedelta

import pytest

from app import clock, db
from app.licensing.disclosures import giving, service
from app.licensing.disclosures.models import DisclosureGrant
from app.licensing.disclosures.on_record import agreed_of
from app.licensing.document.disclosure import Viewer, level_for
from app.web import disclosing
from tests.http.browser import OURS
from tests.licensing.mandating import granted, make_minor
from tests.people.arriving import joined
from tests.people.test_recovery import invited
from tests.people.visiting import ONE_DATABASE, everything, later, refused
from tests.scenes import a_scene, offered, sign

EITHER = {"granted_by": "either", "verifiers": "use"}


def a_contract(says):
    with db.writing() as session:
        scene = offered(
            session,
            a_scene(session, signed=False),
            lambda document: document.update({"disclosure": says} if says else {}),
        )
        sign(session, scene)
    return scene


def path_of(scene, **said):
    fields = {
        "verifier": scene.agency.organization.id,
        "role": "court",
        "level": "use",
        "until": str(clock.now().date() + timedelta(days=30)),
        **said,
    }
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    return f"/contracts/{scene.contract.series_id}/disclosure?{query}"


def signs(browser, scene, **said):
    browser.open(path_of(scene, **said))
    path = f"/contracts/{scene.contract.series_id}/disclosure"
    return browser.prove(path, browser.device.get(browser.options()))


def seen(scene):
    with db.reading() as session:
        found = agreed_of(session, [scene.contract.series_id], clock.now())
        viewer = Viewer(frozenset({scene.agency.organization.id}))
        return level_for([each.agreed for each in found], viewer, clock.now())


@ONE_DATABASE
def test_a_long_list_goes_on_at_another_page(served, monkeypatch):
    monkeypatch.setattr(disclosing, "PER_PAGE", 1)
    scene = a_contract(EITHER)
    griet = joined(served, scene.desk.organization, "Griet")
    signs(griet, scene, level="credit")
    signs(griet, scene)
    page = griet.open(f"/contracts/{scene.contract.series_id}/disclosure").text
    assert page.count("End it now") == 1
    assert "<section>\n<h2>What the contract says" in page  # in the reader's language
    further = re.search(r'href="([^"]*before=[^"]*)"', page)[1]
    assert "also who: the names of both sides, and the project; until" in griet.open(further).text
    assert not re.search(r'href="[^"]*before=', griet.page)


class TestGrant:
    def test_what_it_does_is_said_before_a_passkey_signs_it_and_it_is_ended_at_once(
        self, served, monkeypatch
    ):
        scene = a_contract(EITHER)
        griet = joined(served, scene.desk.organization, "Griet")
        here = f"/contracts/{scene.contract.series_id}/disclosure"
        assert "Nobody was let see more" in griet.open(here).text
        page = griet.open(path_of(scene)).text
        assert "“Delft Talent”, as court, is shown the names of both sides" in page
        assert "What they saw until then they know" in page
        assert seen(scene) == "license"
        assert signs(griet, scene).headers["location"] == here
        assert seen(scene) == "use"
        (made,) = everything(DisclosureGrant)
        assert "It counts at once." in made.jws
        felix = joined(served, scene.production.organization, "Felix")
        shown = felix.open(here).text  # the other side reads it, and does not end it
        assert "Delft Talent, as court" in shown
        assert "End it now" not in shown
        felix.open("/account")
        refused(felix.send(f"/disclosure-grants/{made.id}/end"), "disclosure-grant-not-found")
        later(monkeypatch, minutes=6)  # nothing is asked of who stops
        assert "End it now" in griet.open(here).text
        assert griet.send(f"/disclosure-grants/{made.id}/end").headers["location"] == here
        assert seen(scene) == "license"
        assert "– ended" in griet.open(here).text
        griet.sign_in()
        assert signs(griet, scene).status_code == 303  # what was ended may be granted again
        assert seen(scene) == "use"

    @ONE_DATABASE
    def test_is_signed_in_the_language_it_is_read_in(self, served):
        scene = a_contract(EITHER)
        griet = joined(served, scene.desk.organization, "Griet")
        griet.client.headers["accept-language"] = "es"
        shown = "A “Delft Talent”, como tribunal, se le muestra esto: los nombres de las dos partes"
        page = griet.open(path_of(scene)).text
        assert shown in page
        assert "“Delft Talent”, as court, is shown" in page  # the English beside it
        assert signs(griet, scene).status_code == 303
        (made,) = everything(DisclosureGrant)
        assert shown in made.jws
        assert '"language":"es"' in made.jws
        assert seen(scene) == "use"

    @ONE_DATABASE
    def test_where_the_contract_wants_both_sides_one_alone_shows_nothing_and_is_told_so(
        self, served
    ):
        scene = a_contract(None)
        griet = joined(served, scene.desk.organization, "Griet")
        felix = joined(served, scene.production.organization, "Felix")
        assert "nothing more is shown until they do" in griet.open(path_of(scene)).text
        signs(griet, scene)
        assert seen(scene) == "license"
        assert "also who: the names of both sides" not in griet.page
        assert "The other side has signed for them too" in felix.open(path_of(scene)).text
        signs(felix, scene, level="credit")
        assert seen(scene) == "credit"

    @ONE_DATABASE
    def test_what_could_not_be_kept_is_refused_before_anybody_signs(self, served):
        scene = a_contract(EITHER)
        griet = joined(served, scene.desk.organization, "Griet")
        for said in ({"level": "terms"}, {"verifier": "org_0"}, {"until": "2020-01-01"}):
            refused(griet.open(path_of(scene, **said)), "disclosure-grant-refused")
        refused(griet.open(path_of(scene, role="god")), "disclosure-grant-invalid")
        maria = joined(served, scene.agency.organization, "Maria")
        refused(maria.open(path_of(scene)), "contract-not-found")  # no party: represents nobody
        looks = invited(griet, scene.desk.organization, "auditor", "Jan")
        refused(looks.open(path_of(scene)), "signature-refused")
        assert (
            "Letting somebody see more is for who signs"
            in looks.open(f"/contracts/{scene.contract.series_id}/disclosure").text
        )
        assert everything(DisclosureGrant) == []

    @ONE_DATABASE
    def test_for_a_minor_the_guardian_grants_and_the_minor_beside_them_ends_it(
        self, served, tmp_path
    ):
        scene = a_contract(EITHER)
        girl = joined(served, scene.desk.organization, "Griet")
        with db.writing() as session:
            make_minor(session, scene)
            granted(session, scene, "guardian", tmp_path, scene.desk)
        guardian = invited(girl, scene.desk.organization, "guardian", "Jan")
        refused(girl.open(path_of(scene)), "signature-refused")
        assert signs(guardian, scene).status_code == 303
        (made,) = everything(DisclosureGrant)
        girl.open("/account")
        assert girl.send(f"/disclosure-grants/{made.id}/end").status_code == 303
        assert seen(scene) == "license"

    @ONE_DATABASE
    def test_what_was_signed_at_another_page_or_by_another_grants_nothing(self, served):
        scene = a_contract(EITHER)
        griet = joined(served, scene.desk.organization, "Griet")
        felix = joined(served, scene.production.organization, "Felix")
        path = f"/contracts/{scene.contract.series_id}/disclosure"
        griet.open(
            f"/mandates/new?performer={scene.performer.id}&holder={scene.agency.organization.id}"
            f"&role=agent&acts=pause&until={clock.now().date() + timedelta(days=3)}"
        )
        answer = griet.prove(path, griet.device.get(griet.options()))
        refused(answer, "disclosure-grant-refused")
        griet.open(path_of(scene))
        asked = griet.value("ceremony")
        felix.open("/account")
        said = {"ceremony": asked, "answer": "{}", "form_token": felix.value("form_token")}
        refused(felix.client.post(path, data=said, headers=OURS), "ceremony-refused")
        assert everything(DisclosureGrant) == []

    @pytest.mark.parametrize("change", [{"level": "terms"}, {"side": "licensee"}])
    @ONE_DATABASE
    def test_a_row_that_says_more_than_the_passkey_signed_grants_nothing(self, served, change):
        scene = a_contract(EITHER)
        griet = joined(served, scene.desk.organization, "Griet")
        signs(griet, scene)
        with db.writing() as session:
            (row,) = service.grants_on(session, [scene.contract.series_id])
            for name, said in change.items():
                row.document = row.document.replace(
                    f'"{name}":"{getattr(row, name)}"', f'"{name}":"{said}"'
                )
        assert seen(scene) == "license"
        with db.reading() as session:
            contract = session.get_one(type(scene.contract), scene.contract.id)
            (row,) = service.grants_on(session, [scene.contract.series_id])
            assert service.state_of(session, contract, row) == "void"
            assert giving.says_of(contract)[2] == ("credit", "use")
