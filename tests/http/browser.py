"""A browser without a window: it keeps cookies, reads the forms of a page, and sends them."""

import html
import json
import re
from typing import Any

from fastapi import FastAPI
from httpx import Response
from starlette.testclient import TestClient

from app import db
from app.identity import people
from app.identity.models import Organization
from tests.identity.authenticator import ORIGIN, Authenticator

OURS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
_VALUE = r'name="{}" value="([^"]*)"'


class Browser:
    """One person's browser, with one device of theirs in it."""

    def __init__(self, served: FastAPI, device: Authenticator | None = None) -> None:
        self.client = TestClient(served, base_url=ORIGIN, raise_server_exceptions=False)
        self.client.follow_redirects = False
        self.device = device or Authenticator()
        self.page = ""

    def open(self, path: str) -> Response:
        answer = self.client.get(path)
        self.page = answer.text
        return answer

    def value(self, name: str) -> str:
        found = re.search(_VALUE.format(name), self.page)
        assert found, f"no {name} on the page: {self.page[:400]}"
        return html.unescape(found[1])

    def options(self) -> dict[str, Any]:
        found = re.search(r'data-options="([^"]*)"', self.page)
        assert found, self.page[:400]
        options: dict[str, Any] = json.loads(html.unescape(found[1]))
        return options

    def send(self, path: str, *, headers: dict[str, str] = OURS, **fields: str) -> Response:
        fields = {"form_token": self.value("form_token"), **fields}
        return self.client.post(path, data=fields, headers=headers)

    def prove(self, path: str, answer: dict[str, Any], **fields: str) -> Response:
        return self.send(path, ceremony=self.value("ceremony"), answer=json.dumps(answer), **fields)

    def join(self, secret: str, name: str = "Griet") -> Response:
        self.open(f"/join/{secret}")
        made = self.device.create(self.options())
        return self.prove(f"/join/{secret}", made, name=name, device="Phone")

    def sign_in(self) -> Response:
        self.open("/sign-in")
        return self.prove("/sign-in", self.device.get(self.options()))

    def confirm(self) -> Response:
        self.open("/confirm")
        return self.prove("/confirm", self.device.get(self.options()))


def first_link(organization: Organization) -> str:
    """What the operator's command prints, without the address."""
    with db.writing() as session:
        return people.invite_first(session, organization)[1]
