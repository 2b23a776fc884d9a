"""What is owed in money, and the reports that say so."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.db import Instant
from app.identity.models import Organization
from app.ledger.models import Posting
from app.ledger.models_payouts import Payout, PayoutEvent
from app.ledger.models_periods import Period
from app.ledger.receivables.models import Invoice, InvoicePayment, OpenInvoice
from app.obligations.rows import NO_DAY, Asked, Obligation, or_no_day
from app.payments.models import IssuedStatement
from app.registry.models import Performer


def reports(session: Session, asked: Asked) -> Sequence[Obligation]:
    """The report of use that a union gets of a production: owed once a period is closed.

    A period without a single statement is one that the operator has yet to issue; its reports are
    owed to every union, which does not see whose uses were in it. Whether it was issued is read
    past whose statements are whose.
    """
    if asked.state == "done":
        return _reports_made(session, asked)
    if asked.state != "open" or not _is_told(session, asked.organization_id):
        return []
    issued = sa.exists().where(col(IssuedStatement.period_id) == col(Period.id))
    sort_at = col(Period.ends_at)
    query = sa.select(Period, sort_at).where(~issued)
    return [
        Obligation(
            kind="report",
            what="usage",
            key=period.id,
            owed_by=("operator",),
            due_at=period.ends_at,
            sort_at=sorted_at,
        )
        for period, sorted_at in (asked.house or session).execute(
            asked.page(query, sort_at, col(Period.id))
        )
    ]


def _is_told(session: Session, organization_id: str | None) -> bool:
    if organization_id is None:
        return True
    organization = session.get(Organization, organization_id)
    return organization is not None and organization.kind == "union"


def _reports_made(session: Session, asked: Asked) -> Sequence[Obligation]:
    me, sort_at = asked.organization_id, col(IssuedStatement.issued_at)
    query = (
        sa.select(IssuedStatement, col(Period.ends_at), sort_at)
        .join(Period, col(Period.id) == col(IssuedStatement.period_id))
        .where(col(IssuedStatement.kind) == "usage")
    )
    if me is not None:
        query = query.where(col(IssuedStatement.party_id) == me)
    return [
        Obligation(
            kind="report",
            what="usage",
            key=report.id,
            owed_by=("operator",),
            due_at=ends_at,
            sort_at=sorted_at,
            done_at=report.issued_at,
            proof=report.id,
        )
        for report, ends_at, sorted_at in session.execute(
            asked.page(query, sort_at, col(IssuedStatement.id))
        )
    ]


def payouts(session: Session, asked: Asked) -> Sequence[Obligation]:
    """Money on its way to a payee: sent, and settled once the bank says so."""

    def event(state: str, column: Any) -> Any:
        return (
            sa.select(column)
            .where(
                col(PayoutEvent.payout_id) == col(Payout.id), col(PayoutEvent.state) == state
            )
            .scalar_subquery()
        )  # fmt: skip

    settled, returned = event("settled", PayoutEvent.at), event("returned", PayoutEvent.at)
    which: dict[str, tuple[Any, Any]] = {
        "open": (settled.is_(None) & returned.is_(None), col(Payout.created_at)),
        "done": (settled.is_not(None), sa.type_coerce(settled, Instant)),
    }
    if asked.state not in which:
        return []
    condition, sort_at = which[asked.state]
    query = sa.select(Payout, sort_at, event("settled", PayoutEvent.id)).where(
        condition, _theirs(asked, col(Payout.account))
    )
    return [
        Obligation(
            kind="payout",
            what="sent",
            key=payout.id,
            owed_by=("operator",),
            due_at=None,
            sort_at=sorted_at,
            done_at=sorted_at if asked.state == "done" else None,
            proof=proof,
            performer_id=_performer(payout.account),
            currency=payout.currency,
            amount_minor=payout.amount_minor,
        )
        for payout, sorted_at, proof in session.execute(
            asked.page(query, sort_at, col(Payout.id))
        )
    ]  # fmt: skip


def balances(session: Session, asked: Asked) -> Sequence[Obligation]:
    """What a payee has earned and was not sent yet; it goes with an order of the operator's."""
    if asked.state != "open":
        return []
    account, currency = col(Posting.account), col(Posting.currency)
    owed = -sa.func.sum(Posting.amount_minor)
    key = account + sa.literal(":") + currency
    query = (
        sa.select(account, currency, owed)
        .where(_theirs(asked, account))
        .group_by(account, currency)
        .having(owed > 0)
    )
    found = session.execute(asked.page(query, or_no_day(sa.null()), key))
    return [
        Obligation(
            kind="payout",
            what="balance",
            key=f"{account}:{currency}",
            owed_by=("operator",),
            due_at=None,
            sort_at=NO_DAY,
            performer_id=_performer(account),
            currency=currency,
            amount_minor=int(minor),
        )
        for account, currency, minor in found
    ]


def _theirs(asked: Asked, account: Any) -> Any:
    """Whether an account is a payee's, and theirs to see."""
    me = asked.organization_id
    if me is None:
        return sa.or_(account.like("performer:%:payable"), account.like("agent:%:payable"))
    names = sa.select(sa.literal("performer:") + col(Performer.id) + ":payable")
    own = sa.select(sa.literal(f"agent:{me}:payable"))
    return account.in_(names.where(asked.side()).union_all(own))


def _performer(account: str) -> str | None:
    kind, _, owner = account.removesuffix(":payable").partition(":")
    return owner if kind == "performer" else None


def invoices(session: Session, asked: Asked) -> Sequence[Obligation]:
    """What a production was billed and has not paid: due as the invoice says."""
    me = asked.organization_id
    mine = sa.true() if me is None else col(Invoice.customer_id) == me
    sort_at: Any = col(OpenInvoice.due_at)
    query: Any
    if asked.state == "open":
        query = (
            sa.select(Invoice, col(OpenInvoice.outstanding_minor), sort_at, sa.null())
            .join(OpenInvoice, col(OpenInvoice.invoice_id) == col(Invoice.id))
            .where(mine)
        )
    elif asked.state == "done":
        last = sa.select(sa.func.max(InvoicePayment.paid_at, type_=Instant)).where(
            col(InvoicePayment.invoice_id) == col(Invoice.id)
        )
        proof = sa.select(sa.func.max(InvoicePayment.id)).where(
            col(InvoicePayment.invoice_id) == col(Invoice.id)
        )
        sort_at = last.scalar_subquery()
        still = sa.exists().where(col(OpenInvoice.invoice_id) == col(Invoice.id))
        query = sa.select(
            Invoice, col(Invoice.total_minor), sort_at, proof.scalar_subquery()
        ).where(mine, col(Invoice.kind) == "invoice", ~still, sort_at.is_not(None))
    else:
        return []
    return [
        Obligation(
            kind="invoice",
            what=invoice.reads,
            key=invoice.id,
            owed_by=("licensee",),
            due_at=invoice.due_at,
            sort_at=sorted_at,
            done_at=sorted_at if asked.state == "done" else None,
            proof=proof_id,
            currency=invoice.currency,
            amount_minor=int(minor),
        )
        for invoice, minor, sorted_at, proof_id in session.execute(
            asked.page(query, sort_at, col(Invoice.id))
        )
    ]
