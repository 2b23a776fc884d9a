"""Time stamps from an outside authority (RFC 3161), and the check of what it says."""

from urllib.parse import urlsplit

import rfc3161_client as rfc3161
from cryptography import x509

from app.egress import Body, Door, EgressFailed
from app.provenance.errors import TimeStampUnavailable

LIMIT_BYTES, TIMEOUT_S = 64 << 10, 15.0


def ask(url: str, message: bytes, *, roots_pem: str) -> bytes:
    """Return a DER TimeStampToken for `message` from the authority at `url`.

    Believed only when it is about this message and this question (nonce), and signed under one of
    the roots. Raises TimeStampUnavailable when the authority is silent, refuses or is not believed.
    """
    parts = urlsplit(url)
    # The operator names the authority, and what it says is signed: plain HTTP and own networks do.
    door = Door(f"{parts.scheme}://{parts.netloc}", private=True)
    question = (
        rfc3161.TimestampRequestBuilder()
        .data(message)
        .hash_algorithm(rfc3161.HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    body = Body(question.as_bytes(), "application/timestamp-query")
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    try:
        said = door.post(path, body, limit_bytes=LIMIT_BYTES, timeout_s=TIMEOUT_S)
        response = rfc3161.decode_timestamp_response(said)
        _believe(response, question, message, roots_pem)
        return bytes(response.time_stamp_token())
    except (EgressFailed, ValueError, rfc3161.VerificationError) as error:
        raise TimeStampUnavailable(
            f"the time-stamp authority {parts.netloc} gave no time stamp ({error});"
            " signing waits for it"
        ) from None


def _believe(
    response: rfc3161.TimeStampResponse,
    question: rfc3161.TimeStampRequest,
    message: bytes,
    roots_pem: str,
) -> None:
    builder = rfc3161.VerifierBuilder.from_request(question)
    for root in x509.load_pem_x509_certificates(roots_pem.encode()):
        builder = builder.add_root_certificate(root)
    builder.build().verify_message(response, message)
