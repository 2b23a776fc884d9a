"""Who signs for this installation: certificates made, renewed, rotated, revoked, and named.

What they look like is in `certificates.py`, how they lie beside the keys in `certificate_files.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
        return [name for profile in PROFILES if (name := _ensure(directory, profile, ocsp_url))]


def renew(directory: Path, *, ocsp_url: str) -> None:
    """Like `create_missing`, for who signs file after file.

    Looks once an hour, and whenever certificates were added or revoked meanwhile.
    """
    seen = (directory.stat().st_mtime_ns, clock.now().replace(minute=0, second=0, microsecond=0))
    if _renewed.get(directory) != seen:
        create_missing(directory, ocsp_url=ocsp_url)
        _renewed[directory] = (directory.stat().st_mtime_ns, seen[1])


def rotate(directory: Path, purpose: str, *, ocsp_url: str) -> list[str]:
    """Make a new key and certificate for a purpose, and for those a new CA has to certify.

    The old key is destroyed: it signs nothing any more. Raises CertificateUnknown, KeyMissing.
    """
    profile = BY_PURPOSE.get(purpose)
    if profile is None or profile.issuer == purpose:
        able = ", ".join(p.purpose for p in PROFILES if p.issuer != p.purpose)
        raise CertificateUnknown(f"{purpose!r} cannot be rotated; choose one of {able}")
    made = []
    with files.settled(directory, changing=True):
        for each in (purpose, *ROTATED_WITH.get(purpose, ())):
            made.append(_issue(directory, BY_PURPOSE[each], ocsp_url))
            _retire_older(directory, each)
    return made


def revoke(directory: Path, serial: int, *, reason: str, at: datetime) -> Issued:
    """Say that what this certificate signed from `at` on is not to be believed. Said once.

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
    return Issued(found.name, found.certificate, Revocation(at, reason))


def signer(directory: Path, purpose: str) -> Signer:
    """Return who signs for a purpose now. Raises CertificateMissing where nobody does."""
    return signer_among(files.every(directory, purposes={purpose, *AUTHORITIES}), purpose)


def signer_among(issued: Sequence[Issued], purpose: str) -> Signer:
    """Return who signs for a purpose, by a listing made before. Raises CertificateMissing."""
    newest = files.newest(issued, purpose)
    if newest is None or newest.certificate.not_valid_after_utc <= clock.now():
        raise CertificateMissing(
            f"no certificate for {purpose!r} is in force; run `understudy setup`, with the key of"
            " its root at hand if it says so"
        )
    return Signer(newest.name, files.chain_pem(issued, newest.certificate))


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


def _ensure(directory: Path, profile: Profile, ocsp_url: str) -> str | None:
    issued = files.every(directory)
    newest = files.newest(issued, profile.purpose)
    if newest is None:
        return _issue(directory, profile, ocsp_url)
    away = profile.issuer == profile.purpose and not keys.is_here(newest.name)
    if not away and newest.certificate.public_key() != keys.public_key(newest.name):
        raise CertificateMismatch(
            f"{newest.name}.crt does not belong to the key {newest.name!r}; restore the key, or"
            f" run `understudy keys rotate {profile.purpose}` to go on with a new one"
        )
    if _is_due(newest, profile, files.current(issued, profile.issuer)):
        name = _issue(directory, profile, ocsp_url)
        _retire_older(directory, profile.purpose)
        return name
    _retire_older(directory, profile.purpose)  # what a crash in a rotation left undone
    return None


def _is_due(newest: Issued, profile: Profile, issuer: Issued) -> bool:
    """Whether a new one is wanted, could live longer, and there is a key to certify it with."""
    ends_at, issuer_ends_at = (i.certificate.not_valid_after_utc for i in (newest, issuer))
    if profile.issuer == profile.purpose or issuer_ends_at <= clock.now():
        return False
    soon = clock.now() + timedelta(days=profile.renew_days) > ends_at
    wanted = newest.revocation is not None or (soon and issuer_ends_at > ends_at)
    return wanted and keys.is_here(issuer.name)


def _issue(directory: Path, profile: Profile, ocsp_url: str) -> str:
    """Make the next key of a purpose and its certificate; of two at once, the first one stands."""
    issued = files.every(directory)
    newest = files.newest(issued, profile.purpose)
    number = 1 if newest is None else newest.number + 1
    name = profile.purpose if number == 1 else f"{profile.purpose}.{number}"
    keys.create(name)
    own = profile.issuer == profile.purpose
    by = None if own else files.current(issued, profile.issuer)
    issuer = None if by is None else Issuer(by.name, by.certificate)
    common_name = profile.common_name if number == 1 else f"{profile.common_name} {number}"
    subject = subject_of(directory, common_name)
    certificate = build(profile, name, subject, issuer, ocsp_url)
    content = certificate.public_bytes(serialization.Encoding.PEM)
    files.write_once(directory / f"{name}.crt", content)
    return name


def _retire_older(directory: Path, purpose: str) -> None:
    """Supersede all but the newest: from the next second on, and their keys are destroyed."""
    at = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    for older in files.of_purpose(directory, purpose)[:-1]:
        if older.revocation is None:
            files.write_revocation(directory, older.name, Revocation(at, SUPERSEDED))
        if keys.is_here(older.name):
            keys.destroy(older.name)
