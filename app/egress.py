"""The only door out: to one host that was named beforehand, for answers of limited size and time.

Whoever opens the door names the host. It is resolved once and the connection goes to that address:
a name that is answered differently a moment later leads nowhere else. Addresses of this machine and
of private networks are refused, unless the door was opened for them. No redirect is followed, no
proxy of the environment is used, no cookie is kept. A call is over when its time is, however the
other side spends it: at the name server, at the handshake, in its headers, byte by byte.
"""

import ipaddress
import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from app.errors import AppError

TIMEOUT_S = 20.0


class EgressRefused(AppError):
    """This program does not call that address."""

    status, code = 502, "egress-refused"


class EgressFailed(AppError):
    """The other side did not answer as it should, in time and within the size allowed."""

    status, code = 502, "egress-failed"


class EgressUnsent(EgressFailed):
    """There was no connection: not a byte of the request was sent."""

    status, code = 502, "egress-unsent"


class NotThere(EgressFailed):
    """The other side answered that it has no such thing."""

    status, code = 502, "egress-not-there"


@dataclass(frozen=True)
class Body:
    """What is sent, and what kind of thing it is."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Answer:
    """What the other side said, whatever its status; names of headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Ask once and return whatever status is answered, a redirect too: it is not followed.

        Raises EgressUnsent where certainly nothing was sent, else EgressRefused, EgressFailed.
        """
        ends_at = time.monotonic() + timeout_s
        with self._opened(method, path, body, headers or {}, timeout_s) as answer:
            content = b"".join(_chunks(answer, limit_bytes, ends_at))
            return Answer(answer.status_code, dict(answer.headers.items()), content)

    def save(self, path: str, to: Path, *, limit_bytes: int, timeout_s: float) -> None:
        """Stream the body of a plain 200 into a file, whole or not at all; no header is sent.

        Raises EgressRefused, EgressFailed, NotThere.
        """
        ends_at = time.monotonic() + timeout_s
        draft = to.with_name(f".{to.name}.{os.getpid()}.part")
        try:
            with self._opened("GET", path, None, {}, timeout_s) as answer, draft.open("wb") as file:
                _check_plain(answer)
                for chunk in _chunks(answer, limit_bytes, ends_at):
                    file.write(chunk)
            draft.replace(to)
        finally:
            draft.unlink(missing_ok=True)

    def receive(
        self,
        method: str,
        path: str,
        to: Path,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int,
        timeout_s: float,
    ) -> Answer:
        """Ask once and stream what a 200 brings into a file, whole or not at all.

        Any other answer is returned with its body, as by `ask`, and `to` is as it was. Raises
        EgressUnsent, EgressRefused, EgressFailed.
        """
        ends_at = time.monotonic() + timeout_s
        draft = to.with_name(f".{to.name}.{os.getpid()}.part")
        try:
            with self._opened(method, path, body, headers or {}, timeout_s) as answer:
                chunks, said = _chunks(answer, limit_bytes, ends_at), dict(answer.headers.items())
                if answer.status_code != 200:
                    return Answer(answer.status_code, said, b"".join(chunks))
                with draft.open("wb") as file:
                    for chunk in chunks:
                        file.write(chunk)
            draft.replace(to)
            return Answer(200, said, b"")
        finally:
            draft.unlink(missing_ok=True)

    def _ask(
        self, method: str, path: str, body: Body | None, limit_bytes: int, timeout_s: float
    ) -> bytes:
        ends_at = time.monotonic() + timeout_s
        with self._opened(method, path, body, {}, timeout_s) as answer:
            _check_plain(answer)
            return b"".join(_chunks(answer, limit_bytes, ends_at))

    @contextmanager
    def _opened(
        self,
        method: str,
        path: str,
        body: Body | None,
        extra: Mapping[str, str],
        timeout_s: float,
    ) -> Iterator[httpx.Response]:
        """Connect to the one address that was looked at, and send; the answer is yet to be read."""
        url = self._url(path)
        ends_at = time.monotonic() + timeout_s
        address = self._resolve(url, timeout_s)
        left_s = max(0.001, ends_at - time.monotonic())
        headers = {**extra, "Host": url.netloc.decode(), "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = body.media_type
        where = url.host  # a link's path and query may be its seal: they stand in no log
        line = _Line()
        try:
            with (
                line.cut_after(left_s),
                httpx.Client(
                    verify=_tls(), trust_env=False, follow_redirects=False, timeout=left_s
                ) as client,
                client.stream(
                    method,
                    url.copy_with(host=address),
                    content=None if body is None else body.content,
                    headers=headers,
                    extensions={"sni_hostname": url.host, "trace": line.note},
                ) as answer,
            ):
                yield answer
                if line.is_cut:  # what ends with the connection would pass for whole
                    raise EgressFailed(f"{where} took longer than {timeout_s:g} s")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise EgressUnsent(f"{where} is not reached: {type(error).__name__}") from None
        except httpx.HTTPError as error:
            why = f"took longer than {timeout_s:g} s" if line.is_cut else type(error).__name__
            raise EgressFailed(f"{where} does not answer: {why}") from None

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

    def _resolve(self, url: httpx.URL, within_s: float) -> str:
        """Return the one address to connect to; every address of the name must be allowed."""
        port = url.port or (443 if url.scheme == "https" else 80)
        found = _look_up(url.host, port, within_s)
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        barred = [address for address in addresses if not _is_public(address)]
        if barred and not self.private:
            raise EgressRefused(
                f"{url.host} is {barred[0]}, an address of this machine or of a private network"
            )
        return str(addresses[0])


def _look_up(host: str, port: int, within_s: float) -> Sequence[Any]:
    """Return what the name servers say of a host. Raises EgressUnsent, also once its time is up.

    A question to a name server cannot be cut: one that is late ends by itself, unheard.
    """
    answers: queue.SimpleQueue[Sequence[Any]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            answers.put(())

    threading.Thread(target=ask, name="name server", daemon=True).start()
    try:
        found = answers.get(timeout=within_s)
    except queue.Empty:
        raise EgressUnsent(f"no name server knows {host} within {within_s:g} s") from None
    if not found:
        raise EgressUnsent(f"{host} has no address")
    return found


class _Line:
    """The connection of one call, to be cut when its time is up.

    The timeouts of the client are between two bytes: whoever sends one now and then would hold it.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._held: socket.socket | None = None
        self._changing = threading.Lock()

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Hold on to the connection once it stands; httpcore says when."""
        if event == "connection.connect_tcp.complete":
            with self._changing:  # a duplicate: TLS takes the socket itself away
                self._held = info["return_value"].get_extra_info("socket").dup()
                if self.is_cut:  # the time was up before it stood
                    self._hang_up()

    @contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Shut the connection both ways unless the block has ended in time."""
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._changing:
                if self._held is not None:
                    self._held.close()
                    self._held = None

    def _cut(self) -> None:
        with self._changing:
            self.is_cut = True
            self._hang_up()

    def _hang_up(self) -> None:
        with suppress(OSError):  # the other side may have done so before
            if self._held is not None:
                self._held.shutdown(socket.SHUT_RDWR)


# IPv6 addresses that carry an IPv4 address, which may be a private one, and the former site-local
# ones: `is_global` takes some of them for public.
CARRIERS = [
    ipaddress.ip_network(net)
    for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::/96", "fec0::/10")
]


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    within = getattr(address, "ipv4_mapped", None) or address
    carried = any(within.version == net.version and within in net for net in CARRIERS)
    return within.is_global and not within.is_multicast and not carried


def door_to(url: str, *, hosts: Collection[str], private: bool = False) -> tuple[Door, str]:
    """Open a door for a URL that the other side named, and return it with the path behind it.

    Only to a host that was named beforehand: `host[:port]`, or `*.suffix` for any one below it.
    Raises EgressRefused.
    """
    try:
        named = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise EgressRefused("what the other side named is no URL") from None
    netloc = named.netloc.decode()
    known = any(
        netloc == host or (host.startswith("*.") and netloc.endswith(host[1:])) for host in hosts
    )
    if named.userinfo or not known:
        raise EgressRefused(f"{named.host or 'no host'} is not where such a file is fetched from")
    return Door(f"{named.scheme}://{netloc}", private), named.raw_path.decode().lstrip("/")


@lru_cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _check_plain(answer: httpx.Response) -> None:
    if answer.status_code == 404:
        raise NotThere(f"{answer.url.path} is not there")
    if answer.is_redirect:
        raise EgressFailed(f"{answer.url.path} leads elsewhere, where nothing is fetched from")
    if answer.status_code != 200:
        raise EgressFailed(f"{answer.url.path} answered {answer.status_code}")


def _chunks(answer: httpx.Response, limit_bytes: int, ends_at: float) -> Iterator[bytes]:
    size_bytes = 0
    for chunk in answer.iter_raw():
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise EgressFailed(f"{answer.url.path} is larger than {limit_bytes} bytes")
        if time.monotonic() > ends_at:
            raise EgressFailed(f"{answer.url.path} took too long")
        yield chunk
