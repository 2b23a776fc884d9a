"""Invitations go out over a real mail server, say what they must, and let nobody be pestered."""

import re

import pytest

from app import db
from app.identity import service as identity
from app.identity.principal import Principal
from app.registry import service as registry
from app.registry.imports import addresses, checking, confirming, sending, service
from app.registry.imports.models import RosterEntry
from tests.http.browser import Browser
from tests.http.test_performer_pages import joined, shown
from tests.people.visiting import ONE_DATABASE, everything, later
from tests.registry.test_imports import csv_of, zipped
from tests.scenes import a_portrait_seen

PHOTOS = [f"p{n}.jpg" for n in range(1, 6)]


def an_agency(name):
    with db.writing() as session:
        house = identity.create_organization(session, name, "agency")
        return Principal(
            house.id, "agency", identity.create_api_key(session, house, name="t")[0].id
        )


@pytest.fixture
def agency(postbox, monkeypatch):
    monkeypatch.setattr(registry, "inspect_portrait", lambda path: a_portrait_seen())
    return an_agency("Delft Talent")


def brings(agency, *numbers, address=None):
    """Send rows and their photos, have them looked at; return what was said of bad rows."""
    content = csv_of(*numbers)
    if address:
        content = re.sub(rb"[^,]+@example.com", address.encode(), content)
    report = sending.take(content, [("all.zip", zipped(*PHOTOS))], by=agency)
    while checking.check_next():
        pass
    return [(bad.column, bad.code) for bad in report.bad]


def entry_of(reference="K-1"):
    (found,) = [each for each in everything(RosterEntry) if each.reference == reference]
    return found


def answers(entry, say):
    with db.writing() as session:
        held = service.entry_behind(session, service.link_of(entry).rpartition("/")[2], lock=True)
        say(session, held)


class TestAMail:
    def test_leads_to_the_page_that_asks_and_says_nothing_of_the_person(
        self,
        agency,
        postbox,
        application,
    ):
        brings(agency, 1)
        assert checking.send_waiting() == 1
        (mail,) = postbox.arrived
        text = mail.get_content()
        assert mail["To"] == "a1@example.com"
        assert "Delft Talent wants to represent you" in text
        (link,) = re.findall(r"https?://\S+", text)
        for private in ("Actor 1", "K-1", "p1.jpg", "org_", agency.organization_id):
            assert private not in str(mail)
        assert "Is this you, Actor 1?" in Browser(application).open(link[link.index("/enr") :]).text
        assert (entry_of().mail, entry_of().mail_reply) == ("sent", "250")
        assert checking.send_waiting() == 0

    def test_is_sent_again_as_the_same_mail_where_the_server_is_busy(
        self,
        agency,
        postbox,
        monkeypatch,
    ):
        postbox.says = "451 4.7.1 later, please, a1@example.com"
        brings(agency, 1)
        assert checking.send_waiting() == 0
        assert checking.send_waiting() == 0  # not at once
        assert (entry_of().mail, entry_of().mail_attempts) == ("waiting", 1)
        postbox.says = ""
        later(monkeypatch, seconds=61)
        assert checking.send_waiting() == 1
        assert postbox.arrived[0]["Message-ID"] == entry_of().message_id

    @ONE_DATABASE
    def test_that_is_refused_for_good_stands_in_the_roster(self, agency, postbox, application):
        postbox.says = "550 5.1.1 <a1@example.com>: no such reader a1"
        brings(agency, 1)
        checking.send_waiting()
        assert entry_of().mail == "failed"
        with db.reading() as session:
            house = session.get_one(identity.Organization, agency.organization_id)
        olga = joined(application, house, "Olga")
        assert "the mail with the link did not arrive" in shown(olga, "/agency/import")
        assert "@" not in entry_of().mail_reply  # a server may name the reader in its words
        assert entry_of().mail_reply == "550 5.1.1"

    @ONE_DATABASE
    def test_is_not_sent_to_who_was_taken_back(self, agency, postbox):
        brings(agency, 1)
        with db.writing() as session:
            service.take_back(session, agency.organization_id, entry_of().id)
        assert checking.send_waiting() == 0
        assert postbox.arrived == []


class TestAnAddress:
    def test_is_asked_by_an_agency_once_at_a_time_whatever_the_reference(self, agency):
        assert brings(agency, 1) == []
        for same in ("a1@example.com", "A1@Example.com", "a1+work@example.com"):
            assert brings(agency, 2, address=same) == [("email", "waits")]
        assert brings(agency, 2, 3, address="b@example.com") == [("email", "twice")]
        assert [each.reference for each in everything(RosterEntry)] == ["K-1", "K-2"]
        assert brings(an_agency("Other"), 1) == []  # each agency may ask

    @pytest.mark.parametrize("how", ["no", "silence"])
    def test_rests_from_every_agency_after_a_no_and_after_silence(
        self, agency, postbox, monkeypatch, how
    ):
        brings(agency, 1)
        checking.send_waiting()
        mine = entry_of().id
        if how == "no":
            answers(entry_of(), confirming.refuse)
        else:
            later(monkeypatch, days=14)
            checking.end_late()
        assert brings(agency, 2, address="a1@example.com") == [("email", "asked-lately")]
        assert "a1@example.com" not in str(everything(RosterEntry))
        # Another agency is answered as if nobody had asked, of this address as of one never asked.
        other = an_agency("Other")
        assert brings(other, 2, address="a1@example.com") == []
        assert brings(other, 3, address="a3@example.com") == []
        before = len(postbox.arrived)
        checking.send_waiting()
        assert [each["To"] for each in postbox.arrived[before:]] == ["a3@example.com"]
        theirs = [each for each in everything(RosterEntry) if each.id != mine]
        assert [(each.state, each.mail, each.reason) for each in theirs] == [
            ("invited", "sent", "")
        ] * 2
        later(monkeypatch, days=15)
        checking.end_late()
        for number in (2, 3):  # nor by sending it again
            said = brings(other, number + 5, address=f"a{1 if number == 2 else 3}@example.com")
            assert said == [("email", "asked-lately")]
        later(monkeypatch, days=16)
        checking.end_late()
        with db.reading() as session:
            assert session.get_one(RosterEntry, mine).address_mac == ""  # the hash is forgotten
        assert brings(agency, 2, address="a1@example.com") == []
        checking.send_waiting()  # what no mail went out for gave nobody a rest
        assert postbox.arrived[-1]["To"] == "a1@example.com"

    def test_rests_from_the_agency_that_took_it_back_once_it_was_asked(self, agency):
        brings(agency, 1)
        checking.send_waiting()
        with db.writing() as session:
            service.take_back(session, agency.organization_id, entry_of().id)
        assert brings(agency, 2, address="a1@example.com") == [("email", "asked-lately")]
        assert brings(an_agency("Other"), 1) == []

    @ONE_DATABASE
    def test_that_no_mail_reached_or_that_agreed_is_not_held(self, agency, postbox):
        postbox.says = "550 no"
        brings(agency, 1)
        checking.send_waiting()
        with db.writing() as session:
            service.take_back(session, agency.organization_id, entry_of().id)
        assert entry_of().address_mac == ""
        assert brings(agency, 2, address="a1@example.com") == []

    @ONE_DATABASE
    def test_that_said_no_while_another_agency_waited_for_a_photo_is_not_mailed(
        self, agency, postbox
    ):
        other = an_agency("Other")
        sending.take(csv_of(1), [], by=other)
        brings(agency, 1)
        checking.send_waiting()
        (mine,) = [each for each in everything(RosterEntry) if each.state == "invited"]
        answers(mine, confirming.refuse)
        assert brings(other, 1) == []
        theirs = next(each for each in everything(RosterEntry) if each.id != mine.id)
        assert (theirs.state, theirs.reason) == ("invited", "")
        before = len(postbox.arrived)
        assert checking.send_waiting() == 0
        assert len(postbox.arrived) == before

    @ONE_DATABASE
    def test_is_told_apart_by_a_hash_that_only_this_installation_makes(self, agency, monkeypatch):
        mine = addresses.mac_of("a1@example.com")
        monkeypatch.setattr(addresses.keys, "secret", lambda _: b"x" * 32)
        assert addresses.mac_of("a1@example.com") != mine
