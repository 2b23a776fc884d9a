"""The certificates of this installation as files beside the keys, numbered like them.

`claim.crt`, `claim.2.crt`, ... are a series, and so are `claim@org_X.crt`, `claim@org_X.2.crt` of a
signer with a leaf of its own. The newest of a series is in force; none is changed or removed.
What was revoked or superseded says so in a file of its own, `claim.revoked.json`.
"""

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from app import clock
from app.provenance.certificates import AUTHORITIES, BY_PURPOSE
from app.provenance.errors import CertificateMissing

LOCK = "certificates.lock"
JUST_NOW_S = 1.0  # two changes as close as a tick of the kernel may bear one instant
CLAIM = "claim"
CLOSED = "cessationOfOperation"  # the reason with which a signer's own series ends
_FILE = re.compile(r"(?P<series>(?P<purpose>[a-z-]+)(?:@[A-Za-z0-9_-]+)?)(?:\.[0-9]+)?\.crt")
_LISTED = (".crt", ".revoked.json")
_ORDER = {purpose: place for place, purpose in enumerate(BY_PURPOSE)}


@dataclass(frozen=True)
class Revocation:
    """From which instant on a certificate's signatures are not believed, and why."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Issued:
    """One certificate of this installation, under the name it shares with its key."""

    name: str
    certificate: x509.Certificate
    revocation: Revocation | None

    @property
    def series(self) -> str:
        """Which succession it belongs to: `claim`, `tsa`, or `claim@` and whose."""
        return self.name.partition(".")[0]

    @property
    def purpose(self) -> str:
        """What it is for."""
        return purpose_of(self.series)

    @property
    def is_closed(self) -> bool:
        """Whether it ended a signer's own series: nothing takes its place."""
        said = self.revocation
        return self.series != self.purpose and said is not None and said.reason == CLOSED

    @property
    def number(self) -> int:
        """Which of its purpose it is, from 1."""
        return int(self.name.partition(".")[2] or 1)


@contextmanager
def settled(directory: Path, *, changing: bool = False) -> Iterator[None]:
    """Hold still what other threads and processes would rotate; `changing` keeps readers out too.

    Held for moments only, and never twice by one thread.
    """
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if changing else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def purpose_of(series: str) -> str:
    """Return what the certificates of a series are for."""
    return series.partition("@")[0]


def claim_series(signer: str) -> str:
    """Name the series of a signer with a leaf of its own; the house's for nobody."""
    return f"{CLAIM}@{signer}" if signer else CLAIM


State = tuple[tuple[str, int, int], ...]


def state(directory: Path) -> State:
    """Return what lies there, as far as listings go by it: each file, and which version of it.

    What follows from certificates alone is reckoned once for each state. Every change is another
    one: files are replaced whole, never changed in place, so the directory tells of it at once.
    Of what somebody changed in place by hand, the next second does.
    """
    try:
        changed_at_ns = directory.stat().st_mtime_ns
    except FileNotFoundError:
        return ()
    if clock.now().timestamp() - changed_at_ns / 1e9 < JUST_NOW_S:
        return _looked_at(directory)
    return _lately_looked_at(directory, changed_at_ns, int(time.monotonic()))


@lru_cache(maxsize=8)
def _lately_looked_at(directory: Path, _changed_at_ns: int, _second: int) -> State:
    return _looked_at(directory)


def _looked_at(directory: Path) -> State:
    with os.scandir(directory) as entries:
        there = [each for each in entries if each.name.endswith(_LISTED)]
    versions = ((each.name, each.stat()) for each in there)
    return tuple((name, version.st_ino, version.st_mtime_ns) for name, version in versions)


def every(directory: Path, *, series: Collection[str] | None = None) -> list[Issued]:
    """Return every certificate this installation ever made, or those of these series, oldest first.

    It is asked at each signature: one listing, and nothing parsed twice.
    """
    return listed(directory, state(directory), series=series)


def listed(directory: Path, state: State, *, series: Collection[str] | None = None) -> list[Issued]:
    """Return the same of a state that was looked at before."""
    issued = _issued(directory, state)
    return [each for each in issued if series is None or each.series in series]


@lru_cache(maxsize=64)
def _issued(directory: Path, state: State) -> tuple[Issued, ...]:
    there = {name: version for name, *version in state}
    found = []
    for file, (number, changed) in there.items():
        match = _FILE.fullmatch(file)
        if match is not None and match["purpose"] in BY_PURPOSE:
            name = file.removesuffix(".crt")
            said = _revocation(directory, name) if f"{name}.revoked.json" in there else None
            certificate = _parsed(str(directory / file), number, changed)
            found.append(Issued(name, certificate, said))
    return tuple(sorted(found, key=lambda each: (_ORDER[each.purpose], each.series, each.number)))


@lru_cache(maxsize=512)
def _parsed(path: str, _file: int, _changed: int) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(path).read_bytes())


def newest(issued: Iterable[Issued], series: str) -> Issued | None:
    """Return the certificate of a series that is in force, if there ever was one."""
    return next(iter([each for each in issued if each.series == series][-1:]), None)


def current(issued: Iterable[Issued], series: str) -> Issued:
    """Return the certificate of a series that is in force. Raises CertificateMissing."""
    found = newest(issued, series)
    if found is None:
        raise CertificateMissing(f"the certificate {series}.crt is missing; run `understudy setup`")
    return found


def signing_series(issued: Iterable[Issued], signer: str) -> str:
    """Return in which series a signer's files are signed: its own where it has one, else ours."""
    own = newest(issued, claim_series(signer))
    return own.series if own is not None and not own.is_closed else CLAIM


def chain_pem(issued: Iterable[Issued], leaf: x509.Certificate) -> str:
    """Return the leaf and the CAs over it, without the root."""
    return _chain(leaf, tuple(each.certificate for each in issued if each.purpose in AUTHORITIES))


@lru_cache(maxsize=512)
def _chain(leaf: x509.Certificate, authorities: tuple[x509.Certificate, ...]) -> str:
    by_subject = {each.subject: each for each in authorities}
    chain, at = [], leaf
    while at.issuer != at.subject:
        chain.append(at.public_bytes(serialization.Encoding.PEM).decode())
        at = by_subject[at.issuer]
    return "".join(chain)


def pem(directory: Path, name: str) -> str:
    """Return a certificate as it lies there. Raises CertificateMissing."""
    try:
        return (directory / f"{name}.crt").read_text()
    except FileNotFoundError:
        raise CertificateMissing(
            f"the certificate {name}.crt is missing; run `understudy setup`"
        ) from None


def _revocation(directory: Path, name: str) -> Revocation | None:
    try:
        said = json.loads((directory / f"{name}.revoked.json").read_text())
    except FileNotFoundError:
        return None
    return Revocation(datetime.fromisoformat(said["at"]), said["reason"])


def write_revocation(directory: Path, name: str, said: Revocation) -> None:
    """Write it whole; a real reason takes the place of a mere succession."""
    content = json.dumps({"v": 1, "at": said.at.isoformat(), "reason": said.reason})
    path = directory / f"{name}.revoked.json"
    partial = path.with_suffix(f".{secrets.token_hex(8)}.partial")
    partial.write_text(content)
    partial.replace(path)


def write_once(path: Path, content: bytes) -> None:
    """Write a certificate whole, unless one is there."""
    partial = path.with_suffix(f".{secrets.token_hex(8)}.partial")
    partial.write_bytes(content)
    try:
        os.link(partial, path)
    except FileExistsError:
        pass  # another process was first: same key, same name, its certificate stands
    finally:
        partial.unlink()
