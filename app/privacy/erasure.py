"""Erase a performer: their likeness, for ever; and say first, and certify afterwards, what stays.

What is destroyed is the key everything of theirs in the vault hangs on. Before that every consent
of theirs is withdrawn and their replicas are paused for good, so that nothing is rendered, and
nothing that is being rendered is released. What others have a right to stays: released outputs as
each contract says, signed contracts, decisions, books and the log, none of which holds a likeness.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists
from sqlmodel import Session, col, func, select

from app import clock, keys, storage, vault
from app.cases import holds
from app.gateway import vendor_copies, workbench
from app.gateway.models import FINAL, UNDER_WAY, Generation, GenerationReplica
from app.identity.models import Organization
from app.identity.principal import Principal
from app.language import marked
from app.ledger.models import JournalEntry
from app.licensing.boundaries import service as boundaries
from app.licensing.boundaries.preferences import key_id
from app.licensing.contracts import acts
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from app.licensing.status import statements
from app.privacy.errors import (
    ErasureHeld,
    ErasureNotConfirmed,
    ErasureNotFound,
    ErasureNotYours,
    EstateMustWait,
)
from app.privacy.models import Erasure
from app.registry import identities, listing, lives, mandates, naming
from app.registry import service as registry
from app.registry.models import ERASED_NAME, Performer
from app.vault import PerformerKey, VaultObject

CERTIFICATE_TYPE = "understudy-erasure+jws"
MANY = 500  # outputs; whoever has more is told that it is more
ESTATE = "estate_rep"
ESTATE_WAITS = timedelta(days=30)
PURPOSE = "status"  # of the key that signs certificates: its public half is published

# What stays, and by what right: the words of the certificate.
STAYS = {
    "outputs": marked("released before, as each contract says; no other rendering stays"),
    "contracts": marked(
        "signed by two, and the licensee's record as well; they hold a name, no likeness"
    ),
    "decisions": marked(
        "evidence of what was permitted and refused; receipts hold no fact in the clear"
    ),
    "journal_entries": marked("the books, which tax law keeps"),
    "log": marked("salted commitments only"),
    "payout_details": marked("sealed under the payee's own key, for money still owed and tax law"),
}


@dataclass(frozen=True)
class Consequences:
    """What an erasure would do now; nothing is changed by asking."""

    lost: Sequence[VaultObject]
    contracts: Sequence[str]  # to be withdrawn
    offers: Sequence[str]  # standing offers to be closed
    in_flight: Sequence[str]  # generations that would not be released
    outputs: Sequence[str]  # released ones, which stay
    stays: dict[str, Any]
    held_by: Sequence[str]  # open cases that bar it until they end


@dataclass(frozen=True)
class Foreseen:
    """The same in numbers, for somebody to read; `outputs` are counted up to one past MANY."""

    lost: int
    contracts: int
    in_flight: int
    outputs: int


def held_by(session: Session, organization_id: str, performer_id: str) -> Performer:
    """Return a performer to who may take out and erase what is held: their own desk, while they
    live; once a death is on record the estate whose mandate stands, and that desk no longer.

    Raises PerformerUnknown, ErasureNotYours.
    """
    dead = mandates.is_dead(session, performer_id)
    if dead and ESTATE in mandates.roles_of(
        session, performer_id, organization_id, act=mandates.WITHDRAW
    ):
        return session.get_one(Performer, performer_id)
    performer = registry.performer_of(session, organization_id, performer_id)
    if dead:
        raise ErasureNotYours(
            f"a death is on record: what is held about {performer.id} is the estate's to take out "
            "or erase, by a mandate that two operators filed; if it is recorded in error, say so "
            "at your first page"
        )
    desk = session.get_one(Organization, performer.organization_id)
    if desk.id != organization_id or desk.kind != "performer":
        raise ErasureNotYours(
            f"only the performer's own desk takes out or erases what is held about {performer.id}; "
            "an agency may pause and suspend"
        )
    return performer


def consequences(session: Session, performer: Performer) -> Consequences:
    """Say what would be lost, what stops, and what stays, if the performer were erased now."""
    mine = select(GenerationReplica.generation_id).where(
        GenerationReplica.performer_id == performer.id
    )
    released = select(Generation.id).where(
        col(Generation.id).in_(mine), col(Generation.released_at).is_not(None)
    )
    objects = select(VaultObject).where(VaultObject.owner_id == performer.id)
    outputs = session.exec(released.order_by(col(Generation.id))).all()
    return Consequences(
        lost=session.exec(objects.order_by(col(VaultObject.id))).all(),
        contracts=[each.series_id for each in _to_withdraw(session, performer)],
        offers=[each.id for each in _open_offers(session, performer)],
        in_flight=_in_flight(session, performer),
        outputs=outputs,
        stays=_stays(session, performer, outputs),
        held_by=holds.holding(session, performer.id),
    )


def foreseen(session: Session, performer: Performer) -> Foreseen:
    """Say in numbers what an erasure would do now: quick however much was made of somebody."""
    lost = select(func.count()).where(VaultObject.owner_id == performer.id)
    released = (
        select(Generation.id)
        .join(GenerationReplica, col(GenerationReplica.generation_id) == col(Generation.id))
        .where(
            GenerationReplica.performer_id == performer.id,
            col(Generation.released_at).is_not(None),
        )
    )
    some = released.limit(MANY + 1).subquery()
    return Foreseen(
        lost=session.exec(lost).one(),
        contracts=len(_to_withdraw(session, performer)),
        in_flight=len(_in_flight(session, performer)),
        outputs=session.exec(select(func.count()).select_from(some)).one(),
    )


def _in_flight(session: Session, performer: Performer) -> Sequence[str]:
    """List what is under way with them: looked for among all that is, which is never much."""
    theirs = exists().where(
        col(GenerationReplica.generation_id) == col(Generation.id),
        col(GenerationReplica.performer_id) == performer.id,
    )
    flying = select(Generation.id).where(col(Generation.state).in_(UNDER_WAY), theirs)
    return session.exec(flying.order_by(col(Generation.id))).all()


def erase(session: Session, performer: Performer, *, by: Principal, confirmed: str) -> Erasure:
    """Withdraw every consent, pause for good, and decide that nothing of the likeness opens again.

    From the caller's commit on; `finish` then destroys the key. Takes the locks that
    a release takes, so nothing is released after it, and asks whose it is to erase behind them: a
    death may have come on record meanwhile, or been taken back. A second call returns the first
    one's record. Raises as `held_by` does; ErasureNotConfirmed; ErasureHeld while a case is open;
    of an estate EstateMustWait, and DeathDisputed while somebody at the performer's desk says that
    they live.
    """
    if confirmed != performer.id:
        raise ErasureNotConfirmed(
            "erasure is final: repeat the performer's id as `confirm`, after looking at "
            "GET /v1/performers/{id}/erasure/consequences"
        )
    session.refresh(performer, with_for_update=True)
    held_by(session, by.organization_id, performer.id)
    before = _erasure_of(session, performer.id)
    if before is not None:
        return before
    _check_estate_waited(session, performer, by.organization_id)
    found = consequences(session, performer)
    if found.held_by:
        raise ErasureHeld(
            f"evidence about an output with you in it is kept until {' and '.join(found.held_by)} "
            "ended; pause, and withdraw your contracts: both work at once"
        )
    # 1. Nothing new, and nothing in flight, from here on.
    registry.pause(session, performer)
    for contract in _to_withdraw(session, performer):
        contracts.withdraw_contract(session, contract, by.organization_id, api_key_id=by.api_key_id)
    for offer in _open_offers(session, performer):
        standing.retract_offer(session, offer)
    limits = boundaries.current(session, performer.id)
    if limits is not None and limits.published:
        boundaries.set_boundaries(
            session, performer, boundaries.limits_of(limits), published=False, by=by
        )
    # 2. Nothing opens from here on.
    vault.erase_owner(session, performer.id)
    identities.forget_external_ids(session, performer.id)
    performer.name = ERASED_NAME
    naming.forget_names(session, performer.id)
    listing.forget_listing(session, performer.id)
    session.add(performer)
    # 3. On record, without a word about the likeness.
    erasure = Erasure(
        performer_id=performer.id,
        organization_id=by.organization_id,
        api_key_id=by.api_key_id,
        lost=[
            {"object_id": each.id, "kind": each.kind, "size_bytes": each.size_bytes}
            for each in found.lost
        ],
        stopped={
            "contracts": list(found.contracts),
            "offers": list(found.offers),
            "generations": list(found.in_flight),
        },
        stays=found.stays,
    )
    session.add(erasure)
    session.flush()
    return erasure


def finish(session: Session, performer_id: str) -> datetime | None:
    """Destroy the key of a performer whose erasure is committed, and every rendering not released.

    Returns when all was gone; None while something with them is still on its way to being refused.
    Harmless to repeat; the worker does until it is done.
    """
    mine = select(GenerationReplica.generation_id).where(
        GenerationReplica.performer_id == performer_id
    )
    theirs = session.exec(select(Generation).where(col(Generation.id).in_(mine))).all()
    if any(each.state not in FINAL for each in theirs):
        return vault.finish_erasure(session, performer_id, nothing_left=False)
    for each in theirs:
        workbench.forget(each)
        # A draft ends as `released` too, and was for nobody to show: `released_at` stays empty.
        kept = {each.output_key or ""} if each.released_at is not None else set()
        storage.delete_under(f"generations/{each.id}/", but=kept)
        if each.is_draft and each.deleted_at is None:
            each.deleted_at = clock.now()
            session.add(each)
    return vault.finish_erasure(session, performer_id)


def erasure_of(session: Session, performer: Performer) -> Erasure:
    """Return the record of a performer's erasure. Raises ErasureNotFound."""
    found = _erasure_of(session, performer.id)
    if found is None:
        raise ErasureNotFound(f"{performer.id} was not erased")
    return found


def gone_at(session: Session, erasure: Erasure) -> datetime | None:
    """Say when key, ciphertexts and renderings were destroyed, or None before that."""
    return session.get_one(PerformerKey, erasure.performer_id, populate_existing=True).gone_at


def certificate(
    session: Session, erasure: Erasure, *, sign: Callable[[bytes], bytes] | None = None
) -> str | None:
    """Return the signed certificate (compact JWS over RFC 8785 JSON) once the key is destroyed.

    `vendor_copies` lists what left for a vendor and whose deletion nobody has confirmed by
    `vendor_copies_as_of`: it gets shorter as vendors answer, so a later one may say less.
    """
    destroyed = gone_at(session, erasure)
    if destroyed is None:
        return None
    said = {
        "v": 1,
        "erasure_id": erasure.id,
        "performer_id": erasure.performer_id,
        "decided_at": _instant(erasure.decided_at),
        "destroyed_at": _instant(destroyed),
        "destroyed": erasure.lost,
        "stopped": erasure.stopped,
        "stays": erasure.stays,
        "vendor_copies_as_of": _instant(clock.now()),
        "vendor_copies": [
            {
                "vendor": copy.vendor,
                "what": copy.what,
                "reference": copy.reference,
                "sent_at": _instant(copy.sent_at),
                "state": copy.state,
                "detail": copy.detail,
            }
            for copy in vendor_copies.unconfirmed_of(session, erasure.performer_id)
        ],
    }
    key = sign or (lambda data: keys.sign(PURPOSE, data))
    return statements.signed(said, key, kind=CERTIFICATE_TYPE, key_id=key_id(PURPOSE))


def _erasure_of(session: Session, performer_id: str) -> Erasure | None:
    return session.exec(select(Erasure).where(Erasure.performer_id == performer_id)).first()


def _check_estate_waited(session: Session, performer: Performer, organization_id: str) -> None:
    """Do nothing for who lives, or once the estate's mandate has stood long enough."""
    if not mandates.is_dead(session, performer.id):
        return
    lives.check_not_disputed(session, performer.id)
    since = clock.now() - ESTATE_WAITS
    if not mandates.stood_since(
        session, performer.id, organization_id, since, roles=(ESTATE,), act=mandates.WITHDRAW
    ):
        raise EstateMustWait(
            f"an estate erases once its mandate has stood for {ESTATE_WAITS.days} days: whoever "
            "is held to be dead in error has that long to say so; pause and withdraw meanwhile"
        )


def _to_withdraw(session: Session, performer: Performer) -> list[Contract]:
    """List what stands or lies on the table, each contract by the document that stands for it."""
    theirs = select(Contract).where(
        Contract.performer_id == performer.id,
        col(Contract.withdrawn_at).is_(None),
        col(Contract.offered_at).is_not(None),
        col(Contract.declined_at).is_(None),
        col(Contract.retracted_at).is_(None),
    )
    series: dict[str, list[Contract]] = {}
    for each in session.exec(theirs.order_by(col(Contract.series_id), col(Contract.id))):
        series.setdefault(each.series_id, []).append(each)
    at = clock.now()
    faces = [
        acts.face(each, at=at) for each in series.values() if any(d.version == 1 for d in each)
    ]
    return [each for each in faces if _stands(each, at)]


def _stands(contract: Contract, at: datetime) -> bool:
    lapsed = contract.expires_at is not None and contract.expires_at <= at
    return contract.executed_at is not None or not lapsed


def _open_offers(session: Session, performer: Performer) -> list[StandingOffer]:
    theirs = select(StandingOffer).where(
        StandingOffer.performer_id == performer.id, col(StandingOffer.retracted_at).is_(None)
    )
    return list(session.exec(theirs.order_by(col(StandingOffer.id))))


def _stays(session: Session, performer: Performer, outputs: Sequence[str]) -> dict[str, Any]:
    mine = select(GenerationReplica.generation_id).where(
        GenerationReplica.performer_id == performer.id
    )
    series = select(Contract.series_id).where(Contract.performer_id == performer.id).distinct()
    decisions = select(func.count()).where(col(Decision.generation_id).in_(mine))
    entries = select(func.count()).where(col(JournalEntry.contract_id).in_(series))
    counts = {
        "outputs": list(outputs),
        "contracts": sorted(session.exec(series)),
        "decisions": session.exec(decisions).one(),
        "journal_entries": session.exec(entries).one(),
    }
    return {
        name: {"why": why, **({"what": counts[name]} if name in counts else {})}
        for name, why in STAYS.items()
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
