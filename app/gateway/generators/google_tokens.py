"""Google's access tokens: a service account's key signs a request, one fixed host answers it.

The token is kept in memory for as long as it lasts and renewed before it ends. Whatever host the
key's own file names, it is asked for at Google's and nowhere else.
"""

import json
import re
import threading
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from app import clock, keys
from app.egress import Body, Door, EgressFailed, EgressRefused
from app.gateway.generators.errors import OrderRefused, VendorBusy

BASE = "https://oauth2.googleapis.com"
AUDIENCE = f"{BASE}/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_S, EARLY = 3600, timedelta(minutes=5)
REPLY_LIMIT_BYTES, TIMEOUT_S = 1 << 16, 30.0
_TOKEN = re.compile(r"[\x21-\x7e]{8,8000}")


class Tokens:
    """The tokens of this process; `base` and `private` lead to a fake, for tests."""

    def __init__(self, base: str = BASE, *, private: bool = False) -> None:
        self._door = Door(base, private)
        self._kept: dict[tuple[str, str], tuple[str, datetime]] = {}
        self._asking = threading.Lock()

    def of(self, known: Mapping[str, str]) -> str:
        """Return a token of a service account that lasts five minutes at least.

        `known` is the account's key file. Raises OrderRefused, VendorBusy: nothing was bought.
        """
        if not known.get("client_email"):
            raise OrderRefused(
                "the service account's key lacks client_email; the operator gives the whole file"
            )
        account = known["client_email"], known["private_key"]
        with self._asking:  # one question for all that wait
            token, until = self._kept.get(account, ("", clock.now()))
            if clock.now() >= until:
                token, until = self._ask(known)
                self._kept = {account: (token, until)}
        return token

    def drop(self) -> None:
        """Forget what is kept: Google did not accept it."""
        with self._asking:
            self._kept = {}

    def _ask(self, known: Mapping[str, str]) -> tuple[str, datetime]:
        asked_at = clock.now()
        content = urlencode({"grant_type": GRANT, "assertion": _assertion(known, asked_at)})
        try:
            answer = self._door.ask(
                "POST",
                "token",
                body=Body(content.encode(), "application/x-www-form-urlencoded"),
                limit_bytes=REPLY_LIMIT_BYTES,
                timeout_s=TIMEOUT_S,
            )
        except EgressRefused as refusal:
            raise OrderRefused(f"Google was not asked for a token: {refusal.detail}") from None
        except EgressFailed:
            raise VendorBusy(
                "Google's host of tokens does not answer; nothing was ordered"
            ) from None
        if answer.status in {400, 401, 403}:
            raise OrderRefused(
                f"Google does not accept the service account's key ({answer.status}); the operator "
                "must renew it"
            )
        reply = _parsed(answer.body) if answer.status == 200 else {}
        token, lasts_s = reply.get("access_token"), reply.get("expires_in")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise VendorBusy(f"Google gives no token ({answer.status}); nothing was ordered")
        whole = lasts_s if isinstance(lasts_s, int) and lasts_s > 0 else 0
        return token, asked_at + timedelta(seconds=min(whole, LONGEST_S)) - EARLY


def _assertion(known: Mapping[str, str], at: datetime) -> str:
    """Sign what Google asks of a service account (RFC 7523): who asks, for what, for how long."""
    since = int(at.timestamp())
    head = {"alg": "RS256", "typ": "JWT", "kid": known.get("private_key_id", "")}
    claims = {
        "iss": known["client_email"],
        "scope": SCOPE,
        "aud": AUDIENCE,
        "iat": since,
        "exp": since + LONGEST_S,
    }
    signed = f"{_text(json.dumps(head).encode())}.{_text(json.dumps(claims).encode())}"
    try:
        seal = keys.sign_for_vendor(known["private_key"], signed.encode())
    except ValueError:
        raise OrderRefused(
            "the service account's private key cannot be read; the operator gives the whole file"
        ) from None
    return f"{signed}.{_text(seal)}"


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(body)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}
