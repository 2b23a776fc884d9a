"""What may come in at all: how many bytes a body has, how deep its JSON goes. Held before parsing.

Uploads have limits of their own, and are not read before it is known who sends them.
"""

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIMIT_BYTES = 1 << 20
FORM_LIMIT_BYTES = 128 << 10  # the longest form of ours, many times over
DEPTH_MOST = 64  # a contract's document is nested eight deep
UPLOADS = re.compile(
    r"/v1/(performers|performers/[^/]+/(photos|voices)|verifications|materials"
    r"|contracts/[^/]+/paper|render-jobs/[^/]+/results"
    r"|generations/batches|live-checks/[^/]+/stills|roster-imports)|/matches/byContent|/verify"
    r"|/performer/enroll|/performer/likeness/(photos|voices)|/performer/identity/checks/[^/]+"
    r"|/recovery/[^/]+/checks/[^/]+|/agency/import|/union/estates/read"
)
OTHERS = "/matches/"  # of the soft binding API: its document knows 400, and no 422
FORMS = (b"application/x-www-form-urlencoded", b"multipart/form-data")
# Always matches where a quote stands, so that no text makes it try again and again.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_MARKS = bytes(set(range(256)) - set(b",:[]{}"))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Limits:
    """Stops reading where a body is too long, whatever its headers claim, or its JSON too deep."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or UPLOADS.fullmatch(path):
            await self._app(scope, receive, send)
            return
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        is_form, is_json = kind.lower().startswith(FORMS), b"json" in kind.lower()
        limit = left = FORM_LIMIT_BYTES if is_form else LIMIT_BYTES
        so_far: list[bytes] = []

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            chunk = message.get("body", b"")
            left -= len(chunk)
            if left < 0:
                raise HTTPException(413, f"{'forms' if is_form else 'bodies'} end at {limit} bytes")
            if is_json:
                so_far.append(chunk)
                if not message.get("more_body", False):
                    _refuse_deep(b"".join(so_far), 400 if path.startswith(OTHERS) else 422)
            return message

        await self._app(scope, limited, send)


def _refuse_deep(body: bytes, status: int) -> None:
    if is_deep(body):
        raise HTTPException(
            status,
            f"JSON goes {DEPTH_MOST} levels deep here, and this goes deeper; send it flatter",
        )


def marks_in(body: bytes) -> int:
    """Count commas, colons and brackets outside of texts: about how many values JSON holds."""
    return len(_TEXT.sub(b"", body).translate(None, _NOT_MARKS))


def is_deep(body: bytes, most: int = DEPTH_MOST) -> bool:
    """Say whether JSON in UTF-8 is nested deeper than `most`; where it is none, maybe.

    Whole passes in C, none of them longer than the body: no byte is looked at in Python.
    """
    if body.count(b"[") + body.count(b"{") <= most:
        return False
    brackets = _TEXT.sub(b"", body).translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(most):  # each pass takes the innermost pairs away
        brackets = brackets.replace(b"[]", b"")
    return b"[]" in brackets or brackets.count(b"[") > most  # ... or so many never closed
