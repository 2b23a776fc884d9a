"""A local OCSP responder (RFC 6960): whether a claim signer's certificate was revoked, and when.

It is this installation answering for its own certificates. The same answer is stapled into every
signature, so that whoever reads a file later need not ask.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from app import clock, keys
from app.provenance import certificate_files, pki
from app.provenance.certificate_files import Issued
from app.provenance.certificates import BACKDATED, BY_PURPOSE
from app.provenance.errors import CertificateMissing

FRESH_FOR = timedelta(days=1)
KEPT_S = 600
ANSWERING = ("claim-root", "claim-ca", "ocsp")
SIGNING = ("claim", *ANSWERING)
REASON_FLAGS = {
    pki.SUPERSEDED: x509.ReasonFlags.superseded,
    "unspecified": x509.ReasonFlags.unspecified,
    "keyCompromise": x509.ReasonFlags.key_compromise,
    "cessationOfOperation": x509.ReasonFlags.cessation_of_operation,
}


def answer(directory: Path, request: bytes) -> bytes:
    """Answer a DER request with a DER response; what is no request, or not ours, is told so."""
    try:
        asked = ocsp.load_der_ocsp_request(request)
        serial, algorithm = asked.serial_number, asked.hash_algorithm
        issuer_key_hash = asked.issuer_key_hash
    except (ValueError, NotImplementedError):  # several certificates at once: not offered
        return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    with certificate_files.settled(directory):
        return _answer(directory, serial, algorithm, issuer_key_hash)


def _answer(
    directory: Path, serial: int, algorithm: hashes.HashAlgorithm, issuer_key_hash: bytes
) -> bytes:
    issued = certificate_files.every(directory)
    found = pki.of_serial(issued, serial)
    if found is None or not BY_PURPOSE[found.purpose].asked:
        return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    try:
        issuer, responder = _responder(issued, found)
    except CertificateMissing:
        return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    ours = ocsp.OCSPRequestBuilder().add_certificate(found.certificate, issuer, algorithm).build()
    if ours.issuer_key_hash != issuer_key_hash:
        return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    return _response(found, issuer, responder, algorithm)


def signer_and_staple(directory: Path, whose: str = "") -> tuple[pki.Signer, bytes]:
    """Return who signs files now, and the DER response about it that goes into its signature.

    `whose` is an organization's id, which may have a leaf of its own; else the house signs. Both
    are of one moment: no rotation comes between. Raises CertificateMissing.
    """
    with certificate_files.settled(directory):
        signer, issued, found = _signing(directory, certificate_files.state(directory), whose)
        pki.in_force(found)
        return signer, _about(issued, found)


@lru_cache(maxsize=64)
def _signing(
    directory: Path, state: certificate_files.State, whose: str
) -> tuple[pki.Signer, Sequence[Issued], Issued]:
    own = certificate_files.claim_series(whose)
    issued = certificate_files.listed(directory, state, series={own, *SIGNING})
    series = certificate_files.signing_series(issued, whose)
    answering = tuple(each for each in issued if each.purpose in ANSWERING)
    return pki.signer_among(issued, series), answering, certificate_files.current(issued, series)


def about(directory: Path, serial: int) -> bytes:
    """Return the DER response about one of our certificates. Raises CertificateMissing.

    Where its CA was replaced since, nobody answers any more.
    """
    with certificate_files.settled(directory):
        issued = certificate_files.every(directory)
        found = pki.of_serial(issued, serial)
        if found is None:
            raise CertificateMissing(f"the certificate {serial:x} is gone; restore it")
        return _about(issued, found)


def _about(issued: Sequence[Issued], found: Issued) -> bytes:
    answering = tuple(each for each in issued if each.purpose in ANSWERING)
    ten_minutes = int(clock.now().timestamp()) // KEPT_S
    return _kept(answering, found, _is_revoked(found), ten_minutes)


@lru_cache(maxsize=64)
def _kept(answering: Sequence[Issued], found: Issued, _revoked: bool, _ten_minutes: int) -> bytes:
    """Make an answer once for ten minutes, and anew when anything is other than it was."""
    issuer, responder = _responder(answering, found)
    # SHA-1 names the issuer here and protects nothing; readers ask for no other (RFC 5019).
    return _response(found, issuer, responder, hashes.SHA1())  # noqa: S303


def _is_revoked(found: Issued) -> bool:
    return found.revocation is not None and found.revocation.at <= clock.now()


def _responder(issued: Sequence[Issued], found: Issued) -> tuple[x509.Certificate, pki.Signer]:
    """The CA of a certificate, and the responder that CA has charged with answering for it."""
    issuers = [each.certificate for each in issued if each.purpose == "claim-ca"]
    issuer = next(ca for ca in issuers if ca.subject == found.certificate.issuer)
    responder = pki.signer_among(issued, "ocsp")
    if responder.certificate.issuer != issuer.subject:
        raise CertificateMissing("the responder of a former issuing CA answers no more")
    return issuer, responder


def _response(
    found: Issued,
    issuer: x509.Certificate,
    responder: pki.Signer,
    algorithm: hashes.HashAlgorithm,
) -> bytes:
    now = clock.now().replace(microsecond=0)
    revoked = found.revocation if _is_revoked(found) else None
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=found.certificate,
            issuer=issuer,
            algorithm=algorithm,
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=now - BACKDATED,  # a time stamp of this very second must be later
            next_update=now + FRESH_FOR,
            revocation_time=revoked.at if revoked else None,
            revocation_reason=REASON_FLAGS[revoked.reason] if revoked else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    key = keys.certificate_key(responder.name)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    made = ocsp.OCSPResponseBuilder.build_unsuccessful(status)
    return made.public_bytes(serialization.Encoding.DER)
