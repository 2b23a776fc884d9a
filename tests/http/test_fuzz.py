"""Generated requests to every route as each role: no defect, and nothing undocumented.

The gate sends the same requests as everybody; `make exhaustive` sends others, and more, as each.
Seeds are fixed. What the long run found is in docs/benchmarks.md.
"""

import itertools
import zlib
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
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
from tests.http.house import House
from tests.http.roles import ROLES, Asker, askers

for der in ("application/ocsp-request", "application/timestamp-query"):
    schemathesis.serializer.alias(der, "application/octet-stream")

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Each starts a sandboxed process, or sweeps a document: asked once, as these.
WITH_UPLOADS = ("performer", "production_approver")
COSTLY = {
    "/v1/performers",
    "/v1/materials",
    "/v1/verifications",
    "/v1/simulations",
    "/matches/byContent",
}
# How many requests of each operation: in the gate each is sent as everybody, else as one role.
GATE, LONG = {"get": 1, "post": 2}, {"get": 8, "post": 8}
_numbers = itertools.count()
SHARES = 2  # of the operations, so that the gate's part runs beside itself


def fuzz(
    app: FastAPI,
    house: House,
    askers: dict[str, Asker],
    *,
    times: dict[str, int],
    share: int | None = None,
) -> int:
    """Send generated requests to every operation, each as all of these, most about their own."""
    sent = 0
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    for place, found in enumerate(schema.get_all_operations()):
        operation = found.ok()
        if share is not None and place % SHARES != share:
            continue
        costly = operation.path in COSTLY and operation.method == "post"
        asked = {who: asker for who, asker in askers.items() if not costly or who in WITH_UPLOADS}
        if asked:
            most = 1 if costly else times[operation.method]
            sent += send(operation, asked, house.scene.replica.id, most=most)
    return sent


def send(operation: Any, askers: dict[str, Asker], replica_id: str, *, most: int) -> int:
    """Send so many generated requests to one operation, each as all of these."""
    sent = 0

    @hypothesis.seed(zlib.crc32(f"{sorted(askers)} {operation.label}".encode()))
    @settings(
        max_examples=most,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), stranger=st.integers(0, 3))
    def ask(case: schemathesis.Case, stranger: int) -> None:
        nonlocal sent
        for role, asker in askers.items():
            if stranger < 3:
                for name in set(case.path_parameters or {}) & set(asker.things):
                    case.path_parameters[name] = asker.things[name]
                if isinstance(case.body, dict) and "replicas" in case.body:
                    case.body["replicas"] = [replica_id]
            key = {"Idempotency-Key": f"fuzz {role} {next(_numbers)}"}
            case.call_and_validate(headers=asker.headers | key, checks=CHECKED, timeout=240)
            sent += 1

    ask()
    return sent


@pytest.fixture
def as_everybody(served, house, tmp_path, monkeypatch) -> Callable[..., int]:
    monkeypatch.setattr(events, "LONGEST_S", 0)  # a stream ends with what it has told at once
    pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
    everybody = askers(house, tmp_path)

    def ask(*roles: str, **figures: Any) -> int:
        asking = {role: everybody[role] for role in roles}
        return fuzz(served, house, asking, **figures)

    return ask


class TestGeneratedRequests:
    @ONE_DATABASE
    @pytest.mark.slow
    @pytest.mark.parametrize("share", range(SHARES))
    def test_meet_no_defect_and_nothing_undocumented(self, as_everybody, share):
        assert as_everybody(*ROLES, times=GATE, share=share) > 2000 / SHARES

    @pytest.mark.exhaustive
    @pytest.mark.timeout(7200)
    @pytest.mark.parametrize("role", ROLES)
    def test_in_large_numbers_neither(self, as_everybody, role):
        assert as_everybody(role, times=LONG) > 800

    @ONE_DATABASE
    def test_an_undocumented_status_is_found(self, served, house, monkeypatch):
        reading = served.openapi()["paths"]["/v1/decisions/{decision_id}"]["get"]
        monkeypatch.delitem(reading["responses"], "404")
        schema = schemathesis.openapi.from_asgi("/openapi.json", served)
        operation = schema["/v1/decisions/{decision_id}"]["get"]
        stranger = {"stranger": Asker(house.keys["stranger"], {})}
        with pytest.raises(BaseException, match=r"(?s)[Uu]ndocumented"):
            send(operation, stranger, house.scene.replica.id, most=3)
