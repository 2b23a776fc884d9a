"""Certificates: three roots that know nothing of each other, their issuing CAs, and who signs.

Claims, time stamps and identities have separate roots because c2pa-python does not keep its trust
lists apart. Certificates are files beside the keys (`app.keys`) and numbered like them:
`claim.crt`, `claim.2.crt`, ... The newest of a purpose is in force; none is changed or removed.
"""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    ObjectIdentifier,
)

from app import clock, keys
from app.provenance.errors import CertificateMismatch, CertificateMissing, CertificateUnknown
from app.provenance.subjects import subject_of

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA certificate policy, EKU
C2PA_POLICY = ObjectIdentifier("1.3.6.1.4.1.62558.1.1")
BACKDATED = timedelta(minutes=5)  # a verifier's clock may be a little slow
SUPERSEDED = "superseded"
REASONS = (SUPERSEDED, "unspecified", "keyCompromise", "cessationOfOperation")


@dataclass(frozen=True)
class Profile:
    """What a certificate of one purpose looks like; it is renewed `renew_days` before its end."""

    purpose: str
    issuer: str
    common_name: str
    days: int
    renew_days: int = 0  # roots are never renewed by themselves
    path_length: int | None = None  # None: not a certificate authority
    usages: Sequence[ObjectIdentifier] = ()
    critical_usages: bool = False
    answers: bool = False  # it signs OCSP answers, and nobody asks about it
    asked: bool = False  # its status can be asked for: it names the OCSP responder


CLAIM_USAGES = (CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION)
TIME_USAGE = (ExtendedKeyUsageOID.TIME_STAMPING,)
EMAIL_USAGE = (ExtendedKeyUsageOID.EMAIL_PROTECTION,)
OCSP_USAGE = (ExtendedKeyUsageOID.OCSP_SIGNING,)
PROFILES = (
    Profile("claim-root", "claim-root", "Understudy Claim Root", 7300, path_length=1),
    Profile("claim-ca", "claim-root", "Understudy Claim CA", 1826, 120, 0, CLAIM_USAGES),
    Profile(
        "claim", "claim-ca", "Understudy Claim Signer", 90, 30, usages=CLAIM_USAGES, asked=True
    ),
    Profile("ocsp", "claim-ca", "Understudy OCSP", 90, 30, usages=OCSP_USAGE, answers=True),
    Profile("tsa-root", "tsa-root", "Understudy Time Root", 7300, path_length=1),
    Profile("tsa-ca", "tsa-root", "Understudy Time CA", 5479, 365, 0, TIME_USAGE),
    Profile(
        "tsa",
        "tsa-ca",
        "Understudy Time Stamps",
        3650,
        365,
        usages=TIME_USAGE,
        critical_usages=True,
    ),
    Profile("identity-root", "identity-root", "Understudy Identity Root", 7300, path_length=1),
    Profile("identity-ca", "identity-root", "Understudy Identity CA", 1826, 120, 0, EMAIL_USAGE),
)
BY_PURPOSE = {profile.purpose: profile for profile in PROFILES}
ROTATED_WITH = {"claim-ca": ("claim", "ocsp"), "tsa-ca": ("tsa",)}  # who the new CA has to certify


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
    def purpose(self) -> str:
        """What it is for."""
        return self.name.partition(".")[0]

    @property
    def number(self) -> int:
        """Which of its purpose it is, from 1."""
        return int(self.name.partition(".")[2] or 1)


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
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return [name for profile in PROFILES if (name := _ensure(directory, profile, ocsp_url))]


def rotate(directory: Path, purpose: str, *, ocsp_url: str) -> list[str]:
    """Make a new key and certificate for a purpose, and for those a new CA has to certify.

    The old key is destroyed: it signs nothing any more. Raises CertificateUnknown, KeyMissing.
    """
    profile = BY_PURPOSE.get(purpose)
    if profile is None or profile.issuer == purpose:
        able = ", ".join(p.purpose for p in PROFILES if p.issuer != p.purpose)
        raise CertificateUnknown(f"{purpose!r} cannot be rotated; choose one of {able}")
    made = []
    for each in (purpose, *ROTATED_WITH.get(purpose, ())):
        made.append(_issue(directory, BY_PURPOSE[each], ocsp_url))
        _retire_older(directory, each)
    return made


def revoke(directory: Path, serial: int, *, reason: str, at: datetime) -> Issued:
    """Say that what this certificate signed from `at` on is not to be believed. Said once.

    Raises CertificateUnknown where there is none of that serial, or it was said already.
    """
    found = by_serial(directory, serial)
    if found is None or BY_PURPOSE[found.purpose].path_length is not None:
        raise CertificateUnknown(
            f"no signer of this installation has the serial {serial:x};"
            " `understudy keys list` shows them"
        )
    if found.revocation is not None and found.revocation.reason != SUPERSEDED:
        raise CertificateUnknown(f"{found.name} was revoked from {found.revocation.at} on")
    _write_revocation(directory, found.name, Revocation(at, reason))
    return Issued(found.name, found.certificate, Revocation(at, reason))


def signer(directory: Path, purpose: str) -> Signer:
    """Return who signs for a purpose now. Raises CertificateMissing where nobody does."""
    newest = _newest(directory, purpose)
    if newest is None or newest.certificate.not_valid_after_utc <= clock.now():
        raise CertificateMissing(
            f"no certificate for {purpose!r} is in force; run `understudy setup`, with the key of"
            " its root at hand if it says so"
        )
    return Signer(newest.name, _chain(directory, newest.certificate))


def claim_root_pem(directory: Path) -> str:
    """Return the root that verifiers must trust for our claims."""
    return _pem(directory, "claim-root")


def tsa_root_pem(directory: Path) -> str:
    """Return the root that verifiers must trust for our own time stamps."""
    return _pem(directory, "tsa-root")


def issued(directory: Path) -> list[Issued]:
    """Return every certificate this installation ever made, by purpose and number."""
    return [found for profile in PROFILES for found in _of_purpose(directory, profile.purpose)]


def by_serial(directory: Path, serial: int) -> Issued | None:
    """Return our certificate of a serial number."""
    return next((i for i in issued(directory) if i.certificate.serial_number == serial), None)


def revocations(directory: Path) -> dict[int, Revocation]:
    """Return what was revoked or superseded, by serial number."""
    found = issued(directory)
    return {i.certificate.serial_number: i.revocation for i in found if i.revocation}


def _ensure(directory: Path, profile: Profile, ocsp_url: str) -> str | None:
    newest = _newest(directory, profile.purpose)
    if newest is None:
        return _issue(directory, profile, ocsp_url)
    away = profile.issuer == profile.purpose and not keys.is_here(newest.name)
    if not away and newest.certificate.public_key() != keys.public_key(newest.name):
        raise CertificateMismatch(
            f"{newest.name}.crt does not belong to the key {newest.name!r}; restore the key, or"
            f" run `understudy keys rotate {profile.purpose}` to go on with a new one"
        )
    if _is_due(newest, profile, _current(directory, profile.issuer)):
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
    newest = _newest(directory, profile.purpose)
    number = 1 if newest is None else newest.number + 1
    name = profile.purpose if number == 1 else f"{profile.purpose}.{number}"
    keys.create(name)
    certificate = _build(directory, profile, name, number, ocsp_url)
    _write_once(directory / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))
    return name


def _retire_older(directory: Path, purpose: str) -> None:
    """Supersede all but the newest: from the next second on, and their keys are destroyed."""
    at = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    for older in _of_purpose(directory, purpose)[:-1]:
        if older.revocation is None:
            _write_revocation(directory, older.name, Revocation(at, SUPERSEDED))
        if keys.is_here(older.name):
            keys.destroy(older.name)


def _build(
    directory: Path, profile: Profile, name: str, number: int, ocsp_url: str
) -> x509.Certificate:
    subject_key = keys.certificate_key(name).public_key()
    own = profile.issuer == profile.purpose
    common_name = profile.common_name if number == 1 else f"{profile.common_name} {number}"
    subject = subject_of(directory, common_name)
    issuer = None if own else _current(directory, profile.issuer)
    issuer_key = keys.certificate_key(name if issuer is None else issuer.name)
    start = clock.now().replace(microsecond=0) - BACKDATED
    end = start + timedelta(days=profile.days)
    if issuer is not None:
        end = min(end, issuer.certificate.not_valid_after_utc)
    is_ca = profile.path_length is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(subject_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(is_ca, profile.path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(_key_usage(profile), critical=True)
    )
    for extension, critical in _particulars(profile, ocsp_url):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, _digest_for(issuer_key))


def _particulars(profile: Profile, ocsp_url: str) -> list[tuple[x509.ExtensionType, bool]]:
    """The extensions that only some certificates have."""
    found: list[tuple[x509.ExtensionType, bool]] = []
    if profile.usages:
        found.append((x509.ExtendedKeyUsage(list(profile.usages)), profile.critical_usages))
    if profile.purpose in {"claim", "claim-ca"}:
        policy = x509.PolicyInformation(C2PA_POLICY, None)
        found.append((x509.CertificatePolicies([policy]), False))
    if profile.answers:
        found.append((x509.OCSPNoCheck(), False))
    if profile.asked:
        where = x509.UniformResourceIdentifier(ocsp_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, where)
        found.append((x509.AuthorityInformationAccess([access]), False))
    return found


def _digest_for(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()


def _key_usage(profile: Profile) -> x509.KeyUsage:
    is_ca = profile.path_length is not None
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca and not profile.answers,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _of_purpose(directory: Path, purpose: str) -> list[Issued]:
    names = [purpose] if (directory / f"{purpose}.crt").exists() else []
    names += [path.name.removesuffix(".crt") for path in directory.glob(f"{purpose}.*.crt")]
    found = [
        Issued(
            name,
            x509.load_pem_x509_certificate(_pem(directory, name).encode()),
            _revocation(directory, name),
        )
        for name in names
    ]
    return sorted(found, key=lambda each: each.number)


def _newest(directory: Path, purpose: str) -> Issued | None:
    return next(iter(_of_purpose(directory, purpose)[-1:]), None)


def _current(directory: Path, purpose: str) -> Issued:
    newest = _newest(directory, purpose)
    if newest is None:
        raise CertificateMissing(
            f"the certificate {purpose}.crt is missing; run `understudy setup`"
        )
    return newest


def _chain(directory: Path, leaf: x509.Certificate) -> str:
    """The leaf and the CAs over it, without the root."""
    authorities = {each.certificate.subject: each.certificate for each in issued(directory)}
    chain, at = [], leaf
    while at.issuer != at.subject:
        chain.append(at.public_bytes(serialization.Encoding.PEM).decode())
        at = authorities[at.issuer]
    return "".join(chain)


def _pem(directory: Path, name: str) -> str:
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


def _write_revocation(directory: Path, name: str, said: Revocation) -> None:
    """Write it whole; a real reason takes the place of a mere succession."""
    content = json.dumps({"v": 1, "at": said.at.isoformat(), "reason": said.reason})
    path = directory / f"{name}.revoked.json"
    partial = path.with_suffix(f".{secrets.token_hex(8)}.partial")
    partial.write_text(content)
    partial.replace(path)


def _write_once(path: Path, content: bytes) -> None:
    partial = path.with_suffix(f".{secrets.token_hex(8)}.partial")
    partial.write_bytes(content)
    try:
        os.link(partial, path)
    except FileExistsError:
        pass  # another process was first: same key, same name, its certificate stands
    finally:
        partial.unlink()
