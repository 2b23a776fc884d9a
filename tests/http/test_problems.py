"""Every refusal is a problem document (RFC 9457), and points to what is wrong."""

import pytest
from starlette.testclient import TestClient

from app.errors import AppError
from app.main import create_app
from tests.http.house import assert_problem

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
BIG = 1 << 20


class TestUnknown:
    def test_an_unknown_route_is_a_problem(self, client):
        assert_problem(client.get("/v1/nothing"), 404, "not-found")
        assert_problem(client.get("/v2/generations"), 404, "not-found")
        assert_problem(client.get("/static-offline-docs/../../etc/passwd"), 404, "not-found")

    @pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE", "BREW"])
    def test_an_unknown_method_is_a_problem_that_names_those_there_are(self, client, verb):
        answer = client.request(verb, "/v1/generations")
        assert_problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"]


class TestInvalidBodies:
    def test_each_wrong_field_is_pointed_to(self, house):
        body = house.scene.body(length_s="-1", replicas=[], surprise=1)
        del body["line"]
        problem = assert_problem(house.post("/v1/generations", json=body), 422, "invalid-request")
        assert {e["pointer"] for e in problem["errors"]} == {
            "/body/length_s",
            "/body/replicas",
            "/body/surprise",
            "/body/line",
        }
        assert problem["detail"].startswith("/body/")

    def test_the_terms_of_a_contract_are_pointed_to(self, house):
        problem = assert_problem(
            house.post("/v1/contracts", json={"document": {"v": 2}}), 422, "contract-invalid"
        )
        assert {"/v", "/grant"} <= {e["pointer"] for e in problem["errors"]}

    def test_a_name_with_signs_of_the_pointer_itself_is_escaped(self, house):
        problem = house.post("/v1/signing-keys", json={"public_jwk": {}, "a/b~c": 1}).json()
        assert problem["errors"][0]["pointer"] == "/body/a~1b~0c"

    def test_queries_are_pointed_to(self, house):
        problem = assert_problem(house.get("/v1/generations?limit=0"), 422, "invalid-request")
        assert problem["errors"][0]["pointer"] == "/query/limit"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"{", "invalid-request"),
            (b"", "invalid-request"),
            (b"null", "invalid-request"),
            (b"\xff\xfe", None),
            (b"[" * 200_000, "text-refused"),
            (b'{"public_jwk": {"kty": "\\u0000"}}', "text-refused"),
            (b'{"public_jwk": {"kty": "\\ud800"}}', "text-refused"),
            (b'{"public_jwk": {"\\ud800": 1}}', None),
            (b'{"public_jwk": {}, "\\ud800": 1}', "invalid-request"),
            (b'{"public_jwk": ' + b'{"a":' * 900 + b"1" + b"}" * 901, None),
            (b'{"public_jwk": {"kty": NaN}}', None),
            (b'{"public_jwk": {"kty": 1e999}}', None),
            (b'{"public_jwk": {"kty": ' + b"9" * 5000 + b"}}", None),
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/signing-keys", "/v1/contracts"])
    def test_what_is_no_json_of_ours_is_refused(self, house, path, body, code):
        body = body.replace(b"public_jwk", b"document") if path == "/v1/contracts" else body
        headers = house.keys["production"] | {
            "Idempotency-Key": "k",
            "Content-Type": "application/json",
        }
        answer = house.client.post(path, headers=headers, content=body)
        assert 400 <= answer.status_code < 500, answer.text
        assert_problem(answer, answer.status_code, code or answer.json()["code"])

    def test_text_that_only_looks_like_nul_is_text(self, house):
        assert house.ask(line="Say \\u0000, twice: \\\\u0000").status_code == 201
        assert_problem(house.ask(line="Say \u0000"), 422, "text-refused")

    @pytest.mark.parametrize("length", [BIG + 1, 3 * BIG])
    def test_a_body_beyond_a_mebibyte_is_not_read_on(self, house, length):
        answer = house.post("/v1/contracts", content=iter([b" " * length]))
        assert_problem(answer, 413, "too-large")

    def test_a_signature_nested_beyond_reading_is_refused(self, house):
        import base64

        head = base64.urlsafe_b64encode(b"[" * 3000).decode()
        answer = house.post(
            f"/v1/contracts/{house.scene.contract.id}/signatures",
            json={"role": "performer", "jws": f"{head}..x"},
        )
        assert answer.status_code in {409, 422}
        nul = base64.urlsafe_b64encode(b'{"kid": "\\u0000"}').decode()
        answer = house.post(
            f"/v1/contracts/{house.scene.contract.id}/signatures",
            json={"role": "performer", "jws": f"{nul}..x"},
        )
        assert answer.status_code in {409, 422}


class TestDefects:
    @pytest.mark.parametrize("error", [ValueError, AppError])
    def test_a_defect_is_a_problem_that_tells_nothing(self, database, error):
        def fail() -> None:
            raise error("the secret is 42")

        app = create_app()
        app.get("/v1/defect")(fail)
        answer = TestClient(app, raise_server_exceptions=False).get("/v1/defect")
        assert_problem(answer, 500, "internal-error")
        assert "42" not in answer.text

    def test_numbers_beyond_any_column_are_refused(self, house):
        path = f"/v1/contracts/{house.scene.contract.id}/entries?after={10**30}"
        assert_problem(house.get(path), 422, "invalid-request")
        for query in (f"expires={10**30}&seal={'0' * 64}", "expires=1&seal=é"):
            answer = house.get(f"/v1/downloads/gen_1?{query}")
            assert_problem(answer, 422, "invalid-request")
