"""A performer lets somebody act, by a passkey; both sides read it in plain words; it is ended."""

import json
from datetime import timedelta

import pytest
from sqlmodel import select

from app import clock, db
from app.identity.models import SigningKey
from app.identity.models_people import Ceremony
from app.licensing.contracts import assertions
from app.licensing.errors import SignatureRefused
from app.licensing.mandates import service
from app.registry import mandates
from app.registry.models_mandates import Mandate
from app.transparency.models import LogOutbox
from tests.http.browser import OURS
from tests.licensing.mandating import OF_AGE_IN, granted, holder_of, make_minor
from tests.people.arriving import joined
from tests.people.test_recovery import invited
from tests.people.visiting import ONE_DATABASE, everything, later, refused


def until(days: int = 30) -> str:
    return str(clock.now().date() + timedelta(days=days))


def wish(scene, **said):
    fields = {
        "performer": scene.performer.id,
        "holder": scene.agency.organization.id,
        "role": "attorney",
        "acts": "pause",
        "until": until(),
        **said,
    }
    return "/mandates/new?" + "&".join(f"{name}={value}" for name, value in fields.items())


def signs(browser, path):
    browser.open(path)
    return browser.prove("/mandates", browser.device.get(browser.options()))


class TestGive:
    def test_with_a_passkey_over_the_words_on_the_page_and_it_counts_at_once(self, scene, girl):
        page = girl.open(wish(scene)).text
        assert "“Delft Talent” may act for “The Girl” as attorney, under every contract." in page
        does = "They may do this, and nothing else: stop every use, and suspend contracts."
        assert does in page
        assert signs(girl, wish(scene)).headers["location"] == "/mandates"
        (made,) = everything(Mandate)
        assert (made.role, made.acts, made.contract_id) == ("attorney", ["pause"], None)
        with db.reading() as session:
            key = session.get_one(SigningKey, made.signing_key_id)
            said = assertions.check(
                made.document.encode(), made.signature, key.public_jwk, role=service.GRANTOR
            )
            holder = scene.agency.organization.id
            assert mandates.roles_of(session, scene.performer.id, holder) == ["attorney"]
        assert said.user_verified
        assert does in said.words

    @ONE_DATABASE
    def test_in_the_language_it_is_read_in_with_the_english_beside(self, scene, girl):
        """Planted fault: the words that are signed are not those on the page."""
        girl.client.headers["accept-language"] = "es"
        page = girl.open(wish(scene)).text
        does = "Puede hacer esto, y nada más: parar todos los usos y suspender contratos."
        for said in (does, "“Delft Talent” puede actuar por “The Girl” como", "Lo mismo en inglés"):
            assert said in page
        assert "“Delft Talent” may act for “The Girl” as attorney" in page
        assert signs(girl, wish(scene)).headers["location"] == "/mandates"
        (made,) = everything(Mandate)
        document = made.document.encode()
        with db.reading() as session:
            jwk = session.get_one(SigningKey, made.signing_key_id).public_jwk
        said = assertions.check(document, made.signature, jwk, role=service.GRANTOR)
        assert said.language == "es"
        assert does in said.words
        assert "may act for" not in said.words
        with pytest.raises(SignatureRefused, match="words shown"):
            assertions.check(
                document, made.signature.replace("y nada más", "y todo lo demás"), jwk,
                role=service.GRANTOR,
            )  # fmt: skip

    @ONE_DATABASE
    def test_what_could_not_be_kept_is_refused_before_anybody_signs(self, scene, girl):
        for said in (
            {"role": "agent", "acts": "sign"},  # an agent never signs
            {"role": "guardian", "acts": "sign"},  # rests on papers
            {"holder": scene.production.organization.id},
            {"holder": scene.desk.organization.id},
            {"holder": "org_0"},
            {"contract": "con_0"},
            {"until": str(clock.now().date() - timedelta(days=1))},
            {"until": until(5000)},
        ):
            refused(girl.open(wish(scene, **said)), "mandate-refused")
        refused(girl.open(wish(scene, role="god")), "mandate-invalid")
        assert everything(Mandate) == []

    @ONE_DATABASE
    def test_nobody_gives_what_is_not_theirs(self, served, scene, girl, agent):
        refused(agent.open(wish(scene)), "mandate-refused")
        assert "You may give no mandate" in agent.open("/mandates/new").text
        page = girl.open(wish(scene)) and girl.page
        agent.open("/account")
        token = agent.value("form_token")
        agent.page = page
        said = {"ceremony": girl.value("ceremony"), "answer": "{}", "form_token": token}
        refused(agent.client.post("/mandates", data=said, headers=OURS), "ceremony-refused")
        assert everything(Mandate) == []

    @ONE_DATABASE
    def test_a_minor_gives_none_and_the_guardian_does(self, served, scene, girl, tmp_path):
        with db.writing() as session:
            make_minor(session, scene)
            holder = holder_of(session, "guardian")
            granted(session, scene, "guardian", tmp_path, holder)
        refused(girl.open(wish(scene)), "mandate-refused")
        admin = joined(served, holder.organization, "Anna")
        assert "You may give no mandate" in admin.open("/mandates/new").text  # is none herself
        guardian = invited(admin, holder.organization, "guardian", "Jan")
        assert signs(guardian, wish(scene)).headers["location"] == "/mandates"
        assert {each.role for each in everything(Mandate)} == {"guardian", "attorney"}

    @ONE_DATABASE
    def test_a_minor_gives_none_where_their_own_desk_holds_the_guardians_mandate(
        self, scene, girl, tmp_path
    ):
        with db.writing() as session:
            make_minor(session, scene)
            granted(session, scene, "guardian", tmp_path, scene.desk)
        refused(girl.open(wish(scene)), "mandate-refused")
        guardian = invited(girl, scene.desk.organization, "guardian", "Jan")
        assert signs(guardian, wish(scene)).headers["location"] == "/mandates"

    @ONE_DATABASE
    def test_who_was_guardian_gives_none_for_who_came_of_age(
        self, scene, girl, tmp_path, monkeypatch
    ):
        with db.writing() as session:
            make_minor(session, scene)
            granted(session, scene, "guardian", tmp_path, scene.desk)
        guardian = invited(girl, scene.desk.organization, "guardian", "Jan")
        later(monkeypatch, days=OF_AGE_IN.days + 2)
        for each in (girl, guardian):
            each.sign_in()
        refused(guardian.open(wish(scene)), "mandate-refused")
        assert signs(girl, wish(scene)).headers["location"] == "/mandates"

    @ONE_DATABASE
    def test_what_another_page_asked_to_be_signed_gives_none(self, scene, girl):
        girl.open(f"/contracts/{scene.contract.series_id}/sign")
        answer = girl.prove("/mandates", girl.device.get(girl.options()))
        refused(answer, "mandate-refused")
        assert everything(Mandate) == []

    @ONE_DATABASE
    def test_words_changed_between_reading_and_signing_are_not_signed(
        self, scene, girl, monkeypatch
    ):
        girl.open(wish(scene))
        (asked,) = [each for each in everything(Ceremony) if each.purpose == "sign"]
        with db.writing() as session:  # the planted fault: another document under the same words
            row = session.get_one(Ceremony, asked.id)
            about = json.loads(row.about)
            about["document"]["acts"] = ["withdraw"]
            row.about = json.dumps(about)
            session.add(row)
        answer = girl.prove("/mandates", girl.device.get(girl.options()))
        refused(answer, "signature-refused")
        assert everything(Mandate) == []


class TestReadAndEnd:
    def test_both_sides_read_it_and_either_ends_it_at_once(self, scene, girl, agent):
        signs(girl, wish(scene))
        (made,) = everything(Mandate)
        assert "Delft Talent for The Girl" in girl.open("/mandates").text
        held = agent.open("/mandates").text
        assert "For The Girl" in held
        assert "stop every use, and suspend contracts; nothing else" in held
        assert "End it now" in held
        assert agent.send(f"/mandates/{made.id}/end").status_code == 303
        assert "– ended" in girl.open("/mandates").text
        with db.reading() as session:
            kinds = [each.kind for each in session.exec(select(LogOutbox))]
        assert {"mandate-granted", "mandate-revoked"} <= set(kinds)

    @ONE_DATABASE
    def test_ending_asks_for_no_passkey_and_strangers_end_nothing(
        self, served, scene, girl, monkeypatch
    ):
        signs(girl, wish(scene))
        (made,) = everything(Mandate)
        felix = joined(served, scene.production.organization, "Felix")
        felix.open("/account")
        refused(felix.send(f"/mandates/{made.id}/end"), "mandate-not-found")
        later(monkeypatch, minutes=6)
        girl.open("/account")
        assert girl.send(f"/mandates/{made.id}/end").status_code == 303

    @ONE_DATABASE
    def test_a_guardians_is_not_the_minors_to_end(self, scene, girl, tmp_path):
        with db.writing() as session:
            make_minor(session, scene)
            made = granted(session, scene, "guardian", tmp_path, holder_of(session, "guardian"))
        assert "End it now" not in girl.open("/mandates").text
        girl.open("/account")
        refused(girl.send(f"/mandates/{made.id}/end"), "mandate-refused")

    @ONE_DATABASE
    def test_nor_where_it_is_held_by_their_own_desk_and_the_guardian_ends_it(
        self, scene, girl, tmp_path
    ):
        with db.writing() as session:
            make_minor(session, scene)
            made = granted(session, scene, "guardian", tmp_path, scene.desk)
        guardian = invited(girl, scene.desk.organization, "guardian", "Jan")
        assert "End it now" not in girl.open("/mandates").text
        girl.open("/account")
        refused(girl.send(f"/mandates/{made.id}/end"), "mandate-refused")
        assert "End it now" in guardian.open("/mandates").text
        assert guardian.send(f"/mandates/{made.id}/end").status_code == 303
