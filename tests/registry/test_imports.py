"""An agency's table and photos: bad rows named, nothing done twice, nobody in without a yes."""

import io
import signal
import subprocess
import sys
import zipfile

import pytest
from sqlmodel import Session, select

from app import db, sandbox, storage, vault
from app.identity import people
from app.identity import service as identity
from app.identity.errors import NotAllowed
from app.identity.models import Organization
from app.identity.models_people import Person
from app.identity.principal import Principal
from app.notices import links
from app.registry import service as registry
from app.registry.errors import NoFaceFound
from app.registry.imports import checking, confirming, photos, sending, service, table
from app.registry.imports.errors import ArchiveRefused, EntryOver, TableRefused
from app.registry.imports.models import RosterEntry
from app.registry.matching import Searched
from app.registry.models import Performer
from app.vault import VaultObject
from tests.people.visiting import everything, later
from tests.registry.pictures import GIRL
from tests.scenes import a_portrait_seen

HEADER = "reference,name,email,photo\n"


def csv_of(*numbers, header=HEADER):
    rows = [f"K-{n},Actor {n},a{n}@example.com,p{n}.jpg" for n in numbers]
    return (header + "\n".join(rows) + "\n").encode()


def zipped(*names, content=b"picture ", method=zipfile.ZIP_STORED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in names:
            archive.writestr(name, content if content != b"picture " else content + name.encode())
    return packed


def codes(read):
    return [(bad.row.line, bad.column, bad.code) for bad in read[1]]


@pytest.fixture
def agency(database):
    with db.writing() as session:
        house = identity.create_organization(session, "Delft Talent", "agency")
        key = identity.create_api_key(session, house, name="test")[0]
        return Principal(house.id, "agency", key.id)


@pytest.fixture
def fit(monkeypatch):
    monkeypatch.setattr(registry, "inspect_portrait", lambda path: a_portrait_seen())


def sent(agency, content=b"", *files):
    return sending.take(content, [(f"{n}.zip", each) for n, each in enumerate(files)], by=agency)


def states():
    return {each.reference: each.state for each in everything(RosterEntry)}


class TestTable:
    @pytest.mark.parametrize(
        "content",
        [
            csv_of(1),
            b"\xef\xbb\xbf" + csv_of(1),
            csv_of(1).replace(b",", b";"),
            csv_of(1).decode().replace(",", "\t").encode("utf-16"),
            csv_of(1).replace(b"\n", b"\r\n"),
            b"photo;Email; NAME ;reference;note\np1.jpg;a1@example.com;Actor 1;K-1;x\n"
            .replace(b";note", b"").replace(b";x", b""),
        ],
    )  # fmt: skip
    def test_is_read_as_spreadsheets_write_it(self, content):
        (row,), bad = table.read_table(content)
        assert (row.line, row.reference, row.name) == (2, "K-1", "Actor 1")
        assert (row.email, row.photo, bad) == ("a1@example.com", "p1.jpg", [])

    def test_names_every_bad_row_by_line_and_column_and_takes_the_others(self):
        read = table.read_table(
            (
                HEADER + "K-1,Actor 1,a1@example.com,p1.jpg\n"
                "K-2,,a2@example.com,p2.jpg\n"
                "K-3,Actor 3,nowhere,p3.jpg\n"
                'K-4,"Actor\u202e4",a4@example.com,p4.jpg\n'
                "K-1,Actor 5,a5@example.com,p5.jpg\n"
                "K-6,Actor 6,A1@EXAMPLE.com,p6.jpg\n"
                "K-7,Actor 7,a7@example.com,sub/P1.JPG\n"
                "K-8,Actor, 8,a8@example.com,p8.jpg\n"
                "\n"
                f"K-10,{'x' * 201},a10@example.com,p10.jpg\n"
                'K-11,"Actor\n11",a11@example.com,p11.jpg\n'
                "K-13,Actor 13\n"
            ).encode()
        )
        assert [row.reference for row in read[0]] == ["K-1", "K-11"]
        assert codes(read) == [
            (3, "name", "empty"),
            (4, "email", "no-address"),
            (5, "name", "unprintable"),
            (6, "reference", "twice"),
            (7, "email", "twice"),
            (8, "photo", "twice"),
            (9, "reference", "cells"),
            (11, "name", "too-long"),
            (14, "reference", "cells"),
        ]

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "first line"),
            (b"name,email,photo\n", "reference"),
            (HEADER.encode(), "no row"),
            (csv_of(1).replace(b"Actor", b"Ren\xe9"), "line 2 is not UTF-8"),
            (HEADER.encode() + b'K-1,"Actor 1,a1@example.com,p1.jpg\nK-2,', "quote"),
            (b"x" * (table.MOST_BYTES + 1), "4 MB"),
            (csv_of(*range(table.MOST_ROWS + 1)), "5000 rows"),
            (b"\x00\x01\x02", "first line"),
            (csv_of(1, header="reference,name,email,photo" + ",x" * 61 + "\n"), "65 columns"),
        ],
    )
    def test_is_refused_whole_where_it_is_none(self, content, says):
        with pytest.raises(TableRefused, match=says):
            table.read_table(content)


class TestPhotos:
    def all(self, packed, limit_bytes=1 << 20):
        return list(photos.photos_in([("a.zip", packed)], limit_bytes=limit_bytes))

    def test_come_out_of_an_archive_by_their_own_names(self):
        found = self.all(
            zipped("in/P1.jpg", "in/", "__MACOSX/in/._p1.jpg", ".DS_Store", "p\u0308.jpg")
        )
        assert [(each.key, each.code) for each in found] == [("p1.jpg", ""), ("p̈.jpg", "")]

    def test_that_unpack_to_far_more_than_they_take_are_refused_one_by_one(self):
        packed = zipped("bomb.jpg", content=b"\0" * 500_000, method=zipfile.ZIP_DEFLATED)
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr("fine.jpg", b"fine")
        assert [each.code for each in self.all(packed)] == ["photo-bomb", ""]

    def test_of_one_name_or_too_large_are_refused(self):
        assert [each.code for each in self.all(zipped("a/x.jpg", "b/X.jpg"))] == ["photo-twice"] * 2
        assert [each.code for each in self.all(zipped("x.jpg"), limit_bytes=3)] == [
            "photo-too-large"
        ]

    def test_whose_bytes_are_not_what_the_archive_says_are_refused(self):
        packed = zipped("x.jpg")
        damaged = io.BytesIO(packed.getvalue().replace(b"picture", b"pictora"))
        assert [each.code for each in self.all(damaged)] == ["photo-damaged"]

    def test_are_counted_over_all_that_is_sent_and_named_shortly(self, monkeypatch):
        monkeypatch.setattr(photos, "MOST_PHOTOS", 2)
        files = [("a.zip", zipped("x.jpg", "y" * 300)), ("z.jpg", io.BytesIO(b"z"))]
        found = photos.photos_in(files, limit_bytes=1 << 20)
        assert [len(next(found).name), len(next(found).name)] == [5, 200]
        with pytest.raises(ArchiveRefused, match=r"more than 2 .* before z\.jpg"):
            next(found)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda it: it[:-10],
            lambda it: it[:10],
            lambda it: it[:-12] + b"\xff\xff" + it[-10:],  # says it has 65,535 photos
            lambda it: it[:-10] + b"\xff\xff\xff\xff" + it[-6:],  # and a directory of 4 GB
            lambda it: it[:-22] + b"PK\x06\x07" + b"\0" * 16 + it[-22:],  # and says it elsewhere
        ],
    )
    def test_an_archive_that_is_none_is_refused_before_its_directory_is_read(self, spoil):
        with pytest.raises(ArchiveRefused):
            self.all(io.BytesIO(spoil(zipped("x.jpg").getvalue())))


class TestSending:
    def test_the_same_twice_does_nothing_twice(self, agency):
        first = sent(agency, csv_of(1, 2), zipped("p1.jpg"))
        assert (first.new, first.photos_taken, first.bad) == (2, 1, [])
        again = sent(agency, csv_of(1, 2), zipped("p1.jpg"))
        assert (again.new, again.photos_taken, again.bad) == (0, 0, [])
        assert states() == {"K-1": "received", "K-2": "no-photo"}
        assert len(everything(VaultObject)) == 1

    def test_photos_may_come_later_and_by_themselves(self, agency):
        sent(agency, csv_of(1))
        report = sent(agency, b"", zipped("p1.jpg", "who.jpg"))
        assert report.photos_bad == [sending.BadPhoto(2, "who.jpg", "photo-unnamed")]
        assert states() == {"K-1": "received"}

    def test_a_row_that_says_something_else_now_is_bad(self, agency):
        sent(agency, csv_of(1))
        report = sent(agency, csv_of(1).replace(b"Actor", b"Mrs."))
        assert [(bad.column, bad.code) for bad in report.bad] == [("name", "differs")]

    def test_a_photo_is_of_one_row_that_waits_whichever_table_it_came_by(self, agency):
        sent(agency, csv_of(1))
        second = csv_of(2).replace(b"p2.jpg", b"in/P1.JPG")
        report = sent(agency, second, zipped("p1.jpg"))
        assert [(bad.column, bad.code) for bad in report.bad] == [("photo", "twice")]
        assert states() == {"K-1": "received"}
        (first,) = everything(RosterEntry)
        with db.writing() as session:
            service.take_back(session, agency.organization_id, first.id)
        assert sent(agency, second).new == 1

    def test_another_agency_has_rows_of_its_own(self, agency):
        with db.writing() as session:
            other = identity.create_organization(session, "Other", "agency")
            key = identity.create_api_key(session, other, name="test")[0]
            theirs = Principal(other.id, "agency", key.id)
        sent(agency, csv_of(1))
        assert sent(theirs, csv_of(1), zipped("p1.jpg")).new == 1
        assert sorted(each.state for each in everything(RosterEntry)) == ["no-photo", "received"]

    def test_nobody_reads_address_or_photo_on_disk(self, agency, data_dir):
        sent(agency, csv_of(1), zipped("p1.jpg"))
        held = b"".join(each.read_bytes() for each in data_dir.rglob("*") if each.is_file())
        assert b"K-1" in held or db.engine().dialect.name == "postgresql"
        assert b"a1@example.com" not in held
        assert b"picture p1.jpg" not in held

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_killed_midway_it_goes_on_where_it_stopped(self, agency, tmp_path):
        numbers = range(1, 5)
        content, packed = csv_of(*numbers), zipped(*(f"p{n}.jpg" for n in numbers))
        (tmp_path / "table").write_bytes(content)
        (tmp_path / "photos").write_bytes(packed.getvalue())
        died = subprocess.run(
            [sys.executable, "-m", "tests.registry.dying_import", agency.organization_id,
             agency.api_key_id, str(tmp_path), "3"], check=False,
        )  # fmt: skip
        assert died.returncode == -signal.SIGKILL
        assert sorted(states().values()) == ["no-photo", "no-photo", "received", "received"]
        report = sent(agency, content, packed)
        assert (report.new, report.photos_taken, report.bad) == (0, 2, [])
        assert set(states().values()) == {"received"}
        assert len({each.portrait_object_id for each in everything(RosterEntry)}) == 4


class TestChecking:
    def test_a_photo_with_one_face_invites_and_one_without_waits_for_another(
        self, agency, monkeypatch
    ):
        sent(agency, csv_of(1, 2), zipped("p1.jpg", "p2.jpg"))

        def look(path):
            if path.read_bytes() == b"picture p2.jpg":
                raise NoFaceFound("none")
            return a_portrait_seen()

        monkeypatch.setattr(registry, "inspect_portrait", look)
        while checking.check_next():
            pass
        assert states() == {"K-1": "invited", "K-2": "unfit"}
        assert everything(Performer) == []
        assert sent(agency, b"", zipped("p2.jpg")).photos_taken == 1
        assert states()["K-2"] == "received"

    def test_a_real_photo_is_looked_at_in_the_sandbox(self, agency):
        sending.take(csv_of(1), [("p1.jpg", GIRL.open("rb"))], by=agency)
        assert checking.check_next()
        assert states() == {"K-1": "invited"}

    def test_whoever_is_killed_before_settling_looks_again_and_invites_once(
        self, agency, monkeypatch, fit
    ):
        sent(agency, csv_of(1), zipped("p1.jpg"))
        settle = checking._settle
        monkeypatch.setattr(checking, "_settle", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            checking.check_next()
        assert states() == {"K-1": "received"}
        monkeypatch.setattr(checking, "_settle", settle)
        assert checking.check_next()
        assert not checking.check_next()
        assert states() == {"K-1": "invited"}

    def test_one_that_the_vault_cannot_open_holds_up_none_of_the_others(self, agency, fit):
        sent(agency, csv_of(1, 2), zipped("p1.jpg", "p2.jpg"))
        (first,) = (each for each in everything(RosterEntry) if each.reference == "K-1")
        storage.delete(f"vault/{first.portrait_object_id}")
        passed: set[str] = set()
        while checking.check_next(passed):
            pass
        assert states() == {"K-1": "received", "K-2": "invited"}
        assert passed == {first.id}

    def test_without_a_sandbox_nothing_is_decided(self, agency, monkeypatch):
        sent(agency, csv_of(1), zipped("p1.jpg"))

        def unavailable(path):
            raise sandbox.SandboxUnavailable("none here")

        monkeypatch.setattr(registry, "inspect_portrait", unavailable)
        with pytest.raises(sandbox.SandboxUnavailable):
            checking.check_next(set())
        assert states() == {"K-1": "received"}


@pytest.fixture
def invited(agency, fit):
    sending.take(csv_of(1), [("p1.jpg", GIRL.open("rb"))], by=agency)
    checking.check_next()
    (entry,) = everything(RosterEntry)
    return entry


def link(entry):
    return links.sealed(service.LINK, entry.id)


def says_yes(session: Session, entry: RosterEntry, person: Person) -> Performer:
    return confirming.confirm(
        session,
        service.entry_behind(session, link(entry), lock=True),
        person,
        portrait=GIRL,
        inspected=a_portrait_seen(),
        searched=Searched([[]], 0),
    )


def forgotten(entry_id):
    with db.reading() as session:
        entry = session.get_one(RosterEntry, entry_id)
        assert entry.name == entry.address == entry.photo == ""
        assert vault.is_erased(session, entry.id)
        (key,) = session.exec(select(VaultObject.id).where(VaultObject.owner_id == entry.id)).all()
    with db.writing() as session:
        vault.finish_erasure(session, entry_id)
    assert not storage.exists(f"vault/{key}")
    with db.writing() as session, pytest.raises(vault.LikenessErased):
        vault.open_bytes(session, key, purpose="enrollment", subject_id="x")
    return entry


class TestAnswering:
    def test_a_yes_registers_them_at_a_desk_of_their_own_with_the_agency_as_agent(
        self, agency, invited
    ):
        with db.writing() as session:
            person = Person(name="Griet")
            session.add(person)
            session.flush()
            performer = says_yes(session, invited, person)
            desk = session.get_one(Organization, performer.organization_id)
            assert (desk.kind, performer.name) == ("performer", "Actor 1")
            assert performer.agent_organization_id == agency.organization_id
        assert forgotten(invited.id).performer_id == performer.id
        with db.reading() as session, pytest.raises(EntryOver):
            service.entry_behind(session, link(invited))
        assert sent(agency, csv_of(1)).bad == []
        assert states() == {"K-1": "confirmed"}

    def test_nobody_of_the_agency_says_yes_for_them(self, agency, invited):
        with db.writing() as session:
            house = session.get_one(Organization, agency.organization_id)
            maria = Person(name="Maria")
            session.add(maria)
            session.flush()
            people.join(session, people.invite_first(session, house)[0], maria)
            with pytest.raises(NotAllowed):
                says_yes(session, invited, maria)
        assert everything(Performer) == []

    def test_a_no_destroys_the_photo_and_they_are_not_asked_again(self, agency, invited):
        with db.writing() as session:
            confirming.refuse(session, service.entry_behind(session, link(invited), lock=True))
        forgotten(invited.id)
        assert everything(Performer) == []
        assert [bad.code for bad in sent(agency, csv_of(1)).bad] == ["said-no"]

    def test_silence_ends_it_and_they_may_be_asked_anew(self, agency, invited, monkeypatch):
        checking.end_late()
        assert states() == {"K-1": "invited"}
        later(monkeypatch, days=15)
        with db.reading() as session, pytest.raises(EntryOver):  # late, before anybody swept
            service.entry_behind(session, link(invited))
        checking.end_late()
        assert forgotten(invited.id).state == "expired"
        later(monkeypatch, days=30)
        assert sent(agency, csv_of(1)).new == 1

    def test_taken_back_the_link_opens_nothing(self, agency, invited):
        with db.writing() as session:
            service.take_back(session, agency.organization_id, invited.id)
        assert forgotten(invited.id).state == "taken-back"
        with db.reading() as session, pytest.raises(EntryOver):
            service.entry_behind(session, link(invited))

    @pytest.mark.parametrize(
        "spoil", [lambda it: it + "x", lambda it: it[:-1], lambda it: "ros_1.x"]
    )
    def test_a_link_that_is_not_ours_opens_nothing(self, invited, spoil):
        with db.reading() as session, pytest.raises(EntryOver):
            service.entry_behind(session, spoil(link(invited)))
