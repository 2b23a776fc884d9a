"""Generated requests to every route, with a key: no defect, and nothing undocumented."""

import itertools

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import config
from app.gateway import events
from app.provenance import pki
from tests.http.house import House, a_standing_offer

for der in ("application/ocsp-request", "application/timestamp-query"):
    schemathesis.serializer.alias(der, "application/octet-stream")

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Each starts a sandboxed process, or sweeps a document.
COSTLY = {
    "/v1/performers": 4,
    "/v1/verifications": 4,
    "/v1/simulations": 4,
    "/matches/byContent": 4,
}
GET, POST = 12, 25


def fuzz(app: FastAPI, house: House, *, times: int = 1) -> int:
    """Send generated requests to every route, half of them about things there are."""
    asked = house.ask().json()
    real = {
        "contract_id": house.scene.contract.id,
        "performer_id": house.scene.performer.id,
        "standing_offer_id": a_standing_offer(house),
        "generation_id": asked["id"],
        "decision_id": asked["decision_id"],
        "subject_id": asked["decision_id"],
        "list_name": "1-revocation",
    }
    numbers, sent = itertools.count(), 0
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    for found in schema.get_all_operations():
        operation = found.ok()
        examples = COSTLY.get(operation.path, GET if operation.method == "get" else POST)

        @settings(
            max_examples=examples * times,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), known=st.booleans(), fresh=st.booleans())
        def send(case: schemathesis.Case, known: bool, fresh: bool) -> None:
            nonlocal sent
            if known:
                for name in set(case.path_parameters or {}) & set(real):
                    case.path_parameters[name] = real[name]
                if isinstance(case.body, dict) and "replicas" in case.body:
                    case.body["replicas"] = [house.scene.replica.id]
            headers = dict(house.keys["production"])
            if fresh:
                headers["Idempotency-Key"] = f"fuzz {next(numbers)}"
            case.call_and_validate(headers=headers, checks=CHECKED, timeout=240)
            sent += 1

        send()
    return sent


@pytest.fixture(autouse=True)
def short_streams(monkeypatch):
    monkeypatch.setattr(events, "LONGEST_S", 0)  # a stream ends with what it has told at once


@pytest.mark.xdist_group("http")
class TestGeneratedRequests:
    @ONE_DATABASE
    def test_meet_no_defect_and_nothing_undocumented(self, served, house):
        pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
        assert fuzz(served, house) > 300

    @pytest.mark.slow
    @pytest.mark.timeout(1200)
    def test_in_large_numbers_neither(self, served, house):
        pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
        assert fuzz(served, house, times=6) > 2000

    @ONE_DATABASE
    def test_an_undocumented_status_is_found(self, served, house, monkeypatch):
        reading = served.openapi()["paths"]["/v1/decisions/{decision_id}"]["get"]
        monkeypatch.delitem(reading["responses"], "404")
        monkeypatch.setattr("tests.http.test_fuzz.POST", 1)
        with pytest.raises(BaseException, match=r"(?s)[Uu]ndocumented"):
            fuzz(served, house)
