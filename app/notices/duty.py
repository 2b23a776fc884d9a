"""Whether a duty to notify a performer is met: by what proves it, never by having tried. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OBLIGATION = "performer_notification"


@dataclass(frozen=True)
class Duty:
    """What is owed to one performer: that they hear of a use. `evidence` is what proves it."""

    performer_id: str
    evidence: tuple[str, ...]

    @property
    def obligation(self) -> str:
        """The permit's word for it."""
        return OBLIGATION

    @property
    def met(self) -> bool:
        """Whether something proves that they were told."""
        return bool(self.evidence)


def duties(obligations: Sequence[str], told: Mapping[str, Sequence[str]]) -> list[Duty]:
    """Return the duties that a permit's obligations leave, given what proves them: by performer."""
    if OBLIGATION not in obligations:
        return []
    return [Duty(performer_id, tuple(evidence)) for performer_id, evidence in told.items()]
