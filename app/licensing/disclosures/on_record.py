"""What is on record about disclosure: the contracts behind a work, as the rule must know them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from app.licensing.contracts import acts
from app.licensing.contracts.models import Contract
from app.licensing.decisions.gather import is_readable, tampered
from app.licensing.disclosures.service import granted
from app.licensing.document import contract as documents
from app.licensing.document.disclosure import Agreed
from app.registry.models import Performer


class OnRecord(NamedTuple):
    """A contract behind a work: the version in effect, and what the rule must know of it."""

    contract: Contract
    agreed: Agreed


def agreed_of(session: Session, contract_ids: Collection[str], at: datetime) -> list[OnRecord]:
    """Return what stands for each contract at an instant, in the order of their ids.

    By the version in effect: both sides signed what it says, and the release it names. One whose
    stored rows are not those its parties made is not sound, and tells nothing but the default.
    """
    rows = session.exec(
        select(Contract).where(col(Contract.series_id).in_(contract_ids)).order_by(col(Contract.id))
    ).all()
    by_series: dict[str, list[Contract]] = {}
    for row in rows:
        by_series.setdefault(row.series_id, []).append(row)
    faces = [acts.face(found, at=at) for _, found in sorted(by_series.items())]
    broken = tampered(session, faces)
    return [
        OnRecord(face, _agreed(session, face, sound=face.series_id not in broken)) for face in faces
    ]


def parties_of(session: Session, contract: Contract) -> Sequence[str]:
    """Name the organizations between which a contract is: desk, agent, licensee."""
    performer = session.get_one(Performer, contract.performer_id)
    named = (performer.organization_id, performer.agent_organization_id, contract.licensee_id)
    return [each for each in named if each is not None]


def _agreed(session: Session, face: Contract, *, sound: bool) -> Agreed:
    parties = frozenset(parties_of(session, face))
    if not sound or not is_readable(face):
        return Agreed(None, "UTC", parties, sound=False)
    terms = documents.recorded(face.document.encode())
    return Agreed(
        terms.disclosure,
        terms.grant.term.tz,
        parties,
        withdrawn=face.withdrawn_at is not None,
        grants=granted(session, face),
    )
