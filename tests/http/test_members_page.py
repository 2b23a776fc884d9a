"""Members of a production at its page: seen by all of them, changed by administrators."""

import re

import pytest
from sqlmodel import select

from app import config, db
from app.identity import people
from app.identity.errors import NotAllowed
from app.identity.models_people import Invitation, Membership, Person
from tests.http.browser import Browser
from tests.http.house import a_house
from tests.http.test_performer_pages import SCRIPT, joined, shown
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import everything, later, refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
BUDGETS, MEMBERS = "/production/budgets", "/production/members"


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client)


@pytest.fixture
def felix(served, house):
    return joined(served, house.scene.production.organization, "Felix")


def invited(felix, house, name, role="production_member", **more):
    shown(felix, MEMBERS)
    organization = house.scene.production.organization
    made = felix.send(f"/organizations/{organization.id}/invitations", role=role, **more)
    browser = Browser(felix.client.app)
    secret = re.search(r"/join/([\w-]+)", made.text)[1]
    assert browser.join(secret, name).status_code == 303
    return browser


def seat(name):
    with db.reading() as session:
        theirs = select(Membership).join(Person).where(Person.name == name)
        return session.exec(theirs.order_by(Membership.id.desc())).first()


class TestMembers:
    def test_a_member_is_made_an_approver_and_sets_a_budget_and_is_removed(self, house, felix):
        ida = invited(felix, house, "Ida")
        assert "Set these limits" not in shown(ida, BUDGETS)
        assert "An administrator of" in shown(ida, MEMBERS)
        before, page = seat("Ida"), shown(felix, MEMBERS)
        form = page.partition('<select id="role"')[2].partition("</select>")[0]
        offered = re.findall('value="([^"]*)"', form)  # what may least is chosen unless one looks
        assert offered == ["auditor", "production_member", "production_approver"]
        assert ("Ida" in page, f"{MEMBERS}/{before.id}/role" in page) == (True, True)
        changed = felix.send(f"{MEMBERS}/{before.id}/role", role="production_approver")
        assert changed.headers["location"] == MEMBERS
        assert "Set these limits" in shown(ida, BUDGETS)
        assert ida.send(BUDGETS, project="P", currency="EUR", total="1").status_code == 303
        after = seat("Ida")
        with db.reading() as session:  # what they were stays on record, and who changed it
            was = session.get_one(Membership, before.id)
            assert (was.role, was.ended_at is not None) == ("production_member", True)
            by = session.get_one(Invitation, after.invitation_id)
            assert session.get_one(Person, by.invited_by).name == "Felix"
        shown(felix, MEMBERS)
        ended = felix.send(f"/memberships/{after.id}/end", back=MEMBERS)
        assert ended.headers["location"] == MEMBERS
        assert ida.open(MEMBERS).status_code == 403
        assert "Ida" not in shown(felix, MEMBERS)

    def test_are_changed_by_administrators_with_a_passkey_used_lately(
        self, house, felix, monkeypatch
    ):
        ida = invited(felix, house, "Ida")
        his, before = seat("Felix"), everything(Membership)
        shown(ida, "/account")  # a member's page of members has no form to send
        up = f"{MEMBERS}/{seat('Ida').id}/role"
        refused(ida.send(up, role="production_approver", is_admin="true"), "not-allowed")
        refused(ida.send(f"{MEMBERS}/{his.id}/role", role="auditor"), "not-allowed")
        shown(felix, MEMBERS)
        refused(felix.send(f"{MEMBERS}/mem_0/role", role="auditor"), "not-allowed")
        refused(felix.send(up, role="performer"), "invitation-refused")
        # The last administrator stays one, and an approver may become a member who administers.
        refused(felix.send(f"{MEMBERS}/{his.id}/role", role="auditor"), "last-one")
        same = felix.send(f"{MEMBERS}/{his.id}/role", role=his.role, is_admin="true")
        assert same.status_code == 303
        assert everything(Membership) == before
        later(monkeypatch, minutes=10)
        stale = felix.send(up, role="production_approver")
        assert stale.headers["location"] == "/confirm"
        assert everything(Membership) == before

    def test_who_was_removed_meanwhile_does_not_come_back_by_a_new_role(self, house, felix):
        invited(felix, house, "Ida")
        with db.writing() as session:
            felix_, ida = (
                session.exec(select(Person).where(Person.name == name)).one()
                for name in ("Felix", "Ida")
            )
            held = session.exec(select(Membership).where(Membership.person_id == ida.id)).one()
            people.end_membership(session, felix_, held.id)
            with pytest.raises(NotAllowed):
                people.change_role(session, felix_, held.id, role="auditor", is_admin=True)

    def test_are_seen_by_all_and_text_whatever_they_are_called(self, house, felix):
        invited(felix, house, SCRIPT, role="auditor")
        page = shown(felix, MEMBERS)
        assert SCRIPT not in page
        assert "auditor" in page

    def test_a_form_leads_nowhere_else(self, house, felix):
        invited(felix, house, "Ida")
        shown(felix, MEMBERS)
        out = felix.send(f"/memberships/{seat('Ida').id}/end", back="https://evil.example")
        assert out.status_code == 422
