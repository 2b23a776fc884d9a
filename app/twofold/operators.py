"""What takes two operators: asked for by a command, agreed to at a page, done by the same command.

Whoever gives a command is nobody here, as an API key is: an account on the host says little of who
sits there. Two operators agree, each with a passkey, and see first just what would be done. So a
mistake, one stolen account and one stolen device do nothing alone; who owns the machine is not kept
out, who can write the database and the keys.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlmodel import Session

from app import clock, db
from app.config import settings
from app.identity import operators
from app.notices import service as notices
from app.trail import operator_name
from app.twofold import service
from app.twofold.errors import SecondPersonNeeded

Done = TypeVar("Done")


def two_count(session: Session) -> bool:
    """Say whether two operators count, who could agree to what is proposed now."""
    house = operators.house_of(session)
    return house is not None and len(service.known(session, house.id, clock.now())) >= 2


def by_two(
    kind: str,
    subject_id: str,
    asked: dict[str, Any],
    do: Callable[[Session], Done],
    *,
    whose: str | None = None,
    first: Callable[[Session], None] | None = None,
) -> Done:
    """Do something once that two operators agreed to; what nobody asked for yet, is proposed.

    The organization `whose` it is about is told when it is asked for, and `first` is done with it:
    who else is told. What was agreed to is good for one doing, until what was proposed lapses,
    while those who agreed are operators; after that it is proposed anew. Raises SecondPersonNeeded
    while they have not agreed, where there is nobody to agree, and where no database is.
    """
    file = db.file_of(settings().database)
    if file is not None and not file.exists():
        raise SecondPersonNeeded(
            f"this takes two operators, and there is no database at {file} in which to put down "
            "that one asked; nothing was done. Name the one of this installation in "
            "UNDERSTUDY_DATABASE_URL, or run `understudy setup`"
        )
    with db.writing() as session:
        house = operators.house_of(session)
        if house is None or not operators.operators(session):
            raise SecondPersonNeeded(
                "this takes two operators, and there is none; nothing was done. Let the first in "
                "with `understudy operators invite`, who then invites others"
            )
        act, before = service.undone(session, house.id, kind, subject_id, asked), ""
        if act is not None and act.settled_at is not None:
            if service.holds(session, act):
                done = do(session)
                service.note_done(session, act)
                return done
            before = (
                f"whoever agreed before is no operator any more, so what {act.id} asked for was "
                "proposed anew: "
            )
            act = None
        if act is None:
            said = asked | {service.ACCOUNT: operator_name()}
            act = service.propose(session, kind, subject_id, said, organization_id=house.id)
            if whose is not None:
                notices.tell(session, "operator-asks", act.id, organization_id=whose)
            if first is not None:
                first(session)
    raise SecondPersonNeeded(
        f"{before}{act.id} waits for two operators until {act.lapses_at:%d %B %Y}; nothing was "
        f"done. They agree at {settings().origin}/account/two-people, each with a passkey; one "
        "who is alone agrees again after three days. Then give the same command once more"
    )
