"""Price planned uses: what the rules would say of them, what they cost, whom they pay.

Nothing is decided, recorded or held. Each use is asked about by itself, as of now, and priced after
the ones before it in the plan: a plan may reach a dearer tier, a cap, or the end of an advance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from sqlmodel import Session

from app.errors import AppError
from app.gateway import holding
from app.gateway.errors import PriceChanged
from app.gateway.generators import catalogue
from app.ledger import funding, holds
from app.ledger import service as ledger
from app.ledger.books import Line, RoyaltyState, merge
from app.ledger.clauses import clauses_of
from app.ledger.quotes import quote_plan
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent
from app.licensing.contracts.service import contract_of
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions.looking import Look, look
from app.licensing.decisions.recording import explanations, shown_codes
from app.licensing.errors import UseUnpriced
from app.licensing.simulations.facts import parse_draft, terms_of


class Planned(NamedTuple):
    """Uses that are planned: seconds of each, how many, and how many takes before each one.

    `only_draft`: one take of a shot, and nothing chosen yet.
    """

    use: UseRequest
    seconds: Decimal
    renders: int = 1
    takes: int = 0
    only_draft: bool = False

    def events(self) -> list[UsageEvent]:
        """Return what will happen: of each shot its drafts, and then the take that is chosen."""
        whole = holding.usage_of(self.use, self.seconds)
        if self.only_draft:
            return [whole.model_copy(update={"shot": "planned", "draft": True})]
        if not self.takes:
            return [whole] * self.renders
        return [
            whole.model_copy(update={"shot": f"planned-{number}", kind: True})
            for number in range(self.renders)
            for kind in (*["draft"] * self.takes, "chosen")
        ]


@dataclass(frozen=True)
class PricedLine:
    """What one payee gets, and the clauses that set it."""

    account: str
    currency: str
    amount_minor: int
    clauses: Sequence[str]


@dataclass(frozen=True)
class Part:
    """What a use comes to under one contract; or why it has no price."""

    contract_id: str
    performer_id: str
    currency: str = ""
    licensee_minor: int = 0
    hold_minor: int = 0
    licensee_clauses: Sequence[str] = ()
    payees: Sequence[PricedLine] = ()
    unpriced: str = ""


@dataclass(frozen=True)
class Priced:
    """One planned use: what would be decided, where the rules were asked, and its price."""

    parts: Sequence[Part]
    outcome: str | None = None
    codes: Sequence[str] = ()
    explanations: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Money:
    """What a plan needs of a licensee's money in one currency before it can all be held."""

    currency: str
    needed_minor: int
    available_minor: int


@dataclass
class _Books:
    """How far the plan has taken each contract, from where its books stand now."""

    session: Session
    states: dict[str, RoyaltyState] = field(default_factory=dict)

    def price(
        self,
        contract_id: str,
        terms: CompensationTerms,
        plan: Sequence[UsageEvent],
        *,
        performer_id: str,
    ) -> Part:
        """Price uses under a contract after everything planned so far. Raises RoyaltyRefused."""
        if contract_id not in self.states:
            self.states[contract_id] = ledger.state_now(self.session, contract_id)
        quote, after = quote_plan(terms, plan, state=self.states[contract_id])
        self.states[contract_id] = after
        return Part(
            contract_id=contract_id,
            performer_id=performer_id,
            currency=quote.currency,
            licensee_minor=quote.licensee_minor,
            hold_minor=quote.hold_minor,
            licensee_clauses=clauses_of(terms, plan[0], "licensee:receivable"),
            payees=[
                PricedLine(*_of(line), clauses_of(terms, plan[0], line.account))
                for line in quote.payees
            ],
        )


def price_uses(session: Session, organization_id: str, plan: Iterable[Planned]) -> list[Priced]:
    """Price what a licensee plans, in order.

    Its price is told under the caller's own contracts alone; of others it learns what a denial
    tells. A use that would be denied is priced too, where a contract of the caller's governs it.
    """
    books = _Books(session)
    return [_price_use(books, organization_id, planned.use, planned.events()) for planned in plan]


def price_events(
    session: Session, organization_id: str, contract_id: str, plan: Sequence[UsageEvent]
) -> list[Priced]:
    """Price events under a contract of the caller's, on whichever side; the rules are not asked.

    Raises ContractNotFound, ContractInvalid, UseUnpriced, RoyaltyRefused.
    """
    contract = contract_of(session, organization_id, contract_id)
    terms = terms_of(session, contract).compensation
    return _events(_Books(session), contract.series_id, contract.performer_id, terms, plan)


def price_draft(
    session: Session, document: Mapping[str, Any], plan: Sequence[UsageEvent]
) -> list[Priced]:
    """Price events under a draft, as its first ones. Raises as `price_events` does."""
    draft = parse_draft(document)
    books = _Books(session, {"": RoyaltyState()})
    return _events(books, "", draft.performer.id, draft.compensation, plan)


def insist_held(session: Session, generation_id: str, priced: Priced) -> None:
    """Do nothing where what is held for a generation is what was priced. Raises PriceChanged.

    Its contracts may have been amended, and their books moved, between the two: then nothing of
    this transaction may be kept.
    """
    held = {
        each.contract_id: (each.currency, each.amount_minor)
        for each in holds.set_aside_for(session, generation_id)
    }
    if held != {each.contract_id: (each.currency, each.hold_minor) for each in priced.parts}:
        raise PriceChanged(
            "what this costs changed while it was asked for, so nothing was made; price it anew"
        )


def totals(plan: Iterable[Priced]) -> tuple[Line, ...]:
    """Sum a plan: what the licensee pays, and what each payee gets; both positive."""
    lines = []
    for part in (part for priced in plan for part in priced.parts if not part.unpriced):
        lines.append(Line("licensee:receivable", part.currency, part.licensee_minor))
        lines += [Line(each.account, each.currency, each.amount_minor) for each in part.payees]
    return merge(lines)


def money(session: Session, organization_id: str, plan: Iterable[Priced]) -> list[Money]:
    """Say what all holds of a plan would need, and what the licensee may spend now."""
    needed: dict[str, int] = {}
    for part in (part for priced in plan for part in priced.parts if not part.unpriced):
        needed[part.currency] = needed.get(part.currency, 0) + part.hold_minor
    return [
        Money(currency, minor, funding.available(session, organization_id, currency))
        for currency, minor in sorted(needed.items())
    ]


def _price_use(
    books: _Books, organization_id: str, use: UseRequest, plan: Sequence[UsageEvent]
) -> Priced:
    seen = look(books.session, use, generators=catalogue.TRAINS_ON_INPUTS)
    found = {(each.id, each.version): each.terms for each in seen.contracts}
    mine = {
        performer: (contract_id, terms)
        for performer, contract_id, version in seen.answer.governing
        if (terms := found[contract_id, version]).licensee == organization_id
    }
    is_party = set(mine) >= set(use.performers) or _is_licensee(seen, organization_id, use)
    codes = shown_codes(seen.answer, is_party=is_party)
    return Priced(
        parts=[
            _part(books, contract_id, performer, terms.compensation, plan)
            for performer, (contract_id, terms) in mine.items()
        ],
        outcome=seen.answer.outcome,
        codes=codes,
        explanations=list(explanations(seen.answer, codes, is_party=is_party)),
    )


def _is_licensee(seen: Look, organization_id: str, use: UseRequest) -> bool:
    theirs = (each.terms for each in seen.contracts if each.terms.licensee == organization_id)
    return {terms.performer.id for terms in theirs} >= set(use.performers)


def _part(
    books: _Books,
    contract_id: str,
    performer_id: str,
    terms: CompensationTerms | None,
    plan: Sequence[UsageEvent],
) -> Part:
    """Price a use under one contract; a plan goes on where one of its uses has no price."""
    try:
        return books.price(contract_id, _paying(terms), plan, performer_id=performer_id)
    except AppError as refused:
        return Part(contract_id, performer_id, unpriced=str(refused))


def _events(
    books: _Books,
    contract_id: str,
    performer_id: str,
    terms: CompensationTerms | None,
    plan: Sequence[UsageEvent],
) -> list[Priced]:
    paying = _paying(terms)
    return [
        Priced([books.price(contract_id, paying, [event], performer_id=performer_id)])
        for event in plan
    ]


def _paying(terms: CompensationTerms | None) -> CompensationTerms:
    if terms is None:
        raise UseUnpriced("the contract has no terms of pay; agree an amendment that adds them")
    return terms


def _of(line: Line) -> tuple[str, str, int]:
    return line.account, line.currency, line.amount_minor
