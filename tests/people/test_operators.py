"""Who runs the installation: let in from the machine, two at least, and nobody's representative."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select
from typer.testing import CliRunner

from app import db
from app.cli import app as command
from app.identity import api_keys, operators, people
from app.identity.errors import ApiKeyRefused, InvitationRefused
from app.identity.models import Organization
from app.identity.models_people import Invitation, Membership, Person
from app.notices.models import Notice
from app.trail import OperatorAct, OperatorActSubject
from tests.http.browser import Browser, first_link
from tests.people.agreeing import make_two_operators
from tests.people.arriving import an_operator, joined
from tests.people.visiting import ONE_DATABASE, everything, later, refused

pytestmark = ONE_DATABASE


def by_command():
    """The secret of the link that the command line prints."""
    answer = CliRunner().invoke(command, ["operators", "invite"])
    assert answer.exit_code == 0, answer.output
    return answer.output.partition("/join/")[2][:43]


def invited_by(browser, name, **fields):
    browser.open("/operator/members")
    house = everything_of("operator").id
    answer = browser.send(f"/organizations/{house}/invitations", role="operator", **fields)
    assert answer.status_code == 201, answer.text
    guest = Browser(browser.client.app)
    assert guest.join(answer.text.partition("/join/")[2][:43], name).status_code == 303
    return guest


def everything_of(kind):
    (house,) = [each for each in everything(Organization) if each.kind == kind]
    return house


def seat_of(name):
    with db.reading() as session:
        who = select(Membership.id).join(Person, Person.id == Membership.person_id)
        return session.exec(who.where(Person.name == name)).one()


class TestComingIn:
    def test_the_first_by_the_command_line_and_the_next_by_the_first(self, served):
        ada = Browser(served)
        assert ada.join(by_command(), "Ada").status_code == 303
        assert "You are alone" in ada.open("/operator/members").text
        bob = invited_by(ada, "Bob")
        page = bob.open("/operator/members").text
        assert "invited by Ada" in page
        assert "invited from the machine" in page
        assert "You are alone" not in page
        assert "Make a link" not in page  # he does not administer
        said = CliRunner().invoke(command, ["operators", "list"]).output
        assert [each.rpartition(" by ")[2] for each in said.splitlines()] == ["this machine", "Ada"]

    def test_setup_says_how_the_first_comes_in_until_there_is_one(self, database, monkeypatch):
        monkeypatch.setattr("app.installation.prepare", list)
        first = CliRunner().invoke(command, ["setup"]).output
        make_two_operators()
        again = CliRunner().invoke(command, ["setup"]).output
        assert ["understudy operators invite" in said for said in (first, again)] == [True, False]

    def test_every_act_about_operators_is_an_audit_event_of_who_did_it(self, served):
        ada = an_operator(served, "Ada")
        for name in ("Bob", "Cem"):
            invited_by(ada, name)
        ada.open("/operator/members")
        ada.send(f"/memberships/{seat_of('Bob')}/end")
        ended = seat_of("Bob")
        acts = {each.id: each for each in everything(OperatorAct)}
        names = {each.id: each.name for each in everything(Person)}
        said = [
            (acts[each.act_id].words, names[acts[each.act_id].stated_name.partition(" ")[0]])
            for each in sorted(everything(OperatorActSubject), key=lambda row: row.act_id)
        ]
        assert said == [
            ("operators join", "Ada"),
            ("operators invite", "Ada"),
            ("operators join", "Bob"),
            ("operators invite", "Ada"),
            ("operators join", "Cem"),
            ("operators end", "Ada"),
        ]
        assert ended in {each.subject_id for each in everything(OperatorActSubject)}

    def test_a_link_of_the_machine_voids_the_one_before_and_every_operator_is_told(self, served):
        an_operator(served, "Ada")
        first, second = by_command(), by_command()
        assert Browser(served).open(f"/join/{first}").status_code == 404
        assert Browser(served).join(second, "Bob").status_code == 303
        told = [each for each in everything(Notice) if each.kind == "operator-invited"]
        assert [each.organization_id for each in told] == [everything_of("operator").id] * 2

    def test_there_is_one_house_of_them_and_it_opens_by_no_other_command(self, database):
        with db.writing() as session:
            operators.invite_from_the_machine(session)
        house = everything_of("operator")
        with db.writing() as session, pytest.raises(InvitationRefused):
            people.invite_first(session, house)
        for words in (["organization", "create", "x", "--kind", "operator"],
                      ["people", "invite", house.id]):  # fmt: skip
            assert CliRunner().invoke(command, words).exit_code != 0
        with pytest.raises(sa.exc.IntegrityError), db.writing() as session:
            session.add(Organization(name="Another", kind="operator"))

    def test_it_has_no_api_keys(self, served):
        an_operator(served)
        with db.writing() as session, pytest.raises(ApiKeyRefused):
            api_keys.create_api_key(session, everything_of("operator"), name="x")


class TestActingForNobody:
    def test_an_operator_joins_no_house_and_a_member_of_one_becomes_no_operator(
        self, served, scene
    ):
        """Planted fault of both: without it an operator would sign, or vouch, for a performer."""
        olga = an_operator(served)
        for house in (scene.desk.organization, scene.agency.organization):
            link = first_link(house)
            olga.open(f"/join/{link}")
            refused(olga.send(f"/join/{link}/accept"), "invitation-refused")
        griet = joined(served, scene.desk.organization, "Griet")
        link = by_command()
        griet.open(f"/join/{link}")
        refused(griet.send(f"/join/{link}/accept"), "invitation-refused")
        assert Browser(served).open(f"/join/{link}").status_code == 200  # it was not used up
        assert len(everything(Membership)) == 2

    def test_who_left_may_join_another(self, served, scene):
        ada, bob = an_operator(served, "Ada"), an_operator(served, "Bob")
        an_operator(served, "Cem")
        bob.open("/operator/members")
        assert bob.send(f"/memberships/{seat_of('Bob')}/end").status_code == 303
        link = first_link(scene.agency.organization)
        bob.open(f"/join/{link}")
        assert bob.send(f"/join/{link}/accept").status_code == 303
        assert "Bob" in ada.open("/operator/members").text.partition("Who was one")[2]


class TestTwoRemain:
    def test_of_three_one_may_be_removed_and_of_two_none_leaves(self, served):
        ada, bob = an_operator(served, "Ada"), an_operator(served, "Bob")
        cem = invited_by(ada, "Cem")
        ada.open("/operator/members")
        assert ada.send(f"/memberships/{seat_of('Cem')}/end").status_code == 303
        refused(cem.open("/operator"), "not-allowed")
        for who, name in ((ada, "Bob"), (bob, "Bob"), (ada, "Ada")):
            who.open("/operator/members")
            refused(who.send(f"/memberships/{seat_of(name)}/end"), "last-one")
        assert bob.open("/operator").status_code == 200

    def test_one_person_is_not_two_of_them(self, served):
        """Planted fault: whoever came in a second time would remove the only other operator."""
        ada, _ = an_operator(served, "Ada"), an_operator(served, "Bob")
        link = by_command()
        ada.open(f"/join/{link}")
        said = refused(ada.send(f"/join/{link}/accept"), "invitation-refused").text
        assert "Ada is a member of The operators already" in said
        assert Browser(served).open(f"/join/{link}").status_code == 200  # it was not used up
        with db.writing() as session:  # as it could be before that was refused
            seat = session.get_one(Membership, seat_of("Ada"))
            opened = people.invitation_of(session, link)
            again = seat.model_dump(exclude={"id", "invitation_id"})
            session.add(Membership(**again, invitation_id=opened.id))
        ada.open("/operator/members")
        refused(ada.send(f"/memberships/{seat_of('Bob')}/end"), "last-one")
        assert ada.send(f"/memberships/{seat.id}/end").status_code == 303  # she is one still

    def test_who_does_not_administer_removes_nobody(self, served):
        ada = an_operator(served, "Ada")
        bob, _ = invited_by(ada, "Bob"), invited_by(ada, "Cem")
        bob.open("/operator/members")
        refused(bob.send(f"/memberships/{seat_of('Cem')}/end"), "not-allowed")

    def test_a_link_lasts_seven_days(self, served, monkeypatch):
        ada, link = an_operator(served, "Ada"), by_command()
        assert "from the machine" in ada.open("/operator/members").text
        (row,) = [each for each in everything(Invitation) if each.used_at is None]
        assert row.expires_at - row.created_at == timedelta(days=7)
        later(monkeypatch, days=7)
        assert Browser(served).open(f"/join/{link}").status_code == 404
