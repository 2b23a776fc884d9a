"""What the operator did, put down before it is done; reads of the vault are put down by the vault.

Both become audit events: `app/audit/events.py` chains and exports them, and finds what was altered.
"""

import os
import pwd
import re
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

_ID = re.compile(r"[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}")


class OperatorAct(SQLModel, table=True):
    """One command of the operator on the host, and the account it ran under (see `operator_name`).

    `words` are the command's; no other argument is kept but ids of ours (`OperatorActSubject`).
    """

    __tablename__ = "operator_act"

    id: str = Field(default_factory=lambda: new_id("opa"), primary_key=True)
    stated_name: str
    words: str
    at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class OperatorActSubject(SQLModel, table=True):
    """An id that a command named."""

    __tablename__ = "operator_act_subject"

    act_id: str = Field(foreign_key="operator_act.id", primary_key=True)
    subject_id: str = Field(primary_key=True, index=True)


def operator_name() -> str:
    """Return who gives a command: the account it runs under, or for root the one behind sudo.

    Of the environment nothing else is believed: anybody writes there what they like.
    """
    if os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        return os.environ["SUDO_USER"]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's account may have no name
        return f"uid {os.getuid()}"


def note_act(
    session: Session, words: str, arguments: Sequence[str], *, name: str = ""
) -> OperatorAct:
    """Put down that a command is about to run: its words, and the ids of ours it names.

    Nothing else it was given: paths, names, amounts and secrets stay out. Without a `name`, by the
    account it runs under.
    """
    act = OperatorAct(stated_name=(name or operator_name())[:100], words=words)
    session.add(act)
    session.flush()
    named = {each for text in arguments for each in _ID.findall(text)}
    session.add_all(OperatorActSubject(act_id=act.id, subject_id=each) for each in sorted(named))
    session.flush()
    return act


def is_kept(session: Session) -> bool:
    """Say whether this database has a place for acts: before `understudy setup` it has none."""
    return bool(sa.inspect(session.connection()).has_table(OperatorAct.__tablename__))
