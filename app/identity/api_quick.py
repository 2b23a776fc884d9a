"""An acting route that is asked most, answered without FastAPI's dependencies where all is usual.

FastAPI stays the measure: it documents the route, and answers whatever is unusual, so there is one
way to refuse. What is usual goes through the same checks of `api_edge`, in the same order.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

from app.identity import api_edge
from app.identity.api_edge import Act

_UNUSUAL = "understudy.unusual"
_BEARER = re.compile(rb"Bearer ([!-~]+)")
_KEY = re.compile(rb"[!-~]{1,128}")
# A number with a point or an exponent, which pydantic spells otherwise than FastAPI's `json.loads`:
# 5.0 as 5. The same request has one fingerprint, whichever way it is read.
_FRACTION = re.compile(rb"[:,\[][ \t\r\n]*-?[0-9]+[.eE]")
_WANTED = frozenset({b"authorization", b"content-type", b"idempotency-key"})
Endpoint = Callable[[Any, Act], Awaitable[Response]]


class Quick(BaseRoute):
    """Stands before FastAPI's own route of a path without parameters, and calls its endpoint.

    `endpoint` takes a JSON body of the model `body`, and who acts. Put it first among the routes.
    """

    def __init__(self, path: str, endpoint: Endpoint, body: type[BaseModel]) -> None:
        self.path = self.path_format = path
        self.endpoint = endpoint
        self._body = body
        self._route = f"POST {path}"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say that it is this route's, unless it was found to be unusual already."""
        is_this = (
            scope["type"] == "http" and scope["path"] == self.path and scope["method"] == "POST"
        )
        if is_this and _UNUSUAL not in scope:
            return Match.FULL, {"endpoint": self.endpoint, "path_params": {}, "route": self}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is usual; hand everything else on, whole, to the routes behind."""
        read = [await receive()]
        while read[-1].get("more_body", False):
            read.append(await receive())
        asked = self._usual(scope, b"".join(each.get("body", b"") for each in read))
        if asked is None:
            scope[_UNUSUAL] = True
            await scope["router"](scope, _again(read, receive), send)
            return
        body, bearer, idempotency_key = asked
        request = Request(scope, receive)
        await api_edge.insist_clock(request)
        credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=bearer)
        caller = await api_edge.caller(request, credentials)
        response = await self.endpoint(body, Act(caller, idempotency_key, self._route))
        await response(scope, receive, send)

    def _usual(self, scope: Scope, content: bytes) -> tuple[BaseModel, str, str] | None:
        """Return body, bearer and Idempotency-Key where there is nothing wrong with any of them."""
        said: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _WANTED:
                said.setdefault(name, value)
        bearer = _BEARER.fullmatch(said.get(b"authorization", b""))
        key = _KEY.fullmatch(said.get(b"idempotency-key", b""))
        if not bearer or not key or said.get(b"content-type") != b"application/json":
            return None
        if _FRACTION.search(content):
            return None
        try:
            body = self._body.model_validate_json(content)
        except ValidationError:
            return None
        return body, bearer[1].decode(), key[0].decode()


def _again(read: Iterable[Message], receive: Receive) -> Receive:
    """Return what receives once more what was read, and then what comes."""
    left = iter(read)

    async def again() -> Message:
        for message in left:
            return message
        return await receive()

    return again
