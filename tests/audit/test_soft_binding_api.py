"""The Soft Binding Resolution API over real HTTP, against the published document.

One server, one released output; a client that knows only the document; and generated requests.
"""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import c2pa
import cv2
import jsonschema_rs
import numpy as np
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import watermark.image
from app import config, db, keys
from app.audit import api_soft_bindings
from app.provenance import pki
from app.provenance import service as provenance
from app.provenance.desk import desk
from app.provenance.manifest import ALGORITHM
from tests.audit.binding_client import Client, Refused
from tests.provenance import making
from tests.scenes import a_scene

HERE = Path(__file__).parent
JSON = "application/json"
PUBLISHED = json.loads((HERE / "soft_binding_api_1_1_0.json").read_text())
LIST_SCHEMA = json.loads((HERE / "soft_binding_algorithm_list.schema.json").read_text())
ENTRIES = json.loads((HERE.parents[1] / "docs/soft-binding-algorithm.json").read_text())

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("soft_binding_api"),
]


@dataclass(frozen=True)
class Released:
    """An asset that was handed out, that asset without its credentials, and one never released."""

    payload: bytes
    label: str
    signed: bytes
    stripped: bytes
    unreleased: str


@pytest.fixture
def client(
    database: str, application: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """A server on a port of its own, and who asks it."""
    for name, value in (("WORKER_IN_PROCESS", "false"), ("LOG_LEVEL", "error"),
                        ("RATE_LOOKUPS", ""), ("RATE_FILES", "")):  # fmt: skip
        monkeypatch.setenv(f"UNDERSTUDY_{name}", value)
    config.settings.cache_clear()
    pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
    with serving(application) as address:
        yield Client(address)


@pytest.fixture
def released(client: Client, samples: Path, tmp_path: Path) -> Released:
    picture = cv2.imread(str(samples / "girl-with-a-pearl-earring.jpg"))
    small = cv2.resize(picture, (480, 568), interpolation=cv2.INTER_AREA)
    src, out = tmp_path / "marked.png", tmp_path / "signed.png"
    with db.writing() as session:
        scene = a_scene(session)
        _, generation = scene.ask(session)
        _, held = scene.ask(session)
        assert generation is not None
        assert held is not None
        payload = bytes.fromhex(generation.payload_hex)
        marked = np.asarray(watermark.image.embed(small, payload, keys.secret("watermark")))
        cv2.imwrite(str(src), marked)
        described = making.a_manifest(src, payload, generation.id)
        kept = provenance.register(
            session, provenance.sign_output(src, out, described, desk=desk())
        )
        generation.state, generation.released_at = "released", kept.signed_at
        session.add(generation)
        waiting = making.make_media(tmp_path / "waiting.png")
        described = making.a_manifest(waiting, bytes.fromhex(held.payload_hex), held.id)
        output = provenance.sign_output(waiting, tmp_path / "held.png", described, desk=desk())
        unreleased = provenance.register(session, output)
    _, stripped = cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return Released(payload, kept.label, out.read_bytes(), stripped.tobytes(), unreleased.label)


class serving:  # noqa: N801 -- reads as what it does: `with serving(app) as address`
    """The whole application on a port of its own, for as long as the block lasts."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def __enter__(self) -> str:
        self._server = uvicorn.Server(
            uvicorn.Config(self._app, port=0, log_level="error", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        give_up_at = time.monotonic() + 60
        while not self._server.started:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_raised: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)


def soft_binding_of(store: bytes, asset: bytes, media_type: str) -> dict[str, object]:
    """Read a recovered manifest store beside its asset with c2pa-python: `alg` and `value`."""
    with c2pa.Reader(media_type, io.BytesIO(asset), manifest_data=store) as reader:
        report = json.loads(reader.json())
    active = report["manifests"][report["active_manifest"]]
    (found,) = [a for a in active["assertions"] if a["label"].startswith("c2pa.soft-binding")]
    (block,) = found["data"]["blocks"]
    return {"alg": found["data"]["alg"], "value": base64.b64decode(block["value"], validate=True)}


class TestRoundTrip:
    def test_a_client_that_knows_only_the_api_recovers_the_manifest(self, client, released):
        # 1. The file it found has no credentials left; the service resolves its kind of binding.
        with pytest.raises(c2pa.C2paError):
            c2pa.Reader("image/jpeg", io.BytesIO(released.stripped))
        assert ALGORITHM in client.algorithms()["watermarks"]
        # 2. The asset leads to the manifest, and so does the value that somebody detected.
        (match,) = client.by_content(released.stripped, "image/jpeg")
        assert match == {"manifestId": released.label, "similarityScore": 100}
        for ask in (client.by_binding, client.by_large_binding):
            assert ask(ALGORITHM, released.payload, maxResults=1) == [match]
            assert ask(ALGORITHM, bytes(8)) == []
        # 3. The store is the one that left in the file, and says which mark the file carries.
        store = client.manifest(match["manifestId"])
        assert client.manifest(match["manifestId"], active=True) == store  # it is alone in there
        for asset, kind in (
            (released.stripped, "image/jpeg"),
            (released.signed, "image/png"),
        ):
            said = soft_binding_of(store, asset, kind)
            assert said["alg"] == ALGORITHM
            assert said["value"] == released.payload
        # 4. What was never released is not known, whoever asks how.
        with pytest.raises(Refused) as refused:
            client.manifest(released.unreleased)
        assert refused.value.status == 404

    def test_the_active_manifest_alone_is_a_store_that_reads(self, client, tmp_path):
        """Of a store with an ingredient's manifest in it, only the last is left."""
        first = making.make_media(tmp_path / "first.png")
        inner = provenance.sign_output(
            first, tmp_path / "inner.png", making.a_manifest(first), desk=desk()
        )
        src = making.make_media(tmp_path / "outer.png", 2)
        source = provenance.with_credentials(tmp_path / "inner.png", desk=desk())
        described = making.a_manifest(src, b"outside!", footage=source)
        outer = provenance.sign_output(src, tmp_path / "out.png", described, desk=desk())
        whole = outer.file.manifest_bytes
        assert provenance.manifest_label(inner.file.manifest_bytes).encode() in whole
        alone = provenance.active_manifest(whole)
        assert len(alone) < len(whole)
        assert provenance.manifest_label(alone) == provenance.manifest_label(whole)
        said = soft_binding_of(alone, (tmp_path / "out.png").read_bytes(), "image/png")
        assert said["value"] == b"outside!"


class TestRefusals:
    def test_are_those_of_the_document(self, client, samples):
        asset = (samples / "mona-lisa.jpg").read_bytes()
        for status, ask in (
            (400, lambda: client.by_binding("com.example.1", b"12345678")),
            (400, lambda: client.by_binding(ALGORITHM, b"123")),
            (400, lambda: client.by_binding(ALGORITHM, b"12345678", maxResults=0)),
            (400, lambda: client.by_content(asset, "image/jpeg", hintAlg=ALGORITHM)),
            (400, lambda: client.by_content(b"\xff\xd8\xff" + bytes(90), "image/jpeg")),
            (414, lambda: client.by_binding(ALGORITHM, bytes(9000))),
            (415, lambda: client.by_content(b"words", "text/plain")),
            (415, lambda: client.by_content(b"words", "image/png")),
            (404, lambda: client.manifest("urn:c2pa:never")),
            (404, lambda: client.manifest("a\x00b")),
            (400, lambda: client._ask("GET", "/matches/byBinding")),
            (400, lambda: client._ask("GET", "/manifests/x?returnActiveManifest=perhaps")),
            (400, lambda: client._ask("GET", f"/matches/byBinding?alg={ALGORITHM}&value=AAAA=AAA")),
            (400, lambda: client._ask("POST", "/matches/byBinding", b"[" * 5000, JSON)),
        ):  # fmt: skip
            with pytest.raises(Refused) as refused:
                ask()
            assert refused.value.status == status, refused.value

    def test_no_address_is_fetched(self, client, monkeypatch):
        import httpx

        def out(*_args: object, **_options: object) -> None:
            raise AssertionError("somebody went out")

        monkeypatch.setattr(httpx.Client, "send", out)
        for url in ("https://example.org/film.mp4", "http://127.0.0.1/", "file:///etc/passwd"):
            body = json.dumps({"referenceUrl": url, "assetLength": 1}).encode()
            with pytest.raises(Refused) as refused:
                client._ask("POST", "/matches/byReference", body, "application/json")
            assert refused.value.status == 400
            assert json.loads(refused.value.args[1])["code"] == "reference-refused"

    def test_more_than_the_limit_is_not_read(self, client, monkeypatch):
        monkeypatch.setattr(config.settings(), "verify_limit_bytes", 1000)
        with pytest.raises(Refused) as refused:
            client.by_content(bytes(2000), "image/jpeg")
        assert refused.value.status == 413


CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
for wildcard in ("image/*", "audio/*", "video/*", "application/*", "model/*", "text/*"):
    schemathesis.serializer.alias(wildcard, "application/octet-stream")


def sweep(client: Client, published: dict[str, object]) -> dict[int, int]:
    """Send generated requests to every operation of the document; how often which status came."""
    counted: dict[int, int] = {}
    for found in schemathesis.openapi.from_dict(published).get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=12,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), known=st.booleans())
        def send(case: schemathesis.Case, known: bool) -> None:
            if known and "alg" in (case.query or {}):
                case.query["alg"] = ALGORITHM
            answer = case.call(base_url=client.base, timeout=240)
            case.validate_response(answer, checks=CHECKED)
            counted[answer.status_code] = counted.get(answer.status_code, 0) + 1

        send()
    return counted


class TestPublishedDocument:
    def test_generated_requests_meet_nothing_that_it_does_not_say(self, client):
        counted = sweep(client, PUBLISHED)
        assert {200, 400, 404} <= set(counted), counted

    def test_a_status_it_does_not_say_is_found(self, client, monkeypatch):
        monkeypatch.setattr(api_soft_bindings.QueryMalformed, "status", 422)
        with pytest.raises(BaseException, match=r"(?s)[Uu]ndocumented"):
            sweep(client, PUBLISHED)


class TestAlgorithmList:
    def test_our_entries_fit_the_lists_schema_and_name_what_is_resolved(self, database):
        jsonschema_rs.validator_for(LIST_SCHEMA, validate_formats=True).validate(ENTRIES)
        named = {f"{entry['type']}s": [entry["alg"]] for entry in ENTRIES}
        resolved = api_soft_bindings.list_algorithms().model_dump()
        assert named == {kind: [each["alg"] for each in found] for kind, found in resolved.items()}

    def test_an_entry_that_does_not_fit_is_noticed(self, database):
        schema = jsonschema_rs.validator_for(LIST_SCHEMA, validate_formats=True)
        for wrong in ({"alg": "tile"}, {"type": "mark"}, {"identifier": 65536}):
            with pytest.raises(jsonschema_rs.ValidationError):
                schema.validate([ENTRIES[0] | wrong])
