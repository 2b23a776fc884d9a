"""Whether materials fit a job: what the result follows must have its length and its shape.

Pure, and asked before money is held: a vendor that gets footage of 6 s returns a film of 6 s,
which would be paid for and then be quarantined.
"""

from collections.abc import Mapping
from typing import Protocol

from app.gateway.generators import Capability

LENGTH_TOLERANCE_S = 0.25  # as at the inspection of what comes back
SHAPE_TOLERANCE = 0.02
FILMS = ("footage", "driving")
FORMATS = ("video/mp4", "video/quicktime")


class Given(Protocol):
    """What was found in a material when it was uploaded."""

    media_type: str
    length_ms: int | None
    width: int | None
    height: int | None


def unfit(
    capability: Capability,
    *,
    length_s: float,
    size: tuple[int, int],
    given: Mapping[str, Given],
) -> list[str]:
    """List, in words, why materials do not fit the job; empty when they do."""
    found = []
    for role, material in sorted(given.items()):
        if role in FILMS and material.media_type not in FORMATS:
            found.append(f"{role} is {material.media_type}: upload it as MP4 or QuickTime")
        if role not in capability.follows:
            continue
        lasts_s = None if material.length_ms is None else material.length_ms / 1000
        if lasts_s is not None and abs(lasts_s - length_s) > LENGTH_TOLERANCE_S:
            found.append(
                f"the result lasts as long as {role}, {lasts_s:.2f} s, and {length_s:g} s were "
                "asked for"
            )
        if material.width and material.height:
            shape, wanted = material.width / material.height, size[0] / size[1]
            if abs(shape / wanted - 1) > SHAPE_TOLERANCE:
                sides = f"{material.width}x{material.height}"
                found.append(
                    f"the result has the shape of {role}, {sides}, which is not that of "
                    f"{size[0]}x{size[1]}"
                )
    return found
