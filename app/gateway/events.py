"""How far a generation has come, as it comes: what is told, when, and who can move it on. Pure."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from app.gateway.models import FINAL
from app.language import marked

LOOK_S, QUIET_S, LONGEST_S = 0.5, 15.0, 60.0

# What each state waits for, and who can move it on.
WAITS_FOR = {
    "held": marked("a worker of this installation"),
    "submitting": marked("the generator"),
    "rendering": marked("the generator"),
    "rendered": marked("a worker of this installation: inspecting"),
    "inspected": marked("a worker of this installation: watermarking"),
    "marked": marked("a worker of this installation: signing"),
    "signed": marked("a worker of this installation: the last decision"),
    "awaiting-preview": marked(
        "the performer's side, who look before the release, or the operator"
    ),
    "previewed": marked("a worker of this installation: the last decision"),
    "released": marked("nobody"),
    "refused": marked("whoever the reason names; ask again once that is settled"),
    "quarantined": marked("the operator, who looks at what was found"),
    "failed": marked("the operator, who looks into the log; ask again"),
}


class Stands(Protocol):
    """What an event tells: a state, how far it is where that is known, and all of it as JSON."""

    state: str
    progress_percent: int | None

    def model_dump_json(self) -> str: ...


async def follow(
    look: Callable[[], Awaitable[Stands | None]],
    *,
    known: str,
    now_s: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[str]:
    """Yield an event for each state and each percent of a render, until the last state, or until
    `look` says that it is over.

    `known` is the id of the event a client saw last (`rendering`, `rendering 40`): it is not told
    twice. A comment every 15 s keeps the
    connection; after a minute it ends, and the client comes again.
    """
    began = spoke = now_s()
    while (found := await look()) is not None:
        if (id_ := _id_of(found)) != known:
            known, spoke = id_, now_s()
            yield f"id: {id_}\nevent: {found.state}\ndata: {found.model_dump_json()}\n\n"
        elif now_s() - spoke >= QUIET_S:
            spoke = now_s()
            yield ": still here\n\n"
        if found.state in FINAL or now_s() - began >= LONGEST_S:
            return
        await sleep(LOOK_S)


def _id_of(found: Stands) -> str:
    percent = found.progress_percent
    return found.state if percent is None else f"{found.state} {percent}"
