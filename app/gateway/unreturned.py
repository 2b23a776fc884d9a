"""What renderers outside took and did not hand in: counted against them, and asked for twice."""

import threading
import time
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, db
from app.config import settings
from app.gateway.models import Generation
from app.gateway.models_render_jobs import RenderJobOutside
from app.notices import service as notices

LASTS_S = 60.0
_counting, _last = threading.Lock(), dict[str, Any]()
DUE, LOST = "render-job-due", "render-job-lost"


def counted(session: Session) -> dict[str, tuple[int, int]]:
    """Count for each renderer's model the jobs it took and never handed in, of how many it took.

    Of those whose time is over. What was stopped or withdrawn meanwhile is nobody's fault.
    """
    lost = sa.case((col(RenderJobOutside.returned_at).is_(None), 1), else_=0)
    found: Any = (
        sa.select(col(Generation.generator), sa.func.sum(lost), sa.func.count())
        .select_from(RenderJobOutside)
        .join(Generation, col(Generation.id) == col(RenderJobOutside.generation_id))
        .where(col(RenderJobOutside.due_at) <= clock.now(), _was_owed())
        .group_by(col(Generation.generator))
        .order_by(col(Generation.generator))
    )
    return {model: (int(late), int(all_)) for model, late, all_ in session.execute(found)}


def counted_lately() -> dict[str, tuple[int, int]]:
    """Return `counted` of within a minute; who finds somebody else counting takes what there is.

    Called while a request holds a connection: not every one of them may want a second.
    """
    database = settings().database
    if _counting.acquire(blocking=False):
        try:
            if _last.get("of") != database or time.monotonic() - _last["at"] > LASTS_S:
                with db.reading() as session:
                    _last.update(of=database, at=time.monotonic(), said=counted(session))
        finally:
            _counting.release()
    said: dict[str, tuple[int, int]] = _last.get("said", {})
    return said


def is_due(session: Session) -> bool:
    """Say whether a renderer is to be asked for a film now; takes no lock."""
    return bool(_half_over(session)) or bool(_gone(session))


def remind(session: Session) -> None:
    """Tell each renderer once when half of a job's time is over, and once when all of it is."""
    for kind, jobs in ((DUE, _half_over(session)), (LOST, _gone(session))):
        for job in jobs:
            notices.tell(
                session,
                kind,
                job.id,
                organization_id=job.organization_id,
                due_at=job.due_at,
                once=f"{kind}:{job.id}",
            )


def _half_over(session: Session) -> list[RenderJobOutside]:
    """List the jobs that wait or were taken, of whose time half is over, and nobody was told."""
    now = clock.now()
    open_ = _untold(DUE).where(
        col(RenderJobOutside.state).in_(("waiting", "taken")),
        col(RenderJobOutside.due_at) > now,
        Generation.state == "rendering",
    )
    return [
        each
        for each in session.exec(open_)
        if now >= each.created_at + (each.due_at - each.created_at) / 2
    ]


def _gone(session: Session) -> list[RenderJobOutside]:
    """List the jobs that were taken and not handed in by their time, and nobody was told."""
    gone = _untold(LOST).where(
        col(RenderJobOutside.due_at) <= clock.now(),
        col(RenderJobOutside.returned_at).is_(None),
        _was_owed(),
    )
    return list(session.exec(gone))


def _untold(kind: str) -> Any:
    return (
        select(RenderJobOutside)
        .join(Generation, col(Generation.id) == col(RenderJobOutside.generation_id))
        .where(~notices.was_said(sa.literal(f"{kind}:") + col(RenderJobOutside.id)))
        .order_by(col(RenderJobOutside.id))
    )


def _was_owed() -> Any:
    taken = col(RenderJobOutside.licenses) > 0
    handed_in = col(RenderJobOutside.returned_at).is_not(None)
    return sa.and_(taken, sa.or_(handed_in, col(Generation.state) != "refused"))
