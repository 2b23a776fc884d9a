"""Every route stops reading a body that is too long or too deep; what a route is, is its own."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app import access, bodies, config
from app.main import operations_of
from app.provenance import pki
from tests.http.house import assert_problem

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
ROOT = Path(__file__).parents[2]
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=edge"
OURS = {"Sec-Fetch-Site": "same-origin"}
FIELD = b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
HOSTILE = {
    "deep": ("application/json", b'{"a":' * 65 + b"1" + b"}" * 65, 422),
    "deep by another name": ("application/a+json; charset=utf-8", b"[" * 65 + b"]" * 65, 422),
    "long": ("application/json", b" " * (bodies.LIMIT_BYTES + 1), 413),
    "a long form": (FORM, b"a=" + b"b" * bodies.FORM_LIMIT_BYTES, 413),
    "a form of many": (FORM, b"a&" * bodies.FORM_LIMIT_BYTES, 413),
    "a long multipart": (MULTIPART, FIELD + b"b" * bodies.FORM_LIMIT_BYTES, 413),
}


@pytest.fixture
def posts(served, house):  # type: ignore[no-untyped-def]
    """Send one body to every operation that takes one; return the answers by operation."""
    pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)

    def send(kind: str, body: bytes) -> dict[access.Operation, tuple[int, str]]:
        headers = house.keys["production"] | {"Content-Type": kind, "Idempotency-Key": "k"}
        return {
            each: (answer.status_code, answer.text)
            for each in operations_of(served)
            if each.verb == "POST" and not bodies.UPLOADS.fullmatch(each.path)
            for answer in [house.client.post(each.path, headers=headers, content=body)]
        }

    return send


def read_as_json(client: TestClient) -> set[str]:
    found = client.get("/openapi.json").json()["paths"]
    return {
        path
        for path, verbs in found.items()
        if "application/json" in verbs.get("post", {}).get("requestBody", {}).get("content", {})
        and not bodies.UPLOADS.fullmatch(path)  # a batch has a limit of its own, and its own test
    }


class TestUploads:
    """What takes a file is held to its own limit: a form's would stop a telephone's photo."""

    def test_every_operation_that_takes_one_is_known(self, client: TestClient) -> None:
        found = client.get("/openapi.json").json()["paths"]
        taking = {
            path
            for path, verbs in found.items()
            if "multipart/form-data"
            in verbs.get("post", {}).get("requestBody", {}).get("content", {})
        }
        assert len(taking) >= 8
        assert {path for path in taking if not bodies.UPLOADS.fullmatch(path)} == set()

    def test_and_so_is_every_form_of_a_page(self, database: str) -> None:
        forms = [
            form
            for each in (ROOT / "app/web/templates").glob("*.html")
            for form in re.findall(r"<form[^>]*multipart/form-data[^>]*>", each.read_text())
        ]
        to = {re.findall(r'action="([^"]*)"', form)[0] for form in forms}
        fixed = to - {"{{ to }}"}  # of live checks: named by who shows the form
        assert len(fixed) >= 6
        assert {each for each in fixed if not bodies.UPLOADS.fullmatch(each)} == set()


class TestEveryRoute:
    @pytest.mark.parametrize("case", HOSTILE)
    def test_stops_reading(self, posts, client, case):
        kind, body, status = HOSTILE[case]
        answers = posts(kind, body)
        assert not {each.path: said for each, said in answers.items() if said[0] >= 500}
        stopped = {
            each.path
            for each, said in answers.items()
            if said[0] == (400 if status == 422 and each.path.startswith(bodies.OTHERS) else status)
        }
        forms = {each.path for each in answers if each.is_page}
        expected = read_as_json(client) if "json" in kind else forms
        assert len(expected) > 10
        assert expected - stopped == set()

    def test_says_what_is_wrong_and_what_to_do(self, house):
        kind, body, _ = HOSTILE["deep"]
        headers = {"Content-Type": kind}
        answer = house.client.post("/v1/authorizations", headers=headers, content=body)
        problem = assert_problem(answer, 422, "text-refused")
        assert "64 levels deep" in problem["detail"]
        answer = house.client.post("/sign-in", headers={"Content-Type": FORM}, content=body * 9999)
        assert answer.status_code == 413
        assert answer.headers["content-type"].startswith("text/html")
        assert "too-large" in answer.text

    def test_of_uploads_stops_at_the_limits_that_are_set(self, house, monkeypatch):
        pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
        for setting in ("upload_limit_bytes", "verify_limit_bytes"):
            monkeypatch.setattr(config.settings(), setting, 1000)
        paper = f"/v1/contracts/{house.scene.contract.id}/paper"
        for path in ("/v1/performers", "/v1/verifications", "/verify", paper):
            name = "portrait" if path.endswith("performers") else "file"
            form = {"files": {name: ("a.jpg", bytes(1001 + (64 << 10)))}, "data": {"name": "G."}}
            headers = house.keys["desk"] | {"Idempotency-Key": "k", **OURS}
            assert house.client.post(path, headers=headers, **form).status_code == 413, path
        headers = house.keys["desk"] | {"Content-Type": "image/jpeg"}
        answer = house.client.post("/matches/byContent", headers=headers, content=bytes(1001))
        assert answer.status_code == 413
