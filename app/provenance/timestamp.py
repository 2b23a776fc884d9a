"""A local RFC 3161 time-stamp authority: the token by which a signature outlives its leaf.

It is this installation's own clock vouching for this installation's own signature, and every text
about it must say so. Signing asks it in-process; whoever else wants to, over HTTP (`api.py`).
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import utils
from cryptography.hazmat.primitives.serialization import Encoding

SEQUENCE, SET, INTEGER, OCTETS, OID_TAG, NULL = 0x30, 0x31, 0x02, 0x04, 0x06, 0x05
BOOLEAN, BITS = 0x01, 0x03
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
GRANTED, REJECTION = 0, 2
BAD_ALGORITHM, BAD_DATA_FORMAT, UNACCEPTED_POLICY = b"\x07\x80", b"\x02\x04", b"\x00\x00\x01"
POLICY = "2.25.183920745"  # arcs below 2**28: some readers take no larger ones


@dataclass(frozen=True)
class _Question:
    """What a TimeStampReq asks for; `algorithm`, `policy` and `nonce` are DER as they came."""

    algorithm: bytes
    imprint: bytes
    policy: bytes
    nonce: bytes
    wants_certificates: bool


@dataclass(frozen=True)
class _Authority:
    """Who stamps, as DER: the certificate, its issuer and serial, and the chain it carries."""

    der: bytes
    named: bytes
    certificates: bytes


def time_stamp_token(
    message: bytes, *, at: datetime, sign: Callable[[bytes], bytes], chain_pem: str
) -> bytes:
    """Return a DER TimeStampToken (RFC 3161) saying that `message` existed at `at`.

    `sign` is ES256 and returns raw r||s; `chain_pem` is the authority's certificate, then its root.
    """
    return _token(hashlib.sha256(message).digest(), at=at, sign=sign, chain_pem=chain_pem)


def answer(
    question: bytes, *, at: datetime, sign: Callable[[bytes], bytes], chain_pem: str
) -> bytes:
    """Answer a DER TimeStampReq with a DER TimeStampResp; a refusal is an answer too.

    Stamps SHA-256 digests only, under the one policy it has.
    """
    try:
        asked = _read_question(question)
    except (ValueError, IndexError):
        return _rejection(BAD_DATA_FORMAT)
    if asked.algorithm != _oid(SHA256) or len(asked.imprint) != hashlib.sha256().digest_size:
        return _rejection(BAD_ALGORITHM)
    if asked.policy not in {b"", _oid(POLICY)}:
        return _rejection(UNACCEPTED_POLICY)
    token = _token(
        asked.imprint,
        at=at,
        sign=sign,
        chain_pem=chain_pem,
        nonce=asked.nonce,
        with_certificates=asked.wants_certificates,
    )
    return _tlv(SEQUENCE, _tlv(SEQUENCE, _integer(GRANTED)), token)


def _token(
    imprint: bytes,
    *,
    at: datetime,
    sign: Callable[[bytes], bytes],
    chain_pem: str,
    nonce: bytes = b"",
    with_certificates: bool = True,
) -> bytes:
    authority = _authority(chain_pem)
    at = at.astimezone(UTC).replace(microsecond=0)
    info = _tst_info(imprint, at, nonce)
    attributes = _signed_attributes(info, at, authority.der)
    raw = sign(_tlv(SET, attributes))
    half = len(raw) // 2
    signature = utils.encode_dss_signature(
        int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    )
    signer_info = _tlv(
        SEQUENCE,
        _integer(1),
        authority.named,
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
        *([authority.certificates] if with_certificates else []),
        _tlv(SET, signer_info),
    )
    return _tlv(SEQUENCE, _oid(SIGNED_DATA), _tlv(0xA0, signed_data))


@lru_cache(maxsize=8)
def _authority(chain_pem: str) -> _Authority:
    certificates = x509.load_pem_x509_certificates(chain_pem.encode())
    signer = certificates[0]
    carried = sorted(certificate.public_bytes(Encoding.DER) for certificate in certificates)
    return _Authority(
        der=signer.public_bytes(Encoding.DER),
        named=_tlv(SEQUENCE, signer.issuer.public_bytes(), _integer(signer.serial_number)),
        certificates=_tlv(0xA0, *carried),
    )


def _tst_info(imprint: bytes, at: datetime, nonce: bytes) -> bytes:
    return _tlv(
        SEQUENCE,
        _integer(1),
        _oid(POLICY),
        _tlv(SEQUENCE, _algorithm(SHA256), _tlv(OCTETS, imprint)),
        _integer(secrets.randbits(63)),
        _tlv(GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").encode()),
        _tlv(SEQUENCE, _integer(1)),  # accurate to one second
        nonce,
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


def _rejection(why: bytes) -> bytes:
    return _tlv(SEQUENCE, _tlv(SEQUENCE, _integer(REJECTION), _tlv(BITS, why)))


def _read_question(der: bytes) -> _Question:
    """Read a TimeStampReq (RFC 3161, 2.4.1). Raises ValueError, IndexError."""
    ((_, _, content),) = _elements(der)
    (_, version, _), (_, _, imprint), *rest = _elements(content)
    if version != _integer(1):
        raise ValueError("only version 1 is known")
    (_, _, algorithm), (digest_tag, _, digest) = _elements(imprint)
    (_, oid, _), *_ = _elements(algorithm)
    if digest_tag != OCTETS:
        raise ValueError("the imprint is no octet string")
    said = {tag: whole for tag, whole, _ in rest}
    if not set(said) <= {OID_TAG, INTEGER, BOOLEAN}:
        raise ValueError("extensions are not offered")
    return _Question(
        algorithm=oid,
        imprint=digest,
        policy=said.get(OID_TAG, b""),
        nonce=said.get(INTEGER, b""),
        wants_certificates=said.get(BOOLEAN, b"\0")[-1] != 0,
    )


def _elements(der: bytes) -> list[tuple[int, bytes, bytes]]:
    """Split DER into elements: tag, the whole element, its content. Raises ValueError."""
    found, at = [], 0
    while at < len(der):
        start, tag, size = at, der[at], der[at + 1]
        at += 2
        if size >= 0x80:
            width = size & 0x7F
            size, at = int.from_bytes(der[at : at + width], "big"), at + width
        if at + size > len(der):
            raise ValueError("an element is longer than what is there")
        found.append((tag, der[start : at + size], der[at : at + size]))
        at += size
    return found


def _attribute(oid: str, value: bytes) -> bytes:
    return _tlv(SEQUENCE, _oid(oid), _tlv(SET, value))


def _algorithm(oid: str) -> bytes:
    return _tlv(SEQUENCE, _oid(oid), _tlv(NULL))


def _integer(value: int) -> bytes:
    return _tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


@lru_cache(maxsize=32)
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
