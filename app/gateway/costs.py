"""Who bears a vendor's bill for a render that was stopped: the contract's term, in the books.

The bill is reckoned from the price the operator states, else from the vendor's list price, since no
vendor tells it beforehand; what the vendor really bills is put right by reversing the entry. Each
contract of a scene bears an equal part under its own term; where a contract has none, its part
stays with the platform, unbooked.
"""

from fractions import Fraction

from sqlmodel import Session

from app.gateway import service
from app.gateway.generators import Price, catalogue
from app.gateway.models import Generation
from app.gateway.models_vendor_jobs import VendorJob
from app.ledger import service as ledger
from app.ledger.splits import half_up, split_by_weight
from app.ledger.usage import UsageEvent
from app.licensing.contracts.models import Contract
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.money import minor_digits

# What the performer's side, its union or the state of the contract stops; not what the film shows.
STOPS = frozenset({"REVOKED", "OUTPUT_REMOVAL_DUE", "CONTRACT_SUSPENDED", "STRIKE_SUSPENDED"})
BILLED = ("ordered", "delivered")


def is_stopped(decision: Decision, *, holds_stand: bool) -> bool:
    """Say whether a render is not released because somebody stopped it, or its hold was lost."""
    if decision.outcome != "permit":
        return bool(STOPS & set(decision.codes))
    return not holds_stand


def settle_stopped(session: Session, generation: Generation, *, reason: str) -> int:
    """Post a vendor's bill for a stopped render under each contract's term; return its minor units.

    Nothing where nothing was bought. Posted once.
    """
    job = session.get(VendorJob, generation.id)
    price = catalogue.price_of(generation.generator)
    if job is None or job.state not in BILLED or price is None:
        return 0
    bill = bill_of(price, generation)
    cast = service.cast_of(session, generation.id)
    parts = split_by_weight(bill, [Fraction(1)] * len(cast))
    for member, part in zip(cast, parts, strict=True):
        contract = session.get_one(Contract, member.contract_id)
        terms = decisions.compensation_of(contract)
        if terms.stopped_share is None or not part:
            continue
        event = UsageEvent(
            id=f"stopped:{generation.id}",
            stopped_cost_minor=part,
            cost_currency=price.currency,
            vendor=job.vendor,
        )
        ledger.post_usage(
            session,
            contract.series_id,
            terms=terms,
            event=event,
            key=f"stopped:{generation.id}:{contract.series_id}",
            generation_id=generation.id,
            note=reason[:200],
        )
    return bill


def bill_of(price: Price, generation: Generation) -> int:
    """Return what a vendor's list price comes to for a generation, in minor units, half-up."""
    quantity = {
        "second": Fraction(generation.length_ms, 1000),
        "image": Fraction(1),
        "film": Fraction(1),
        "1000 characters": Fraction(len(generation.line), 1000),
    }[price.unit]
    return half_up(Fraction(price.amount) * quantity * 10 ** minor_digits(price.currency))
