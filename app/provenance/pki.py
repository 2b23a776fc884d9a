"""Who signs for this installation: certificates made, renewed, rotated, revoked, and named.

What they look like is in `certificates.py`, how they lie beside the keys in `certificate_files.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from app import clock, keys
from app.provenance import certificate_files as files
from app.provenance.certificate_files import Issued, Revocation
from app.provenance.certificates import (
    AUTHORITIES,
    BY_PURPOSE,
    PROFILES,
    ROTATED_WITH,
    Issuer,
    Profile,
    build,
)
from app.provenance.errors import CertificateMismatch, CertificateMissing, CertificateUnknown
from app.provenance.subjects import subject_of

SUPERSEDED = "superseded"
_renewed: dict[Path, tuple[int, datetime]] = {}
REASONS = (SUPERSEDED, "unspecified", "keyCompromise", "cessationOfOperation")


@dataclass(frozen=True)
class Signer:
    """A key and the chain that answers for it, leaf first: a pair no rotation tears apart."""

    name: str
    chain_pem: str

    def sign(self, data: bytes) -> bytes:
        """Sign with the key, wherever it is kept: raw r||s. Raises KeyMissing once retired."""
        return keys.sign(self.name, data)

    @property
    def certificate(self) -> x509.Certificate:
        """The signer's own certificate."""
        return x509.load_pem_x509_certificate(self.chain_pem.encode())


def create_missing(directory: Path, *, ocsp_url: str) -> list[str]:
    """Make every key and certificate that is absent, and new ones for what ends soon.

    What a new one replaces is superseded: its key is destroyed, old signatures stay good. A CA that
    ends soon is left alone while its root's key is away. Returns the names made. Raises
    CertificateMismatch when a certificate does not name the key of its name, KeyMissing.
    """
    with files.settled(directory, changing=True):
        wanted = [each for profile in PROFILES for each in _series_of(directory, profile.purpose)]
        return [name for series in wanted if (name := _ensure(directory, series, ocsp_url))]


def give_signer(directory: Path, name: str, *, ocsp_url: str) -> str:
    """Give a signer a leaf of its own; return the name of the one in force, new or not.

    `name` is an organization's id. Its files are signed with that leaf from now on, so whoever
    compares two of them sees that they have one signer. Raises CertificateUnknown, KeyMissing.
    """
    if not re.fullmatch("[A-Za-z0-9_-]{1,32}", name):
        raise CertificateUnknown(f"{name!r} cannot name a signer; give an organization's id")
    series = files.claim_series(name)
    with files.settled(directory, changing=True):
        there = files.newest(files.every(directory, series={series}), series)
        if there is not None and not there.is_closed:
            return _ensure(directory, series, ocsp_url) or there.name
        return _issue(directory, series, ocsp_url)


def renew(directory: Path, *, ocsp_url: str) -> None:
    """Like `create_missing`, for who signs file after file.

    Looks once an hour, and whenever certificates were added or revoked meanwhile.
    """
    seen = (directory.stat().st_mtime_ns, clock.now().replace(minute=0, second=0, microsecond=0))
    if _renewed.get(directory) != seen:
        create_missing(directory, ocsp_url=ocsp_url)
        _renewed[directory] = (directory.stat().st_mtime_ns, seen[1])


def rotate(directory: Path, series: str, *, ocsp_url: str) -> list[str]:
    """Make a new key and certificate in a series, and in those a new CA has to certify.

    The old key is destroyed: it signs nothing any more. Raises CertificateUnknown, KeyMissing.
    """
    with files.settled(directory, changing=True):
        able = [
            each
            for profile in PROFILES
            if profile.issuer != profile.purpose
            for each in _series_of(directory, profile.purpose)
        ]
        if series not in able:
            raise CertificateUnknown(
                f"{series!r} cannot be rotated; choose one of {', '.join(able)}"
            )
        certified = ROTATED_WITH.get(series, ())
        with_it = [each for each in able if files.purpose_of(each) in certified]
        made = []
        for each in (series, *with_it):
            made.append(_issue(directory, each, ocsp_url))
            _retire_older(directory, each)
    return made


def revoke(directory: Path, serial: int, *, reason: str, at: datetime) -> Issued:
    """Say that what this certificate signed from `at` on is not to be believed. Said once.

    A signer's own series ends with `cessationOfOperation`: the house signs for it from then on.
    Raises CertificateUnknown where there is none of that serial, or it was said already.
    """
    with files.settled(directory, changing=True):
        found = by_serial(directory, serial)
        if found is None or BY_PURPOSE[found.purpose].path_length is not None:
            raise CertificateUnknown(
                f"no signer of this installation has the serial {serial:x};"
                " `understudy keys list` shows them"
            )
        if found.revocation is not None and found.revocation.reason != SUPERSEDED:
            raise CertificateUnknown(f"{found.name} was revoked from {found.revocation.at} on")
        files.write_revocation(directory, found.name, Revocation(at, reason))
        revoked = Issued(found.name, found.certificate, Revocation(at, reason))
        if revoked.is_closed and keys.is_here(found.name):
            keys.destroy(found.name)  # nothing takes its place, so nothing else would retire it
    return revoked


def signer(directory: Path, series: str) -> Signer:
    """Return who signs in a series now. Raises CertificateMissing where nobody does."""
    found, chain_pem = _newest(directory, files.state(directory), series)
    return Signer(in_force(found).name, chain_pem)


@lru_cache(maxsize=64)
def _newest(directory: Path, state: files.State, series: str) -> tuple[Issued, str]:
    issued = files.listed(directory, state, series={series, *AUTHORITIES})
    found = files.current(issued, series)
    return found, files.chain_pem(issued, found.certificate)


def signer_among(issued: Sequence[Issued], series: str) -> Signer:
    """Return who signs in a series, by a listing made before. Raises CertificateMissing."""
    found = in_force(files.current(issued, series))
    return Signer(found.name, files.chain_pem(issued, found.certificate))


def in_force(found: Issued) -> Issued:
    """Return a certificate that has not ended. Raises CertificateMissing."""
    if found.certificate.not_valid_after_utc <= clock.now():
        raise CertificateMissing(
            f"no certificate for {found.series!r} is in force; run `understudy setup`, with the key"
            " of its root at hand if it says so"
        )
    return found


def claim_root_pem(directory: Path) -> str:
    """Return the root that verifiers must trust for our claims."""
    return files.pem(directory, "claim-root")


def tsa_root_pem(directory: Path) -> str:
    """Return the root that verifiers must trust for our own time stamps."""
    return files.pem(directory, "tsa-root")


def by_serial(directory: Path, serial: int) -> Issued | None:
    """Return our certificate of a serial number."""
    return of_serial(files.every(directory), serial)


def of_serial(issued: Sequence[Issued], serial: int) -> Issued | None:
    """Return the certificate of a serial number among those listed before."""
    return next((each for each in issued if each.certificate.serial_number == serial), None)


def revocations(directory: Path) -> dict[int, Revocation]:
    """Return what was revoked or superseded, by serial number."""
    found = files.every(directory)
    return {i.certificate.serial_number: i.revocation for i in found if i.revocation}


def _series_of(directory: Path, purpose: str) -> list[str]:
    """The house's own series of a purpose, then those of signers with a leaf of their own."""
    issued = [each for each in files.every(directory) if each.purpose == purpose]
    named = {each.series: each.is_closed for each in issued if each.series != purpose}
    return [purpose, *(series for series, closed in sorted(named.items()) if not closed)]


def _profile(series: str) -> Profile:
    return next(each for each in PROFILES if each.purpose == files.purpose_of(series))


def _ensure(directory: Path, series: str, ocsp_url: str) -> str | None:
    profile, issued = _profile(series), files.every(directory)
    newest = files.newest(issued, series)
    if newest is None:
        return _issue(directory, series, ocsp_url)
    away = profile.issuer == profile.purpose and not keys.is_here(newest.name)
    if not away and newest.certificate.public_key() != keys.public_key(newest.name):
        raise CertificateMismatch(
            f"{newest.name}.crt does not belong to the key {newest.name!r}; restore the key, or"
            f" run `understudy keys rotate {series}` to go on with a new one"
        )
    if _is_due(newest, profile, files.current(issued, profile.issuer)):
        name = _issue(directory, series, ocsp_url)
        _retire_older(directory, series)
        return name
    _retire_older(directory, series)  # what a crash in a rotation left undone
    return None


def _is_due(newest: Issued, profile: Profile, issuer: Issued) -> bool:
    """Whether a new one is wanted, could live longer, and there is a key to certify it with."""
    ends_at, issuer_ends_at = (i.certificate.not_valid_after_utc for i in (newest, issuer))
    if profile.issuer == profile.purpose or issuer_ends_at <= clock.now():
        return False
    soon = clock.now() + timedelta(days=profile.renew_days) > ends_at
    wanted = newest.revocation is not None or (soon and issuer_ends_at > ends_at)
    return wanted and keys.is_here(issuer.name)


def _issue(directory: Path, series: str, ocsp_url: str) -> str:
    """Make the next key of a series and its certificate; of two at once, the first one stands."""
    profile, issued = _profile(series), files.every(directory)
    newest = files.newest(issued, series)
    number = 1 if newest is None else newest.number + 1
    name = series if number == 1 else f"{series}.{number}"
    keys.create(name)
    own = profile.issuer == profile.purpose
    by = None if own else files.current(issued, profile.issuer)
    issuer = None if by is None else Issuer(by.name, by.certificate)
    signer = series.partition("@")[2]
    words = (profile.common_name, signer, str(number) if number > 1 else "")
    common_name = " ".join(filter(None, words))
    subject = subject_of(directory, common_name, signer=signer)
    certificate = build(profile, name, subject, issuer, ocsp_url)
    content = certificate.public_bytes(serialization.Encoding.PEM)
    files.write_once(directory / f"{name}.crt", content)
    return name


def _retire_older(directory: Path, series: str) -> None:
    """Supersede all but the newest: from the next second on, and their keys are destroyed."""
    at = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    for older in files.every(directory, series={series})[:-1]:
        if older.revocation is None:
            files.write_revocation(directory, older.name, Revocation(at, SUPERSEDED))
        if keys.is_here(older.name):
            keys.destroy(older.name)
