"""Takes of one shot, under the terms of its contracts: how many, and how long a draft is kept.

Each take is a draft: slated in the picture, watermarked, signed, and for nobody to show. The one
that is chosen is made anew of the same rendering, without the slate (`choosing.py`).
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app import clock, db, storage
from app.errors import AppError
from app.gateway.errors import GenerationNotFound
from app.gateway.models import FINAL, Generation, GenerationReplica
from app.gateway.models_takes import Shot
from app.ledger.terms import Takes
from app.licensing.contracts.models import Contract
from app.licensing.decisions import service as decisions

logger = structlog.get_logger()
ENDED_BADLY = tuple(sorted(FINAL - {"released"}))
TAKE = "take"  # the relation of a chosen take to its draft
RELATIONS = ("remix", "extend", "edit")


class TakesNotAgreed(AppError):
    """A contract of this scene agrees no takes; ask without a shot, at the full price."""

    status, code = 409, "takes-not-agreed"


class TakesSpent(AppError):
    """The shot has all the takes its contracts allow; choose one of them."""

    status, code = 409, "takes-spent"


class TakeChosen(AppError):
    """A take of this shot was chosen; there is one for each shot."""

    status, code = 409, "take-chosen"


class TakeNotThere(AppError):
    """This generation is no finished draft that could be chosen."""

    status, code = 409, "take-not-there"


class ShotDiffers(AppError):
    """The takes of one shot are under the same contracts; give this one another name."""

    status, code = 409, "shot-differs"


class ParentRefused(AppError):
    """This may not be derived from that output; its file is gone, or somebody in it is missing."""

    status, code = 409, "parent-refused"


def terms_of(contract: Contract) -> Takes:
    """Return what a contract agrees of takes. Raises UseUnpriced, TakesNotAgreed."""
    takes = decisions.compensation_of(contract).takes
    if takes is None:
        raise TakesNotAgreed(
            f"{contract.series_id} agrees no takes (compensation.takes); ask for this without a "
            "shot, at the full price, or agree an amendment that adds them"
        )
    return takes


def place(
    session: Session,
    organization_id: str,
    *,
    project: str,
    name: str,
    contracts: Sequence[Contract],
) -> tuple[Shot, int]:
    """Return the shot of this name, locked, and the number of its next take.

    Raises TakesNotAgreed, ShotDiffers, TakeChosen, TakesSpent.
    """
    most = min(terms_of(contract).max_takes for contract in contracts)
    series_ids = sorted(contract.series_id for contract in contracts)
    shot = _opened(session, organization_id, project, name, series_ids)
    if shot.series_ids != series_ids:
        raise ShotDiffers(
            f"the takes of shot {name[:80]} are under {', '.join(shot.series_ids)}; this one would "
            f"be under {', '.join(series_ids)}: name it as another shot"
        )
    check_open(session, shot)
    of_shot = sa.select(sa.func.count(), sa.func.max(col(Generation.take))).where(
        col(Generation.shot_id) == shot.id, col(Generation.is_draft)
    )
    going = int(session.execute(of_shot.where(~col(Generation.state).in_(ENDED_BADLY))).one()[0])
    if going >= most:
        raise TakesSpent(f"shot {shot.name} has its {most} takes; choose one, or name another shot")
    return shot, int(session.execute(of_shot).one()[1] or 0) + 1


def check_open(session: Session, shot: Shot) -> None:
    """Do nothing while no take of a locked shot stands as chosen. Raises TakeChosen."""
    chosen = session.get(Generation, shot.chosen_id) if shot.chosen_id else None
    if chosen is not None and chosen.state not in ENDED_BADLY:
        raise TakeChosen(
            f"take {chosen.take} of shot {shot.name} was chosen ({chosen.id}); for another take to "
            "be shown as well, ask for it without a shot"
        )


def chosen_in(session: Session, shot_ids: Collection[str | None]) -> frozenset[str]:
    """Say of which of these shots a take stands as chosen. One query."""
    found = (
        select(Shot.id)
        .join(Generation, col(Generation.id) == col(Shot.chosen_id))
        .where(col(Shot.id).in_(set(shot_ids) - {None}), ~col(Generation.state).in_(ENDED_BADLY))
    )
    return frozenset(session.exec(found))


def shot_of(session: Session, shot_id: str) -> Shot:
    """Return a shot, locked."""
    return session.get_one(Shot, shot_id, with_for_update=True, populate_existing=True)


def slate_of(session: Session, generation: Generation) -> str:
    """Return what is burnt into every picture of a draft; nothing for anything else."""
    if not generation.is_draft:
        return ""
    shot = session.get_one(Shot, generation.shot_id)
    return f"DRAFT - NOT FOR DISTRIBUTION - shot {shot.name[:40]}, take {generation.take}"


def days_kept(contracts: Sequence[Contract]) -> timedelta:
    """Return how long a draft is kept: as long as the strictest of its contracts says."""
    return timedelta(days=min(terms_of(contract).draft_days for contract in contracts))


def parent_of(
    session: Session, organization_id: str, parent_id: str, *, performers: Sequence[str]
) -> Generation:
    """Return the output of the caller's that a new one derives from.

    Everybody in it is in the new scene, so that everybody's contract is asked. Raises
    GenerationNotFound, ParentRefused.
    """
    parent = session.get(Generation, parent_id)
    if parent is None or parent.organization_id != organization_id:
        raise GenerationNotFound(f"no generation of yours has the id {parent_id[:64]}")
    if parent.state != "released" or is_gone(parent):
        raise ParentRefused(f"{parent.id} has no released file to derive from; name one that has")
    cast = select(GenerationReplica.performer_id).where(
        GenerationReplica.generation_id == parent.id
    )
    if missing := sorted(set(session.exec(cast)) - set(performers)):
        raise ParentRefused(
            f"{', '.join(missing)} can be seen in {parent.id} and is not in this scene; add them"
        )
    return parent


def is_gone(generation: Generation) -> bool:
    """Say whether a draft's days are over, whether or not its file was deleted by now."""
    over = generation.delete_at is not None and generation.delete_at <= clock.now()
    return over or generation.deleted_at is not None


def overdue(session: Session) -> Sequence[str]:
    """List the drafts whose days are over; not while an output made of one is on its way."""
    derived = sa.orm.aliased(Generation)
    needed = sa.exists().where(
        col(derived.parent_id) == col(Generation.id), col(derived.state).not_in(FINAL)
    )
    late = select(Generation.id).where(
        col(Generation.delete_at) <= clock.now(), col(Generation.deleted_at).is_(None), ~needed
    )
    return session.exec(late.order_by(col(Generation.delete_at)).limit(100)).all()


def delete_overdue() -> int:
    """Delete the files of drafts whose days are over; return how many. Harmless to repeat."""
    with db.reading() as session:
        late = overdue(session)
    for generation_id in late:
        storage.delete_under(f"generations/{generation_id}/")
        with db.writing() as session:
            draft = session.get_one(Generation, generation_id, with_for_update=True)
            draft.deleted_at = draft.deleted_at or clock.now()
            session.add(draft)
        logger.info("a draft was deleted", generation=generation_id)
    return len(late)


def _opened(
    session: Session, organization_id: str, project: str, name: str, series_ids: list[str]
) -> Shot:
    wanted = (
        select(Shot)
        .where(Shot.organization_id == organization_id, Shot.project == project, Shot.name == name)
        .with_for_update()
    )
    shot = session.exec(wanted).first()
    if shot is not None:
        return shot
    shot = Shot(organization_id=organization_id, project=project, name=name, series_ids=series_ids)
    try:
        with session.begin_nested():
            session.add(shot)
            session.flush()
    except IntegrityError:  # somebody asked for the first take at the same moment
        return session.exec(wanted).one()
    return shot
