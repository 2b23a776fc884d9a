"""What each certificate of this installation looks like, and making one. Reads no files.

Claims, time stamps and identities have separate roots because c2pa-python does not keep its trust
lists apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    ObjectIdentifier,
)

from app import clock, keys

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA certificate policy, EKU
C2PA_POLICY = ObjectIdentifier("1.3.6.1.4.1.62558.1.1")
BACKDATED = timedelta(minutes=5)  # a verifier's clock may be a little slow


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
AUTHORITIES = [profile.purpose for profile in PROFILES if profile.path_length is not None]
BY_PURPOSE = {profile.purpose: profile for profile in PROFILES}
ROTATED_WITH = {"claim-ca": ("claim", "ocsp"), "tsa-ca": ("tsa",)}  # who the new CA has to certify


@dataclass(frozen=True)
class Issuer:
    """A certificate that certifies others, and the name of its key."""

    name: str
    certificate: x509.Certificate


def build(
    profile: Profile, name: str, subject: x509.Name, issuer: Issuer | None, ocsp_url: str
) -> x509.Certificate:
    """Certify the key of a name as a subject's; without an issuer, by itself."""
    subject_key = keys.certificate_key(name).public_key()
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
