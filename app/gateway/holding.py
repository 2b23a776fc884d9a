"""What is set aside for a permitted generation, and what a finished one counts as."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from sqlmodel import Session

from app.gateway import budgets, takes
from app.gateway.models import Generation, GenerationReplica
from app.ledger import service as ledger
from app.ledger.models import Hold
from app.ledger.usage import UsageEvent
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.standing import acceptance


def take_on(
    session: Session,
    generation: Generation,
    judged: decisions.Judged,
    cast: Sequence[tuple[str, str]],
    use: UseRequest,
) -> None:
    """Keep a permitted generation with its cast (replica, performer), holds for all or none.

    Raises BudgetExceeded, FundsLacking, and what a use without a price raises.
    """
    session.add(generation)
    session.flush()
    judged.decision.generation_id = generation.id
    session.add(judged.decision)
    by_contract = sorted((judged.contracts[each[1]].series_id, *each) for each in cast)
    # Its money before all it is counted in, and both in one order: nobody waits in a ring.
    for licensee_id, currency in sorted({_paid_by(judged.contracts[each[1]]) for each in cast}):
        ledger.lock_funds(session, licensee_id, currency)
    held: list[Hold] = []
    for _series_id, replica_id, performer_id in by_contract:
        contract = judged.contracts[performer_id]
        session.add(
            GenerationReplica(
                generation_id=generation.id,
                replica_id=replica_id,
                performer_id=performer_id,
                contract_id=contract.id,
            )
        )
        held.append(_hold(session, generation, contract, use, counts=not held))
    session.flush()
    budgets.check(
        session,
        generation.organization_id,
        project=use.project or "",
        series_ids=[hold.contract_id for hold in held],
        currencies=[hold.currency for hold in held],
    )


def usage_event(generation: Generation, use: UseRequest) -> UsageEvent:
    """Say what one finished generation counts as, in the words of the compensation terms.

    What is spoken counts for as long as it lasts, and never for longer than was asked for.
    """
    seconds = Decimal(generation.length_ms) / 1000
    if generation.request.get("output") == "audio" and generation.output_facts:
        lasts = Decimal(str(generation.output_facts["duration_s"]))
        seconds = min(seconds, lasts.quantize(Decimal("0.001"), ROUND_HALF_UP))
    take = {"draft" if generation.is_draft else "chosen": True, "shot": generation.shot_id}
    said = {"id": generation.id, **(take if generation.shot_id else {})}
    return usage_of(use, seconds).model_copy(update=said)


def usage_of(use: UseRequest, seconds: Decimal) -> UsageEvent:
    """Say what one render of so many seconds would count as.

    A picture has none: where the terms price seconds it has no price, and is refused.
    """
    return UsageEvent(
        seconds=str(seconds) if seconds else None,
        renders=1,
        count=1,
        lines=1 if tuple(use.modalities or ()) == ("voice",) else None,
        languages=len(use.languages or ()),
        realtime=use.realtime,
    )


def _paid_by(contract: Contract) -> tuple[str, str]:
    """Say who pays under a contract, in which currency."""
    return contract.licensee_id, decisions.compensation_of(contract).currency


def _hold(
    session: Session,
    generation: Generation,
    contract: Contract,
    use: UseRequest,
    *,
    counts: bool,
) -> Hold:
    """Set aside what this generation will cost under one contract, and its seconds.

    Where it `counts`, the project's seconds with it: once for each generation.
    """
    terms = decisions.compensation_of(contract)
    event, book = usage_event(generation, use), contract.series_id
    amount_minor = ledger.amount_to_hold(session, book, terms=terms, event=event)
    acceptance.check_fees(session, contract, fees_minor=amount_minor, generation_id=generation.id)
    # Of a chosen take they were counted when it was a draft.
    seconds = Decimal(0 if generation.relation == takes.TAKE else generation.length_ms) / 1000
    return ledger.place_hold(
        session,
        generation.id,
        book,
        licensee_id=contract.licensee_id,
        amount_minor=amount_minor,
        currency=terms.currency,
        seconds=seconds,
        asked=ledger.Asked(
            generation.organization_id, use.project or "", seconds if counts else Decimal(0)
        ),
    )
