"""When a performer comes of age, and when they died: dates that say who may stand in for them."""

from datetime import date

from sqlmodel import Session

from app import clock, vault
from app.registry import mandates
from app.registry.errors import BirthRefused, DeathRefused
from app.registry.models import Performer
from app.registry.models_mandates import PerformerLife

KIND = "birth-date"
OF_AGE_YEARS = 18


def of_age_on(born_on: date) -> date:
    """Return the day somebody turns eighteen; 29 February is followed by 1 March."""
    try:
        return born_on.replace(year=born_on.year + OF_AGE_YEARS)
    except ValueError:
        return date(born_on.year + OF_AGE_YEARS, 3, 1)


def record_birth(session: Session, performer: Performer, born_on: date) -> PerformerLife:
    """Keep a performer's date of birth, once: sealed under their key. Expects their lock.

    Stored in plain is the day they come of age, and nothing else. Whoever says another date later
    is refused: only the operator, with papers, could make a minor an adult. Raises BirthRefused.
    """
    if not 0 <= (clock.now().date() - born_on).days < 366 * 130:
        raise BirthRefused("the date of birth is in the future, or more than 130 years ago")
    life = mandates.life_of(session, performer.id)
    if life is not None and life.majority_on is not None:
        if life.majority_on == of_age_on(born_on):
            return life
        raise BirthRefused("another date of birth is on record, and it is recorded once")
    life = life or PerformerLife(performer_id=performer.id, seal="")
    sealed = vault.seal(session, performer.id, KIND, born_on.isoformat().encode())
    life.majority_on, life.birth_object_id = of_age_on(born_on), sealed.id
    mandates.seal(life)
    session.add(life)
    session.flush()
    return life


def record_death(session: Session, performer: Performer, died_on: date) -> PerformerLife:
    """Keep the day a performer died, once: nobody signs as them from then on. Expects their lock.

    Raises DeathRefused.
    """
    if died_on > clock.now().date():
        raise DeathRefused("the day of the death is in the future")
    life = mandates.life_of(session, performer.id)
    if life is not None and life.died_on not in (None, died_on):
        raise DeathRefused(f"it is on record that the performer died on {life.died_on}")
    life = life or PerformerLife(performer_id=performer.id, seal="")
    life.died_on = died_on
    mandates.seal(life)
    session.add(life)
    session.flush()
    return life
