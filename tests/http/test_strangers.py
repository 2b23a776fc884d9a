"""What is somebody else's looks exactly like what does not exist."""

import base64
import json
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx import Response

from app import clock, db
from app.gateway import api as gateway_api
from app.gateway.models import Generation
from app.gateway.models_previews import Preview
from app.ledger.models import Account
from app.ledger.models_payouts import Payout, PayoutEvent, PayoutOrder
from app.ledger.periods import close_period
from app.ledger.receivables.models import Invoice
from app.licensing.approvals.models import ApprovalRequest
from app.licensing.approvals.on_record import use_as_json
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models_counsel import CounselLink
from app.licensing.decisions.models import Decision
from app.licensing.decisions.service import use_of
from app.licensing.disclosures import service as disclosures
from app.payments import statements
from app.payments.documents import period_part
from app.registry import service as registry
from app.registry.models import Performer
from tests.http.deeds import PROFILE
from tests.http.house import (
    House,
    a_house,
    a_standing_offer,
    assert_problem,
    is_open,
    operations,
    rows,
)
from tests.licensing import unions
from tests.licensing.disclosing import a_grant
from tests.licensing.papers import a_paper, a_pdf
from tests.scenes import PORTRAIT, a_portrait_seen

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
UNKNOWN = "0" * 26
MALFORMED = b"\x30\x03\x0a\x01\x01"  # OCSPResponse, status malformedRequest
ODD = ["%00", "a%00b", "%2e%2e", "é", "x" * 3000, "%ff", "'--", "null", "-1", "con_" + "9" * 90]


def _things(house: House) -> dict[str, str]:
    """One existing thing for every id that a closed route takes, none of them the stranger's."""
    asked = house.ask().json()
    with db.writing() as session:
        decision = session.get_one(Decision, asked["decision_id"])
        approval = ApprovalRequest(
            contract_id=house.scene.contract.id,
            organization_id=decision.organization_id,
            decision_id=decision.id,
            kind="use",
            roles=["performer"],
            project="NIGHTGLASS",
            script_hash="",
            content_tags=[],
            use=use_as_json(use_of(decision)),
        )
        preview = Preview(
            generation_id=asked["id"],
            contract_id=house.scene.contract.id,
            roles=["performer"],
            due_at=clock.now() + timedelta(days=1),
        )
        session.add_all((approval, preview))
        link = CounselLink(
            series_id=house.scene.contract.id,
            version=1,
            side="licensee",
            shared=False,
            counsel="L.",
            secret_sha256="0" * 64,
            organization_id=decision.organization_id,
            expires_at=decision.at,
        )
        session.add(link)
        strike = unions.proposed(session, unions.a_union(session))
        paper = a_paper(session, house.scene)
        granted = a_grant(house.scene, "performer", house.scene.agency.organization.id)
        grant = disclosures.grant_disclosure(
            session, house.scene.contract, house.scene.desk.organization.id, **granted
        )
        period = close_period(session, until=clock.now())
        performer = house.scene.performer
        said = {
            "party": {"id": performer.id, "name": performer.name},
            "totals": [],
            "lines": [],
            "payments": [],
        }
        statement = statements.keep(
            session,
            period,
            {**said, "period": period_part(period)},
            kind="performer",
            party_id=performer.id,
        )
        invoice = Invoice(
            kind="invoice",
            supplier_id="operator",
            customer_id=decision.organization_id,
            issuer_id="operator",
            series="INV",
            number=1,
            currency="EUR",
            net_minor=0,
            tax_minor=0,
            withheld_minor=0,
            total_minor=0,
            document={},
            document_sha256="0" * 64,
        )
        session.add(invoice)
        payable = Account(name=f"performer:{performer.id}:payable")
        order = PayoutOrder(name="2026-12", currency="EUR")
        session.add_all((payable, order))
        session.flush()
        payout = Payout(
            order_id=order.id,
            account=payable.name,
            currency="EUR",
            amount_minor=1,
            details_id="pda_1",
        )
        session.add(payout)
        session.flush()
        session.add(PayoutEvent(payout_id=payout.id, number=1, state="sent"))
    return {
        "paper_id": paper.id,
        "grant_id": grant.id,
        "statement_id": statement.id,
        "invoice_id": invoice.id,
        "payout_id": payout.id,
        "party_id": decision.organization_id,
        "approval_id": approval.id,
        "preview_id": preview.id,
        "strike_id": strike.id,
        "performer_id": house.scene.performer.id,
        "standing_offer_id": a_standing_offer(house),
        "link_id": link.id,
        "contract_id": house.scene.contract.id,
        "decision_id": asked["decision_id"],
        "generation_id": asked["id"],
    }


def _call(house: House, verb: str, address: str, who: str) -> Response:
    if verb == "get":
        return house.get(address, who)
    if address.endswith("/paper"):
        return house.post(address, who, files={"file": ("a.pdf", a_pdf())})
    yes = "release" if "/previews/" in address else "approved"
    bodies = {
        **{key: {"document": {}} for key in ("revision", "counter", "amendment")},
        "signatures": house.signature(),
        "acceptances": {"jws": "a..b"},
        "answers": {"role": "performer", "answer": yes},
        "counsel-links": {"counsel": "M. Okafor"},
        "disclosure-grants": {"document": {}, "jws": "a..b"},
        "boundaries": {"limits": {"v": 1, "training": "never"}},
        "profiles": PROFILE,
        "erasure": {"confirm": house.scene.performer.id},
        "preview": {"limits": {"v": 1, "training": "never"}},
    }
    body = bodies.get(address.rpartition("/")[2])
    return house.post(address, who, **({"json": body} if body else {}))


def assert_strangers_learn_nothing(app: FastAPI, house: House) -> None:
    """Ask as a stranger for each existing thing and for one that never was: the same 404."""
    things, asked = _things(house), 0
    for verb, path, _ in operations(app):
        names = [name for name in things if f"{{{name}}}" in path]
        if is_open(path) or "{" not in path:
            continue
        (name,) = names
        real = things[name]
        unknown = real[: real.index("_") + 1] + UNKNOWN
        before = rows()["counts"]
        said = []
        for id_ in (real, unknown):
            answer = _call(house, verb, path.format_map({name: id_}), "stranger")
            assert answer.status_code == 404, (path, answer.text)
            assert_problem(answer, 404, answer.json()["code"])
            headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
            said.append((headers, answer.text.replace(id_, "ID")))
        assert said[0] == said[1], path
        assert rows()["counts"] == before, path
        asked += 1
    assert asked >= 11


class TestStrangers:
    def test_foreign_and_unknown_ids_answer_alike_on_every_route(self, served, house):
        assert_strangers_learn_nothing(served, house)

    @ONE_DATABASE
    def test_the_owners_are_let_in(self, house):
        things = _things(house)
        for path in ("/v1/contracts/{contract_id}", "/v1/contracts/{contract_id}/entries",
                     "/v1/contracts/{contract_id}/balances", "/v1/contracts/{contract_id}/document",
                     "/v1/decisions/{decision_id}", "/v1/generations/{generation_id}",
                     "/v1/approvals/{approval_id}"):  # fmt: skip
            assert house.get(path.format_map(things)).status_code == 200, path
        for path in ("/v1/performers/{performer_id}", "/v1/payouts/{payout_id}"):
            assert house.get(path.format_map(things), "desk").status_code == 200, path
        for shape in ("", "/csv", "/pdf"):
            assert house.get(f"/v1/statements/{things['statement_id']}{shape}", "desk").is_success

    @ONE_DATABASE
    def test_a_route_that_shows_foreign_things_is_found(self, served, house, monkeypatch):
        monkeypatch.setattr(
            gateway_api.service, "generation_of", lambda s, _o, id_: s.get_one(Generation, id_)
        )
        with pytest.raises(AssertionError):
            assert_strangers_learn_nothing(served, house)

    @ONE_DATABASE
    def test_a_route_whose_refusals_differ_is_found(self, served, house, monkeypatch):
        honest = licensing.contract_of

        def talkative(session, organization_id, contract_id):  # type: ignore[no-untyped-def]
            try:
                return honest(session, organization_id, contract_id)
            except licensing.ContractNotFound as refusal:
                if session.get(licensing.Contract, contract_id):
                    refusal.detail = "this contract is not yours"
                raise

        monkeypatch.setattr(licensing, "contract_of", talkative)
        with pytest.raises(AssertionError):
            assert_strangers_learn_nothing(served, house)

    @ONE_DATABASE
    def test_lists_show_nobody_elses_things(self, house):
        _things(house)
        for path in ("/v1/performers", "/v1/standing-offers", "/v1/generations", "/v1/contracts",
                     "/v1/statements", "/v1/payouts", "/v1/bank-accounts"):  # fmt: skip
            assert house.get(path, "stranger").json()["items"] == []
        assert len(house.get("/v1/generations").json()["items"]) == 1

    def test_odd_ids_are_refused_like_any_other(self, served, house):
        for verb, path, _ in operations(served):
            if "{" not in path:
                continue
            before, after = path.split("{")[0], path.split("}")[1]
            for odd in ODD:
                answer = _call(house, verb, before + odd + after, "production")
                if path.startswith("/v1/log/leaves/") and answer.status_code == 200:
                    assert answer.json()["leaves"] == []
                    continue
                if path.startswith("/ocsp/") and answer.status_code == 200:
                    assert answer.content == MALFORMED  # RFC 6960 has refusals of its own
                    continue
                assert 400 <= answer.status_code < 500, (verb, path, odd, answer.text)
                assert_problem(answer, answer.status_code, answer.json()["code"])
        for page in ("/v1/generations", "/v1/performers", "/v1/approvals", "/v1/previews"):
            assert_problem(house.get(f"{page}?before=%00"), 422, "text-refused")


class TestAskForAReplica:
    def test_without_a_contract_one_learns_only_that_there_is_none(self, house):
        scene = house.scene
        with db.writing() as session:
            free = registry.enroll(
                session,
                organization_id=scene.desk.organization.id,
                name="Mona Lisa",
                portrait=PORTRAIT,
                inspected=a_portrait_seen(),
            )
            replica = registry.replicas_of(session, free.id)[0]
        with_contract = house.ask("stranger")
        without = house.ask("stranger", replicas=[replica.id])
        assert _shape(with_contract) == _shape(without)
        for state in ("paused", "withdrawn"):
            with db.writing() as session:
                if state == "paused":
                    registry.pause(session, session.get_one(Performer, scene.performer.id))
                else:
                    contract = session.get_one(licensing.Contract, scene.contract.id)
                    licensing.withdraw_contract(session, contract, scene.desk.organization.id)
            assert _shape(house.ask("stranger")) == _shape(without), state

    @ONE_DATABASE
    def test_whatever_else_is_wrong_stays_between_the_parties(self, house):
        wrong = {"territories": ["US"], "content_tags": ["nudity"], "length_s": "9.5"}
        stranger = house.ask("stranger", **wrong)
        assert stranger.json()["codes"] == ["CONTRACT_NOT_FOUND"]
        party = house.ask(**wrong)
        assert len(party.json()["codes"]) > 1
        for secret in (house.scene.contract.id, house.scene.production.organization.id,
                       "The Girl", "TERRITORY", "PROHIBITED", "nudity"):  # fmt: skip
            assert secret not in stranger.text
            assert secret not in json.dumps(_statement(stranger))
        assert house.scene.contract.id in party.text
        decision = house.get(f"/v1/decisions/{stranger.json()['decision_id']}", "stranger").json()
        assert decision["codes"] == ["CONTRACT_NOT_FOUND"]
        assert house.scene.contract.id not in json.dumps(decision)

    @ONE_DATABASE
    def test_an_unsigned_contract_permits_nothing_and_its_party_learns_why(self, client):
        house = a_house(client, signed=False)
        answer = house.ask()
        problem = assert_problem(answer, 403, "generation-denied")
        assert problem["codes"]


def _statement(answer: Response) -> dict[str, object]:
    body = answer.json()["receipt"].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def _shape(answer: Response) -> dict[str, object]:
    """What a denial says, without what differs between any two: ids, instants, salted digests."""
    problem = assert_problem(answer, 403, "generation-denied")
    statement = _statement(answer)
    statement["facts"] = len(statement.pop("fact_sha256"))  # type: ignore[arg-type]
    for each in ("at", "generation_id"):
        del statement[each]
    for each in ("decision_id", "receipt"):
        del problem[each]
    return {"problem": problem, "receipt": statement}
