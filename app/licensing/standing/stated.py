"""A standing offer from a few answers: the template of a small film scene, for everybody. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.licensing.document.template import fill, template_of
from app.licensing.errors import StandingOfferInvalid
from app.money import parse_minor

TEMPLATE = "indie-scene"
# Five drafts of a shot, a quarter of the price each; half of that counts for the chosen one.
TAKES = {"max_takes": 5, "draft_rate": "0.25", "draft_credit": "0.5", "draft_days": 30}
USES = (
    "Whoever accepts this may have my face and a synthetic voice speak lines in one film scene "
    "after another, at this price and within these limits."
)


@dataclass(frozen=True)
class Stated:
    """What a performer answers: the price, how much, where, with what, how often, until when.

    `rate` and `least` are of one second and of one use, `total` is the most that all contracts may
    cost together: amounts in major units, as text. `until` is the last day of every contract;
    nobody accepts from that day on. With `takes`, drafts of a shot cost a part (`TAKES`).
    """

    born_on: date
    rate: str
    least: str
    total: str
    currency: str
    seconds: int
    times: int
    territories: tuple[str, ...]
    languages: tuple[str, ...]
    generator: str
    tz: str
    until: date
    shown_first: bool
    takes: bool


def offer_from(said: Stated, *, performer_id: str, name: str, today: date) -> dict[str, Any]:
    """Return the document of a standing offer to every production, ready to be drafted.

    Raises ContractInvalid, StandingOfferInvalid for an answer that does not fit.
    """
    try:
        total_minor = parse_minor(said.total, said.currency)
    except ValueError as error:
        raise StandingOfferInvalid(str(error)) from None
    terms = fill(
        template_of(TEMPLATE),
        {
            "performer_id": performer_id,
            "performer_name": name,
            "performer_dob": said.born_on.isoformat(),
            "licensee_id": "anybody",
            "project": "*",
            "uses": USES,
            "territories": list(said.territories),
            "languages": list(said.languages),
            "generators": [said.generator],
            "start": today.isoformat(),
            "end": said.until.isoformat(),
            "tz": said.tz,
            "seconds": said.seconds,
            "currency": said.currency,
            "rate": said.rate,
            "least": said.least,
        },
    )
    del terms["licensee"]
    terms["notice_hours"] = 0  # whoever accepts at night makes a film that night
    terms["grant"]["content"]["preview_waived"] = not said.shown_first
    if said.takes:
        terms["compensation"]["takes"] = dict(TAKES)
    return {
        "v": 1,
        "type": "standing-offer",
        "terms": terms,
        "licensees": {"kinds": ["production"]},
        "caps": {"executions": said.times, "fees_minor": total_minor},
        "closes_at": f"{said.until.isoformat()}T00:00:00Z",
    }
