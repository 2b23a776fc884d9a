"""Who sees what of a bundle: the one place where that is decided.

Nobody is ever given terms, names, facts or reasons: no member holds any. A receipt names codes and
obligations of a decision, which follow from terms: whoever is a party to all the contracts behind
the output may have it. The file itself is its licensee's to hand out.
What contracts let some viewers see (`app.audit.disclosed`) stays out: bundles are passed on.
"""

from typing import Literal

from app.audit.bundle.container import FILES, PERMIT, RELEASE

Audience = Literal["party", "performer", "stranger"]  # the licensee; the performer's side
RECEIPTS, FILE = "receipts", "file"


def withheld(audience: Audience, *, handed_out: bool) -> list[str]:
    """Name what a bundle for this audience goes without.

    Receipts are for parties; the file for the licensee, and only while it is handed out at all.
    """
    if audience == "stranger":
        return [FILE, RECEIPTS]
    return [] if audience == "party" and handed_out else [FILE]


def members_of(what: str) -> tuple[str, ...]:
    """Name the members that one withheld thing takes away."""
    return {RECEIPTS: (PERMIT, RELEASE), FILE: FILES}[what]
