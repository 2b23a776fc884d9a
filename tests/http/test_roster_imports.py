"""An agency's program brings many in: every bad row as data, and what broke off goes on."""

import itertools
import json
import re

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, cli_roster, db
from app.egress import EgressFailed
from app.identity import service as identity
from app.identity.models import Answer
from app.identity.principal import Scope
from app.registry import service as registry
from app.registry.imports import checking, sending, service
from app.registry.imports.models import RosterEntry
from tests.http.deeds import a_roster_entry, a_table
from tests.http.house import assert_problem
from tests.http.test_render_jobs import _Wire
from tests.people.visiting import everything
from tests.registry.test_imports import csv_of, states, zipped
from tests.scenes import a_portrait_seen

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
PATH = "/v1/roster-imports"


def upload(table=b"", *photos):
    files = [("table", ("table.csv", table))]
    return {"files": files + [("photos", (name, content)) for name, content in photos]}


def sends(house, table=b"", *photos, key=None):
    return house.post(PATH, "agency", key=key, **upload(table, *photos))


class TestSending:
    def test_every_bad_row_and_photo_is_said_as_data_and_the_rest_is_in(self, house):
        table = csv_of(1) + b"K-2,Actor 2,nowhere,p2.jpg\nK-3,,a3@example.com,p3.jpg\n"
        photos = ("all.zip", zipped("in/", "p1.jpg", "griet.jpg").getvalue()), ("p9.jpg", b"x")
        answer = sends(house, table, *photos)
        assert answer.status_code == 201
        said = answer.json()
        assert (said["rows"], said["new"], said["photos"], said["photos_taken"]) == (3, 1, 3, 1)
        assert [(bad["line"], bad["column"], bad["code"]) for bad in said["bad"]] == [
            (3, "email", "no-address"), (4, "name", "empty"),
        ]  # fmt: skip
        assert said["bad"][0]["problem"] == "it is no mail address"
        assert said["bad"][0]["what_to_do"] == "Look at the address again."
        assert [(bad["number"], bad["code"]) for bad in said["bad_photos"]] == [
            (2, "photo-unnamed"), (3, "photo-unnamed"),
        ]  # fmt: skip
        assert states() == {"K-1": "received"}

    def test_nothing_of_a_bad_row_is_kept_with_the_answer(self, house):
        table = csv_of(1) + b"K-2,Griet,griet@nowhere,griet.jpg\n"
        sends(house, table, ("griet.jpg", b"x"))
        assert "no-address" in str(everything(Answer))
        assert not re.search("griet", str(everything(Answer)), re.IGNORECASE)

    def test_the_same_upload_again_takes_nothing_twice_under_its_key_or_another(self, house):
        table, photo = csv_of(1), ("p1.jpg", b"x")
        first = sends(house, table, photo, key="k")
        assert sends(house, table, photo, key="k").content == first.content
        again = sends(house, table, photo).json()
        assert (again["new"], again["photos_taken"], again["bad"]) == (0, 0, [])

    def test_an_upload_that_was_answered_brings_nobody_back_who_was_taken_back(self, house):
        sends(house, csv_of(1), key="k")
        (entry,) = everything(RosterEntry)
        house.post(f"/v1/roster-entries/{entry.id}/retraction", "agency")
        assert sends(house, csv_of(1), key="k").json()["new"] == 1  # what was answered then
        assert states() == {"K-1": "taken-back"}

    def test_one_that_broke_off_goes_on_under_its_key(self, house, monkeypatch):
        photos = [(f"p{n}.jpg", b"x%d" % n) for n in range(1, 5)]
        take, numbers = service.take_photo, itertools.count(1)

        def dies_at_the_third(*args, **kwargs):
            if next(numbers) == 3:
                raise RuntimeError("killed")
            return take(*args, **kwargs)

        monkeypatch.setattr(service, "take_photo", dies_at_the_third)
        assert sends(house, csv_of(1, 2, 3, 4), *photos, key="k").status_code == 500
        assert sorted(states().values()) == ["no-photo", "no-photo", "received", "received"]
        said = sends(house, csv_of(1, 2, 3, 4), *photos, key="k").json()
        assert (said["new"], said["photos_taken"], said["bad"]) == (0, 2, [])
        assert set(states().values()) == {"received"}

    def test_another_upload_under_its_key_is_refused_before_anything_of_it_is_in(self, house):
        sends(house, csv_of(1), key="k")
        assert_problem(sends(house, csv_of(2), key="k"), 422, "idempotency-key-reused")
        photo = sends(house, csv_of(1), ("p1.jpg", b"x"), key="k")
        assert_problem(photo, 422, "idempotency-key-reused")
        assert states() == {"K-1": "no-photo"}

    def test_what_is_no_table_or_no_archive_is_refused_and_says_why(self, house):
        assert_problem(sends(house, b"\x00\x01", key="k"), 422, "table-refused")
        assert_problem(sends(house, b"", ("x.zip", b"PK\x03\x04")), 422, "archive-refused")
        assert_problem(sends(house), 400, "file-missing")
        assert sends(house, csv_of(1), key="k").status_code == 201  # the key was left free

    def test_no_other_house_and_no_narrower_key_brings_anybody_in(self, house, monkeypatch):
        for who in ("desk", "production", "stranger"):
            assert_problem(house.post(PATH, who, **a_table(1)), 403, "not-allowed")
        with db.writing() as session:
            agency = house.scene.agency.organization
            _, text = identity.create_api_key(
                session, agency, name="eyes", scope=Scope.of(("read",))
            )
        house.keys["eyes"] = {"Authorization": f"Bearer {text}"}
        for path in (PATH, f"/v1/roster-entries/{a_roster_entry(house)}/retraction"):
            assert_problem(house.post(path, "eyes", **a_table(2)), 403, "beyond-scope")
        assert_problem(house.get("/v1/roster-links", "eyes"), 403, "beyond-scope")
        assert len(house.get("/v1/roster-entries", "eyes").json()["items"]) == 1
        assert states() == {"K-1": "no-photo"}

    def test_who_asks_is_known_before_a_byte_is_taken_in(self, house, monkeypatch):
        monkeypatch.setattr(sending, "take", lambda *_a, **_k: 1 / 0)
        house.keys["nobody"] = {"Authorization": "Bearer ustk_x"}
        assert house.post(PATH, "nobody", **a_table(1)).status_code == 401


class Falling(_Wire):
    """A door whose uploads arrive, and whose answers do not, as often as it is told."""

    falls = 0

    def ask(self, method, path, **more):
        answer = super().ask(method, path, **more)
        if method == "POST" and self.falls:
            self.falls -= 1
            raise EgressFailed("the line broke")
        return answer


class TestCommand:
    @pytest.fixture
    def run(self, house, monkeypatch, tmp_path):
        """Run the command against the house; return what it says as JSON, and its exit status."""
        wire = Falling(house)
        monkeypatch.setattr(cli_roster, "Door", lambda *_: wire)
        monkeypatch.setattr(cli_roster, "WAITS_S", (0, 0))
        key, table = tmp_path / "key", tmp_path / "table.csv"
        key.write_text(house.keys["agency"]["Authorization"].removeprefix("Bearer "))

        def run(content, *photos, falls=0):
            wire.falls = falls
            table.write_bytes(content)
            places = [str(each) for each in (key, table, *photos)]
            ran = CliRunner().invoke(cli.app, ["import-roster", "https://u.example", *places,
                                               "--json"])  # fmt: skip
            if ran.exception and not isinstance(ran.exception, SystemExit):
                raise ran.exception
            return json.loads(ran.stdout), ran.exit_code

        return run

    def test_sends_what_rows_wait_for_and_names_what_is_bad(self, run, tmp_path, monkeypatch):
        folder = tmp_path / "photos"
        (folder / "more").mkdir(parents=True)
        for name in ("P1.jpg", "more/p2.jpg", "griet.jpg", "more/p1.jpg"):
            (folder / name).write_bytes(b"x")
        (folder / "all.zip").write_bytes(zipped("p3.jpg").getvalue())
        monkeypatch.setattr(cli_roster, "BATCH_PHOTOS", 2)
        came, status = run(csv_of(1, 2, 3, 4) + b"K-5,Actor 5,nowhere,p5.jpg\n", folder)
        assert status == 1
        assert (came["rows"], came["new"], came["photos_taken"]) == (5, 4, 3)
        assert [(bad["line"], bad["code"]) for bad in came["bad"]] == [(6, "no-address")]
        assert {(bad["name"], bad["code"]) for bad in came["bad_photos"]} == {
            ("griet.jpg", "photo-unnamed"), ("p1.jpg", "photo-twice"),
        }  # fmt: skip
        assert came["rows_without_photo"] == 1
        assert sorted(states().values()) == ["no-photo", "received", "received", "received"]

    def test_run_again_it_sends_no_photo_that_is_in(self, run, tmp_path, monkeypatch):
        photo = tmp_path / "p1.jpg"
        photo.write_bytes(b"x")
        assert run(csv_of(1), photo)[0]["photos_taken"] == 1
        monkeypatch.setattr(cli_roster, "_send_photos", lambda *_: 1 / 0)
        came, status = run(csv_of(1), photo)
        assert (came["new"], came["photos_taken"], came["bad_photos"], status) == (0, 0, [], 0)

    def test_a_line_that_breaks_is_tried_again_and_at_last_said(self, run, tmp_path):
        photo = tmp_path / "p1.jpg"
        photo.write_bytes(b"x")
        came, status = run(csv_of(1), photo, falls=2)
        assert (came["new"], came["photos_taken"], status) == (1, 1, 0)  # as if nothing had broken
        with pytest.raises(EgressFailed):
            run(csv_of(2), falls=3)


class TestWhoWaits:
    def test_is_listed_by_state_with_what_lacks_and_page_by_page(self, house):
        sends(house, csv_of(1, 2, 3), ("p1.jpg", b"x"))
        first = house.get("/v1/roster-entries?limit=2", "agency").json()
        rest = house.get(f"/v1/roster-entries?after={first['next_after']}", "agency").json()
        every = first["items"] + rest["items"]
        assert sorted((each["reference"], each["problem"]) for each in every) == [
            ("K-1", ""), ("K-2", "no-photo"), ("K-3", "no-photo"),
        ]  # fmt: skip
        assert rest["next_after"] is None
        waits = house.get("/v1/roster-entries?state=received", "agency").json()["items"]
        assert [each["reference"] for each in waits] == ["K-1"]
        assert "@" not in str(every)

    def test_links_are_given_out_only_where_no_mail_is_sent(self, house, monkeypatch):
        monkeypatch.setattr(registry, "inspect_portrait", lambda path: a_portrait_seen())
        sends(house, csv_of(1), ("p1.jpg", b"x"))
        assert checking.check_next()
        (given,) = house.get("/v1/roster-links", "agency").json()["items"]
        assert house.client.get(given["link"][given["link"].index("/enr") :]).status_code == 200
        with db.writing() as session:
            session.exec(select(RosterEntry)).one().mail = "sent"
        assert house.get("/v1/roster-links", "agency").json()["items"] == []
