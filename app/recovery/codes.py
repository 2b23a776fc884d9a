"""Recovery codes: printed once, stored as hashes, each of 100 random bits."""

import secrets

from sqlmodel import Session, col, select

from app import clock
from app.identity.models_people import Person
from app.identity.sessions import digest
from app.ids import ALPHABET
from app.notices import service as notices
from app.recovery.errors import CodeRefused
from app.recovery.models import RecoveryCode

HOW_MANY = 8
GROUPS, GROUP_CHARS = 5, 4  # 20 characters of 5 bits
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V", "-": "", " ": ""})


def print_codes(session: Session, person: Person) -> list[str]:
    """Make eight new codes and void those before; they are shown this once."""
    for earlier in session.exec(_open(person.id).with_for_update()):
        earlier.retracted_at = clock.now()
        session.add(earlier)
    texts = [_draw() for _ in range(HOW_MANY)]
    session.add_all(
        RecoveryCode(person_id=person.id, code_sha256=digest(plain(text))) for text in texts
    )
    session.flush()
    notices.tell(session, "recovery-codes-printed", person.id, person_id=person.id)
    return texts


def code_of(session: Session, text: str, *, lock: bool = False) -> RecoveryCode:
    """Return the code that was typed, while it stands. Raises CodeRefused."""
    typed = select(RecoveryCode).where(RecoveryCode.code_sha256 == digest(plain(text)))
    found = session.exec(typed.with_for_update() if lock else typed).first()
    if found is None or found.used_at is not None or found.retracted_at is not None:
        raise CodeRefused("this code is unknown, used or replaced by newer ones; look at another")
    return found


def how_many_stand(session: Session, person_id: str) -> int:
    """Return how many codes of a person are left."""
    return len(session.exec(_open(person_id)).all())


def plain(text: str) -> str:
    """Return a code as it is hashed, however it was typed: no dashes, capitals, no O for 0."""
    return text.upper().translate(_READ_AS)[:64]


def _draw() -> str:
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP_CHARS))
    return "-".join(
        drawn[start : start + GROUP_CHARS] for start in range(0, len(drawn), GROUP_CHARS)
    )


def _open(person_id: str):  # type: ignore[no-untyped-def]
    return select(RecoveryCode).where(
        RecoveryCode.person_id == person_id,
        col(RecoveryCode.used_at).is_(None),
        col(RecoveryCode.retracted_at).is_(None),
    )
