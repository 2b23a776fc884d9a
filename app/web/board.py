"""Green, amber or red: whether a performer may be used under a contract, by its life. Pure.

Whether one scene may be made is for the rules to say, and the page of the scene asks them.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from app.language import _
from app.licensing.contracts.life import State, state_of
from app.licensing.contracts.models import Contract
from app.registry.models import Performer
from app.web.spoken import spoken


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
        return Light("no", _("✕ withdrawn"), _("The performer withdrew consent."), "/revocation",
                     _("Nobody: a new contract needs the performer's new consent."))  # fmt: skip
    if state in (State.EXPIRED, State.LAPSED, State.DECLINED, State.RETRACTED):
        return Light("no", "✕ " + spoken(state), _("It no longer stands."), "/grant/term",
                     _("You can make a new offer."))  # fmt: skip
    if performer.paused_at is not None:
        return Light("no", _("✕ paused"), _("The performer has paused everything."), "",
                     _("Only the performer can go on."))  # fmt: skip
    if state is State.SUSPENDED:
        return Light("no", _("✕ on hold"), _("The performer's side has put it on hold."), "",
                     _("Only the performer can take it up again."))  # fmt: skip
    if state is State.ACTIVE:
        return Light("yes", _("✓ usable"))
    if state is State.DRAFT:
        return Light(
            "wait", _("? a draft"), _("It was not offered yet."), "", _("Its author sends it.")
        )
    if "performer" not in signed and contract.author_side == "licensee":
        return Light(
            "wait", _("? waits"), _("The performer has not signed."), "", _("It is their turn.")
        )
    return Light(
        "wait", _("? waits for you"), _("Your side has not signed."), "", _("An approver signs.")
    )
