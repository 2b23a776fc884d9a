"""Two operators at the command line: the second one gives the same command.

Who an operator is, the kernel says: the account the command runs under. Of root alone the name
behind sudo is believed, and root can call itself anything; who may become another account counts as
that one too. This keeps a mistake and a single stolen account from acting alone, not who owns the
machine.
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from app import db
from app.config import settings
from app.notices import service as notices
from app.trail import operator_name
from app.twofold import service
from app.twofold.errors import SecondPersonNeeded


def by_two(
    kind: str,
    subject_id: str,
    asked: dict[str, Any],
    do: Callable[[Session], None],
    *,
    whose: str | None = None,
) -> None:
    """Do something once two operators asked for just this; or one alone, again after three days.

    The organization `whose` it is about is told when it is first asked for. Raises
    SecondPersonNeeded once it is put down that the first one asked, and where there is no database
    to put it down in.
    """
    file = db.file_of(settings().database)
    if file is not None and not file.exists():
        raise SecondPersonNeeded(
            f"this takes two operators, and there is no database at {file} in which to put down "
            "that one asked; nothing was done. Name the one of this installation in "
            "UNDERSTUDY_DATABASE_URL, or run `understudy setup`"
        )
    name = operator_name()
    with db.writing() as session:
        act = service.operators_act(session, kind, subject_id, asked, name)
        is_settled, until = act.settled_at is not None, act.proposed_at + service.ALONE_FOR
        if is_settled:
            do(session)
            service.note_done(session, act)
        elif whose is not None:
            notices.tell(session, "operator-asks", act.id, organization_id=whose)
    if not is_settled:
        raise SecondPersonNeeded(
            f"{name} asked for this ({act.id}); nothing was done. Have another operator give the "
            f"same command, under their own account on this machine, or give it again yourself "
            f"from {until:%d %B %Y, %H:%M} UTC on"
        )
