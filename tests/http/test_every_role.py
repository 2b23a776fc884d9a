"""Every role asks every operation of another house's things: told what it is told of unknown ids.

By key, and by session at the pages. As the first of a house of each kind (performer, agent,
approver, union officer) `test_access.py` and `test_foreign_pages.py` ask each time.
"""

from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from app import access, commits, config, db
from app.demo.cast import register_party
from app.gateway import api as gateway_api
from app.gateway import events
from app.gateway.models import Generation
from app.identity import people
from app.identity import service as identity
from app.identity.models import ORGANIZATION_KINDS
from app.identity.models_people import ROLES as ROLES_BY_KIND
from app.identity.models_people import Person
from app.main import operations_of
from tests.http import roles
from tests.http.browser import Browser
from tests.http.house import House, a_house
from tests.http.test_access import Forgetful
from tests.http.test_foreign_pages import theirs, wronged
from tests.http.things import call, things_of, unknown_like
from tests.identity.authenticator import ORIGIN
from tests.licensing.mandating import granted
from tests.people.arriving import an_operator, joined
from tests.scenes import a_scene, an_api_key

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]
ASKED_EACH_TIME = {"performer", "agent", "union_officer"}


def outsiders(session: Session, papers: Path) -> dict[str, dict[str, str]]:
    """Give a key to every role, none of which has to do with the house that is asked about.

    The operator has no door but the command line and their page: by key, that is nobody.
    """
    other = a_scene(session)
    production = other.production.organization
    loan_out = register_party(session, "Another company", "performer")
    granted(session, other, "loan_out", papers, loan_out)
    return {
        "guardian": roles._in_place(session, {}, "guardian", papers).headers,
        "estate": roles._in_place(session, {}, "estate_rep", papers).headers,
        "loan_out": an_api_key(session, loan_out.organization),
        "production_member": roles._a_key(session, production, roles.MEMBER),
        "production_approver": roles._a_key(session, production, roles.APPROVER),
        "auditor": roles._a_key(session, production, ("read",)),
        "nobody": {},
    }


def leaks(app: FastAPI, house: House, things: dict[str, str], only: str = "") -> list[str]:
    """Ask every operation about a thing and about none, as every holder of a key: who learns."""
    found, asked = [], 0
    for operation in operations_of(app):
        name = operation.path.partition("{")[2].partition("}")[0]
        if operation.is_page or not name or set(operation.rule.who) <= access.OPEN:
            continue
        for who in house.keys if only in name else ():
            said = []
            for id_ in (things[name], unknown_like(things[name])):
                address = operation.path.replace(f"{{{name}}}", id_)
                answer = call(house, operation.verb.lower(), address, who)
                kept = {k: v for k, v in answer.headers.items() if k != "content-length"}
                said.append((answer.status_code, kept, answer.text.replace(id_, "ID")))
            if said[0] != said[1] or said[0][0] not in (401, 403, 404):
                found.append(f"{operation.verb} {operation.path} tells {who}: {said[0][0]}")
            asked += 1
    assert asked > (10 if only else 500)
    return found


class TestByKey:
    @pytest.fixture
    def things(self, client, tmp_path, monkeypatch):
        house = a_house(client)
        things = things_of(house)
        with db.writing() as session:
            house.keys = outsiders(session, tmp_path)
        assert set(house.keys) | ASKED_EACH_TIME | {"operator"} == set(roles.ROLES)
        monkeypatch.setattr(commits, "queue", Forgetful)
        monkeypatch.setattr(events, "LONGEST_S", 0)
        return house, things

    def test_no_role_learns_that_anything_of_another_house_exists(self, served, things):
        assert leaks(served, *things) == []

    def test_an_operation_that_tells_is_found_as_every_role_that_reads(
        self, served, things, monkeypatch
    ):
        monkeypatch.setattr(
            gateway_api.service,
            "generation_of",
            lambda session, _of, id_, **_: session.get_one(Generation, id_),
        )
        found = "\n".join(leaks(served, *things, only="generation_id"))
        for role in set(things[0].keys) - {"nobody"}:
            assert f"GET /v1/generations/{{generation_id}} tells {role}:" in found


def members(served: FastAPI) -> dict[str, Browser]:
    """Sign somebody in as everything one can be in a house that is not the first in its kind."""
    found = {}
    for kind in ORGANIZATION_KINDS:
        in_it = ROLES_BY_KIND[kind]
        with db.writing() as session:
            house = identity.create_organization(session, "S", kind)
        joined(served, house, f"Admin of {kind}")
        for role in in_it[1:]:
            with db.writing() as session:
                named = select(Person).where(Person.name == f"Admin of {kind}")
                admin = session.exec(named).one()
                _, link = people.invite(session, house.id, admin, role=role)
            found[f"{role} of a {kind}"] = browser = Browser(served)
            assert browser.join(link, f"{role} {kind}").status_code == 303
    return found


class TestBySession:
    def test_no_role_learns_it_at_any_page_nor_does_the_operator(self, served, client, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
        for kind in ("FILES", "LOOKUPS", "PEOPLE"):  # all ask from one address, at once
            monkeypatch.setenv(f"UNDERSTUDY_RATE_{kind}", "")
        config.settings.cache_clear()
        ids = theirs(a_house(client), served)
        strangers = members(served)
        strangers["operator"] = an_operator(served)
        assert len(strangers) == 9
        found = wronged(served, ids, strangers)
        assert [each for each in found if "/operator/" not in each] == []
