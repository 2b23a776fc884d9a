"""A death comes on record by two operators, and by two it is taken back where it was in error.

Whoever lives says so themselves, signed in at their own desk: every use is paused at once, and the
operators are asked. Until two of them agreed to one or the other, the estate signs, resumes and
erases nothing; neither one operator nor silence ends that. What was decided meanwhile stays on
record as it was decided.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from app import clock
from app.identity import operators
from app.licensing.mandates import service, telling
from app.registry import lives, mandates
from app.registry import service as registry
from app.registry.errors import DeathRefused, PerformerUnknown
from app.registry.models import Performer
from app.registry.models_mandates import Mandate, MandateDeclaration
from app.twofold import service as twofold
from app.twofold.errors import TooManyProposals
from app.twofold.models import TwofoldAct

RECORDING, CORRECTION = "death-recording", "death-correction"
UPHOLDING = "death-upholding"


def rests_on_one(document: Mapping[str, Any]) -> bool:
    """Say whether filing this mandate would put a death on record."""
    return document.get("died_on") is not None or document.get("role") in mandates.AFTER_DEATH


def to_record(
    session: Session, document: Mapping[str, Any], papers: Sequence[Path]
) -> tuple[Performer, dict[str, Any]]:
    """Return whose death it is, and all that two operators agree to, before a mandate is filed.

    Refuses here what could not be filed: raises MandateInvalid, MandateRefused, PerformerUnknown.
    """
    said, signed = service.read(document)
    performer = session.get(Performer, said.performer)
    if performer is None:
        raise PerformerUnknown(f"no performer has the id {said.performer[:64]}")
    service.check_may_be_filed(session, performer, said)
    service.check_papers(said, papers)
    return performer, {
        "died_on": str(said.died_on),
        "holder": said.holder,
        "role": said.role,
        "until": said.ends_at.isoformat(),
        "document_sha256": hashlib.sha256(signed).hexdigest(),
        "papers": [{"kind": each.kind, "sha256": each.sha256} for each in said.papers],
    }


def object_to(session: Session, performer: Performer, person_id: str) -> TwofoldAct | None:
    """Pause every use of who says at their own desk that they live, and ask two operators.

    The pause and the word stand first, and all the same where nobody is asked (None): there is no
    operator, or they were asked as often today as they can look. Expects the performer's lock.
    Raises DeathRefused where no death is on record.
    """
    lives.say_alive(session, performer, person_id)
    registry.pause(session, performer)
    telling.tell_their_side(session, "alive-said", performer)
    with suppress(TooManyProposals):
        return ask_to_take_back(session, performer, {"said_by": person_id})
    return None


def ask_to_take_back(
    session: Session, performer: Performer, said: Mapping[str, Any]
) -> TwofoldAct | None:
    """Ask two operators to take a death back; once for what waits already. None where none is.

    Raises DeathRefused where no death is on record.
    """
    life, house = mandates.life_of(session, performer.id), operators.house_of(session)
    if life is None or life.died_on is None:
        raise DeathRefused("no death of this performer is on record: nothing is to be taken back")
    if house is None or not operators.operators(session):
        return None
    asked = {"died_on": str(life.died_on), **said}
    waits = twofold.undone(session, house.id, CORRECTION, performer.id, asked)
    return waits or twofold.propose(
        session, CORRECTION, performer.id, asked, organization_id=house.id
    )


def put_in_force(session: Session, act: TwofoldAct) -> None:
    """Take a death back, as two operators agreed: nothing that rested on it counts any more.

    Whoever stood in for the estate never did, nor whoever acts by what they gave: what only they
    signed is signed by nobody. Every use is paused until the performer allows it. What they had
    granted in their lifetime is granted anew, or stays over. Raises DeathRefused where another
    death is on record meanwhile, or none.
    """
    twofold.note_done(session, act)
    performer = service.lock(session, act.subject_id)
    life = mandates.life_of(session, performer.id)
    if life is None or life.died_on != date.fromisoformat(act.asked["died_on"]):
        raise DeathRefused("this death is not the one on record any more; look at what is")
    telling.tell_their_side(session, "death-taken-back", performer)
    for each in _resting_on_it(session, performer):
        _undo(session, each)
    for declared in session.exec(
        select(MandateDeclaration).where(
            MandateDeclaration.performer_id == performer.id,
            col(MandateDeclaration.ended_at).is_(None),
        )
    ):
        declared.ended_at = clock.now()
        session.add(declared)
    lives.take_back_death(session, performer)
    registry.pause(session, performer)


def _resting_on_it(session: Session, performer: Performer) -> list[Mandate]:
    """List what rests on the death on record: an estate's mandates, and what was given since.

    Ended ones too. With a death on record nobody else gives any; a guardian's and a court's rest on
    papers of their own.
    """
    found = mandates.of_performers(session, [performer.id])
    estates = [
        each
        for each in found
        if each.role in mandates.AFTER_DEATH and each.revoked_at != each.granted_at
    ]
    since = min((each.granted_at for each in estates), default=clock.now())
    given = [
        each for each in found if each.role not in mandates.EVIDENCE and each.granted_at >= since
    ]
    return [*estates, *given]


def _undo(session: Session, mandate: Mandate) -> None:
    """End a mandate as of the instant it was granted: nothing done under it was ever allowed."""
    service.revoke(session, mandate, by=service.OPERATOR)
    if mandates.is_whole(mandate):
        mandate.revoked_at, mandate.revoked_by = mandate.granted_at, service.OPERATOR
        mandates.seal(mandate)
        session.add(mandate)
        session.flush()


def put_aside(session: Session, act: TwofoldAct) -> None:
    """Ask two operators whether a death stands, that one of them refused to take back.

    Only where somebody says that they live: that word stands meanwhile, for one alone ends it not.
    """
    service.lock(session, act.subject_id)
    word = lives.standing_word(session, act.subject_id)
    if word is None or not mandates.is_dead(session, act.subject_id):
        return
    asked = {"died_on": act.asked["died_on"], "word": word.id}
    house = act.organization_id or ""
    if twofold.undone(session, house, UPHOLDING, act.subject_id, asked) is None:
        with suppress(TooManyProposals):
            twofold.propose(session, UPHOLDING, act.subject_id, asked, organization_id=house)


def uphold(session: Session, act: TwofoldAct) -> None:
    """Let a death stand, as two operators agreed: the word against it is answered.

    The estate goes on; nothing is resumed by it. Raises DeathRefused where that word, or that
    death, does not stand any more.
    """
    twofold.note_done(session, act)
    service.lock(session, act.subject_id)
    life = mandates.life_of(session, act.subject_id)
    word = lives.standing_word(session, act.subject_id)
    died_on = date.fromisoformat(act.asked["died_on"])
    if life is None or life.died_on != died_on or word is None or word.id != act.asked["word"]:
        raise DeathRefused("what this would answer does not stand any more; look at what does")
    lives.end_word(session, act.subject_id)


def is_asked(session: Session, performer_id: str) -> bool:
    """Say whether operators are asked now to take a performer's death back, or to uphold it."""
    about = select(TwofoldAct).where(
        TwofoldAct.subject_id == performer_id, col(TwofoldAct.kind).in_((CORRECTION, UPHOLDING))
    )
    return any(each.state(clock.now()) == "proposed" for each in session.exec(about))
