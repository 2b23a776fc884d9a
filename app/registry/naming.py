"""How else a performer is called: stage names and former names, which lines are screened for."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app import clock, vault
from app.identity.principal import Principal
from app.registry.errors import PerformerNameRefused
from app.registry.models import Performer
from app.registry.models_named import PerformerAlias

NAME_CHARACTERS = 200
MOST_NAMES = 20


def name_otherwise(
    session: Session, performer: Performer, names: Sequence[str], *, by: Principal
) -> Sequence[PerformerAlias]:
    """Replace a performer's other names from this commit on; return those that stand.

    Raises PerformerNameRefused for one that is empty, overlong or unprintable, or for too many.
    """
    wanted = list(dict.fromkeys(" ".join(each.split()) for each in names))
    if len(wanted) > MOST_NAMES or not all(
        0 < len(each) <= NAME_CHARACTERS and each.isprintable() for each in wanted
    ):
        raise PerformerNameRefused(
            f"up to {MOST_NAMES} other names, each of 1 to {NAME_CHARACTERS} printable characters"
        )
    session.refresh(performer, with_for_update=True)
    vault.check_not_erased(session, performer.id)
    known = {each.name: each for each in names_of(session, performer.id)}
    for name, alias in known.items():
        if name not in wanted:
            alias.removed_at = clock.now()
            session.add(alias)
    for name in wanted:
        if name not in known:
            session.add(
                PerformerAlias(
                    performer_id=performer.id,
                    name=name,
                    organization_id=by.organization_id,
                    api_key_id=by.api_key_id,
                )
            )
    session.flush()
    return names_of(session, performer.id)


def names_of(session: Session, performer_id: str) -> Sequence[PerformerAlias]:
    """List a performer's other names that stand, oldest first."""
    theirs = select(PerformerAlias).where(
        PerformerAlias.performer_id == performer_id, col(PerformerAlias.removed_at).is_(None)
    )
    return session.exec(theirs.order_by(col(PerformerAlias.id))).all()


def forget_names(session: Session, performer_id: str) -> None:
    """Empty every other name of a performer who is erased; that there were some stays on record."""
    theirs = select(PerformerAlias).where(PerformerAlias.performer_id == performer_id)
    for alias in session.exec(theirs):
        alias.name = ""
        alias.removed_at = alias.removed_at or clock.now()
        session.add(alias)
    session.flush()


def every_name(session: Session) -> Sequence[tuple[str, str]]:
    """List every other name that stands, by its performer's id."""
    found = (
        select(PerformerAlias.performer_id, PerformerAlias.name)
        .where(col(PerformerAlias.removed_at).is_(None))
        .order_by(col(PerformerAlias.performer_id), col(PerformerAlias.id))
    )
    return session.exec(found).all()
