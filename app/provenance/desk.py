"""The desk this installation signs at, as its settings have it: certificates, responder, clock."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app import clock
from app.config import settings
from app.provenance import certificate_files, outside_time, pki
from app.provenance.errors import CertificateMissing
from app.provenance.timestamp import answer, time_stamp_token


@dataclass(frozen=True)
class Desk:
    """Whose certificates sign, who answers for them, and who says what time it is.

    `stamp` returns a TimeStampToken for what it is given, or raises TimeStampUnavailable.
    """

    certificates: Path
    ocsp_url: str
    stamp: Callable[[bytes], bytes]
    outside_roots_pem: str = ""

    @property
    def roots(self) -> dict[str, str]:
        """The roots to verify with: own claims, own time stamps and those of outside."""
        return {
            "claim_root_pem": pki.claim_root_pem(self.certificates),
            "tsa_root_pem": pki.tsa_root_pem(self.certificates) + self.outside_roots_pem,
        }

    @property
    def trust(self) -> dict[str, Any]:
        """The roots, and which certificates of ours were revoked or superseded."""
        return {**self.roots, "revocations": pki.revocations(self.certificates)}


def desk() -> Desk:
    """Return the desk of this installation. Raises CertificateMissing without an authority's roots.

    Roots of a former outside authority stay in the file for as long as its stamps shall count.
    """
    certificates, roots_pem = settings().keys_dir, _outside_roots_pem()
    if settings().tsa_url:
        stamp = partial(outside_time.ask, settings().tsa_url, roots_pem=roots_pem)
    else:
        stamp = partial(own_time_stamp, certificates)
    return Desk(certificates, settings().ocsp_url, stamp, roots_pem)


def own_time_stamp(certificates: Path, message: bytes) -> bytes:
    """Have this installation's own authority stamp a message, in this process."""
    with certificate_files.settled(certificates):  # its key is not retired meanwhile
        authority = pki.signer(certificates, "tsa")
        return time_stamp_token(
            message, at=clock.now(), sign=authority.sign, chain_pem=authority.chain_pem
        )


def own_authority_answer(certificates: Path, question: bytes) -> bytes:
    """Answer an RFC 3161 question with this installation's own authority."""
    with certificate_files.settled(certificates):
        authority = pki.signer(certificates, "tsa")
        return answer(question, at=clock.now(), sign=authority.sign, chain_pem=authority.chain_pem)


def _outside_roots_pem() -> str:
    path = settings().tsa_roots
    if path is None and settings().tsa_url:
        raise CertificateMissing(
            "UNDERSTUDY_TSA_URL names a time-stamp authority; say in UNDERSTUDY_TSA_ROOTS which"
            " roots it is believed under"
        )
    return "" if path is None else path.read_text()
