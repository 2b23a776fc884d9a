"""A studio's provider over real HTTP: it describes itself, asks nobody, and signs ID tokens.

Plain enough to lie in every way a provider may: a test says how.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "understudy", "not/a+secret"
Lie = Callable[[dict[str, Any]], None]


class Provider:
    """One issuer with one client of ours; `who` is whom it thinks the browser belongs to."""

    def __init__(self, kind: str = "RSA") -> None:
        self.key: Any = RSAKey.generate_key(2048) if kind == "RSA" else ECKey.generate_key("P-256")
        self.published = [self.key]
        self.algorithm = {"RSA": "RS256", "EC": "ES256"}[kind]
        self.who: dict[str, Any] = {"sub": "u-1", "email": "kees@studio.example",
                                    "email_verified": True}  # fmt: skip
        self.lie: Lie = lambda claims: None
        self.sign: Callable[[dict[str, Any]], str] = self._sign
        self.description: Lie = lambda said: None
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.token_answer: tuple[int, Any] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.netloc = f"127.0.0.1:{self._server.server_port}"
        self.issuer = f"http://{self.netloc}/realm"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kid(self, key: Any) -> str:
        return str(key.thumbprint())

    def rotate(self) -> None:
        """Sign with a new key, and publish no other."""
        self.key = RSAKey.generate_key(2048)
        self.published, self.algorithm = [self.key], "RS256"

    def describe(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.description(said)
        return said

    def keys(self) -> dict[str, Any]:
        rows = [each.as_dict(private=False) | {"kid": self.kid(each)} for each in self.published]
        return {"keys": [*rows, {"kty": "odd", "kid": "x"}]}

    def visit(self, url: str) -> str:
        """Be the browser at the authorization endpoint; return where it is sent back to."""
        said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{self.issuer}/authorize?")
        assert (said["client_id"], said["response_type"]) == (CLIENT, "code")
        assert said["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = said
        back = {"code": code, "state": said["state"], "iss": self.issuer}
        return f"{said['redirect_uri']}?{urlencode(back)}"

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """Be the token endpoint: a code is worth one token, to who asked, with their verifier."""
        if self.token_answer is not None:
            return self.token_answer
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or authorization != f"Basic {basic}"
            or challenge != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        at = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": at,
            "exp": at + 300,
            "nonce": asked["nonce"],
            "auth_time": at,
            **self.who,
        }
        self.lie(claims)
        token = self.sign(claims)
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}

    def _sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.kid(self.key)}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


def unsigned(claims: dict[str, Any]) -> str:
    """Write a token of the algorithm that is none."""
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(said: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def with_public_key_as_secret(provider: Provider) -> Callable[[dict[str, Any]], str]:
    """Sign with HS256 under the key that everybody may read."""

    def sign(claims: dict[str, Any]) -> str:
        said = f"{_part({'alg': 'HS256', 'kid': provider.kid(provider.key)})}.{_part(claims)}"
        mac = hmac.digest(provider.key.as_pem(private=False), said.encode(), "sha256")
        return f"{said}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    return sign


def with_a_key_in_its_header(provider: Provider) -> Callable[[dict[str, Any]], str]:
    """Sign with a key of one's own, and bring it along."""

    def sign(claims: dict[str, Any]) -> str:
        key = RSAKey.generate_key(2048)
        header = {"alg": "RS256", "kid": provider.kid(provider.key)}
        header |= {"jwk": key.as_dict(private=False)}
        return jwt.encode(header, claims, key, algorithms=["RS256"])

    return sign


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            provider.asked.append((path, {}))
            known = {
                "/realm/.well-known/openid-configuration": provider.describe,
                "/realm/keys": provider.keys,
            }
            self._say(200, known[path]()) if path in known else self._say(404, {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            provider.asked.append((self.path, form))
            self._say(*provider.redeem(form, self.headers.get("Authorization", "")))

        def _say(self, status: int, said: Any) -> None:
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
