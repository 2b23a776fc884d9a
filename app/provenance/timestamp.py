"""A local RFC 3161 time-stamp authority: the token by which a signature outlives its leaf.

It is this installation's own clock vouching for this installation's own signature, and every text
about it must say so. It runs in-process: no socket, no request.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import utils
from cryptography.hazmat.primitives.serialization import Encoding

SEQUENCE, SET, INTEGER, OCTETS, OID_TAG, NULL = 0x30, 0x31, 0x02, 0x04, 0x06, 0x05
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
POLICY = "2.25.183920745"  # arcs below 2**28: some readers take no larger ones


def time_stamp_token(
    message: bytes, *, at: datetime, sign: Callable[[bytes], bytes], chain_pem: str
) -> bytes:
    """Return a DER TimeStampToken (RFC 3161) saying that `message` existed at `at`.

    `sign` is ES256 and returns raw r||s; `chain_pem` is the authority's certificate, then its root.
    """
    certificates = x509.load_pem_x509_certificates(chain_pem.encode())
    signer = certificates[0]
    at = at.astimezone(UTC).replace(microsecond=0)
    info = _tst_info(hashlib.sha256(message).digest(), at)
    attributes = _signed_attributes(info, at, signer.public_bytes(Encoding.DER))
    raw = sign(_tlv(SET, attributes))
    half = len(raw) // 2
    signature = utils.encode_dss_signature(
        int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    )
    signer_info = _tlv(
        SEQUENCE,
        _integer(1),
        _tlv(SEQUENCE, signer.issuer.public_bytes(), _integer(signer.serial_number)),
        _algorithm(SHA256),
        _tlv(0xA0, attributes),
        _tlv(SEQUENCE, _oid(ECDSA_SHA256)),
        _tlv(OCTETS, signature),
    )
    signed_data = _tlv(
        SEQUENCE,
        _integer(3),
        _tlv(SET, _algorithm(SHA256)),
        _tlv(SEQUENCE, _oid(TST_INFO), _tlv(0xA0, _tlv(OCTETS, info))),
        _tlv(0xA0, *sorted(c.public_bytes(Encoding.DER) for c in certificates)),
        _tlv(SET, signer_info),
    )
    return _tlv(SEQUENCE, _oid(SIGNED_DATA), _tlv(0xA0, signed_data))


def _tst_info(imprint: bytes, at: datetime) -> bytes:
    return _tlv(
        SEQUENCE,
        _integer(1),
        _oid(POLICY),
        _tlv(SEQUENCE, _algorithm(SHA256), _tlv(OCTETS, imprint)),
        _integer(secrets.randbits(63)),
        _tlv(GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").encode()),
        _tlv(SEQUENCE, _integer(1)),  # accurate to one second
    )


def _signed_attributes(info: bytes, at: datetime, signer_der: bytes) -> bytes:
    """The content of the SET OF attributes, in DER order."""
    certificate_id = _tlv(SEQUENCE, _tlv(OCTETS, hashlib.sha256(signer_der).digest()))
    attributes = (
        _attribute(CONTENT_TYPE, _oid(TST_INFO)),
        _attribute(MESSAGE_DIGEST, _tlv(OCTETS, hashlib.sha256(info).digest())),
        _attribute(SIGNING_TIME, _tlv(UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode())),
        _attribute(SIGNING_CERTIFICATE_V2, _tlv(SEQUENCE, _tlv(SEQUENCE, certificate_id))),
    )
    return b"".join(sorted(attributes))


def _attribute(oid: str, value: bytes) -> bytes:
    return _tlv(SEQUENCE, _oid(oid), _tlv(SET, value))


def _algorithm(oid: str) -> bytes:
    return _tlv(SEQUENCE, _oid(oid), _tlv(NULL))


def _integer(value: int) -> bytes:
    return _tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    encoded = b""
    for arc in (40 * first + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(digits))
    return _tlv(OID_TAG, encoded)


def _tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element: tag, shortest length, the parts."""
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
