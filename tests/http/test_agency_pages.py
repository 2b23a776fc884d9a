"""The agency's desk: many are declined or handed on at once, none signed; productions read it."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute
from sqlmodel import select

from app import clock, config, db
from app.gateway.models_previews import Preview
from app.identity import people
from app.identity import service as identity
from app.licensing.contracts import roster
from app.licensing.contracts.models import Contract
from app.main import operations_of
from app.notices.models import Notice
from app.registry.models import Performer
from app.web import agency, agency_import, agency_preview, agency_statements
from tests.http.browser import Browser
from tests.http.house import FILM, a_house, a_preview
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import everything, refused
from tests.scenes import a_scene, offered, represent

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
NO_NUDITY = {"prohibited": ["nudity"], "approval": [], "blocked_brand_categories": []}


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client)


@pytest.fixture
def asked(house):
    """Three requests to somebody the agency represents; and one to somebody it does not."""
    with db.writing() as session:
        represent(session, house.scene, house.scene.agency.organization)
        found = [
            offered(
                session, house.scene, lambda it, n=n: it["grant"].update(projects=[f"FILM {n}"])
            )
            for n in range(3)
        ]
        other = a_scene(session, signed=False)
        return [each.contract.id for each in found], other.contract.id


@pytest.fixture
def olga(served, house):
    return joined(served, house.scene.agency.organization, "Olga")


def of(contract_id):
    with db.reading() as session:
        return session.get_one(Contract, contract_id)


def signs_many(operations):
    """Name every way to sign whose address does not say which one thing is signed."""
    return [
        path
        for verb, path in operations
        if verb == "POST"
        and re.search(r"/(sign|signatures|countersignatures)$", path)
        and "{" not in path
    ]


class TestManyAtOnce:
    def test_are_declined_each_by_itself_and_the_production_reads_it(
        self, served, house, olga, asked
    ):
        mine, other = asked
        assert "FILM 0" in shown(olga, "/agency")
        answer = olga.send(
            "/agency/requests", do="decline", chosen=[mine[0], mine[1], other], note="Not now."
        )
        assert "2 declined." in answer.text
        assert other in answer.text
        assert [of(each).declined_at is not None for each in mine] == [True, True, False]
        assert of(other).declined_at is None
        felix = joined(served, house.scene.production.organization, "Felix")
        assert "✕ declined" in shown(felix, "/production")

    def test_are_handed_on_to_the_performer_who_is_told_once(self, house, olga, asked):
        mine, _ = asked
        shown(olga, "/agency")
        for _ in range(2):
            olga.send("/agency/requests", do="hand-on", chosen=mine[:2])
        told = [each for each in everything(Notice) if each.kind == "offer-handed-on"]
        assert {each.subject_id for each in told} == set(mine[:2])
        assert {each.organization_id for each in told} == {house.scene.desk.organization.id}
        assert len(told) == 2

    def test_lapse_by_the_contracts_own_clock_too(self, olga, asked):
        mine, _ = asked
        with db.writing() as session:
            session.get_one(Contract, mine[0]).expires_at = clock.now() + timedelta(days=3)
        shown(olga, "/account")
        olga.send("/account/zone", zone="Asia/Tokyo")
        lapses = r"\? until <time [^>]*>[^<(]* \([^<]* Amsterdam time\)</time>"
        assert re.search(lapses, shown(olga, "/agency"))

    def test_nothing_is_signed_for_many(self, olga, asked):
        mine, _ = asked
        shown(olga, "/agency")
        refused(olga.send("/agency/requests", do="sign", chosen=mine), "invalid-request")
        posts = [
            route.path
            for room in (agency, agency_import, agency_preview, agency_statements)
            for route in room.router.routes
            if isinstance(route, APIRoute) and "POST" in route.methods
        ]
        assert posts == [
            "/agency/requests", "/agency/import", "/agency/import/{entry_id}/retraction",
            "/agency/previews/{preview_id}",
        ]  # fmt: skip
        assert all(of(each).executed_at is None for each in mine)

    def test_no_route_of_anybody_signs_more_than_the_one_it_names(self, served):
        assert signs_many([(each.verb, each.path) for each in operations_of(served)]) == []
        planted = [("POST", "/v1/contracts/signatures"), ("POST", "/agency/sign")]
        assert signs_many(planted) == ["/v1/contracts/signatures", "/agency/sign"]

    def test_a_contract_is_signed_alone_also_by_who_is_given_many(self, olga, asked):
        mine, _ = asked
        page = shown(olga, "/agency")
        assert page.count('name="chosen"') == 3
        assert re.findall(r'name="do" value="([^"]+)"', page) == ["hand-on", "decline"]
        assert page.count('/sign">Read it') == 3
        for name in ("series_id", "contract_ids", "chosen"):
            answer = olga.send(f"/contracts/{mine[0]}/sign", **{name: mine})
            assert answer.status_code >= 400
        assert all(of(each).first_signed_at is None for each in mine)

    def test_no_other_house_comes_in(self, served, house, asked):
        griet = joined(served, house.scene.desk.organization)
        for path in ("/agency", "/agency/roster"):
            refused(griet.open(path), "not-allowed")


class TestRoster:
    def test_asks_as_many_queries_for_two_thousand_as_for_one(self, house, olga, asked):
        def asked_of_the_database(show):
            said = []
            listen = lambda *args: said.append(args[2])  # noqa: E731
            sa.event.listen(db.engine(), "before_cursor_execute", listen)
            shown(olga, f"/agency/roster?show={show}&name=a")
            sa.event.remove(db.engine(), "before_cursor_execute", listen)
            return len(said)

        shows = ("all", "waiting", "paused")
        for show in shows:
            asked_of_the_database(show)  # what is compiled and noted once
        few = [asked_of_the_database(show) for show in shows]
        agency_id, at = house.scene.agency.organization.id, clock.now()
        with db.writing() as session:
            session.execute(
                sa.insert(Performer),
                [
                    {"id": f"per_{n:05}", "organization_id": agency_id, "name": f"Actor {n}",
                     "paused_at": at if n % 2 else None, "created_at": at, "seal": "x"}
                    for n in range(2000)
                ],
            )  # fmt: skip
        assert [asked_of_the_database(show) for show in shows] == few
        assert shown(olga, "/agency/roster?show=paused").count("✕ paused") == 25

    def test_is_searched_filtered_and_paged_in_one_query(self, house, olga, asked):
        agency_id = house.scene.agency.organization.id
        with db.writing() as session:
            for number in range(60):
                session.add(
                    Performer(organization_id=agency_id, name=f"Actor {number:03}", seal="x")
                )
        assert "The Girl" in shown(olga, "/agency/roster?name=girl")
        assert "Actor" not in shown(olga, "/agency/roster?show=waiting")
        assert "Nobody fits that." in shown(olga, "/agency/roster?name=%25")
        seen, after = [], None
        with db.reading() as session:
            said = []
            note = lambda *args: said.append(args[2])  # noqa: E731
            sa.event.listen(session.get_bind(), "before_cursor_execute", note)
            while page := roster.represented(session, agency_id, after=after, limit=25):
                seen += [each.performer.id for each in page]
                after = seen[-1]
            assert len([each for each in said if each.startswith("SELECT")]) == 4
            everybody = session.exec(select(Performer.id)).all()
        assert len(seen) == len(set(seen)) == 61 < len(everybody)


class TestLooking:
    @pytest.fixture
    def house(self, client, served, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
        config.settings.cache_clear()
        return a_house(client, content=NO_NUDITY)

    def asks(self, house, *roles):
        """Have a film wait for a look by those in these roles; return it, and the page's path."""
        generation_id, preview_id = a_preview(house)
        with db.writing() as session:
            represent(session, house.scene, house.scene.agency.organization)
            session.get_one(Preview, preview_id).roles = list(roles)
        return generation_id, f"/agency/previews/{preview_id}"

    def test_an_agent_whom_the_contract_names_looks_and_lets_go(self, house, olga):
        generation_id, path = self.asks(house, "performer", "agent")
        assert f'href="{path}"' in shown(olga, "/agency")
        shown(olga, path)
        refused(olga.send(path, answer="approved"), "preview-unseen")
        assert olga.open(f"{path}/film").content == FILM
        assert "You have looked at it whole." in shown(olga, path)
        assert olga.send(path, answer="approved").headers["location"] == path
        assert "It waits for no answer any more." in shown(olga, path)
        assert path not in shown(olga, "/agency")
        assert house.get(f"/v1/generations/{generation_id}").json()["state"] == "previewed"

    def test_a_no_ends_it_and_the_production_reads_why(self, house, olga):
        generation_id, path = self.asks(house, "performer", "agent")
        shown(olga, path)
        olga.send(path, answer="rejected", reason="Not her smile.")
        told = house.get(f"/v1/generations/{generation_id}").json()
        assert (told["state"], "Not her smile." in told["reason"]) == ("refused", True)

    def test_an_agency_that_the_contract_does_not_ask_sees_nothing(self, served, house, olga):
        generation_id, path = self.asks(house, "performer")
        assert path not in shown(olga, "/agency")
        assert "The contract does not ask you" in shown(olga, path)
        refused(olga.open(f"{path}/film"), "preview-refused")
        shown(olga, "/account")
        refused(olga.send(path, answer="rejected"), "preview-refused")
        with db.writing() as session:
            other = identity.create_organization(session, "Other", "agency")
        jan = joined(served, other, "Jan")
        refused(jan.open(path), "preview-not-found")
        assert house.get(f"/v1/generations/{generation_id}").json()["state"] == "awaiting-preview"

    def test_an_auditor_of_the_agency_looks_at_no_film(self, served, house, olga):
        _, path = self.asks(house, "performer", "agent")
        with db.writing() as session:
            agency = house.scene.agency.organization
            by = session.merge(people.members_in(session, agency.id)[0][1])
            _, secret = people.invite(session, agency.id, by, role="auditor")
        paul = Browser(served)
        paul.join(secret, "Paul")
        assert "Only its agents answer." in shown(paul, path)
        refused(paul.open(f"{path}/film"), "not-allowed")
        shown(paul, "/account")
        refused(paul.send(path, answer="rejected"), "not-allowed")
