"""Two operators at the command line: the second one gives the same command.

Who an operator is, the host says, and whoever is root there can say something else: this keeps a
mistake and a single stolen account from acting alone, not who owns the machine.
"""

import getpass
import os
from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from app import db
from app.config import settings
from app.notices import service as notices
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
    SecondPersonNeeded once it is put down that the first one asked.
    """
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


def is_set_up() -> bool:
    """Say whether there is a database in which it can be put down that an operator asked."""
    file = db.file_of(settings().database)
    return file is None or file.exists()


def operator_name() -> str:
    """Return who gives a command: the account behind sudo, where there is one."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
