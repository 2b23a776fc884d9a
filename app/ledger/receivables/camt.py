"""Bank statements as ISO 20022 camt.053 (versions 2 and 8): read, held to their schema, proven.

Pure: bytes in, statements out. Nothing outside the file is fetched, and entities are refused. What
a statement says must add up: opening balance and booked entries come to the closing balance.

An entry is known again by what it says, not by where it stands: statements overlap, and banks
count entries anew in each.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any

import xmlschema

from app.ledger.errors import StatementRefused
from app.ledger.receivables.references import is_iban
from app.money import parse_minor

LARGEST_BYTES = 16 << 20
VERSIONS = ("02", "08")
NO_REFERENCE = frozenset({"NONREF", "NOTPROVIDED", "NOTAVAILABLE", "NONE", "N/A"})
_NAMESPACE = re.compile(r"\{(urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(\d\d))\}Document")


@dataclass(frozen=True)
class Receipt:
    """One amount that came in, or (negative) that the bank took back.

    `fingerprint` is the same wherever this entry is stated again; `reference` is the bank's own,
    and may be empty.
    """

    fingerprint: str
    reference: str
    amount_minor: int
    booked_on: date
    payer: str
    said: str


@dataclass(frozen=True)
class Statement:
    """One statement: where it began and ended, what came in; `paid_out` counts other entries."""

    file_sha256: str
    reference: str
    iban: str
    currency: str
    closed_on: date
    opening_minor: int
    closing_minor: int
    receipts: tuple[Receipt, ...]
    paid_out: int


def read_statements(data: bytes) -> tuple[Statement, ...]:
    """Read every statement of a file. Raises StatementRefused, which says what is wrong."""
    if len(data) > LARGEST_BYTES:
        raise StatementRefused(f"statements end at {LARGEST_BYTES} bytes here; split the file")
    try:
        resource = xmlschema.XMLResource(data, defuse="always", allow="none")
        found = _NAMESPACE.fullmatch(resource.root.tag)
        if found is None or found[2] not in VERSIONS:
            raise StatementRefused(
                f"{resource.root.tag[:120]} is no camt.053 of version 2 or 8; ask the bank for one"
            )
        _schema(found[2]).validate(resource)
    except (xmlschema.XMLSchemaException, SyntaxError, ValueError, LookupError) as error:
        reason = getattr(error, "reason", None) or str(error).splitlines()[0]
        raise StatementRefused(f"the file is not what its schema asks for: {reason}") from error
    space, sha256 = {"c": found[1]}, hashlib.sha256(data).hexdigest()
    return tuple(
        _statement(each, space, sha256)
        for each in resource.root.iterfind("c:BkToCstmrStmt/c:Stmt", space)
    )


@lru_cache
def _schema(version: str) -> xmlschema.XMLSchema:
    name = f"camt.053.001.{version}.xsd"
    with as_file(files("app.ledger.receivables") / "schemas" / name) as path:
        return xmlschema.XMLSchema(str(path), allow="local", defuse="always")


def _statement(element: Any, space: dict[str, str], sha256: str) -> Statement:
    reference = element.findtext("c:Id", "", space)
    iban = element.findtext("c:Acct/c:Id/c:IBAN", "", space)
    if not is_iban(iban):
        raise StatementRefused(f"statement {reference} is of no account with an IBAN")
    balances: dict[str, Any] = {}
    for balance in element.iterfind("c:Bal", space):
        balances.setdefault(balance.findtext("c:Tp/c:CdOrPrtry/c:Cd", "", space), balance)
    first, last = balances.get("OPBD", balances.get("PRCD")), balances.get("CLBD")
    if first is None or last is None:
        raise StatementRefused(f"statement {reference} lacks its opening or closing balance")
    opening, (closing_minor, currency) = _signed(first, space), _signed(last, space)
    closed_on = _day(last, space, "c:Dt")
    if closed_on is None:
        raise StatementRefused(f"statement {reference} does not say when it closes")
    moved, receipts, paid_out = 0, list[Receipt](), 0
    seen = Counter[str]()
    for entry in element.iterfind("c:Ntry", space):
        status = entry.findtext("c:Sts/c:Cd", "", space) or entry.findtext("c:Sts", "", space)
        if status.strip() != "BOOK":
            continue
        minor, coin = _signed(entry, space)
        if coin != currency:
            raise StatementRefused(f"statement {reference} is in {currency}, entry in {coin}")
        moved += minor
        reversal = entry.findtext("c:RvslInd", "false", space).strip() in ("true", "1")
        if (minor > 0) is not reversal and minor:
            receipts += _receipts(entry, space, (minor, currency), closed_on, seen)
        else:
            paid_out += 1
    if opening != (closing_minor - moved, currency):
        raise StatementRefused(
            f"statement {reference} does not add up: it opens at {opening[0]} {opening[1]}, moves "
            f"{moved} and closes at {closing_minor} {currency} minor units; ask the bank to send "
            "it again"
        )
    return Statement(
        file_sha256=sha256,
        reference=reference,
        iban=iban,
        currency=currency,
        closed_on=closed_on,
        opening_minor=opening[0],
        closing_minor=closing_minor,
        receipts=tuple(receipts),
        paid_out=paid_out,
    )


def _receipts(
    entry: Any,
    space: dict[str, str],
    amount: tuple[int, str],
    closed_on: date,
    seen: Counter[str],
) -> Iterator[Receipt]:
    """Yield an entry, or its transactions where it is a batch that states each amount."""
    minor, currency = amount
    own = _reference(entry, space, "c:AcctSvcrRef")
    booked_on = _day(entry, space, "c:BookgDt") or _day(entry, space, "c:ValDt") or closed_on
    parts = entry.findall("c:NtryDtls/c:TxDtls", space)
    amounts = [_amount_of(part, space, currency) for part in parts]
    sign = 1 if minor > 0 else -1
    is_batch = len(parts) > 1 and all(amounts) and sum(x or 0 for x in amounts) == abs(minor)
    for number, part in enumerate(parts if is_batch else [entry]):
        reference = _reference(part, space, "c:Refs/c:AcctSvcrRef") if is_batch else own
        amount_minor = sign * (amounts[number] or 0) if is_batch else minor
        payer = _texts(part, space, "c:Dbtr//c:Nm")[:200]
        said = _texts(part, space, "c:CdtrRefInf/c:Ref", "c:RmtInf/c:Ustrd", "c:Refs/c:EndToEndId")[
            :2000
        ]
        says = f"{reference or own}\n{booked_on}\n{amount_minor}\n{payer}\n{said}"
        seen[says] += 1  # twice the same within one statement is two entries
        yield Receipt(
            fingerprint=hashlib.sha256(f"{seen[says]}\n{says}".encode()).hexdigest(),
            reference=reference or own,
            amount_minor=amount_minor,
            booked_on=booked_on,
            payer=payer,
            said=said,
        )


def _reference(part: Any, space: dict[str, str], path: str) -> str:
    said: str = part.findtext(path, "", space).strip()
    return "" if said.upper() in NO_REFERENCE else said


def _day(element: Any, space: dict[str, str], path: str) -> date | None:
    said = element.findtext(f"{path}/c:Dt", "", space) or element.findtext(
        f"{path}/c:DtTm", "", space
    )
    try:
        return date.fromisoformat(said.strip()[:10]) if said else None
    except ValueError:
        raise StatementRefused(f"{said[:40]} is no day that this calendar has") from None


def _texts(part: Any, space: dict[str, str], *paths: str) -> str:
    found = [each.text or "" for path in paths for each in part.iterfind(f".//{path}", space)]
    return "\n".join(dict.fromkeys(found))


def _signed(element: Any, space: dict[str, str]) -> tuple[int, str]:
    amount = element.find("c:Amt", space)
    sign = 1 if element.findtext("c:CdtDbtInd", "", space) == "CRDT" else -1
    return sign * _minor(amount), amount.get("Ccy")


def _amount_of(part: Any, space: dict[str, str], currency: str) -> int | None:
    for path in ("c:Amt", "c:AmtDtls/c:TxAmt/c:Amt"):
        amount = part.find(path, space)
        if amount is not None and amount.get("Ccy") == currency:
            return _minor(amount)
    return None


def _minor(amount: Any) -> int:
    whole, _, part = (amount.text or "").strip().partition(".")
    try:
        return parse_minor(f"{whole or '0'}.{part}".rstrip("0").rstrip("."), amount.get("Ccy"))
    except ValueError as error:
        raise StatementRefused(str(error)) from None
