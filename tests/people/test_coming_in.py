"""People come in by a link and a passkey, and by nothing that a thief could try instead."""

import re
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from app import db
from app.cli import app as cli
from app.identity import service as identity
from app.identity.errors import InvitationRefused
from app.identity.models_people import Membership, Passkey
from app.web import pages
from tests.http.browser import Browser, first_link
from tests.identity.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    ORIGIN,
    Authenticator,
)
from tests.people.visiting import ONE_DATABASE, everything, later, refused


class TestComeIn:
    def test_by_the_operators_link_then_with_the_passkey_alone(self, served, house, griet):
        griet.open("/account")
        assert "Griet" in griet.page
        assert house.name in griet.page.replace("&#39;", "'")
        griet.client.cookies.clear()
        assert griet.open("/account").headers["location"] == "/sign-in"
        assert griet.sign_in().status_code == 303
        assert griet.open("/account").status_code == 200
        (passkey,) = everything(Passkey)
        assert (passkey.sign_count, passkey.backup_eligible) == (2, False)

    @ONE_DATABASE
    def test_a_synced_passkey_says_that_it_may_be_copied_and_counts_nothing(self, served, house):
        flags = Authenticator().flags | BACKUP_ELIGIBLE | BACKED_UP
        browser = Browser(served, Authenticator(counts=False, flags=flags))
        browser.join(first_link(house))
        assert browser.sign_in().status_code == 303
        (passkey,) = everything(Passkey)
        assert (passkey.backup_eligible, passkey.backed_up, passkey.sign_count) == (True, True, 0)

    @ONE_DATABASE
    def test_the_operator_lets_in_the_first_and_nobody_after(self, served, house, data_dir):
        earlier = first_link(house)
        said = CliRunner().invoke(cli, ["people", "invite", house.id])
        link = said.output.splitlines()[0]
        assert link.startswith(f"{ORIGIN}/join/")
        refused(Browser(served).open(f"/join/{earlier}"), "invitation-not-found")
        secret = urlsplit(link).path.removeprefix("/join/")
        assert Browser(served).join(secret).status_code == 303
        with pytest.raises(InvitationRefused, match="administrator"):
            first_link(house)

    @ONE_DATABASE
    def test_an_administrator_invites_and_others_do_not(self, served, house, griet):
        path = f"/organizations/{house.id}/invitations"
        griet.open("/account")
        made = griet.send(path, role="guardian")
        assert made.status_code == 201
        secret = re.search(r"/join/([\w-]+)", made.text)[1]
        jan = Browser(served)
        assert jan.join(secret, "Jan").status_code == 303
        jan.open("/account")
        refused(jan.send(path, role="guardian", is_admin="true"), "not-allowed")
        refused(griet.send(path, role="union_officer"), "invitation-refused")
        roles = {each.role: each.is_admin for each in everything(Membership)}
        assert roles == {"performer": True, "guardian": False}

    @ONE_DATABASE
    def test_a_link_is_used_once_and_lasts_a_week(self, served, house, monkeypatch):
        secret = first_link(house)
        two = [Browser(served), Browser(served)]
        for browser in two:
            browser.open(f"/join/{secret}")
        answers = [
            browser.prove(
                f"/join/{secret}",
                browser.device.create(browser.options()),
                name="A",
                device="B",
            )
            for browser in two
        ]
        assert [answer.status_code for answer in answers] == [303, 404]
        assert len(everything(Membership)) == len(everything(Passkey)) == 1
        with db.writing() as session:
            other = identity.create_organization(session, "Delft", "agency")
        old = first_link(other)
        later(monkeypatch, days=8)
        refused(Browser(served).open(f"/join/{old}"), "invitation-not-found")

    @ONE_DATABASE
    def test_a_member_elsewhere_joins_with_what_they_have(self, served, griet):
        with db.writing() as session:
            other = identity.create_organization(session, "Delft", "agency")
        secret = first_link(other)
        before = griet.client.cookies[pages.SESSION_COOKIE]
        griet.open(f"/join/{secret}")
        assert griet.send(f"/join/{secret}/accept").status_code == 303
        assert griet.client.cookies[pages.SESSION_COOKIE] != before  # more rights, another secret
        assert len(everything(Membership)) == 2
        assert len(everything(Passkey)) == 1
