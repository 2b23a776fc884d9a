"""What is owed about files and data: labels, and deletions of drafts, copies and likenesses."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.db import Instant, has_word
from app.gateway.models import Generation
from app.gateway.models_vendor_copies import VendorCopy
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.document import contract as documents
from app.licensing.document import local_days
from app.obligations.rows import Asked, Obligation, or_no_day
from app.provenance.models import SignedManifest
from app.registry.models import Performer

LABEL = "eu_art50_deepfake_label"  # the permit's word: Regulation (EU) 2024/1689 Art. 50(4)
AHEAD = timedelta(days=30)  # how long before a term ends it is said what is deleted after it


def labels(session: Session, asked: Asked) -> Sequence[Obligation]:
    """The label that people see, on what reaches the European Union: owed while it is shown.

    Owed by who shows it, and lasting: where it was shown nobody sees from here. What is proven is
    that the file itself says it, in the form that machines read.
    """
    if asked.state != "lasting":
        return []
    sort_at = col(Generation.released_at)
    query = (
        sa.select(col(Generation.id), sort_at, col(SignedManifest.id))
        .join(Decision, col(Decision.id) == col(Generation.decision_id))
        .outerjoin(SignedManifest, col(SignedManifest.generation_id) == col(Generation.id))
        .where(
            sort_at.is_not(None),
            col(Generation.taken_down_at).is_(None),
            has_word(session, col(Decision.obligations), LABEL),
            asked.in_output(),
        )
    )
    return [
        Obligation(
            kind="label",
            what=LABEL,
            key=id_,
            owed_by=("licensee",),
            due_at=None,
            sort_at=released_at,
            proof=manifest_id,
        )
        for id_, released_at, manifest_id in session.execute(
            asked.page(query, sort_at, col(Generation.id))
        )
    ]


def drafts(session: Session, asked: Asked) -> Sequence[Obligation]:
    """A draft that was not chosen goes after its days; the operator's worker deletes it."""
    due, done = col(Generation.delete_at), col(Generation.deleted_at)
    which = {"open": (done.is_(None), due), "done": (done.is_not(None), done)}
    if asked.state not in which:
        return []
    condition, sort_at = which[asked.state]
    query = sa.select(Generation, sort_at).where(due.is_not(None), condition, asked.in_output())
    return [
        Obligation(
            kind="deletion",
            what="draft",
            key=each.id,
            owed_by=("operator",),
            due_at=each.delete_at,
            sort_at=sorted_at,
            done_at=each.deleted_at,
            proof=each.id if each.deleted_at else None,
        )
        for each, sorted_at in session.execute(asked.page(query, sort_at, col(Generation.id)))
    ]


def vendor_copies(session: Session, asked: Asked) -> Sequence[Obligation]:
    """A likeness at a vendor's that the vendor was asked to delete, and has not said it did."""
    done = col(VendorCopy.confirmed_at)
    which: dict[str, tuple[Any, Any]] = {
        "open": (col(VendorCopy.state).in_(("asked", "unconfirmed")), or_no_day(sa.null())),
        "done": (done.is_not(None), done),
    }
    if asked.state not in which:
        return []
    condition, sort_at = which[asked.state]
    query = (
        sa.select(VendorCopy, col(Contract.series_id), sort_at)
        .join(Contract, col(Contract.id) == col(VendorCopy.contract_id))
        .join(Performer, col(Performer.id) == col(VendorCopy.performer_id))
        .where(condition, asked.parties())
    )
    return [
        Obligation(
            kind="deletion",
            what="vendor-copy",
            key=copy.id,
            owed_by=(copy.vendor,),
            due_at=None,
            sort_at=sorted_at,
            done_at=copy.confirmed_at,
            proof=copy.id if copy.confirmed_at else None,
            contract_id=series_id,
            performer_id=copy.performer_id,
        )
        for copy, series_id, sorted_at in session.execute(
            asked.page(query, sort_at, col(VendorCopy.id))
        )
    ]


def likeness_data(session: Session, asked: Asked) -> Sequence[Obligation]:
    """What a licensee holds of a likeness goes, so many days after the term (`/data`).

    Said from a month before the term ends. From its day on every use is refused; whether the
    licensee's own copies are gone nobody sees from here, so it lasts.
    """
    if asked.state not in ("open", "lasting"):
        return []
    sort_at = retention_ends(session)
    late = sort_at <= sa.literal(asked.at, Instant)
    query = (
        sa.select(Contract, sort_at)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            col(Contract.executed_at).is_not(None),
            sa.or_(
                col(Contract.superseded_at).is_(None), col(Contract.superseded_at) > asked.at
            ),
            col(Contract.ends_at) <= asked.at + AHEAD,
            sort_at.is_not(None),
            late if asked.state == "lasting" else ~late,
            asked.parties(),
        )
    )  # fmt: skip
    return [
        Obligation(
            kind="deletion",
            what="likeness-data",
            key=contract.id,
            owed_by=("licensee",),
            due_at=deletion_of(contract),
            sort_at=sorted_at,
            contract_id=contract.series_id,
            performer_id=contract.performer_id,
        )
        for contract, sorted_at in session.execute(asked.page(query, sort_at, col(Contract.id)))
    ]


def deletion_of(contract: Contract) -> Any:
    """Return the instant by which nothing may be kept under a contract; None: it names no day."""
    terms = documents.recorded(contract.document.encode())
    days, term = terms.data.delete_after_term_days, terms.grant.term
    if days is None:
        return None
    return local_days.instant(local_days.add_days(term.ends_at, days, term.tz))


def _days_after_term(session: Session) -> Any:
    """Read the days out of the document, in the database."""
    document: Any = col(Contract.document)
    if session.get_bind().dialect.name == "postgresql":
        text = sa.cast(document, sa.dialects.postgresql.JSONB)
        return sa.cast(text["data"]["delete_after_term_days"].astext, sa.Integer)
    return sa.func.json_extract(document, "$.data.delete_after_term_days")


def retention_ends(session: Session) -> Any:
    """Reckon, in the database, until when data of `Contract` may be kept; null: it names no day.

    For order, and for what is long over: in days of 24 hours, where one in a zone may have 25.
    """
    days, ends = _days_after_term(session), col(Contract.ends_at)
    if session.get_bind().dialect.name == "postgresql":
        return sa.type_coerce(ends + sa.func.make_interval(0, 0, 0, days), Instant)
    whole = sa.func.strftime("%Y-%m-%d %H:%M:%f", ends, days.concat(" days"))
    return sa.type_coerce(whole.concat("000"), Instant)
