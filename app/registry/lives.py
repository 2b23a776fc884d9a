"""When a performer comes of age, and when they died: dates that say who may stand in for them."""

from datetime import date

from sqlmodel import Session, col, select

from app import clock, vault
from app.registry import mandates
from app.registry.errors import BirthRefused, DeathDisputed, DeathRefused
from app.registry.models import Performer
from app.registry.models_mandates import AliveWord, PerformerLife
from app.transparency import service as transparency

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

    It is in the log. Raises DeathRefused.
    """
    if died_on > clock.now().date():
        raise DeathRefused("the day of the death is in the future")
    life = mandates.life_of(session, performer.id)
    if life is not None and life.died_on not in (None, died_on):
        raise DeathRefused(f"it is on record that the performer died on {life.died_on}")
    if life is not None and life.died_on == died_on:
        return life
    return _set_death(session, performer, life, died_on, "death-recorded")


def take_back_death(session: Session, performer: Performer) -> PerformerLife:
    """Strike the day of a death that was recorded in error. Expects the performer's lock.

    It is in the log, beside what it strikes. Raises DeathRefused where no death is on record.
    """
    life = mandates.life_of(session, performer.id)
    if life is None or life.died_on is None:
        raise DeathRefused("no death of this performer is on record: nothing is to be taken back")
    end_word(session, performer.id)
    return _set_death(session, performer, life, None, "death-taken-back")


def say_alive(session: Session, performer: Performer, person_id: str) -> AliveWord:
    """Put down that somebody at the performer's own desk says they live. Expects their lock.

    A word that stands goes on to: whoever says it again takes nobody's answer away. Raises
    DeathRefused where no death is on record.
    """
    if not mandates.is_dead(session, performer.id):
        raise DeathRefused("no death of yours is on record: there is nothing to object to")
    if (stands := standing_word(session, performer.id)) is not None:
        return stands
    word = AliveWord(performer_id=performer.id, person_id=person_id)
    session.add(word)
    session.flush()
    return word


def standing_word(session: Session, performer_id: str) -> AliveWord | None:
    """Return somebody's word that a performer lives, which nobody has answered.

    It stands until the death is taken back or two operators uphold it, however long they take.
    """
    standing = select(AliveWord).where(
        AliveWord.performer_id == performer_id, col(AliveWord.ended_at).is_(None)
    )
    return session.exec(standing, execution_options=mandates.FRESH).first()


def is_disputed(session: Session, performer_id: str) -> bool:
    """Say whether somebody's word that a performer lives stands against the death on record."""
    return standing_word(session, performer_id) is not None


def check_not_disputed(session: Session, performer_id: str) -> None:
    """Do nothing where no death stands, or nobody at the performer's own desk says that they live.

    Raises DeathDisputed.
    """
    if mandates.is_dead(session, performer_id) and is_disputed(session, performer_id):
        raise DeathDisputed(
            "somebody signed in at the performer's own desk says that they are alive; wait until "
            "two operators have agreed that the death is taken back, or that it stands"
        )


def end_word(session: Session, performer_id: str) -> None:
    """End what was said of a performer's being alive: two operators have answered it."""
    theirs = select(AliveWord).where(
        AliveWord.performer_id == performer_id, col(AliveWord.ended_at).is_(None)
    )
    for word in session.exec(theirs):
        word.ended_at = clock.now()
        session.add(word)
    session.flush()


def _set_death(
    session: Session,
    performer: Performer,
    life: PerformerLife | None,
    died_on: date | None,
    leaf: str,
) -> PerformerLife:
    """Write down, seal and promise the log what is held of a death from now on."""
    before = None if life is None else life.died_on
    life = life or PerformerLife(performer_id=performer.id, seal="")
    life.died_on = died_on
    mandates.seal(life)
    session.add(life)
    session.flush()
    day = died_on or before
    transparency.record(session, leaf, performer.id, {"died_on": None if day is None else str(day)})
    return life
