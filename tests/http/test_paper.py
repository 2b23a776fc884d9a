"""Paper over HTTP: out as a PDF, in as evidence, for parties alone."""

import asyncio
import hashlib
import io
from typing import Any

import pypdf
import pytest
from httpx import Response

from app import config, sandbox
from tests.http.house import House, a_house, assert_problem, rows
from tests.licensing.papers import a_pdf

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]


class TestExport:
    def test_gives_each_party_the_document_on_paper(self, house):
        contract = house.scene.contract
        address = f"/v1/contracts/{contract.id}/paper"
        for who in ("desk", "production"):
            answer = house.get(address, who)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/pdf"
            assert contract.id in answer.headers["content-disposition"]
            inside = pypdf.PdfReader(io.BytesIO(answer.content)).attachments["contract.json"][0]
            assert hashlib.sha256(inside).hexdigest() == contract.document_sha256
        assert_problem(house.get(address, "stranger"), 404, "contract-not-found")
        assert house.client.get(address).status_code == 401


@pytest.fixture
def unsigned(client: Any) -> House:
    return a_house(client, signed=False)


def attach(house: House, content: bytes, who: str = "production", **more: Any) -> Response:
    address = f"/v1/contracts/{house.scene.contract.id}/paper"
    return house.post(address, who, files={"file": ("scan.pdf", content)}, **more)


class TestAttach:
    def test_is_listed_and_given_back_to_either_side(self, unsigned):
        answer = attach(unsigned, a_pdf())
        assert answer.status_code == 201, answer.text
        paper, address = answer.json(), f"/v1/contracts/{unsigned.scene.contract.id}/papers"
        assert paper["sha256"] == hashlib.sha256(a_pdf()).hexdigest()
        assert paper["organization_id"] == unsigned.scene.production.organization.id
        assert unsigned.get(address, "desk").json() == [paper]
        given = unsigned.get(f"/v1/papers/{paper['id']}", "desk")
        assert given.content == a_pdf()
        assert given.headers["content-disposition"].startswith("attachment")
        assert_problem(unsigned.get(address, "stranger"), 404, "contract-not-found")
        refused = unsigned.get(f"/v1/papers/{paper['id']}", "stranger")
        assert_problem(refused, 404, "paper-not-found")

    def test_the_same_request_again_is_the_same_answer(self, unsigned):
        first = attach(unsigned, a_pdf(), key="k")
        assert attach(unsigned, a_pdf(), key="k").json() == first.json()
        answer = attach(unsigned, a_pdf("another"), key="k")
        assert_problem(answer, 422, "idempotency-key-reused")

    def test_what_is_no_pdf_leaves_nothing(self, unsigned, tmp_path, monkeypatch):
        monkeypatch.setattr(sandbox.tempfile, "tempdir", str(tmp_path))
        before = rows()
        for content in (b"", b"\xff\xd8\xff", a_pdf()[:-9]):
            assert_problem(attach(unsigned, content), 422, "paper-not-pdf")
        address = f"/v1/contracts/{unsigned.scene.contract.id}/paper"
        assert_problem(unsigned.post(address, json={}), 400, "upload-malformed")
        assert_problem(attach(unsigned, a_pdf(), "stranger"), 404, "contract-not-found")
        assert rows() == before
        assert list(tmp_path.glob("understudy-*")) == []

    def test_is_read_beyond_a_mebibyte_and_not_beyond_its_own_limit(self, unsigned, monkeypatch):
        assert attach(unsigned, a_pdf("x" * (2 << 20))).status_code == 201
        monkeypatch.setenv("UNDERSTUDY_UPLOAD_LIMIT_BYTES", "100000")
        config.settings.cache_clear()
        assert_problem(attach(unsigned, a_pdf("y" * 300_000)), 413, "too-large")
        listed = unsigned.get(f"/v1/contracts/{unsigned.scene.contract.id}/papers")
        assert len(listed.json()) == 1

    def test_other_routes_of_a_contract_still_end_at_a_mebibyte(self, unsigned):
        address = f"/v1/contracts/{unsigned.scene.contract.id}/signatures"
        assert unsigned.post(address, content=bytes(2 << 20)).status_code == 413

    def test_is_refused_before_a_byte_of_a_stranger_is_read(self, served, unsigned):
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            raise AssertionError("the body of somebody unknown was read")

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "raw_path": b"", "query_string": b"",
            "path": f"/v1/contracts/{unsigned.scene.contract.id}/paper",
            "headers": [(b"content-type", b"multipart/form-data; boundary=edge"),
                        (b"idempotency-key", b"k")],
            "http_version": "1.1", "scheme": "http", "server": ("test", 80),
            "client": ("test", 1), "root_path": "",
        }  # fmt: skip
        asyncio.run(served(scope, receive, send))
        assert sent[0]["status"] == 401

    def test_a_document_that_names_it_is_signed_only_once_it_is_there(self, unsigned):
        house, contract = unsigned, unsigned.scene.contract
        named = {"sha256": hashlib.sha256(a_pdf()).hexdigest(), "signed_on": "2026-11-20"}
        document = house.get(f"/v1/contracts/{contract.id}/document").json() | {"paper": named}
        offered = house.post("/v1/contracts", json={"document": document}).json()
        said = str(offered["plain_language"])
        assert named["sha256"] in said
        assert "20 November 2026" in said
        address = f"/v1/contracts/{offered['id']}/signatures"
        answer = house.post(address, "desk", json=house.signature())
        assert_problem(answer, 409, "paper-missing")
