"""Passkeys: challenges to authenticators, and what may be believed of their answers (WebAuthn).

Every answer must come from our origin, to a challenge of ours that stands for minutes and is
answered once, with the user verified on the device. The library is py_webauthn; the counter is
compared here, since a copy that was noticed has to be put down, not only refused.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
import webauthn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OKPKey, RSAKey
from sqlmodel import Session, col, select
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app import clock
from app.identity import sessions
from app.identity.errors import (
    CeremonyRefused,
    LastOne,
    PasskeyCloned,
    PasskeyNotFound,
    PasskeyRefused,
)
from app.identity.models import SigningKey
from app.identity.models_people import Ceremony, Passkey, PasskeySigningKey, Person
from app.language import _

STANDS_FOR = timedelta(minutes=5)
CHALLENGE_BYTES = 32
MAX_PASSKEYS = 20  # of one person
MAX_ANSWER_CHARS = 20_000
ALGORITHMS = [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]


@dataclass(frozen=True)
class Site:
    """Where the pages are: passkeys are made for its host, and answer to it alone."""

    origin: str

    @property
    def rp_id(self) -> str:
        return urlsplit(self.origin).hostname or ""


def begin(
    session: Session,
    purpose: str,
    binder: str,
    *,
    person_id: str | None = None,
    challenge: bytes | None = None,
    about: str = "",
) -> Ceremony:
    """Write a challenge down, for this browser; those that nobody answered in time are dropped."""
    at = clock.now()
    session.execute(sa.delete(Ceremony).where(col(Ceremony.expires_at) < at - STANDS_FOR))
    ceremony = Ceremony(
        purpose=purpose,
        challenge=challenge or secrets.token_bytes(CHALLENGE_BYTES),
        about=about,
        binder_sha256=sessions.digest(binder),
        person_id=person_id,
        created_at=at,
        expires_at=at + STANDS_FOR,
    )
    session.add(ceremony)
    session.flush()
    return ceremony


def take(session: Session, ceremony_id: str, purpose: str, binder: str) -> Ceremony:
    """Take up a challenge to check its answer: once, in its browser, in time.

    Raises CeremonyRefused.
    """
    found = session.get(Ceremony, ceremony_id, with_for_update=True, populate_existing=True)
    if (
        found is None
        or found.purpose != purpose
        or found.used_at is not None
        or found.expires_at <= clock.now()
        or not clock.has_been(found.created_at)
        or not compare_digest(found.binder_sha256, sessions.digest(binder))
    ):
        raise CeremonyRefused(
            _(
                "this page was answered already, or stood open for more than five minutes; load it "
                "again and use your passkey once more"
            )
        )
    found.used_at = clock.now()
    session.add(found)
    session.flush()
    return found


def enrollment_options(
    site: Site, ceremony: Ceremony, *, name: str, known: Sequence[Passkey] = ()
) -> str:
    """Return what the browser is asked to make a passkey of (JSON, WebAuthn level 3)."""
    return options_to_json(
        webauthn.generate_registration_options(
            rp_id=site.rp_id,
            rp_name="Understudy",
            user_id=str(ceremony.person_id).encode(),
            user_name=name,
            challenge=ceremony.challenge,
            timeout=int(STANDS_FOR.total_seconds() * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(known),
            supported_pub_key_algs=ALGORITHMS,
        )
    )


def assertion_options(site: Site, ceremony: Ceremony, *, known: Sequence[Passkey] = ()) -> str:
    """Return what the browser is asked to answer (JSON); any passkey of ours unless `known`."""
    return options_to_json(
        webauthn.generate_authentication_options(
            rp_id=site.rp_id,
            challenge=ceremony.challenge,
            timeout=int(STANDS_FOR.total_seconds() * 1000),
            allow_credentials=_descriptors(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def enroll(
    session: Session, site: Site, ceremony: Ceremony, person: Person, *, answer: str, name: str
) -> Passkey:
    """Keep the public half of the passkey that a browser made. Raises PasskeyRefused."""
    if ceremony.person_id != person.id:
        raise PasskeyRefused(_("this passkey was asked of somebody else; load the page again"))
    if len(passkeys_of(session, person.id)) >= MAX_PASSKEYS:
        raise PasskeyRefused(
            _("you have %(number)s passkeys; revoke one first", number=MAX_PASSKEYS)
        )
    try:
        made = webauthn.verify_registration_response(
            credential=_read(answer),
            expected_challenge=ceremony.challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
    except Exception as error:  # noqa: BLE001 - a hostile answer: whatever its parsers say is a no
        raise PasskeyRefused(f"the passkey was not made as asked: {error}") from None
    credential_id = bytes_to_base64url(made.credential_id)
    if session.exec(select(col(Passkey.id)).where(Passkey.credential_id == credential_id)).first():
        raise PasskeyRefused(_("this passkey is registered already; sign in with it"))
    passkey = Passkey(
        person_id=person.id,
        name=name,
        credential_id=credential_id,
        public_key=made.credential_public_key,
        aaguid=made.aaguid,
        backup_eligible=made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=made.credential_backed_up,
        sign_count=made.sign_count,
    )
    session.add(passkey)
    session.flush()
    return passkey


def use(
    session: Session, site: Site, ceremony: Ceremony, *, answer: str
) -> Passkey | PasskeyCloned:
    """Return the passkey that answered a challenge, with its counter moved on.

    A counter that did not grow means that a copy is about: that is put down, the passkey and the
    sessions it opened end, and the refusal is returned to be raised after the commit. Raises
    PasskeyRefused.
    """
    said = _read(answer)
    passkey = session.exec(
        select(Passkey)
        .where(Passkey.credential_id == str(said.get("id")))
        .with_for_update()
        .execution_options(populate_existing=True)  # the counter as it stands behind the lock
    ).first()
    if passkey is None or not passkey.stands or ceremony.person_id not in (None, passkey.person_id):
        raise PasskeyRefused(_("this passkey is not registered, or was revoked; use another one"))
    try:
        found = webauthn.verify_authentication_response(
            credential=said,
            expected_challenge=ceremony.challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # compared below, against what is stored
            require_user_verification=True,
        )
        handle = said["response"].get("userHandle")  # must say who, where nobody was asked by name
        if (handle or not ceremony.person_id) and not _names(handle, passkey.person_id):
            raise PasskeyRefused("it answers for another person")
    except Exception as error:  # noqa: BLE001 - a hostile answer: whatever its parsers say is a no
        raise PasskeyRefused(f"the answer does not prove who is there: {error}") from None
    if _is_copy(found.new_sign_count, passkey.sign_count):
        return _put_down_clone(session, passkey)
    passkey.sign_count = found.new_sign_count
    passkey.backed_up = found.credential_backed_up
    passkey.last_used_at = clock.now()
    session.add(passkey)
    session.flush()
    return passkey


def _names(handle: str, person_id: str) -> bool:
    return base64url_to_bytes(handle) == person_id.encode()


def _is_copy(now: int, before: int) -> bool:
    """Say whether a counter did not grow; those of synced passkeys stay at 0."""
    return max(now, before) > 0 and now <= before


def _put_down_clone(session: Session, passkey: Passkey) -> PasskeyCloned:
    passkey.clone_seen_at = clock.now()
    session.add(passkey)
    sessions.end_all_by(session, passkey)
    return PasskeyCloned(
        "this passkey counted less than it did before, so there is a copy of it. Neither is "
        "trusted any more, and what it opened is closed: sign in with another device"
    )


def passkeys_of(session: Session, person_id: str) -> Sequence[Passkey]:
    """List the passkeys of a person that were not revoked, oldest first."""
    return session.exec(
        select(Passkey)
        .where(Passkey.person_id == person_id, col(Passkey.revoked_at).is_(None))
        .order_by(col(Passkey.id))
    ).all()


def revoke(session: Session, person: Person, passkey_id: str) -> None:
    """End a passkey and the sessions it opened. Raises PasskeyNotFound; LastOne for the last."""
    session.execute(sa.select(col(Person.id)).where(col(Person.id) == person.id).with_for_update())
    theirs = passkeys_of(session, person.id)
    found = next((each for each in theirs if each.id == passkey_id), None)
    if found is None:
        raise PasskeyNotFound(_("you have no such passkey, or it is revoked already"))
    if not any(each.stands for each in theirs if each.id != passkey_id):
        raise LastOne(_("this is your last passkey; register another device first"))
    found.revoked_at = clock.now()
    session.add(found)
    sessions.end_all_by(session, found)
    session.flush()


def signing_key_of(session: Session, passkey: Passkey, organization_id: str) -> SigningKey:
    """Return the key under which this passkey signs for an organization; made at first use."""
    linked = session.get(PasskeySigningKey, (passkey.id, organization_id))
    if linked is not None:
        return session.get_one(SigningKey, linked.signing_key_id)
    public_jwk = public_jwk_of(passkey)
    key = SigningKey(
        organization_id=organization_id,
        algorithm={"EC": "ES256", "OKP": "Ed25519", "RSA": "RS256"}[public_jwk["kty"]],
        public_jwk=public_jwk,
    )
    session.add(key)
    session.flush()
    session.add(
        PasskeySigningKey(
            passkey_id=passkey.id, organization_id=organization_id, signing_key_id=key.id
        )
    )
    session.flush()
    return key


def is_of_passkey(session: Session, key: SigningKey) -> bool:
    """Say whether a signing key is somebody's passkey: it makes no JWS."""
    linked = select(PasskeySigningKey).where(PasskeySigningKey.signing_key_id == key.id)
    return session.exec(linked).first() is not None


def public_jwk_of(passkey: Passkey) -> dict[str, Any]:
    """Return the public key as a JWK (RFC 7517)."""
    key = decoded_public_key_to_cryptography(decode_credential_public_key(passkey.public_key))
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    kinds: dict[type, Any] = {
        ec.EllipticCurvePublicKey: ECKey,
        ed25519.Ed25519PublicKey: OKPKey,
        rsa.RSAPublicKey: RSAKey,
    }
    kind = next(jwk for type_, jwk in kinds.items() if isinstance(key, type_))
    return dict(kind.import_key(pem).as_dict(private=False))


def _descriptors(known: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in known
    ]


def _read(answer: str) -> dict[str, Any]:
    try:
        said = json.loads(answer[: MAX_ANSWER_CHARS + 1])
        if isinstance(said, dict) and isinstance(said.get("response"), dict):
            return said
    except (ValueError, RecursionError):
        pass
    raise PasskeyRefused("the authenticator's answer cannot be read; try again")
