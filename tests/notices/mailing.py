"""A mail server that takes or refuses what it is told to, and people with addresses there."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlmodel import Session

from app import clock, vault_text
from app.identity.models import Organization
from app.identity.models_people import Invitation, Membership, Person
from app.notices.models import Contact
from tests.web.serving import free_port


@dataclass
class Postbox:
    """What arrived; `says` is answered instead of 250 where it is set, `drops` after the mail."""

    arrived: list = field(default_factory=list)
    says: str = ""
    drops: bool = False

    async def handle_DATA(self, server, session, envelope):
        if self.says:
            return self.says
        self.arrived.append(message_from_bytes(envelope.content, policy=policy.default))
        if self.drops:
            server.transport.close()
        return "250 OK queued as 1"


def a_certificate(directory: Path) -> Path:
    """Key and certificate for localhost in one PEM, its own root."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = directory / "localhost.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


@contextmanager
def post_office(box: Postbox, certificate: Path | None) -> Iterator[int]:
    """Serve a postbox on a free port; without a certificate it offers no STARTTLS."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    office = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=context is not None,
    )
    office.start()
    try:
        yield office.port
    finally:
        office.stop()


def a_member(
    session: Session, organization: Organization, *addresses: str, role: str = "performer"
) -> Person:
    """Somebody of an organization, with verified addresses."""
    person = Person(name="Griet")
    invitation = Invitation(
        organization_id=organization.id,
        role=role,
        is_admin=True,
        secret_sha256=person.id,
        expires_at=clock.now() + timedelta(days=1),
    )
    session.add_all((person, invitation))
    session.flush()
    session.add(
        Membership(
            person_id=person.id,
            organization_id=organization.id,
            role=role,
            is_admin=True,
            invitation_id=invitation.id,
        )
    )
    for address in addresses:
        an_address(session, person, address)
    session.flush()
    return person


def an_address(session: Session, person: Person, address: str, channel: str = "email") -> Contact:
    """A verified address."""
    contact = Contact(
        person_id=person.id,
        channel=channel,
        sealed=vault_text.seal_text(person.id, channel, address),
        verified_at=clock.now(),
    )
    session.add(contact)
    session.flush()
    return contact
