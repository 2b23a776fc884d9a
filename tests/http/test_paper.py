"""Paper over HTTP: out as a PDF, for parties alone."""

import hashlib
import io

import pypdf
import pytest

from tests.http.house import assert_problem

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
