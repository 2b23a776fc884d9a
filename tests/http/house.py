"""A served installation with a scene in it: who may call, what to call, and how to look inside."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from httpx import Response
from starlette.testclient import TestClient

from app import clock, config, db
from app.gateway import pipeline, workbench
from app.gateway.models import Generation
from app.gateway.models_render_jobs import RenderJobOutside
from app.identity import service as identity
from tests.flows.durable import contents
from tests.licensing.standing_offers import an_open_offer
from tests.scenes import Scene, a_scene, an_api_key

PROBLEM = "application/problem+json"
VERBS = ("get", "post", "put", "patch", "delete")
# What needs no key: health, schemas, verification, the log, links that were signed.
HEALTH = ("/healthz", "/readyz", "/metrics")
VERIFICATION = ("/v1/verifications", "/v1/licenses/")
CERTIFICATES = ("/ocsp/", "/tsa")
SOFT_BINDINGS = ("/matches/", "/manifests/", "/services/")
PREFERENCES = "/v1/performers/{performer_id}/preferences"
OPEN = (
    *HEALTH,
    *VERIFICATION,
    *CERTIFICATES,
    *SOFT_BINDINGS,
    "/log",
    "/v1/log/",
    "/v1/schemas/",
    "/v1/templates",
    "/v1/downloads/",
    "/v1/keys",
    "/v1/policies",
    "/v1/counsel/",
    "/v1/contracts/{contract_id}/status",
    "/v1/status-lists/",
    PREFERENCES,
)
FILM = b"marked and signed" * 100_000
_numbers = itertools.count()


@dataclass
class House:
    """One server, one scene, and an API key for everybody in it."""

    client: TestClient
    scene: Scene
    keys: dict[str, dict[str, str]]

    def get(self, path: str, who: str = "production") -> Response:
        return self.client.get(path, headers=self.keys[who])

    def post(
        self, path: str, who: str = "production", *, key: str | None = None, **content: Any
    ) -> Response:
        headers = self.keys[who] | {"Idempotency-Key": key or f"key {next(_numbers)}"}
        return self.client.post(path, headers=headers, **content)

    def ask(self, who: str = "production", *, key: str | None = None, **changes: Any) -> Response:
        return self.post("/v1/generations", who, key=key, json=self.scene.body(**changes))

    def signature(self, role: str = "performer") -> dict[str, str]:
        party = self.scene.desk if role == "performer" else self.scene.production
        return {"role": role, "jws": party.sign(self.scene.contract, role)}


def a_house(client: TestClient, *, signed: bool = True, **grant: Any) -> House:
    """Put a scene into the database that the client's server reads."""
    with db.writing() as session:
        scene = a_scene(session, signed=signed, **grant)
        stranger = identity.create_organization(session, "Strangers", "production")
        parties = {
            "desk": scene.desk.organization,
            "production": scene.production.organization,
            "agency": scene.agency.organization,
            "stranger": stranger,
        }
        keys = {name: an_api_key(session, party) for name, party in parties.items()}
    return House(client, scene, keys)


def a_standing_offer(house: House, **said: Any) -> str:
    """Have the performer sign a standing offer, to the house's production unless said otherwise."""
    listed = {"listed": [house.scene.production.organization.id]}
    with db.writing() as session:
        return an_open_offer(session, house.scene, **{"licensees": listed, **said}).id


def a_preview(house: House) -> tuple[str, str]:
    """Have a film stand marked and signed, and be asked about; its generation and preview."""
    generation_id = house.ask().json()["id"]
    film = config.settings().data_dir / "signed.mp4"
    film.write_bytes(FILM)
    digest, key = workbench.keep(generation_id, "signed", film)
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        generation.state, generation.output_key, generation.output_sha256 = "signed", key, digest
        generation.output_size_bytes = len(FILM)
    assert pipeline.preview(generation_id) is False
    (item,) = house.get("/v1/previews?state=waiting", "desk").json()["items"]
    return generation_id, item["id"]


def a_render_job(house: House, *, due: timedelta = timedelta(hours=1)) -> tuple[str, str]:
    """Have a generation wait for the production's own renderer; the job and the generation."""
    generation_id = house.ask().json()["id"]
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        generation.state = "rendering"
        task = RenderJobOutside(
            generation_id=generation_id,
            organization_id=house.scene.production.organization.id,
            due_at=clock.now() + due,
        )
        session.add_all((generation, task))
    return task.id, generation_id


def question(house: House, **changes: Any) -> dict[str, Any]:
    """A body for POST /v1/authorizations that is permitted, with changes."""
    return {
        "performers": [house.scene.performer.id],
        "project": "NIGHTGLASS",
        "purpose": "film_scene",
        "medium": "svod",
        "territories": ["DE"],
        "languages": ["en"],
        "generator": "local/puppet-1",
        "length_s": "5",
        **changes,
    }


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """List every documented operation: verb, path, what the documentation says of it."""
    for path, verbs in app.openapi()["paths"].items():
        for verb, operation in verbs.items():
            assert verb in VERBS
            yield verb, path, operation


def is_open(path: str) -> bool:
    return path.startswith(OPEN)


def rows() -> dict[str, Any]:
    """Count every table's rows: what an act has changed."""
    with db.reading() as session:
        return contents(session)


def at_once(act: Callable[[int], Response], times: int = 20) -> list[Response]:
    """Do the same thing from many threads at the same time."""
    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(act, range(times)))


def assert_problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    """Insist on a whole RFC 9457 problem document; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(problem)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"].endswith(f"/{code}")
    assert problem["title"]
    assert problem["detail"]
    return problem
