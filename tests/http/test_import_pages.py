"""An agency brings many in at its page; each opens a link, sees the photo, says yes or no."""

import base64
import csv
import io
import re

import pytest
from httpx import Cookies
from sqlmodel import select

from app import clock, config, db
from app.identity.models import Organization
from app.identity.models_people import Passkey, Person
from app.licensing.contracts import roster
from app.recovery.models import Recovery
from app.registry import service as registry
from app.registry.imports import checking
from app.registry.imports.models import RosterEntry
from app.registry.models import Performer
from app.web.pages import SESSION_COOKIE
from tests.http.browser import OURS, Browser, first_link
from tests.http.house import a_house
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN, Authenticator
from tests.people.visiting import everything, later, refused
from tests.registry.pictures import GIRL
from tests.registry.test_imports import csv_of, link, zipped
from tests.scenes import a_portrait_seen

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
PAGE = "/agency/import"


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    monkeypatch.setattr(registry, "inspect_portrait", lambda path: a_portrait_seen())
    return a_house(client)


@pytest.fixture
def olga(served, house):
    return joined(served, house.scene.agency.organization, "Olga")


def sends(browser, table=b"", *photos, headers=OURS, **fields):
    shown(browser, PAGE)
    said = {"form_token": browser.value("form_token"), **fields}
    files = [("table", ("table.csv", table))]  # as browsers send a field that was left empty
    files += [("photos", (name, content)) for name, content in photos]
    return browser.client.post(PAGE, data=said, files=files, headers=headers)


@pytest.fixture
def invited(olga):
    answer = sends(olga, csv_of(1), ("p1.jpg", GIRL.read_bytes()))
    assert "✓ nothing is wrong" in answer.text
    assert checking.check_next()
    (entry,) = everything(RosterEntry)
    return entry


class TestBringingIn:
    def test_names_every_bad_row_and_gives_them_back_as_a_table(self, olga):
        content = csv_of(1) + b"K-2,=cmd(),nowhere,p2.jpg\nK-3,,a3@example.com,p3.jpg\n"
        answer = sends(olga, content, ("all.zip", zipped("p1.jpg", "p9.jpg").getvalue()))
        assert answer.status_code == 200
        assert "3 are bad" in answer.text
        assert "Line 3, column email: it is no mail address." in answer.text
        assert "Photo p9.jpg: no row that waits names this photo." in answer.text
        (held,) = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', answer.text)
        rows = list(csv.DictReader(io.StringIO(base64.b64decode(held).decode("utf-8-sig"))))
        assert [(row["line"], row["column"]) for row in rows] == [
            ("3", "email"), ("4", "name"), ("", "photo"),
        ]  # fmt: skip
        assert rows[0]["name"] == "'=cmd()"
        assert [each.reference for each in everything(RosterEntry)] == ["K-1"]

    def test_what_waits_for_the_agency_is_downloaded_with_what_to_do(self, olga):
        sends(olga, csv_of(1))
        assert "its photo has not come yet" in shown(olga, f"{PAGE}?show=problems")
        assert "Send the photo; the table need not be sent again." in shown(
            olga, f"{PAGE}/problems.csv"
        )

    def test_a_file_that_is_no_table_is_refused_whole(self, olga):
        refused(sends(olga, b"\x00\x01"), "table-refused")
        refused(sends(olga, b"", ("x.zip", b"PK\x03\x04 no zip")), "archive-refused")
        refused(sends(olga), "file-missing")

    def test_ends_at_its_limit(self, olga, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_IMPORT_LIMIT_BYTES", "1000")
        config.settings.cache_clear()
        refused(sends(olga, csv_of(1), ("p1.jpg", b"x" * 100_000)), "too-large")

    @pytest.mark.parametrize(
        ("headers", "fields"),
        [
            (OURS | {"Origin": "https://evil.example"}, {}),
            (OURS | {"Sec-Fetch-Site": "cross-site"}, {}),
            ({}, {}),
            (OURS, {"form_token": "0" * 64}),
            (OURS, {"form_token": "é"}),
        ],
    )
    def test_nothing_comes_in_from_elsewhere(self, olga, headers, fields):
        refused(sends(olga, csv_of(1), headers=headers, **fields), "form-refused")
        assert everything(RosterEntry) == []

    def test_no_other_house_and_no_auditor_brings_anybody_in(self, served, house, olga):
        griet = joined(served, house.scene.desk.organization)
        for path in (PAGE, f"{PAGE}/problems.csv", f"{PAGE}/links.csv"):
            refused(griet.open(path), "not-allowed")
        griet.open("/account")
        fields = {"form_token": griet.value("form_token")}
        files = [("table", ("t.csv", csv_of(1)))]
        refused(griet.client.post(PAGE, data=fields, files=files, headers=OURS), "not-allowed")
        assert everything(RosterEntry) == []

    def test_links_are_given_out_only_where_no_mail_is_sent(self, olga, invited, monkeypatch):
        address = f"{ORIGIN}/enrollments/{link(invited)}"
        assert address in shown(olga, f"{PAGE}/links.csv")
        with db.writing() as session:
            entry = session.get_one(RosterEntry, invited.id)
            entry.mail = "sent"
            session.add(entry)
        assert address not in shown(olga, f"{PAGE}/links.csv")

    def test_who_is_taken_back_is_gone(self, served, olga, invited):
        shown(olga, PAGE)
        assert olga.send(f"{PAGE}/{invited.id}/retraction").status_code == 303
        refused(olga.send(f"{PAGE}/{invited.id}/retraction"), "entry-not-found")
        refused(Browser(served).open(f"/enrollments/{link(invited)}"), "entry-over")


class TestAnswering:
    def test_yes_makes_a_desk_a_replica_and_a_row_of_the_roster(self, served, house, olga, invited):
        phone, path = Browser(served), f"/enrollments/{link(invited)}"
        page = shown(phone, path)
        assert "Is this you, Actor 1?" in page
        assert house.scene.agency.organization.name in page
        photo = phone.open(f"{path}/photo")
        assert photo.content == GIRL.read_bytes()
        assert photo.headers["content-type"] == "image/jpeg"
        phone.open(path)
        made = phone.device.create(phone.options())
        answer = phone.prove(path, made, name="Griet", device="Phone")
        assert (answer.status_code, answer.headers["location"]) == (303, "/performer")
        assert phone.open("/performer").status_code == 200
        with db.reading() as session:
            new = session.exec(select(Performer).where(Performer.name == "Actor 1")).one()
            desk = session.get_one(Organization, new.organization_id)
            assert desk.name == "Actor 1"
            on_it = roster.represented(session, invited.organization_id, name="Actor 1")
            assert [each.performer.id for each in on_it] == [new.id]
        assert "Actor 1" in shown(olga, "/agency/roster")
        refused(phone.open(path), "entry-over")
        refused(phone.open(f"{path}/photo"), "entry-over")

    def test_yes_as_somebody_who_is_here_already(self, served, house, invited):
        felix = joined(served, house.scene.production.organization, "Felix")
        path = f"/enrollments/{link(invited)}"
        assert "You are signed in as Felix." in shown(felix, path)
        assert felix.send(f"{path}/accept").headers["location"] == "/performer"
        assert felix.open("/performer").status_code == 200

    def test_nobody_at_the_agency_says_yes_for_them(self, olga, invited):
        shown(olga, f"/enrollments/{link(invited)}")
        refused(olga.send(f"/enrollments/{link(invited)}/accept"), "not-allowed")
        assert everything(RosterEntry)[0].state == "invited"

    def test_nor_with_a_new_passkey(self, olga, invited):
        path = f"/enrollments/{link(invited)}"
        shown(olga, PAGE)
        signed_in, token = Cookies(olga.client.cookies), olga.value("form_token")
        olga.client.cookies.delete(SESSION_COOKIE)
        shown(olga, path)  # as nobody, in a browser in which she is signed in a moment later
        made = Authenticator().create(olga.options())
        olga.client.cookies = signed_in
        fields = {"form_token": token, "name": "Griet", "device": "Phone"}
        refused(olga.prove(path, made, **fields), "not-allowed")
        assert everything(RosterEntry)[0].state == "invited"

    def test_yes_wants_a_passkey_used_minutes_ago_and_no_does_not(
        self, served, house, invited, monkeypatch
    ):
        felix = joined(served, house.scene.production.organization, "Felix")
        path = f"/enrollments/{link(invited)}"
        shown(felix, path)
        later(monkeypatch, minutes=6)
        assert felix.send(f"{path}/accept").headers["location"] == "/confirm"
        assert everything(RosterEntry)[0].state == "invited"
        assert "You said no." in felix.send(f"{path}/refusal").text

    def test_nobody_says_yes_within_days_of_a_recovery(self, served, house, invited):
        felix = joined(served, house.scene.production.organization, "Felix")
        with db.writing() as session:
            person = session.exec(select(Person).where(Person.name == "Felix")).one()
            made = session.exec(select(Passkey).where(Passkey.person_id == person.id)).one()
            session.add(
                Recovery(
                    person_id=person.id,
                    way="codes",
                    opens_at=clock.now(),
                    expires_at=clock.now(),
                    completed_at=clock.now(),
                    passkey_id=made.id,
                )
            )
        path = f"/enrollments/{link(invited)}"
        shown(felix, path)
        refused(felix.send(f"{path}/accept"), "recovered-lately")
        assert everything(RosterEntry)[0].state == "invited"

    def test_a_form_for_another_device_of_somebody_makes_nobody(self, served, house, invited):
        felix = joined(served, house.scene.production.organization, "Felix")
        secret = first_link(house.scene.desk.organization)
        for path in (f"/enrollments/{link(invited)}", f"/join/{secret}"):
            shown(felix, "/account/passkeys/new")
            made = Authenticator().create(felix.options())
            refused(felix.prove(path, made, name="Griet", device="Phone"), "ceremony-refused")

    def test_no_registers_nobody_and_says_so(self, served, olga, invited):
        phone, path = Browser(served), f"/enrollments/{link(invited)}"
        before = len(everything(Performer))
        shown(phone, path)
        assert "You said no. Nobody is registered." in phone.send(f"{path}/refusal").text
        assert len(everything(Performer)) == before
        refused(phone.open(path), "entry-over")
        assert re.search(r"Said no</dt><dd>1</dd>", shown(olga, PAGE))
