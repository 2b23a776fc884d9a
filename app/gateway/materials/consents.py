"""Whose performance drives, and whose voice it is, must have agreed; asked again at each release.

A withdrawal takes the lock of the material, as a release does: nothing is released after it.
"""

from collections.abc import Collection, Sequence
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from app import clock
from app.errors import AppError
from app.gateway.errors import ReplicaNotFound
from app.gateway.materials.errors import ConsentLinkUnknown, MaterialConsentRefused
from app.gateway.materials.models import Material
from app.gateway.materials.models_consents import MaterialConsent
from app.identity.models import SigningKey
from app.identity.principal import Principal
from app.licensing.contracts.service import registered_key
from app.licensing.contracts.signatures import check_detached
from app.notices import links
from app.notices import service as notices
from app.registry.models import Replica

NEEDED = frozenset({"driving", "voice"})
DECLARANT = "declarant"
LINK = "lent"  # what a person who is not registered takes their word back by
WHAT_IS_SIGNED = "the declaration's RFC 8785 form; sign exactly the document you send"
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Declaration(BaseModel):
    """What a production declares of a person who is not licensed here, under its signature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1]
    material_id: Text = Field(description="mat_…")
    commitment: Text = Field(description="That of the material, as it was answered.")
    person: Text = Field(description="Whose performance or voice it is.")
    agreed_to: Literal["drive a replica", "lend the voice"]
    proof_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = Field(
        description="SHA-256 of the paper or recording in which they agreed; keep it."
    )


def by_replica(
    session: Session, material: Material, replica_id: str, *, by: Principal
) -> MaterialConsent:
    """Name the registered performer it is; counts in scenes that license them, and while they do.

    Raises ReplicaNotFound, MaterialConsentRefused where the material needs none, or one was
    withdrawn.
    """
    _locked(session, material)
    if session.get(Replica, replica_id) is None:
        raise ReplicaNotFound(f"no replica has the id {replica_id[:64]}")
    return _keep(
        session,
        MaterialConsent(material_id=material.id, replica_id=replica_id, api_key_id=by.api_key_id),
    )


def by_declaration(
    session: Session, material: Material, said: Declaration, jws: str, *, by: Principal
) -> MaterialConsent:
    """Keep a signed declaration that a person agreed.

    Raises SignatureRefused, and MaterialConsentRefused where it is about something else, or one was
    withdrawn.
    """
    _locked(session, material)
    wanted = "drive a replica" if material.role == "driving" else "lend the voice"
    about = (said.material_id, said.commitment, said.agreed_to)
    if about != (material.id, material.commitment, wanted):
        raise MaterialConsentRefused(
            f"the declaration is not about this material: name {material.id}, its commitment "
            f"{material.commitment}, and that they agreed to {wanted}"
        )
    document = bytes(rfc8785.dumps(said.model_dump()))
    key = registered_key(session, by.organization_id, jws)
    check_detached(document, jws, key.public_jwk, key_id=key.id, role=DECLARANT, of=WHAT_IS_SIGNED)
    return _keep(
        session,
        MaterialConsent(
            material_id=material.id,
            document=document.decode(),
            jws=jws,
            signing_key_id=key.id,
            api_key_id=by.api_key_id,
        ),
    )


def withdraw(session: Session, material: Material, *, by: str) -> Sequence[MaterialConsent]:
    """End every consent to a material from this commit on; what is released stays.

    The first moment stands. Nothing that uses it is released after that.
    """
    session.refresh(material, with_for_update=True)
    found = consents_of(session, material.id)
    for consent in found:
        session.refresh(consent)  # somebody may have taken it back before the lock was had
        if consent.withdrawn_at is None:
            consent.withdrawn_at, consent.withdrawn_by = clock.now(), by
            session.add(consent)
    session.flush()
    return found


def link_of(consent: MaterialConsent) -> str | None:
    """Return what the link holds by which the person of a declaration takes it back; else None."""
    return None if consent.jws is None else links.sealed(LINK, consent.id)


def behind(session: Session, link: str) -> tuple[MaterialConsent, Material, Declaration]:
    """Return what somebody was said to have agreed to, by their link. Raises ConsentLinkUnknown."""
    id_ = links.opened(LINK, link)
    consent = None if id_ is None else session.get(MaterialConsent, id_)
    if consent is None:
        raise ConsentLinkUnknown("nobody was given this link; look whether it is whole")
    said = Declaration.model_validate_json(consent.document)
    return consent, session.get_one(Material, consent.material_id), said


def withdraw_by_link(session: Session, link: str) -> None:
    """Take back what the person with this link agreed to, and tell who uploaded it.

    Once: the same link again changes nothing. Raises ConsentLinkUnknown.
    """
    consent, material, _ = behind(session, link)
    withdraw(session, material, by=consent.id)
    notices.tell(
        session,
        "material-withdrawn",
        material.id,
        organization_id=material.organization_id,
        once=f"material-withdrawn:{material.id}",
    )


def consents_of(session: Session, material_id: str) -> Sequence[MaterialConsent]:
    """List every consent to a material, oldest first, withdrawn ones too."""
    theirs = select(MaterialConsent).where(MaterialConsent.material_id == material_id)
    return session.exec(theirs.order_by(col(MaterialConsent.id))).all()


def stands(session: Session, material: Material, performers: Collection[str]) -> bool:
    """Say whether a consent counts now, in a scene that licenses these performers."""
    return any(
        consent.withdrawn_at is None and _counts(session, consent, performers)
        for consent in consents_of(session, material.id)
    )


def is_performers(session: Session, material: Material) -> bool:
    """Say whether it is said to be a registered performer's: then faces are compared."""
    return any(each.replica_id is not None for each in consents_of(session, material.id))


def _counts(session: Session, consent: MaterialConsent, performers: Collection[str]) -> bool:
    if consent.replica_id is not None:
        return session.get_one(Replica, consent.replica_id).performer_id in performers
    key = session.get(SigningKey, consent.signing_key_id or "")
    if key is None:
        return False
    try:  # a row edited behind our back permits nothing
        check_detached(
            consent.document.encode(),
            consent.jws or "",
            key.public_jwk,
            key_id=key.id,
            role=DECLARANT,
            of=WHAT_IS_SIGNED,
        )
        said = Declaration.model_validate_json(consent.document)
    except (AppError, ValueError):
        return False
    return said.material_id == consent.material_id


def _locked(session: Session, material: Material) -> None:
    """Lock a material that may be consented to: a withdrawal is final, whoever gave the consent."""
    session.refresh(material, with_for_update=True)
    if any(each.withdrawn_at is not None for each in consents_of(session, material.id)):
        raise MaterialConsentRefused(
            f"a consent to {material.id} was withdrawn and stays so; upload what was agreed anew"
        )
    if material.role not in NEEDED:
        raise MaterialConsentRefused(
            f"a {material.role} needs no consent of this kind: its faces are compared"
        )


def _keep(session: Session, consent: MaterialConsent) -> MaterialConsent:
    session.add(consent)
    session.flush()
    return consent
