"""The table of who may call what is the one at the routes, and every operation keeps it."""

import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from app import access, commits, db
from app.gateway import api as gateway_api
from app.gateway import events
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.models import ORGANIZATION_KINDS, Organization
from app.licensing.strikes.models import AgreementKeeper
from app.main import create_app, operations_of
from tests.http.deeds import DEEDS
from tests.http.house import House, a_house, is_open, operations
from tests.http.things import call, things_of, unknown_like
from tests.scenes import an_api_key, represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
STRANGERS = [f"another {kind}" for kind in ORGANIZATION_KINDS]
# Who stands to each thing in which way; whoever does knows that it exists.
SIDES = {"performer": "desk", "agent": "agency", "licensee": "production"}
KNOWN = {
    "performer_id": {"performer": "desk", "agent": "agency"},
    "preview_id": {"performer": "desk", "agent": "agency"},
    "live_check_id": {"performer": "desk"},
    "likeness_medium_id": {"performer": "desk"},
    "mandate_id": {"performer": "desk", "representative": "agency"},
    "decision_id": {"requester": "production", "performer": "desk", "agent": "agency"},
    "generation_id": {"requester": "production", "performer": "desk", "agent": "agency"},
    "standing_offer_id": {"performer": "desk", "agent": "agency", "addressee": "production"},
    "statement_id": {"subject": "desk", "agent": "agency"},
    "payout_id": {"subject": "desk", "agent": "agency"},
    "render_job_id": {"renderer": "production"},
    "material_id": {"uploader": "production"},
    "api_key_id": {"subject": "production"},
    "party_id": {"subject": "production"},
    "webhook_id": {"subject": "production"},
    "invoice_id": {"subject": "production"},
    "strike_id": {"union": "union"},
    "case_id": {
        "requester": "production",
        "performer": "desk",
        "agent": "agency",
        "opener": "desk",
    },
    "roster_entry_id": {"agency": "agency"},
    "link_id": {"licensee": "production"},  # of that side's own
    "grant_id": {"performer": "desk"},  # likewise
    **dict.fromkeys(("contract_id", "paper_id", "approval_id"), SIDES),
}


class Forgetful:
    """Takes the place of the queue of commits: what an act does is undone once it is answered."""

    def run(self, unit):  # type: ignore[no-untyped-def]
        with Session(db.engine()) as session:
            answer = unit(session)
            session.rollback()
            return answer

    async def commit(self, unit):  # type: ignore[no-untyped-def]
        return self.run(unit)


def everybody(client) -> House:  # type: ignore[no-untyped-def]
    """A house with all its sides, the union of the strike, and a stranger of every kind."""
    house = a_house(client)
    with db.writing() as session:
        represent(session, house.scene, house.scene.agency.organization)
        for kind, name in zip(ORGANIZATION_KINDS, STRANGERS, strict=True):
            other = identity.create_organization(session, name, kind)
            house.keys[name] = an_api_key(session, other)
    return house


def with_union(house: House) -> None:
    with db.writing() as session:
        keeper = session.exec(select(AgreementKeeper)).one()
        union = session.get_one(Organization, keeper.organization_id)
        house.keys["union"] = an_api_key(session, union)


def let_in(house: House, operation: access.Operation, real: str) -> dict[str, int]:
    """Ask for a thing as everybody; return the answers unlike those of an unknown id."""
    found = {}
    name = _name(operation.path)
    for who in house.keys:
        said = []
        for id_ in (real, unknown_like(real)):
            address = operation.path.replace(f"{{{name}}}", id_)
            answer = call(house, operation.verb.lower(), address, who)
            kept = {k: v for k, v in answer.headers.items() if k != "content-length"}
            said.append((answer.status_code, kept, answer.text.replace(id_, "ID")))
        assert said[1][0] == 404, (operation.path, who, said[1])
        if said[0] != said[1]:
            found[who] = said[0][0]
    return found


def _name(path: str) -> str:
    return path.partition("{")[2].partition("}")[0]


def faults(app: FastAPI, house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ask every operation about a real thing and an unknown one, as everybody: say who is wronged.

    Whoever the rule names is let in; who stands to the thing in another way may be refused, and
    learns that it exists; everybody else is answered as for what does not exist.
    """
    things = things_of(house)
    with_union(house)
    monkeypatch.setattr(commits, "queue", Forgetful)
    monkeypatch.setattr(events, "LONGEST_S", 0)  # a stream ends with what it has told at once
    found, asked = [], 0
    for operation in operations_of(app):
        name = _name(operation.path)
        if operation.is_page or not name or set(operation.rule.who) <= access.OPEN:
            continue
        asked += 1
        sides = KNOWN[name]
        may = {sides[who] for who in operation.rule.who if who in sides}
        statuses = let_in(house, operation, things[name])
        here = f"{operation.verb} {operation.path}"
        found += [f"{here} shuts out {who}" for who in may - set(statuses)]
        found += [f"{here} tells {who}" for who in set(statuses) - set(sides.values())]
        found += [
            f"{here} answers {who} with {status}, whom its rule does not name"
            for who, status in statuses.items()
            if who not in may and status < 400
        ]
    assert asked > 50
    return found


class TestTheTable:
    def test_a_route_without_a_rule_is_found_before_the_server_starts(
        self, application: FastAPI
    ) -> None:
        one = next(each for each in application.router.routes if hasattr(each, "original_router"))
        endpoint = one.original_router.routes[0].endpoint  # type: ignore[attr-defined]
        rule = endpoint.may
        del endpoint.may
        try:
            with pytest.raises(access.RuleMissing, match="@may"):
                create_app()
        finally:
            endpoint.may = rule

    def test_what_is_open_is_what_needs_no_key(self, application: FastAPI) -> None:
        described = {(verb.upper(), path) for verb, path, _ in operations(application)}
        for each in operations_of(application):
            if not each.is_page:
                assert (each.verb, each.path) in described
                assert (set(each.rule.who) <= access.OPEN) == is_open(each.path), each
                assert each.rule.to == "read" or each.verb == "POST" or each.rule.to in (
                    "", "likeness", "generate",
                ), each  # fmt: skip

    def test_a_rule_names_callers_and_actions_there_are(self) -> None:
        for who, to in (((), "read"), (("god",), "read"), (("union",), ""), (("anyone",), "read")):
            with pytest.raises(ValueError, match="rule"):
                access.Rule(who, to)


class TestEveryOperation:
    @ONE_DATABASE
    def test_lets_in_whom_its_rule_names_and_tells_the_rest_nothing(
        self, served, client, monkeypatch
    ):
        found = faults(served, everybody(client), monkeypatch)
        assert not found, "\n".join(found)

    @ONE_DATABASE
    @pytest.mark.slow
    def test_one_that_shows_foreign_things_is_found(self, served, client, monkeypatch):
        honest = gateway_api.service.generation_of
        monkeypatch.setattr(
            gateway_api.service,
            "generation_of",
            lambda s, of, id_, **_: s.get(Generation, id_) or honest(s, of, id_),
        )
        assert "GET /v1/generations/{generation_id} tells another union" in faults(
            served, everybody(client), monkeypatch
        )

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_where_a_query_forgets_whose_a_thing_is_postgresql_does_not(self, client, monkeypatch):
        house = a_house(client)
        asked = house.ask().json()["id"]
        monkeypatch.setattr(
            gateway_api.service,
            "generation_of",
            lambda s, _of, id_, **_: s.get_one(Generation, id_),
        )
        assert house.get(f"/v1/generations/{asked}").status_code == 200
        assert house.get(f"/v1/generations/{asked}", "stranger").status_code >= 400

    def test_is_named_to_those_who_do_it_in_the_tests_of_acts(self, application: FastAPI) -> None:
        acts = {each.path for each in operations_of(application) if each.verb == "POST"}
        assert {route.partition(" ")[0] for route in DEEDS} <= acts
