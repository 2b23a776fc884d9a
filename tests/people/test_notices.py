"""A page of notices: what was told, where it is sent; an address counts once it is confirmed."""

import re
from urllib.parse import urlsplit

import pytest

from app import db
from app.notices import contacts, delivery, service
from app.notices.models import Contact, NoticeSeen
from tests.http.browser import Browser
from tests.people.visiting import ONE_DATABASE, everything, later, refused


def add(griet, address="griet@delft.example"):
    griet.open("/notices")
    return griet.send("/account/contacts", address=address)


def link_in(mail):
    return urlsplit(re.search(r"http\S+/contacts/\S+", mail.get_content())[0]).path


class TestAddresses:
    def test_are_used_once_their_link_was_opened_and_asked_to(self, griet, house, postbox):
        assert add(griet).status_code == 303
        delivery.send_waiting()
        (mail,) = postbox.arrived
        assert "Girl" not in mail.get_content()
        assert contacts_that_stand() == 0
        stranger = Browser(griet.client.app)
        link = link_in(mail)
        stranger.open(link)  # a mail scanner opens every link
        assert contacts_that_stand() == 0
        assert stranger.send(link).status_code == 200
        assert contacts_that_stand() == 1
        assert stranger.open("/notices").headers["location"] == "/sign-in"  # it lets nobody in
        with db.writing() as session:
            service.tell(session, "statement-issued", "stm_1", organization_id=house.id)
        delivery.send_waiting()
        assert "statement" in postbox.arrived[-1].get_content()

    @ONE_DATABASE
    def test_are_sealed_at_rest(self, griet, postbox):
        add(griet)
        (contact,) = everything(Contact)
        assert "delft" not in contact.sealed
        assert contacts.address_of(contact) == "griet@delft.example"
        griet.open("/notices")
        assert "griet@delft.example" in griet.page

    @ONE_DATABASE
    @pytest.mark.parametrize(
        "address",
        ["griet", "a@b", "a@delft.example\nBcc: x@y.example", "ü@delft.example", "a b@c.de"],
    )
    def test_that_are_none_are_refused(self, griet, postbox, address):
        refused(add(griet, address), "contact-refused")

    @ONE_DATABASE
    def test_a_forged_or_old_link_confirms_nothing(self, griet, postbox, monkeypatch):
        add(griet)
        (contact,) = everything(Contact)
        delivery.send_waiting()
        link = link_in(postbox.arrived[0])
        for forged in (link[:-1] + "_", f"/contacts/{contact.id}", "/contacts/x.y"):
            refused(Browser(griet.client.app).open(forged), "contact-not-found")
        later(monkeypatch, days=8)
        refused(Browser(griet.client.app).open(link), "contact-not-found")

    @ONE_DATABASE
    def test_want_a_fresh_passkey_and_end_at_once(self, griet, postbox, monkeypatch):
        add(griet)
        delivery.send_waiting()
        with db.writing() as session:
            contacts.confirm(session, link_in(postbox.arrived[0]).removeprefix("/contacts/"))
        (contact,) = everything(Contact)
        griet.open("/notices")
        assert griet.send(f"/account/contacts/{contact.id}/end").status_code == 303
        assert contacts_that_stand() == 0
        later(monkeypatch, minutes=6)
        assert add(griet, "new@delft.example").headers["location"] == "/confirm"


class TestThePage:
    def test_shows_what_was_told_and_puts_down_that_it_was_seen(self, griet, house):
        with db.writing() as session:
            notice = service.tell(session, "released", "gen_1", organization_id=house.id)
        with db.reading() as session:
            assert service.reached(session, [notice])[notice.id] == []
        griet.open("/notices")
        griet.open("/notices")
        assert "A new work was released." in griet.page
        assert "/performer/work/gen_1" in griet.page
        assert len(everything(NoticeSeen)) == 1
        with db.reading() as session:
            assert service.reached(session, [notice])[notice.id][0].startswith("in-app")

    @ONE_DATABASE
    def test_shows_nothing_of_others(self, griet, served):
        from app.identity import service as identity

        with db.writing() as session:
            other = identity.create_organization(session, "Other", "performer")
            service.tell(session, "released", "gen_1", organization_id=other.id)
        griet.open("/notices")
        assert "released" not in griet.page


def contacts_that_stand():
    return sum(each.stands for each in everything(Contact))
