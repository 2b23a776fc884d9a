"""How far a render is, as its generator says it: kept while it renders, and shown as it is said.

Nothing is reckoned: whoever says nothing is shown as rendering and no more. A render that begins
again, after a crash, begins again here too.
"""

from typing import Annotated

from pydantic import Field

from app import db
from app.gateway.models import Generation
from app.gateway.workbench import locked

Percent = Annotated[
    int | None,
    Field(
        examples=[40],
        description="While rendering, how far the generator says it is; null where it says none.",
    ),
]


def keep(generation_id: str, share: float | None) -> None:
    """Write down the share, 0 to 1, that a generator says is done; in whole percent, rounded down.

    None, or a generation that renders no more, changes nothing.
    """
    if share is None:
        return
    percent = int(min(1.0, max(0.0, share)) * 100)
    with db.writing() as session:
        generation = locked(session, generation_id)
        if generation.state == "rendering":
            generation.progress_percent = percent


def of(generation: Generation) -> int | None:
    """Return the percent that are done of what renders now; None where nobody says."""
    return generation.progress_percent if generation.state == "rendering" else None


def in_words(generation: Generation) -> str:
    """Return its state, with how far it is where the generator says so: `rendering 40 %`."""
    percent = of(generation)
    return generation.state if percent is None else f"{generation.state} {percent} %"
