"""A standing offer from a few answers: the template of a small film scene, for everybody. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.licensing.document.template import fill, template_of
from app.licensing.errors import StandingOfferInvalid
from app.money import parse_minor

TEMPLATE = "indie-scene"
USES = (
    "Whoever accepts this may have my face and a synthetic voice speak lines in one film scene "
    "after another, at this price and within these limits."
)


@dataclass(frozen=True)
class Stated:
    """What a performer answers: the price, how much, where, with what, how often, until when.

    `rate` and `least` are of one second and of one use, `total` is the most that all contracts may
    cost together: amounts in major units, as text. `until` is the last day of every contract;
    nobody accepts from that day on.
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
    return {
        "v": 1,
        "type": "standing-offer",
        "terms": terms,
        "licensees": {"kinds": ["production"]},
        "caps": {"executions": said.times, "fees_minor": total_minor},
        "closes_at": f"{said.until.isoformat()}T00:00:00Z",
    }
