"""Issuing statements: each is written once, from the books, and kept as it was written."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

import rfc8785
from sqlmodel import Session, col, select

from app.language import SOURCE, reading_in, reads
from app.ledger.clauses import clauses_of, quantities, what_happened
from app.ledger.models import RoyaltyTerms
from app.ledger.models_periods import Period
from app.ledger.periods import instant
from app.ledger.statements import Entered, lines_in, moves_in, sums_before
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent
from app.licensing.words.plain_money import about_money
from app.notices import service as notices
from app.payments.documents import (
    Document,
    contract_part,
    names_of,
    output_part,
    period_part,
    what_moved,
)
from app.payments.errors import StatementNotFound
from app.payments.models import IssuedStatement
from app.payments.paper import Clauses
from app.payments.parties import Recipient, readers_of, recipients, reports, seen_by
from app.payments.usage import usage_report


def issue_statements(session: Session, period: Period) -> Sequence[IssuedStatement]:
    """Issue what is missing of a closed period's statements; return all of them, oldest first.

    One for every party that has a line in it, and one report of use for every union and
    production. What was issued stays as it was.
    """
    issued = {
        (each.kind, each.party_id, each.about_id) for each in statements_of_period(session, period)
    }
    for recipient in recipients(session, period):
        if (recipient.kind, recipient.party_id, "") not in issued:
            said = _document(session, period, recipient)
            keep(session, period, said, kind=recipient.kind, party_id=recipient.party_id)
    for union_id, production_id, contracts in reports(session, period):
        if ("usage", union_id, production_id) in issued:
            continue
        report = usage_report(
            session, period, union_id=union_id, production_id=production_id, contracts=contracts
        )
        if report is not None:
            keep(session, period, report, kind="usage", party_id=union_id, about_id=production_id)
    return statements_of_period(session, period)


def keep(
    session: Session,
    period: Period,
    said: Document,
    *,
    kind: str,
    party_id: str,
    about_id: str = "",
) -> IssuedStatement:
    """Keep a statement under an id of its own, which it names, as canonical JSON."""
    kept = IssuedStatement(
        period_id=period.id,
        kind=kind,
        party_id=party_id,
        about_id=about_id,
        document="",
        document_sha256="",
    )
    text = rfc8785.dumps({"v": 1, "id": kept.id, "kind": kind, **said})
    kept.document = text.decode()
    kept.document_sha256 = hashlib.sha256(text).hexdigest()
    session.add(kept)
    session.flush()
    for organization_id in readers_of(session, kind, party_id):
        notices.tell(session, "statement-issued", kept.id, organization_id=organization_id)
    return kept


def statements_of_period(session: Session, period: Period) -> Sequence[IssuedStatement]:
    """List what was issued for a period, oldest first."""
    of_period = select(IssuedStatement).where(IssuedStatement.period_id == period.id)
    return session.exec(of_period.order_by(col(IssuedStatement.id))).all()


def statements_for(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[IssuedStatement]:
    """List the statements an organization may read, newest first; `before` continues a list."""
    page = select(IssuedStatement).where(seen_by(organization_id))
    if before is not None:
        page = page.where(col(IssuedStatement.id) < before)
    return session.exec(page.order_by(col(IssuedStatement.id).desc()).limit(limit)).all()


def statement_of(session: Session, organization_id: str, statement_id: str) -> IssuedStatement:
    """Return a statement the organization may read. Raises StatementNotFound for others alike."""
    mine = select(IssuedStatement).where(
        IssuedStatement.id == statement_id, seen_by(organization_id)
    )
    found = session.exec(mine).first()
    if found is None:
        raise StatementNotFound(f"no statement of yours has the id {statement_id[:64]}")
    return found


def clauses_in_words(session: Session, statement: IssuedStatement) -> Clauses:
    """Say the clauses that a statement names as the reader reads them; in English nothing is said.

    What is kept says them in English already.
    """
    if reads() == SOURCE or statement.kind == "usage":
        return {}
    found: dict[tuple[str, str], str] = {}
    for digest in {line["terms_sha256"] for line in json.loads(statement.document)["lines"]}:
        kept = session.get_one(RoyaltyTerms, digest).document
        terms = CompensationTerms.model_validate(kept)
        parties = {id_ for party in terms.parties for id_ in (party.id, party.agent) if id_}
        names = names_of(session, parties)
        found |= {(digest, pointer): said for said, pointer in about_money(terms, names)}
    return found


def _document(session: Session, period: Period, recipient: Recipient) -> Document:
    entered = lines_in(session, period, recipient.scope)
    people = {party.id for each in entered for party in each.terms.parties}
    people |= {party.agent for each in entered for party in each.terms.parties if party.agent}
    names = names_of(session, people | {recipient.party_id})
    lines = [_line(session, each, recipient, names) for each in entered]
    moves = [
        {
            "entry_id": entry.id,
            "entry_sha256": entry.digest,
            "posted_at": instant(entry.posted_at),
            "what": what_moved(session, entry),
            "currency": posting.currency,
            "amount_minor": recipient.owed * posting.amount_minor,
        }
        for posting, entry in moves_in(session, period, recipient.scope)
    ]
    before = sums_before(session, period, recipient.scope)
    return {
        "party": {"id": recipient.party_id, "name": names.get(recipient.party_id)},
        "period": period_part(period),
        "totals": _totals(
            lines, moves, {code: recipient.owed * sum_ for code, sum_ in before.items()}
        ),
        "lines": lines,
        "payments": moves,
    }


def _totals(
    lines: Sequence[Document], moves: Sequence[Document], before: Mapping[str, int]
) -> list[Document]:
    sums: dict[str, dict[str, int]] = defaultdict(
        lambda: {"posted_minor": 0, "corrected_minor": 0, "moved_minor": 0}
    )
    for line in lines:
        which = "posted_minor" if line["corrects"] is None else "corrected_minor"
        sums[line["currency"]][which] += line["amount_minor"]
    for move in moves:
        sums[move["currency"]]["moved_minor"] += move["amount_minor"]
    return [
        {
            "currency": code,
            "opening_minor": before.get(code, 0),
            **sums[code],
            "closing_minor": before.get(code, 0) + sum(sums[code].values()),
        }
        for code in sorted({*sums, *before})
    ]


def _line(
    session: Session, entered: Entered, recipient: Recipient, names: Mapping[str, str]
) -> Document:
    entry, use, posting = entered.entry, entered.use, entered.posting
    priced = entered.event
    if entered.corrects is not None:
        priced = UsageEvent.model_validate(entered.corrects.event)
    return {
        "entry_id": entry.id,
        "entry_sha256": entry.digest,
        "posted_at": instant(entry.posted_at),
        "what": what_happened(entered.event),
        "quantities": quantities(priced),
        "output": output_part(session, entry.generation_id),
        "performers": _performers(entered.terms, recipient, names),
        "contract": contract_part(session, use.contract_id, use.terms_sha256),
        "terms_sha256": use.terms_sha256,
        "clauses": _clauses(entered.terms, priced, posting.account, names),
        "account": posting.account,
        "currency": posting.currency,
        "amount_minor": recipient.owed * posting.amount_minor,
        "corrects": None
        if entered.corrects is None
        else {"entry_id": entered.corrected_entry_id, "period": entered.corrected_period},
        "note": use.note if recipient.kind != "union" else "",
    }


def _performers(
    terms: CompensationTerms, recipient: Recipient, names: Mapping[str, str]
) -> list[Document]:
    """Name the performers a line is about: for an agent, those with that agent."""
    return [
        {"id": party.id, "name": names.get(party.id)}
        for party in terms.parties
        if recipient.kind in ("production", "union")
        or recipient.party_id in (party.id, party.agent)
    ]


def _clauses(
    terms: CompensationTerms, event: UsageEvent, account: str, names: Mapping[str, str]
) -> list[Document]:
    with reading_in(SOURCE):  # a statement is kept, and the same for everybody
        said = {pointer: sentence for sentence, pointer in about_money(terms, names)}
    return [
        {"pointer": pointer, "said": said.get(pointer, "")}
        for pointer in clauses_of(terms, event, account)
    ]
