"""Certificates: one root for claims, another for time stamps, and the 90-day leaf that signs.

The roots differ because c2pa-python does not keep its trust lists apart. Keys stay in `app.keys`;
this file only makes the certificates that name them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from app import clock, keys
from app.provenance.errors import CertificateMismatch, CertificateMissing

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA certificate policy, EKU
C2PA_POLICY = ObjectIdentifier("1.3.6.1.4.1.62558.1.1")
RENEW_BEFORE = timedelta(days=30)
BACKDATED = timedelta(minutes=5)  # a verifier's clock may be a little slow
COUNTRY, ORGANIZATION = "ZZ", "Understudy installation"  # ZZ: user-assigned, no country


@dataclass(frozen=True)
class Profile:
    """What a certificate of one purpose looks like."""

    purpose: str
    issuer: str
    common_name: str
    days: int
    path_length: int | None = None  # None: not a certificate authority
    usages: Sequence[ObjectIdentifier] = ()
    critical_usages: bool = False


CLAIM_USAGES = (CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION)
PROFILES = (
    Profile("claim-root", "claim-root", "Understudy Claim Root", 7300, path_length=1),
    Profile("claim-ca", "claim-root", "Understudy Claim CA", 1826, 0, CLAIM_USAGES),
    Profile("claim", "claim-ca", "Understudy Claim Signer", 90, usages=CLAIM_USAGES),
    Profile("tsa-root", "tsa-root", "Understudy Time Root", 7300, path_length=0),
    Profile(
        "tsa",
        "tsa-root",
        "Understudy Time Stamps",
        3650,
        usages=(ExtendedKeyUsageOID.TIME_STAMPING,),
        critical_usages=True,
    ),
)


def create_missing(directory: Path) -> list[str]:
    """Make every certificate that is absent, and a new leaf when the old has < 30 days left.

    Expects the keys to exist (`keys.create_missing`). Returns the purposes made or renewed.
    Raises CertificateMismatch when a certificate on disk does not name its key.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return [profile.purpose for profile in PROFILES if _ensure(directory, profile)]


def claim_chain_pem(directory: Path) -> str:
    """Return the leaf and its issuing CA, leaf first: what goes into a signature."""
    return _pem(directory, "claim") + _pem(directory, "claim-ca")


def claim_root_pem(directory: Path) -> str:
    """Return the root that verifiers must trust for our claims."""
    return _pem(directory, "claim-root")


def tsa_chain_pem(directory: Path) -> str:
    """Return the time-stamp signer's certificate and its root."""
    return _pem(directory, "tsa") + _pem(directory, "tsa-root")


def tsa_root_pem(directory: Path) -> str:
    """Return the root that verifiers must trust for our time stamps."""
    return _pem(directory, "tsa-root")


def leaf_expires_at(directory: Path) -> datetime:
    """Return the instant the claim-signing certificate ends."""
    return _read(directory, "claim").not_valid_after_utc


def _ensure(directory: Path, profile: Profile) -> bool:
    path = directory / f"{profile.purpose}.crt"
    if path.exists():
        certificate = _read(directory, profile.purpose)
        if certificate.public_key() != keys.certificate_key(profile.purpose).public_key():
            raise CertificateMismatch(
                f"{path.name} does not belong to the key {profile.purpose!r}; restore the key, or"
                " remove the certificate to have a new one made (old files lose their trust)"
            )
        if certificate.not_valid_after_utc - clock.now() >= RENEW_BEFORE:
            return False
    made = _build(directory, profile)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    partial.replace(path)  # two makers at once: same key, same name, either will do
    return True


def _build(directory: Path, profile: Profile) -> x509.Certificate:
    subject_key = keys.certificate_key(profile.purpose).public_key()
    issuer_key = keys.certificate_key(profile.issuer)
    own = profile.issuer == profile.purpose
    issuer = _name(profile.common_name) if own else _read(directory, profile.issuer).subject
    start = clock.now().replace(microsecond=0) - BACKDATED
    is_ca = profile.path_length is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(profile.common_name))
        .issuer_name(issuer)
        .public_key(subject_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=profile.days))
        .add_extension(x509.BasicConstraints(is_ca, profile.path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(_key_usage(is_ca=is_ca), critical=True)
    )
    if profile.usages:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage(list(profile.usages)), critical=profile.critical_usages
        )
    if profile.purpose.startswith("claim") and not own:
        policy = x509.CertificatePolicies([x509.PolicyInformation(C2PA_POLICY, None)])
        builder = builder.add_extension(policy, critical=False)
    return builder.sign(issuer_key, _digest_for(issuer_key))


def _digest_for(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, COUNTRY),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _pem(directory: Path, purpose: str) -> str:
    try:
        return (directory / f"{purpose}.crt").read_text()
    except FileNotFoundError:
        raise CertificateMissing(
            f"the certificate {purpose}.crt is missing; run `understudy setup`"
        ) from None


def _read(directory: Path, purpose: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(_pem(directory, purpose).encode())
