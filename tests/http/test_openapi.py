"""The documentation is complete, true to its own examples, and loads without a network."""

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from app import access
from app.licensing.document import contract
from app.main import operations_of
from tests.http.house import PROBLEM, VERIFICATION, a_house, is_open, operations

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
Schema = dict[str, Any]
NOT_JSON = {"multipart/form-data", "text/plain", "application/octet-stream", "video/mp4",
            "image/jpeg", "image/png", "audio/mpeg", "audio/wav", "audio/mp4",
            "application/jose", "application/ocsp-response", "application/timestamp-reply",
            "application/ocsp-request", "application/timestamp-query", "application/vc+jwt",
            "text/event-stream", "application/x-ndjson",
            "application/rsl+xml", "application/pdf", "application/zip", "text/csv",
            "application/c2pa", "image/*", "audio/*", "video/*"}  # fmt: skip


class NoExample(AssertionError):
    """A schema shows nobody what it looks like."""


def example_of(schema: Schema, document: Schema, at: str = "") -> Any:
    """Put together the example a reader is shown, as documentation pages do."""
    if "$ref" in schema:
        named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return example_of(named, document, at)
    if "example" in schema or "examples" in schema:
        return schema["example"] if "example" in schema else schema["examples"][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {
            name: example_of(part, document, f"{at}/{name}")
            for name, part in schema["properties"].items()
        }
    if schema.get("type") == "array":
        return [example_of(schema["items"], document, f"{at}/0")]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], document, at)
    if schema.get("format") == "date-time":
        return "2026-11-22T21:00:00Z"
    raise NoExample(f"{at or '/'} of {schema.get('title')} has no example")


def assert_shown(content: Schema, document: Schema) -> Any:
    """Insist on an example that fits its own schema."""
    shown = content.get("example")
    if shown is None:
        named = content.get("examples")
        shown = next(iter(named.values()))["value"] if named else example_of(
            content["schema"], document
        )  # fmt: skip
    whole = content.get("schema", {}) | {"components": document["components"]}
    jsonschema_rs.validator_for(whole).validate(shown)
    return shown


class TestDocument:
    def test_every_operation_says_what_it_does(self, served):
        for verb, path, operation in operations(served):
            assert operation["summary"], path
            assert len(operation["description"]) > 15, (verb, path)
            assert operation["tags"], path

    def test_every_answer_has_an_example_that_fits(self, served):
        document = served.openapi()
        for verb, path, operation in operations(served):
            for status, answer in operation["responses"].items():
                assert answer["description"], (verb, path, status)
                if path == "/metrics":
                    continue
                assert answer["content"], (verb, path, status)
                for kind, content in answer["content"].items():
                    if kind in NOT_JSON:
                        continue
                    assert (kind == PROBLEM) == (int(status) >= 400), (verb, path, status)
                    try:
                        assert_shown(content, document)
                    except (NoExample, jsonschema_rs.ValidationError) as error:
                        raise AssertionError(f"{verb} {path} {status}: {error}") from error

    def test_every_request_has_an_example_that_fits(self, served):
        document = served.openapi()
        for _verb, path, operation in operations(served):
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                if kind == "multipart/form-data":
                    assert content["schema"]["required"], path
                else:
                    assert_shown(content, document)
            for parameter in operation.get("parameters", []):
                if parameter["required"] and parameter["in"] != "path":
                    assert parameter["name"], path

    def test_the_contract_that_is_shown_is_one_that_could_be_signed(self, served):
        document = served.openapi()
        content = document["paths"]["/v1/contracts"]["post"]["requestBody"]["content"]
        shown = assert_shown(content["application/json"], document)
        contract.parse(shown["document"])

    def test_the_requests_that_are_shown_are_understood(self, served, client):
        house, document = a_house(client), served.openapi()
        for _verb, path, operation in operations(served):
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                body = assert_shown(content, document)
                answer = house.post(
                    path.replace("{contract_id}", house.scene.contract.id), json=body
                )
                assert answer.json().get("code") not in {"invalid-request", "bad-request"}, path

    def test_a_schema_without_an_example_is_found(self, database):
        with pytest.raises(NoExample):
            example_of({"properties": {"id": {"type": "string"}}}, {})

    def test_closed_routes_document_that_they_ask_for_a_key(self, served):
        for verb, path, operation in operations(served):
            closed = not is_open(path) or path.startswith(VERIFICATION)  # those refuse a bad one
            assert ("401" in operation["responses"]) == closed, (verb, path)
            assert ({} in operation.get("security", [{}])) == is_open(path), (verb, path)

    def test_the_machine_readable_problem_is_the_one_that_is_sent(self, served):
        text = str(served.openapi())
        assert "HTTPValidationError" not in text


class TestPages:
    @pytest.mark.parametrize("page", ["/docs", "/redoc"])
    def test_load_from_here_alone(self, client, page):
        answer = client.get(page)
        assert answer.status_code == 200
        links = re.findall(r"(?:src|href|url)\s*[=:]\s*['\"]([^'\"]+)", answer.text)
        assert len(links) >= 2
        assert all(link.startswith("/") and not link.startswith("//") for link in links), links
        assert not re.search(r"['\"(]\s*(?:https?:)?//", answer.text)
        for link in links:
            asset = client.get(link)
            assert asset.status_code == 200, link
            if link.endswith(".css"):
                assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", asset.text)
                assert "@import" not in asset.text


class TestAccess:
    def test_the_table_is_the_one_at_the_routes(self, served):
        # Run `understudy access > docs/access.md`, and read what changed.
        page = Path(__file__).parents[2] / "docs" / "access.md"
        assert page.read_text("utf-8") == access.as_page(operations_of(served))
