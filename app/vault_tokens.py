"""Tokens to open likenesses for one attempt at a render: bound to its job and its decision.

A token opens each object once, while it is the newest of its job and young. What it opened is on
record beside it. Its secret is kept as a hash: nobody who reads the database can open with it.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from app import clock
from app.db import Instant
from app.errors import AppError
from app.ids import new_id

LIVES = timedelta(minutes=10)


class RenderTokenRefused(AppError):
    """The token does not open this, for this job and decision; nothing was opened."""

    status, code = 403, "render-token-refused"


class RenderToken(SQLModel, table=True):
    """Leave to open likenesses for one attempt at one job, given under one decision."""

    __tablename__ = "render_token"
    __table_args__ = (
        sa.UniqueConstraint("job_id", "attempt", name="render_token_attempt"),
        sa.CheckConstraint("attempt > 0", name="render_token_counts"),
    )

    id: str = Field(default_factory=lambda: new_id("rtk"), primary_key=True)
    job_id: str
    decision_id: str
    attempt: int
    secret_sha256: str = Field(unique=True)
    issued_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class RenderTokenUse(SQLModel, table=True):
    """What a token opened: each object once, whatever asks the database."""

    __tablename__ = "render_token_use"

    token_id: str = Field(foreign_key="render_token.id", primary_key=True)
    object_id: str = Field(primary_key=True)
    opening_id: str


@dataclass(frozen=True)
class Pass:
    """What an attempt shows at the vault; its secret is in no log and no error."""

    job_id: str
    decision_id: str
    secret: str = field(repr=False)


def issue(session: Session, *, job_id: str, decision_id: str) -> Pass:
    """Issue the token of the next attempt at a job, under that job's lock; older ones are over."""
    secret = secrets.token_urlsafe(32)
    session.add(
        RenderToken(
            job_id=job_id,
            decision_id=decision_id,
            attempt=_newest(session, job_id) + 1,
            secret_sha256=sha256(secret.encode()).hexdigest(),
        )
    )
    session.flush()
    return Pass(job_id, decision_id, secret)


def spend(session: Session, shown: Pass, *, object_id: str, job_id: str, opening_id: str) -> None:
    """Use a token for one object. Raises RenderTokenRefused, and says why to the program alone."""
    digest = sha256(shown.secret.encode()).hexdigest()
    found = select(RenderToken).where(RenderToken.secret_sha256 == digest)
    token = session.exec(found.with_for_update()).one_or_none()
    if token is None:
        raise _refused(object_id, "nobody issued it")
    if not token.job_id == shown.job_id == job_id:
        raise _refused(object_id, "it was issued for another job")
    if token.decision_id != shown.decision_id:
        raise _refused(object_id, "it was issued under another decision")
    if token.attempt != _newest(session, job_id):
        raise _refused(object_id, "a later attempt has a token of its own")
    if not clock.has_been(token.issued_at) or clock.now() - token.issued_at >= LIVES:
        raise _refused(
            object_id, "it is too old, or of a day to come; the next attempt is given another"
        )
    if session.get(RenderTokenUse, (token.id, object_id)) is not None:
        raise _refused(object_id, "it opened this once already")
    session.add(RenderTokenUse(token_id=token.id, object_id=object_id, opening_id=opening_id))
    session.flush()


def _newest(session: Session, job_id: str) -> int:
    newest = select(sa.func.max(col(RenderToken.attempt))).where(RenderToken.job_id == job_id)
    return session.exec(newest).one() or 0


def _refused(object_id: str, why: str) -> RenderTokenRefused:
    return RenderTokenRefused(f"the token shown for {object_id} does not open it: {why}")
