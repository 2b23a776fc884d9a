"""An order of payouts as a bank or another provider takes it: ISO 20022 pain.001, or CSV.

Both are made anew each time, of the same bytes while nothing has come of the order: the ids in
them are the order's and its payouts', by which a bank knows a file it has had before. What has
settled or come back is left out, so that a file made late pays nobody twice. Each making opens
the sealed accounts, on record.
"""

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from sepaxml import SepaTransfer
from sepaxml.validation import try_valid_xml
from sqlmodel import Session

from app.ledger import payouts as ledger
from app.ledger.errors import PayoutStands
from app.ledger.models_payouts import Payout, PayoutOrder
from app.ledger.payouts import items_of
from app.ledger.receivables.models import OPERATOR
from app.ledger.receivables.profiles import profile_on
from app.money import minor_digits
from app.payments.details import BankAccount, bank_account, open_account
from app.payments.errors import CurrencyNotTransferable, DebtorMissing
from app.payments.models_details import PayoutDetails
from app.payments.paper import table

SCHEMA = "pain.001.001.09"
_NS = f"{{urn:iso:std:iso:20022:tech:xsd:{SCHEMA}}}"
_NOT_SEPA = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")
COLUMNS = ("order_id", "payout_id", "payee", "holder", "iban", "bic", "amount", "amount_minor",
           "currency", "description", "risk_carrier")  # fmt: skip


def pain_001(session: Session, order: PayoutOrder) -> bytes:
    """Return what of an order is under way as one SEPA credit transfer file, valid by its schema.

    Raises CurrencyNotTransferable for any currency but the euro, PayoutStands where nothing is
    under way any more, and ProfileMissing or DebtorMissing where the operator names no account.
    """
    if order.currency != "EUR":
        raise CurrencyNotTransferable(
            f"{order.id} is in {order.currency}; SEPA transfers are in EUR: use the CSV"
        )
    debtor = _debtor(session, order)
    config = {"name": debtor.holder, "IBAN": debtor.iban, "batch": True, "currency": "EUR"}
    transfer = SepaTransfer(config, schema=SCHEMA)
    for payout in under_way(session, order):
        account = _account(session, payout)
        payment = {
            "name": account.holder,
            "IBAN": account.iban,
            "amount": payout.amount_minor,
            "execution_date": order.created_at.astimezone(UTC).date(),
            "description": _description(payout),
            "endtoend_id": reference(payout.id),
        }
        transfer.add_payment(payment | ({"BIC": account.bic} if account.bic else {}))
    return _named_by_order(transfer.export(validate=False), order)


def as_csv(session: Session, order: PayoutOrder) -> bytes:
    """Return what of an order is under way as CSV for any provider: decimal and minor units.

    Raises PayoutStands where nothing is under way any more.
    """
    rows = []
    for payout in under_way(session, order):
        account = _account(session, payout)
        unfunded = any(not item.funded for item in items_of(session, payout.id))
        rows.append(
            {
                "order_id": order.id,
                "payout_id": payout.id,
                "payee": payout.account,
                "holder": account.holder,
                "iban": account.iban,
                "bic": account.bic,
                "amount": _decimal(payout.amount_minor, payout.currency),
                "amount_minor": payout.amount_minor,
                "currency": payout.currency,
                "description": _description(payout),
                "risk_carrier": order.risk_carrier if unfunded else "",
            }
        )
    return table(COLUMNS, rows).encode()


def to_agree_to(session: Session, order: PayoutOrder) -> dict[str, Any]:
    """Say what a file of an order would hold but for the accounts, for operators to agree to.

    What of it is under way may change: then another file is agreed to. Raises PayoutStands.
    """
    payouts = under_way(session, order)
    ids = "\n".join(sorted(each.id for each in payouts))
    return {
        "order": order.name,
        "payouts": len(payouts),
        "payouts_sha256": hashlib.sha256(ids.encode()).hexdigest(),
        "amount_minor": sum(each.amount_minor for each in payouts),
        "currency": order.currency,
    }


def under_way(session: Session, order: PayoutOrder) -> Sequence[Payout]:
    """List the payouts of an order that neither settled nor came back. Raises PayoutStands."""
    found = ledger.under_way(session, order)
    if not found:
        raise PayoutStands(f"{order.id}: every payout of it has settled or come back")
    return found


def reference(id_: str) -> str:
    """Write an id with the characters that every SEPA bank passes on: no underscore."""
    return id_.replace("_", "-")


def _debtor(session: Session, order: PayoutOrder) -> BankAccount:
    """Return whose account payouts go from: the operator's, by its profile of the order's day."""
    own = profile_on(session, OPERATOR, order.created_at.astimezone(UTC).date())
    if own.iban is None:
        raise DebtorMissing(
            f"the operator's profile of {own.valid_from} names no account to pay from; record one "
            "with an iban (`understudy party set operator`)"
        )
    return bank_account(own.name, own.iban)


def _account(session: Session, payout: Payout) -> BankAccount:
    details = session.get_one(PayoutDetails, payout.details_id)
    return open_account(session, details, subject_id=payout.order_id)


def _description(payout: Payout) -> str:
    return f"Royalties {reference(payout.id)}"


def _decimal(amount_minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    whole, part = divmod(amount_minor, 10**digits)
    return f"{whole}.{part:0{digits}d}" if digits else str(whole)


def _named_by_order(xml: bytes, order: PayoutOrder) -> bytes:
    """Put the order's own ids and instant in the place of what the library draws at random.

    Names keep the characters that every bank takes. A bank that is not named, and a name without
    any such character, are written as not provided.
    """
    ET.register_namespace("", _NS.strip("{}"))
    root = ET.fromstring(xml)  # noqa: S314 -- written by the library a moment ago
    said = {
        "MsgId": reference(order.id),
        "PmtInfId": f"{reference(order.id)}-1",
        "CreDtTm": order.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    for name, text in said.items():
        for element in root.iter(f"{_NS}{name}"):
            element.text = text
    for named in root.iter(f"{_NS}Nm"):
        named.text = " ".join(_NOT_SEPA.sub(" ", named.text or "").split()) or "NOTPROVIDED"
    for bank in root.iter(f"{_NS}FinInstnId"):
        if not len(bank):
            other = ET.SubElement(bank, f"{_NS}Othr")
            ET.SubElement(other, f"{_NS}Id").text = "NOTPROVIDED"
    made: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    try_valid_xml(made, SCHEMA)
    return made
