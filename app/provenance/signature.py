"""A manifest's signature taken apart, and each part checked with certificates alone. No I/O.

It shares no code with the library that reads C2PA: cryptography and rfc3161-client do the work, and
the same bytes can be given to OpenSSL.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import cbor2
import rfc3161_client as rfc3161
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.provenance.certificate_files import Revocation
from app.provenance.errors import SigningFailed
from app.provenance.finish import Box, superboxes
from app.provenance.manifest import CONSENT_LABEL, PARENT

X5CHAIN = 33
GRANTED = bytes.fromhex("3003020100")  # a PKIStatusInfo that says granted


class SignatureUnsound(ValueError):
    """A part of the signature is missing, or does not prove what it should; says which."""


@dataclass(frozen=True)
class Parts:
    """What stands in a manifest's signature, and the exact bytes that were signed and stamped."""

    label: str  # the manifest's own name
    consent: dict[str, Any]  # our assertion
    signed: bytes  # COSE Sig_structure over the claim
    signature: bytes  # DER
    chain: tuple[x509.Certificate, ...]  # leaf first, without the root
    stamped: bytes
    token: bytes  # RFC 3161 TimeStampToken, DER
    staple: bytes  # OCSP response, DER


def parts_of(manifest: bytes) -> Parts:
    """Take the active manifest of a store apart; hashes of its assertions are checked on the way.

    So is what it says it derives from: that output's own credentials are in the store, whole.
    Raises SignatureUnsound for whatever is not as this program signs.
    """
    try:
        return _parts_of(manifest)
    except SignatureUnsound:
        raise
    except (SigningFailed, LookupError, TypeError, ValueError, RecursionError) as error:
        raise SignatureUnsound(f"the manifest cannot be read ({type(error).__name__})") from None


def _parts_of(manifest: bytes) -> Parts:
    boxes = {box.path: box for box in superboxes(manifest)}
    base = [path for path in boxes if path.endswith("/c2pa.signature")][-1].rpartition("/")[0]
    claim = _cbor(manifest, boxes[f"{base}/c2pa.claim.v2"])
    _hold_assertions(manifest, boxes, base, cbor2.loads(claim))
    protected, unprotected, _, raw = cbor2.loads(
        _cbor(manifest, boxes[f"{base}/c2pa.signature"])
    ).value
    chain = cbor2.loads(protected)[X5CHAIN]
    half = len(raw) // 2
    consent = _consent(manifest, boxes, base)
    _hold_lineage(manifest, boxes, base, consent)
    return Parts(
        label=base.rpartition("/")[2],
        consent=consent,
        signed=cbor2.dumps(["Signature1", protected, b"", claim]),
        signature=utils.encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        ),
        chain=tuple(map(x509.load_der_x509_certificate, chain)),
        stamped=cbor2.dumps(["CounterSignature", protected, b"", cbor2.dumps(raw)]),
        token=bytes(unprotected["sigTst2"]["tstTokens"][0]["val"]),
        staple=bytes(unprotected["rVals"]["ocspVals"][0]),
    )


def _cbor(manifest: bytes, box: Box) -> bytes:
    if box.cbor is None:
        raise SignatureUnsound(f"{box.path} holds no CBOR")
    return manifest[slice(*box.cbor)]


def _hold_assertions(
    manifest: bytes, boxes: dict[str, Box], base: str, claim: dict[str, Any]
) -> None:
    """Every assertion box is one the claim names, and has the hash it names."""
    named = {
        str(each["url"]).rpartition("/")[2]: bytes(each["hash"])
        for each in (*claim["created_assertions"], *claim.get("gathered_assertions", ()))
    }
    prefix = f"{base}/c2pa.assertions/"
    there = {
        path.removeprefix(prefix): hashlib.sha256(manifest[box.start + 8 : box.end]).digest()
        for path, box in boxes.items()
        if path.startswith(prefix) and "/" not in path.removeprefix(prefix)
    }
    if named != there:
        raise SignatureUnsound("an assertion is not the one that the claim names")


def _consent(manifest: bytes, boxes: dict[str, Box], base: str) -> dict[str, Any]:
    return dict(cbor2.loads(_cbor(manifest, boxes[f"{base}/c2pa.assertions/{CONSENT_LABEL}"])))


def _hold_lineage(
    manifest: bytes, boxes: dict[str, Box], base: str, consent: dict[str, Any]
) -> None:
    """Whatever it says it derives from is its ingredient, by the hash of all its credentials."""
    if "derivedFrom" not in consent:
        return
    prefix = f"{base}/c2pa.assertions/c2pa.ingredient.v3"
    said = (
        cbor2.loads(_cbor(manifest, box)) for path, box in boxes.items() if path.startswith(prefix)
    )
    parent: dict[str, Any] = next((each for each in said if each.get("instanceID") == PARENT), {})
    if "activeManifest" not in parent:
        raise SignatureUnsound("what it says it derives from is not among its ingredients")
    of, digest = (parent["activeManifest"][name] for name in ("url", "hash"))
    root = str(of).removeprefix("self#jumbf=")
    box = boxes[root]
    if hashlib.sha256(manifest[box.start + 8 : box.end]).digest() != bytes(digest):
        raise SignatureUnsound("the credentials of what it derives from were changed")
    if _consent(manifest, boxes, root)["generation"] != consent["derivedFrom"]["generation"]:
        raise SignatureUnsound("it derives from another output than it says")


def hold_signature(parts: Parts, claim_root_pem: str) -> None:
    """Prove that the leaf signed the claim, under one of these roots. Raises SignatureUnsound.

    Whether the leaf was in force is asked with the time stamp's instant: `hold_chain`.
    """
    _verify(parts.chain[0], parts.signature, parts.signed, "the claim's signature does not hold")
    hold_chain(parts.chain, claim_root_pem)


def hold_chain(
    chain: tuple[x509.Certificate, ...], roots_pem: str, at: datetime | None = None
) -> None:
    """Prove that each certificate is issued by the next, the last by a root; in force `at`."""
    roots = x509.load_pem_x509_certificates(roots_pem.encode())
    for issued, issuer in pairwise(chain):
        _issued_by(issued, issuer)
    if not any(_is_issued_by(chain[-1], root) for root in roots):
        raise SignatureUnsound("the chain does not lead to a root that is trusted here")
    for each in chain:
        if at is not None and not each.not_valid_before_utc <= at <= each.not_valid_after_utc:
            raise SignatureUnsound(f"{each.subject.rfc4514_string()} was not in force at {at}")


def stamped_at(parts: Parts, time_roots_pem: str) -> datetime:
    """Return when the signature existed, by its RFC 3161 token. Raises SignatureUnsound."""
    builder = rfc3161.VerifierBuilder()
    for root in x509.load_pem_x509_certificates(time_roots_pem.encode()):
        builder = builder.add_root_certificate(root)
    try:
        response = _as_response(parts.token)
        builder.build().verify_message(response, parts.stamped)
    except (ValueError, rfc3161.VerificationError) as error:
        raise SignatureUnsound(f"the time stamp does not hold: {error}") from None
    return response.tst_info.gen_time


def time_chain(parts: Parts) -> tuple[x509.Certificate, ...]:
    """Return the certificates that the time stamp carries: its signer, then who issued that."""
    try:
        held = sorted(_as_response(parts.token).signed_data.certificates)
    except ValueError as error:
        raise SignatureUnsound(f"the time stamp cannot be read: {error}") from None
    carried = list(map(x509.load_der_x509_certificate, held))
    issuers = {each.issuer for each in carried}
    return tuple(sorted(carried, key=lambda each: each.subject in issuers))


def _as_response(token: bytes) -> rfc3161.TimeStampResponse:
    """Wrap a token as the answer it came in, which is what the library reads."""
    body = GRANTED + token
    return rfc3161.decode_timestamp_response(b"\x30\x82" + len(body).to_bytes(2, "big") + body)


def status_of(
    der: bytes, leaf: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> Revocation | None:
    """Return what an OCSP response says of the leaf: its revocation, or None for good.

    Signed by whom the issuer charged with it, about this leaf, and fresh `at`. Raises
    SignatureUnsound.
    """
    try:
        said = ocsp.load_der_ocsp_response(der)
        if said.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise SignatureUnsound("the responder gave no answer")
        responder = said.certificates[0]
        usages = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, LookupError, x509.ExtensionNotFound) as error:
        raise SignatureUnsound(f"the OCSP response cannot be read ({error})") from None
    _issued_by(responder, issuer)
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usages:
        raise SignatureUnsound("who signed the OCSP response was not charged with it")
    _verify(responder, said.signature, said.tbs_response_bytes, "the OCSP response is not signed")
    if said.serial_number != leaf.serial_number:
        raise SignatureUnsound("the OCSP response is about another certificate")
    if not said.this_update_utc <= at <= (said.next_update_utc or at):
        raise SignatureUnsound(f"the OCSP response says nothing about {at}")
    if said.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise SignatureUnsound("the responder does not know the certificate")
    if said.revocation_time_utc is None:
        return None
    reason = said.revocation_reason.value if said.revocation_reason else "unspecified"
    return Revocation(said.revocation_time_utc, reason)


def _verify(by: x509.Certificate, signature: bytes, data: bytes, otherwise: str) -> None:
    key = by.public_key()
    try:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise SignatureUnsound("the signer's key is of a kind that nothing here signs with")
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise SignatureUnsound(otherwise) from None


def _is_issued_by(issued: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        issued.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca


def _issued_by(issued: x509.Certificate, issuer: x509.Certificate) -> None:
    if not _is_issued_by(issued, issuer):
        raise SignatureUnsound(
            f"{issued.subject.rfc4514_string()} is not issued by {issuer.subject.rfc4514_string()}"
        )
