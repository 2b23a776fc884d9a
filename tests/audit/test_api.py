"""Anybody may upload a file and is told what it is, or why it is not looked at."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import config, db, keys, problems, sandbox
from app.audit import api
from app.errors import AppError
from app.provenance import pki
from app.provenance import service as provenance
from app.provenance.desk import desk
from tests.provenance import making

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def client(database: str, data_dir: Path) -> TestClient:
    """The auditor's desk alone, with the certificates beside the keys."""
    pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
    app = FastAPI()
    app.include_router(api.router)
    app.add_exception_handler(AppError, problems.on_app_error)
    return TestClient(app, raise_server_exceptions=False)


def post(client: TestClient, content: bytes, name: str = "file.bin"):  # type: ignore[no-untyped-def]
    return client.post("/v1/verifications", files={"file": (name, content)})


class TestVerifyUpload:
    def test_says_intact_of_a_released_file_and_keeps_nothing(
        self, client, database, data_dir, tmp_path
    ):
        src = making.make_media(tmp_path / "in.wav")
        described = making.a_manifest(src)
        output = provenance.sign_output(src, tmp_path / "out.wav", described, desk=desk())
        with db.writing() as session:
            provenance.register(session, output)
        before = sorted(data_dir.rglob("*"))
        answer = post(client, (tmp_path / "out.wav").read_bytes(), "out.wav")
        assert answer.status_code == 200
        assert answer.json()["verdict"] == "intact"
        assert answer.json()["findings"]["license"]["now"] == "not-on-record"
        assert [path for path in sorted(data_dir.rglob("*")) if "sqlite" not in path.name] == [
            path for path in before if "sqlite" not in path.name
        ]

    @ONE_DATABASE
    @pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff\xe0" + bytes(500)])
    def test_says_unreadable_of_what_is_no_medium(self, client, content):
        answer = post(client, content, "portrait.jpg")
        assert (answer.status_code, answer.json()["verdict"]) == (200, "unreadable")

    @ONE_DATABASE
    def test_refuses_more_than_the_limit_even_without_a_length_header(self, client, monkeypatch):
        monkeypatch.setattr(config.settings(), "verify_limit_bytes", 100_000)
        body = _multipart(bytes(200_000))
        chunks = (body[at : at + 10_000] for at in range(0, len(body), 10_000))
        answer = client.post("/v1/verifications", content=chunks, headers=MULTIPART)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")

    @ONE_DATABASE
    def test_asks_for_a_file(self, client):
        answer = client.post("/v1/verifications", files={"other": b"x"})
        assert (answer.status_code, answer.json()["code"]) == (400, "file-missing")
        answer = client.post("/v1/verifications", data={"file": "text, no file"})
        assert answer.status_code == 400
        answer = client.post("/v1/verifications", content=b"x" * 10)
        assert (answer.status_code, answer.json()["code"]) == (400, "upload-malformed")
        broken = client.post("/v1/verifications", content=b"not a form", headers=MULTIPART)
        assert broken.status_code == 400

    @ONE_DATABASE
    def test_refuses_to_look_where_nothing_can_be_isolated(self, client, monkeypatch):
        def refuse(*_args: object, **_options: object) -> None:
            raise sandbox.SandboxUnavailable("no untrusted file is read here")

        monkeypatch.setattr(sandbox, "run", refuse)
        answer = post(client, b"\x89PNG\r\n\x1a\n")
        assert (answer.status_code, answer.json()["code"]) == (503, "sandbox-unavailable")

    @ONE_DATABASE
    def test_the_watermark_keys_are_the_installations_own(self, client, monkeypatch):
        asked = []
        known = {1: bytes(32)}
        monkeypatch.setattr(keys, "epochs", lambda *which: asked.append(which) or known)
        assert post(client, b"hello").status_code == 200
        assert asked == [("watermark", 1)]


MULTIPART = {"content-type": "multipart/form-data; boundary=edge"}


def _multipart(content: bytes) -> bytes:
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    return head + content + b"\r\n--edge--\r\n"
