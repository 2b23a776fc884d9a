"""What is asked of a studio's provider, and what of its answers is believed (OpenID Connect Core).

Authorization code with PKCE alone. The requests are Authlib's, the signatures joserfc's, and every
call goes out through egress. A provider is checked the day it is named; of its answers nothing is
believed but one ID token: signed by a key it publishes now, for us, for this one question.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from app import clock
from app.config import settings
from app.egress import Answer, Body, Door, EgressFailed, EgressRefused
from app.identity.errors import ProviderNotReached, ProviderRefused
from app.identity.models_providers import CLIENT_AUTHS, SignInProvider

ALGORITHMS = ["RS256", "ES256"]  # nothing else, whatever a header or a document says
RSA_BITS_LEAST = 2048
SCOPE = "openid email"
LEEWAY = timedelta(minutes=2)  # by which its clock and ours may be apart
ISSUED_WITHIN = timedelta(minutes=10)  # an ID token answers a question of these minutes
LIMIT_BYTES, TIMEOUT_S = 256 << 10, 10.0
MAX_TOKEN_CHARS = 16_000
MAX_SUBJECT_CHARS = 255  # OpenID Connect Core, 2
DISCOVERY = ".well-known/openid-configuration"


@dataclass(frozen=True)
class Discovered:
    """What an issuer's own document says, checked."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    client_auth: str
    names_itself: bool


@dataclass(frozen=True)
class Question:
    """What ties an answer to the browser it was asked in; all three follow from its cookie."""

    state: str
    nonce: str
    verifier: str


def discover(issuer: str) -> Discovered:
    """Read what an issuer says of itself. Raises ProviderRefused, ProviderNotReached."""
    said = _json(_ask("GET", _below(issuer, DISCOVERY)), "its description")
    if said.get("issuer") != issuer:
        raise ProviderRefused(
            "the description found there is of another issuer; give the issuer as it writes itself"
        )
    found = {name: said.get(name) for name in ("authorization_endpoint", "token_endpoint")}
    found["jwks_uri"] = said.get("jwks_uri")
    for name, url in found.items():
        if not isinstance(url, str) or not _is_called(url):
            raise ProviderRefused(f"its {name} is no https address")
    for name, needed in (
        ("response_types_supported", {"code"}),
        ("id_token_signing_alg_values_supported", set(ALGORITHMS)),
        ("code_challenge_methods_supported", {"S256"}),
    ):
        offered = said.get(name, ["S256"] if name.startswith("code_ch") else None)
        if not isinstance(offered, list) or not needed & set(map(str, offered)):
            raise ProviderRefused(f"its {name} has none of {', '.join(sorted(needed))}")
    ways = said.get("token_endpoint_auth_methods_supported", [CLIENT_AUTHS[0]])
    known = [way for way in CLIENT_AUTHS if isinstance(ways, list) and way in ways]
    if not known:
        raise ProviderRefused(f"it knows its clients by none of {' and '.join(CLIENT_AUTHS)}")
    keys_of(str(found["jwks_uri"]))
    return Discovered(
        issuer=issuer,
        **{name: str(url) for name, url in found.items()},
        client_auth=known[0],
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )


def question_url(provider: SignInProvider, question: Question, *, redirect_uri: str) -> str:
    """Return where a browser goes to be asked who it is."""
    client = OAuth2Client(
        _Line(),
        provider.client_id,
        scope=SCOPE,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    url, _ = client.create_authorization_url(
        provider.authorization_endpoint,
        state=question.state,
        code_verifier=question.verifier,
        nonce=question.nonce,
    )
    return str(url)


def redeem(
    provider: SignInProvider, secret: str, question: Question, code: str, *, redirect_uri: str
) -> dict[str, Any]:
    """Return the claims of the ID token that a code is worth, once all of it was checked.

    Outside any transaction: it calls the provider twice. Raises ProviderRefused,
    ProviderNotReached.
    """
    client = OAuth2Client(
        _Line(),
        provider.client_id,
        secret,
        token_endpoint_auth_method=provider.client_auth,
        redirect_uri=redirect_uri,
    )
    try:
        said = client.fetch_token(
            provider.token_endpoint,
            grant_type="authorization_code",
            code=code,
            code_verifier=question.verifier,
        )
    except OAuth2Error:
        raise ProviderRefused("your provider did not take the code; sign in once more") from None
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError):
        raise ProviderRefused("your provider answered with something that is no token") from None
    token = said.get("id_token")
    if not isinstance(token, str) or len(token) > MAX_TOKEN_CHARS:
        raise ProviderRefused("your provider's answer holds no ID token")
    return check_id_token(
        provider,
        token,
        keys_of(provider.jwks_uri),
        nonce=question.nonce,
        access_token=said.get("access_token"),
    )


def check_id_token(
    provider: SignInProvider, token: str, keys: KeySet, *, nonce: str, access_token: Any = None
) -> dict[str, Any]:
    """Return the claims of an ID token, or raise ProviderRefused; numbered as it is checked."""
    try:
        # 1. Signed by a key the provider publishes now, with an algorithm of our list.
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        # 2. From this issuer, for us, in time, an answer to this question (OIDC Core, 3.1.3.7).
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
            },
            params={
                "nonce": nonce,
                "client_id": provider.client_id,
                "access_token": access_token if isinstance(access_token, str) else None,
            },
        )
        at = clock.now()
        claims.validate(int(at.timestamp()), int(LEEWAY.total_seconds()))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProviderRefused(f"the ID token is not to be believed: {_kind(error)}") from None
    # 3. For us alone, and made just now.
    if claims["aud"] not in (provider.client_id, [provider.client_id]):
        raise ProviderRefused("the ID token is for others too")
    issued_at = claims["iat"]
    if not isinstance(issued_at, int | float) or isinstance(issued_at, bool):
        raise ProviderRefused("the ID token does not say when it was issued")
    earliest, latest = (at - ISSUED_WITHIN).timestamp(), (at + LEEWAY).timestamp()
    if not earliest <= issued_at <= latest:  # compared as numbers: not every number is an instant
        raise ProviderRefused("the ID token was issued long ago, or is of the future")
    # 4. Of somebody, by the name that the provider never gives to another.
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS:
        raise ProviderRefused("the ID token does not say of whom it is")
    # 5. With an address of the house that the provider verified, where the house asks for one.
    if provider.email_domain and not _is_of(claims, provider.email_domain):
        raise ProviderRefused(
            f"the provider does not say that it verified an address of yours at "
            f"{provider.email_domain}"
        )
    return dict(claims)


def keys_of(jwks_uri: str) -> KeySet:
    """Return the keys a provider publishes at this moment: a key it took away counts no more."""
    said = _json(_ask("GET", jwks_uri), "its keys")
    rows = said.get("keys")
    usable = [
        row
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
        and row.get("use", "sig") == "sig"
        and (row.get("kty") == "RSA" or (row.get("kty"), row.get("crv")) == ("EC", "P-256"))
    ]
    try:
        found = KeySet.import_key_set({"keys": usable})
        sizes = [each.public_key.key_size for each in found.keys if isinstance(each, RSAKey)]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ProviderRefused("its keys cannot be read") from None
    if not found.keys or any(size < RSA_BITS_LEAST for size in sizes):
        raise ProviderRefused(f"its keys are none, or RSA of less than {RSA_BITS_LEAST} bits")
    return found


def _is_of(claims: Mapping[str, Any], domain: str) -> bool:
    email = claims.get("email")
    return (
        claims.get("email_verified") is True
        and isinstance(email, str)
        and email.count("@") == 1
        and email.partition("@")[2].lower() == domain
    )


class _Line:
    """What Authlib's client asks through: our one door, to the address that was named."""

    def post(
        self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any
    ) -> "_Said":
        url, headers, text = auth.prepare("POST", url, dict(headers), urlencode(data))
        kept = {name: each for name, each in headers.items() if name.lower() != "content-type"}
        body = Body(text.encode(), "application/x-www-form-urlencoded")
        return _Said(_ask("POST", url, body=body, headers=kept))


class _Said:
    """An answer, as Authlib reads one."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self._body = answer.body

    def json(self) -> Any:
        """Return the body read as JSON; raises ValueError."""
        return _loads(self._body)

    def raise_for_status(self) -> None:
        """Raise where the provider failed."""
        if self.status_code >= 400:
            raise ProviderNotReached(f"your provider answered {self.status_code}; try again later")


def _ask(
    method: str, url: str, *, body: Body | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    parts = urlsplit(url)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    door = Door(f"{parts.scheme}://{parts.netloc}", private=parts.netloc in _private())
    said = {"Accept": "application/json", **(headers or {})}
    try:
        return door.ask(
            method, path, body=body, headers=said, limit_bytes=LIMIT_BYTES, timeout_s=TIMEOUT_S
        )
    except EgressRefused as refusal:
        raise ProviderRefused(refusal.detail) from None
    except EgressFailed as failure:
        raise ProviderNotReached(f"{failure.detail}; try again later") from None


def _json(answer: Answer, what: str) -> dict[str, Any]:
    if answer.status != 200:
        raise ProviderNotReached(f"asked for {what}, the provider answered {answer.status}")
    try:
        said = _loads(answer.body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise ProviderRefused(f"asked for {what}, the provider answered with something else")
    return said


def _loads(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError from None


def _below(issuer: str, path: str) -> str:
    if not _is_called(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
        raise ProviderRefused("an issuer is an https address without a query")
    return f"{issuer.rstrip('/')}/{path}"


def _is_called(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = parts.scheme == "http" and parts.netloc in _private()
    return bool(parts.hostname) and "@" not in parts.netloc and (parts.scheme == "https" or plain)


def _private() -> tuple[str, ...]:
    return tuple(settings().private_providers.replace(",", " ").split())


def _kind(error: Exception) -> str:
    said = getattr(error, "claim", None)
    return f"{type(error).__name__}{f' ({said})' if isinstance(said, str) else ''}"
