"""Who may read which books."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.errors import AppError, NotFound
from app.identity import service as identity
from app.ledger import api
from app.problems import on_app_error
from tests.ledger.factories import a_captured_entry


@pytest.fixture
def client(session):
    """Two organizations; only the first is a party of con_1, which has one entry."""
    parties = []
    keys = []
    for name in ("Nightglass Pictures", "Somebody Else"):
        organization = identity.create_organization(session, name, "production")
        keys.append(identity.create_api_key(session, organization, name="test")[1])
        parties.append(organization.id)
    a_captured_entry(session)
    session.commit()

    def check_party(_session, organization_id, contract_id):
        if (organization_id, contract_id) != (parties[0], "con_1"):
            raise NotFound("no such contract")

    app = FastAPI()
    app.add_exception_handler(AppError, on_app_error)
    app.include_router(api.router)
    app.include_router(api.books(check_party))
    client = TestClient(app)
    client.party, client.stranger = ({"Authorization": f"Bearer {key}"} for key in keys)
    return client


# PostgreSQL shows entries to parties of contracts there are, and con_1 is none: test_tenancy.py.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestReadBooks:
    def test_a_party_sees_entries_line_by_line(self, client):
        (entry,) = client.get("/v1/contracts/con_1/entries", headers=client.party).json()
        assert entry["generation_id"] == "gen_1"
        assert entry["event"] == {"seconds": "10"}
        assert [(x["account"], x["amount_minor"]) for x in entry["lines"]] == [
            ("licensee:receivable", 1200),
            ("performer:P1:payable", -1080),
            ("agent:AG1:payable", -120),
        ]
        after = client.get("/v1/contracts/con_1/entries?after=0", headers=client.party)
        assert after.json() == []

    def test_a_party_sees_balances_that_sum_to_zero(self, client):
        balances = client.get("/v1/contracts/con_1/balances", headers=client.party).json()
        assert sum(each["balance_minor"] for each in balances) == 0
        assert len(balances) == 3

    @pytest.mark.parametrize("what", ["entries", "balances"])
    def test_a_stranger_is_told_nothing(self, client, what):
        path = f"/v1/contracts/con_1/{what}"
        assert client.get(path, headers=client.stranger).status_code == 404
        assert client.get(path).status_code == 401

    def test_anyone_reads_the_schema(self, client):
        schemas = client.get("/v1/schemas/compensation").json()
        assert schemas["terms"]["additionalProperties"] is False
        assert "seconds" in schemas["event"]["properties"]
