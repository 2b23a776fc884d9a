"""The only door out: to one host that was named beforehand, for answers of limited size and time.

Whoever opens the door names the host. It is resolved once and the connection goes to that address:
a name that is answered differently a moment later leads nowhere else. Addresses of this machine and
of private networks are refused, unless the door was opened for them. No redirect is followed, no
proxy of the environment is used, no cookie is kept.
"""

import ipaddress
import socket
import time
from dataclasses import dataclass

import httpx

from app.errors import AppError

TIMEOUT_S = 20.0


class EgressRefused(AppError):
    """This program does not call that address."""

    status, code = 502, "egress-refused"


class EgressFailed(AppError):
    """The other side did not answer as it should, in time and within the size allowed."""

    status, code = 502, "egress-failed"


class NotThere(EgressFailed):
    """The other side answered that it has no such thing."""

    status, code = 502, "egress-not-there"


@dataclass(frozen=True)
class Body:
    """What is sent, and what kind of thing it is."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Door:
    """A door to one host: `scheme://host[:port]`, and nothing else behind it.

    `private` opens it to this machine and private networks, and to plain HTTP.
    """

    base: str
    private: bool = False

    def get(self, path: str, *, limit_bytes: int, timeout_s: float = TIMEOUT_S) -> bytes:
        """Return the body of a plain 200. Raises EgressRefused, EgressFailed, NotThere."""
        return self._ask("GET", path, None, limit_bytes, timeout_s)

    def post(
        self, path: str, body: Body, *, limit_bytes: int, timeout_s: float = TIMEOUT_S
    ) -> bytes:
        """Send a body, once, and return that of the answer; raises like `get`."""
        return self._ask("POST", path, body, limit_bytes, timeout_s)

    def _ask(
        self, method: str, path: str, body: Body | None, limit_bytes: int, timeout_s: float
    ) -> bytes:
        url = self._url(path)
        address = self._resolve(url)
        headers = {"Host": url.netloc.decode(), "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = body.media_type
        ends_at = time.monotonic() + timeout_s
        try:
            with (
                httpx.Client(trust_env=False, follow_redirects=False, timeout=timeout_s) as client,
                client.stream(
                    method,
                    url.copy_with(host=address),
                    content=None if body is None else body.content,
                    headers=headers,
                    extensions={"sni_hostname": url.host},
                ) as answer,
            ):
                return _body(answer, limit_bytes, ends_at)
        except httpx.HTTPError as error:
            raise EgressFailed(f"{url} does not answer: {type(error).__name__}") from None

    def _url(self, path: str) -> httpx.URL:
        try:
            base = httpx.URL(self.base)
            url = httpx.URL(f"{self.base.rstrip('/')}/{path}")
        except (httpx.InvalidURL, ValueError):
            raise EgressRefused(f"{self.base} is no URL") from None
        schemes = ("https", "http") if self.private else ("https",)
        if url.scheme not in schemes or not url.host or url.userinfo or url.host != base.host:
            raise EgressRefused(
                f"{self.base}: only {' and '.join(schemes)} URLs of a host are called"
            )
        return url

    def _resolve(self, url: httpx.URL) -> str:
        """Return the one address to connect to; every address of the name must be allowed."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise EgressFailed(f"{url.host} has no address") from None
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        barred = [address for address in addresses if not _is_public(address)]
        if barred and not self.private:
            raise EgressRefused(
                f"{url.host} is {barred[0]}, an address of this machine or of a private network"
            )
        return str(addresses[0])


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    within = getattr(address, "ipv4_mapped", None) or address
    return within.is_global and not within.is_multicast


def _body(answer: httpx.Response, limit_bytes: int, ends_at: float) -> bytes:
    if answer.status_code == 404:
        raise NotThere(f"{answer.url.path} is not there")
    if answer.status_code != 200:
        raise EgressFailed(f"{answer.url.path} answered {answer.status_code}")
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > limit_bytes:
            raise EgressFailed(f"{answer.url.path} is larger than {limit_bytes} bytes")
        if time.monotonic() > ends_at:
            raise EgressFailed(f"{answer.url.path} took too long")
    return bytes(body)
