"""Green, amber or red: whether a performer may be used under a contract, by its life. Pure.

Whether one scene may be made is for the rules to say, and the page of the scene asks them.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from app.licensing.contracts.life import State, state_of
from app.licensing.contracts.models import Contract
from app.registry.models import Performer


class Light(NamedTuple):
    """A tone with its words: what stands in the way, where it is said, and who can help."""

    tone: str
    word: str
    why: str = ""
    clause: str = ""
    who: str = ""


def light(
    contract: Contract, performer: Performer, signed: Collection[str], *, at: datetime
) -> Light:
    """Say of one contract whether it can be used now; one reason, the one to remove first."""
    state = state_of(contract, at=at)
    if state is State.WITHDRAWN:
        return Light("no", "✕ withdrawn", "The performer withdrew consent.", "/revocation",
                     "Nobody: a new contract needs the performer's new consent.")  # fmt: skip
    if state in (State.EXPIRED, State.LAPSED, State.DECLINED, State.RETRACTED):
        return Light("no", f"✕ {state}", "It no longer stands.", "/grant/term",
                     "You can make a new offer.")  # fmt: skip
    if performer.paused_at is not None:
        return Light("no", "✕ paused", "The performer has paused everything.", "",
                     "Only the performer can go on.")  # fmt: skip
    if state is State.SUSPENDED:
        return Light("no", "✕ on hold", "The performer's side has put it on hold.", "",
                     "Only the performer can take it up again.")  # fmt: skip
    if state is State.ACTIVE:
        return Light("yes", "✓ usable")
    if state is State.DRAFT:
        return Light("wait", "? a draft", "It was not offered yet.", "", "Its author sends it.")
    if "performer" not in signed and contract.author_side == "licensee":
        return Light("wait", "? waits", "The performer has not signed.", "", "It is their turn.")
    return Light("wait", "? waits for you", "Your side has not signed.", "", "An approver signs.")
