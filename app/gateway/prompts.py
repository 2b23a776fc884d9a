"""Lines are screened before money is held: who is named, in whose manner, what it speaks of.

The rules are in screening.py, pure; here stand the names of whoever is registered.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache

from sqlmodel import Session, col, select

from app.gateway.errors import LineRefused
from app.gateway.screening import Names, content_of, screen
from app.registry import naming
from app.registry.models import ERASED_NAME, Performer

TOGETHER = 1000  # names made ready at a time: a new performer changes the last thousand only


def tags_of(line: str) -> list[str]:
    """Name what a line speaks of that contracts prohibit: it is decided as if it were declared."""
    return sorted({hit.what for hit in content_of(line)})


def said_of(line: str) -> str:
    """Say which words those are, for whoever typed them; nothing where there are none."""
    found = [f"“{hit.phrase}” ({hit.what})" for hit in content_of(line)]
    return f" The line says {', '.join(dict.fromkeys(found))}." if found else ""


def check_line(session: Session, line: str, *, performers: Collection[str]) -> list[str]:
    """Return the phrases that a human of the performers' side looks at before anything is released.

    Those ask for somebody's manner or voice. Raises LineRefused, with the phrase, for a line that
    names somebody registered here who is not in the scene.
    """
    hits = screen(line, _registered(session), licensed=performers)
    if named := [hit.phrase for hit in hits if hit.kind == "name"]:
        raise LineRefused(
            f"“{named[0]}” is the name of somebody whose replica is not licensed for this scene: "
            "take it out of the line, or license that performer too",
            phrases=named,
        )
    return [hit.phrase for hit in hits if hit.kind == "style"]


def _registered(session: Session) -> list[Names]:
    known = select(Performer.id, Performer.name).where(Performer.name != ERASED_NAME)
    rows = [
        (performer_id, name)
        for performer_id, name in session.exec(known.order_by(col(Performer.id)))
    ]
    rows += naming.every_name(session)
    return [_ready(tuple(rows[at : at + TOGETHER])) for at in range(0, len(rows), TOGETHER)]


@lru_cache(maxsize=256)
def _ready(rows: Sequence[tuple[str, str]]) -> Names:
    called: dict[str, list[str]] = {}
    for performer_id, name in rows:
        called.setdefault(performer_id, []).append(name)
    return Names(called)
