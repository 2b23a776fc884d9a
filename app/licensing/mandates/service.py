"""Grant a mandate by a signed act, file one that rests on papers, end one at once."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, vault
from app.identity.models import Organization, SigningKey
from app.licensing.contracts import signing
from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.licensing.document import mandate_document
from app.licensing.document.mandate_document import MandateDocument
from app.licensing.errors import (
    AlreadySigned,
    MandateInvalid,
    MandateNotFound,
    MandateRefused,
)
from app.licensing.mandates import telling
from app.registry import lives, mandates
from app.registry.errors import PerformerUnknown
from app.registry.models import Performer
from app.registry.models_mandates import Mandate, MandateEvidence, PerformerLife
from app.transparency import service as transparency

GRANTOR = "grantor"
LONGEST = timedelta(days=3660)
MOST = 200  # mandates for one performer that are neither over nor ended
KIND = "mandate-paper"
OPERATOR = "operator"
WHAT_IS_SIGNED = "the mandate's RFC 8785 form; sign exactly the document you send, canonicalised"


def read(document: Mapping[str, Any]) -> tuple[MandateDocument, bytes]:
    """Read a mandate as it is signed. Raises MandateInvalid with pointers."""
    try:
        return mandate_document.parse(document)
    except documents.DocumentRefused as refused:
        errors = [{"pointer": p.pointer, "message": p.message} for p in refused.problems]
        raise MandateInvalid(str(refused), errors=errors) from refused


def grant(
    session: Session,
    organization_id: str,
    document: Mapping[str, Any],
    *,
    jws: str | None = None,
    asserted: tuple[SigningKey, str] | None = None,
) -> Mandate:
    """Keep a mandate that the performer's side gives; it counts at once.

    By a registered key's `jws`, or by what a member's passkey `asserted` (its key, the text). The
    performer's own desk grants; for a minor who holds the guardian's mandate does, and after a
    death the estate. Takes the performer's lock, so no signature is kept meanwhile. Raises
    MandateInvalid, MandateRefused, SignatureRefused, AlreadySigned, PerformerUnknown.
    """
    said, signed = read(document)
    check_may_be_given(session, lock(session, said.performer), said, by=organization_id)
    key, text = signing.signed_by(
        session,
        organization_id,
        signed,
        role=GRANTOR,
        of=WHAT_IS_SIGNED,
        jws=jws,
        asserted=asserted,
    )
    return _keep(session, said, signed, text=text, key=key)


def check_may_be_given(
    session: Session, performer: Performer, said: MandateDocument, *, by: str
) -> None:
    """Do nothing where an organization may give this. Raises MandateRefused, DeathDisputed."""
    life = mandates.life_of(session, performer.id)
    if said.role in mandates.EVIDENCE or said.papers or said.died_on:
        raise MandateRefused(
            f"nobody is made {said.role} by the performer: send the signed document and its papers "
            "to the operator, who looks at them and files it (understudy mandates grant)"
        )
    if not may_grant(session, performer, by, life, at=clock.now()):
        raise MandateRefused(
            "you may not give mandates for this performer: an adult gives them through their own "
            "desk, the guardian for a minor, the estate after a death"
        )
    lives.check_not_disputed(session, performer.id)
    if said.holder in (by, performer.organization_id):
        raise MandateRefused("the holder is somebody else than who grants; name their organization")
    if life is not None and _is_minor(life, clock.now()) and said.ends_at > _midnight(life):
        raise MandateRefused("what is granted for a minor ends by the day they come of age")
    _check_says_what_it_may(session, said)


def file(
    session: Session,
    document: Mapping[str, Any],
    jws: str | None = None,
    *,
    papers: Sequence[Path],
    asserted: tuple[SigningKey, str] | None = None,
) -> Mandate:
    """Keep what a guardian, an estate, a union for one, or who holds a court's order declares.

    The operator calls it, having looked at the papers: each one the document names by its hash is
    kept in the vault. Signed by the holder's registered key, or by what a member's passkey
    `asserted`. A death it rests on is recorded, ends what the performer had granted, and is told to
    their side; an estate's ends a union's for it. Raises as `grant` does.
    """
    said, signed = read(document)
    performer = lock(session, said.performer)
    check_may_be_filed(session, performer, said)
    digests = check_papers(said, papers)
    key, text = signing.signed_by(
        session, said.holder, signed, role=GRANTOR, of=WHAT_IS_SIGNED, jws=jws, asserted=asserted
    )
    mandate = _keep(session, said, signed, text=text, key=key, confirmed_at=clock.now())
    for sha256, path in digests.items():
        sealed = vault.seal(session, f"mandate:{mandate.id}", KIND, path)
        session.add(
            MandateEvidence(
                mandate_id=mandate.id,
                sha256=sha256,
                vault_object_id=sealed.id,
                organization_id=said.holder,
            )
        )
    if said.died_on is not None:
        telling.tell_of_death(session, "death-recorded", performer, by=said.holder)
        _record_death(session, performer, said.died_on)
    if said.role == "estate_rep":
        _end_unions(session, performer)
    session.flush()
    return mandate


def check_may_be_filed(session: Session, performer: Performer, said: MandateDocument) -> None:
    """Do nothing where a mandate that rests on papers may be filed. Raises MandateRefused."""
    if said.role not in mandates.EVIDENCE:
        raise MandateRefused(f"a mandate as {said.role} is the performer's own to give, not filed")
    needed = set(mandates.EVIDENCE[said.role])
    if not needed <= {paper.kind for paper in said.papers}:
        raise MandateRefused(f"as {said.role} one names papers of kind {', '.join(sorted(needed))}")
    _check_says_what_it_may(session, said)
    _check_life(session, said, performer)


def check_papers(said: MandateDocument, papers: Sequence[Path]) -> dict[str, Path]:
    """Return these papers by their SHA-256, all that a document names. Raises MandateRefused."""
    digests = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in papers}
    if set(digests) != {paper.sha256 for paper in said.papers}:
        raise MandateRefused("the papers are not those whose SHA-256 the signed document names")
    return digests


def revoke(session: Session, mandate: Mandate, *, by: str) -> Mandate:
    """End a mandate from this instant on; what was done under it stands. The first moment counts.

    Under the performer's lock, which every signature takes: what is signed after this commits was
    signed without it. A row that was edited behind our back stays unsealed, and grants nothing.
    """
    lock(session, mandate.performer_id)
    session.refresh(mandate, with_for_update=True)
    if mandate.revoked_at is None:
        whole = mandates.is_whole(mandate)
        mandate.revoked_at, mandate.revoked_by = clock.now(), by
        if whole:
            mandates.seal(mandate)
        session.add(mandate)
        session.flush()
        transparency.record(session, "mandate-revoked", mandate.id, evidence(mandate))
    return mandate


def evidence(mandate: Mandate) -> dict[str, str]:
    """Return the payload of a mandate's leaves: made again from its row, it opens them."""
    return {"document": mandate.document_sha256, "key": mandate.signing_key_id}


def mandate_of(session: Session, organization_id: str, mandate_id: str) -> Mandate:
    """Return a mandate to its holder, to who granted it, and to the performer's own desk.

    Raises MandateNotFound for all others alike.
    """
    mandate = session.get(Mandate, mandate_id)
    if mandate is not None and organization_id in {
        mandate.holder_id,
        mandate.grantor_id,
        session.get_one(Performer, mandate.performer_id).organization_id,
    }:
        return mandate
    raise MandateNotFound(f"no mandate of yours has the id {mandate_id[:64]}")


def revocable_by(mandate: Mandate, organization_id: str) -> bool:
    """Say whether an organization may end a mandate: holder and grantor, and the desk its own.

    A guardian's or an estate's is not the desk's to end: that is for them, or for the operator.
    """
    if organization_id in (mandate.holder_id, mandate.grantor_id):
        return True
    return mandate.role not in mandates.EVIDENCE


def mandates_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Mandate]:
    """List what an organization holds, has granted, or is about its performers, newest first."""
    mine = sa.or_(
        col(Mandate.holder_id) == organization_id,
        col(Mandate.grantor_id) == organization_id,
        col(Performer.organization_id) == organization_id,
    )
    page = select(Mandate).join(Performer, col(Performer.id) == col(Mandate.performer_id))
    if before is not None:
        page = page.where(col(Mandate.id) < before)
    return session.exec(page.where(mine).order_by(col(Mandate.id).desc()).limit(limit)).all()


def state_of(mandate: Mandate, *, at: datetime) -> str:
    """Say in one word where a mandate stands; `broken`: its row is not the one we wrote."""
    if not mandates.is_whole(mandate):
        return "broken"
    if mandate.revoked_at is not None and mandate.revoked_at <= at:
        return "revoked"
    if mandate.ends_at <= at:
        return "expired"
    return "standing" if mandates.stands(mandate, at=at) else "waiting"


def lock(session: Session, performer_id: str) -> Performer:
    """Lock a performer, as every act on their contracts does. Raises PerformerUnknown."""
    one = select(Performer).where(Performer.id == performer_id).with_for_update()
    performer = session.exec(one.execution_options(populate_existing=True)).first()
    if performer is None:
        raise PerformerUnknown(f"no performer of yours has the id {performer_id[:64]}")
    return performer


def may_grant(
    session: Session,
    performer: Performer,
    organization_id: str,
    life: PerformerLife | None,
    *,
    at: datetime,
) -> bool:
    """Say whether an organization may give mandates: who stands in the performer's own place."""
    if is_dead_or_minor(life, at=at):
        dead = mandates.is_dead(session, performer.id)
        stands_in = mandates.AFTER_DEATH if dead else {"guardian"}
        roles = mandates.roles_of(
            session, performer.id, organization_id, act=mandates.SIGN, contract_id=None
        )
        return not stands_in.isdisjoint(roles)
    desk = session.get_one(Organization, performer.organization_id)
    return organization_id == desk.id and desk.kind == "performer"


def is_dead_or_minor(life: PerformerLife | None, *, at: datetime) -> bool:
    """Say whether somebody else stands in the performer's own place, or nobody does."""
    return life is not None and (life.died_on is not None or _is_minor(life, at))


def _keep(
    session: Session,
    said: MandateDocument,
    signed: bytes,
    *,
    text: str,
    key: SigningKey,
    confirmed_at: datetime | None = None,
) -> Mandate:
    digest = hashlib.sha256(signed).hexdigest()
    same = select(Mandate).where(Mandate.document_sha256 == digest)
    if session.exec(same).first() is not None:
        raise AlreadySigned("exactly this was granted before; a new mandate has another span")
    mandate = Mandate(
        performer_id=said.performer,
        holder_id=said.holder,
        role=said.role,
        acts=sorted(set(said.acts)),
        contract_id=said.contract,
        starts_at=said.starts_at.astimezone(UTC),
        ends_at=said.ends_at.astimezone(UTC),
        document=signed.decode(),
        document_sha256=digest,
        signature=text,
        signing_key_id=key.id,
        grantor_id=key.organization_id,
        granted_at=confirmed_at or clock.now(),
        confirmed_at=confirmed_at,
        seal="",
    )
    mandates.seal(mandate)
    session.add(mandate)
    session.flush()
    transparency.record(session, "mandate-granted", mandate.id, evidence(mandate))
    return mandate


def _check_says_what_it_may(session: Session, said: MandateDocument) -> None:
    """Insist that the role can be given these acts, to this holder, for so long."""
    beyond = set(said.acts) - mandates.POWERS[said.role]
    if beyond:
        raise MandateRefused(
            f"as {said.role} nobody may {' or '.join(sorted(beyond))}, whoever grants it; take "
            "that out of /acts"
        )
    holder = session.get(Organization, said.holder)
    if holder is None or holder.kind not in mandates.HOLDERS[said.role]:
        kinds = " or ".join(mandates.HOLDERS[said.role])
        raise MandateRefused(f"as {said.role} acts an organization of kind {kinds}; name its id")
    now = clock.now()
    if not max(said.starts_at, now) < said.ends_at <= max(said.starts_at, now) + LONGEST:
        raise MandateRefused("a mandate ends in the future, after it starts, within ten years")
    if said.contract is not None:
        theirs = select(Contract.id).where(
            Contract.id == said.contract,
            Contract.series_id == said.contract,
            Contract.performer_id == said.performer,
        )
        if session.exec(theirs).first() is None:
            raise MandateRefused("the performer has no contract with the id in /contract")
    open_ones = select(sa.func.count(col(Mandate.id))).where(
        Mandate.performer_id == said.performer,
        col(Mandate.revoked_at).is_(None),
        Mandate.ends_at > now,
    )
    if session.exec(open_ones).one() >= MOST:
        raise MandateRefused(f"{MOST} mandates stand for this performer; end some first")


def _check_life(session: Session, said: MandateDocument, performer: Performer) -> None:
    """Insist that a guardian acts for a minor, until eighteen, and an estate for somebody dead."""
    life = mandates.life_of(session, performer.id)
    if said.role == "guardian":
        if life is None or not _is_minor(life, clock.now()):
            raise MandateRefused(
                "a guardian acts for a minor: have the date of birth recorded first "
                "(understudy mandates birth), which says until when"
            )
        if said.ends_at > _midnight(life):
            raise MandateRefused(
                f"a guardian's mandate ends by {life.majority_on}: the 18th birthday"
            )
    after = said.role in mandates.AFTER_DEATH
    if after != (said.died_on is not None):
        raise MandateRefused("/died_on is said where, and only where, an estate is represented")
    if said.died_on is None:
        return
    if said.died_on > clock.now().date():
        raise MandateRefused("/died_on is in the future")
    if life is not None and life.died_on not in (None, said.died_on):
        raise MandateRefused(f"it is on record that the performer died on {life.died_on}")
    found = any(
        each.role == "estate_rep" and mandates.stands(each, at=clock.now())
        for each in mandates.of_performers(session, [performer.id])
    )
    if said.role == "union_for_estate" and found:
        raise MandateRefused("the estate was found: it holds a mandate that stands")


def _record_death(session: Session, performer: Performer, died_on: date) -> None:
    """Put down the day of a death; it ends what the performer, or a guardian, had given."""
    lives.record_death(session, performer, died_on)
    for each in mandates.of_performers(session, [performer.id]):
        if each.role not in mandates.AFTER_DEATH and each.revoked_at is None:
            revoke(session, each, by=OPERATOR)


def _end_unions(session: Session, performer: Performer) -> None:
    """End what unions held for an estate that nobody had found: it is found now."""
    for each in mandates.of_performers(session, [performer.id]):
        over = each.revoked_at is not None or each.ends_at <= clock.now()
        if each.role == "union_for_estate" and not over:
            revoke(session, each, by=OPERATOR)
            telling.tell_of_estate(session, each)


def _is_minor(life: PerformerLife, at: datetime) -> bool:
    return life.majority_on is not None and at < _midnight(life)


def _midnight(life: PerformerLife) -> datetime:
    if life.majority_on is None:
        raise ValueError(f"nobody knows when {life.performer_id} comes of age")
    return datetime.combine(life.majority_on, time(), UTC)
