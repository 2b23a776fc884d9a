"""One statement over everybody an agency represents: put together from the kept ones, exactly.

Nothing is reckoned from the books: each line is one performer's issued statement in one currency,
with what of the agency's own commission names that performer, so that the sheet is the sum of the
statements it lists. Derived each time; what is kept are the statements.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.language import _, marked, money
from app.ledger.models_periods import Period
from app.licensing.paper.typeset import set_pdf
from app.licensing.words.plain_words import visible
from app.payments.documents import period_part
from app.payments.errors import StatementNotFound
from app.payments.models import IssuedStatement
from app.payments.paper import TEMPLATE, TOTALS, table, words
from app.payments.parties import seen_by

SUMS = ("opening_minor", "posted_minor", "corrected_minor", "moved_minor", "closing_minor")
COLUMNS = (
    "period", "currency", "performer_id", "performer", "statement_id", *SUMS, "commission_minor",
    "statement_sha256",
)  # fmt: skip
NOTE = marked(
    "Each line is the statement of one performer, under the id it names; the sums are the sums of "
    "those statements, to the minor unit. Commission is on your own statement, which stays the "
    "one that counts; what it earned on lines about several of your performers, or about one whom "
    "you no longer represent, stands apart."
)


@dataclass(frozen=True)
class Line:
    """One performer's statement in one currency; amounts in minor units, owed to the performer.

    `sums` is by `SUMS`. `commission_minor` is what the agency earned on lines about nobody else.
    """

    performer_id: str
    performer: str
    statement_id: str
    statement_sha256: str
    sums: Mapping[str, int]
    commission_minor: int


@dataclass(frozen=True)
class Sheet:
    """Everybody of an agency in one period and currency.

    `sums` and `commission_minor` are over all lines; `together_minor` is commission on lines about
    several performers, or none by name, `former_minor` on lines about one who is no longer theirs:
    no line has either. `own` is the agency's own statement of the commission.
    """

    currency: str
    lines: Sequence[Line]
    sums: Mapping[str, int]
    commission_minor: int
    together_minor: int
    former_minor: int
    own: Mapping[str, int]


@dataclass(frozen=True)
class Consolidated:
    """All sheets of an agency in one period, by currency."""

    period: Period
    own_statement_id: str | None
    issued_at: datetime
    sheets: Sequence[Sheet]


def periods_of(session: Session, agency_id: str, *, limit: int = 50) -> Sequence[Period]:
    """List the closed periods in which an agency, or somebody it represents, has a statement."""
    theirs = sa.exists().where(col(IssuedStatement.period_id) == col(Period.id), _of(agency_id))
    found = select(Period).where(theirs)
    return session.exec(found.order_by(col(Period.number).desc()).limit(limit)).all()


def consolidate(session: Session, agency_id: str, period_id: str) -> Consolidated:
    """Put an agency's statements of one period together: two queries, however many there are.

    Raises StatementNotFound where there is nothing of theirs, whether or not the period exists.
    """
    theirs = select(IssuedStatement).where(IssuedStatement.period_id == period_id, _of(agency_id))
    found = session.exec(theirs.order_by(col(IssuedStatement.id))).all()
    period = session.get(Period, period_id)
    if period is None or not found:
        raise StatementNotFound("no statement of yours is of that period; choose one of the list")
    own = next((each for each in found if each.kind == "agent"), None)
    return Consolidated(
        period,
        None if own is None else own.id,
        max(each.issued_at for each in found),
        sheets([each for each in found if each.kind == "performer"], own),
    )


def sheets(performers: Iterable[IssuedStatement], own: IssuedStatement | None) -> list[Sheet]:
    """Make a sheet for every currency that any of these statements has."""
    earned, commission_totals = _commission(own)
    lines: dict[str, list[Line]] = defaultdict(list)
    for each in performers:
        document = json.loads(each.document)
        for total in document["totals"]:
            lines[total["currency"]].append(
                Line(
                    each.party_id,
                    document["party"]["name"] or each.party_id,
                    each.id,
                    each.document_sha256,
                    {name: total[name] for name in SUMS},
                    earned[total["currency"]].pop(each.party_id, 0),
                )
            )
    return [
        Sheet(
            currency,
            sorted(lines[currency], key=lambda line: (line.performer, line.performer_id)),
            {name: sum(line.sums[name] for line in lines[currency]) for name in SUMS},
            sum(line.commission_minor for line in lines[currency]),
            earned[currency].pop("", 0),
            sum(earned[currency].values()),  # what no performer's line took
            commission_totals.get(currency, dict.fromkeys(SUMS, 0)),
        )
        for currency in sorted({*lines, *commission_totals})
    ]


def _commission(
    own: IssuedStatement | None,
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Return what the agency's own statement earned, by currency and performer; and its totals.

    Under "" stands what was earned on lines about several performers, or about none by name.
    """
    earned: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    if own is None:
        return earned, {}
    document = json.loads(own.document)
    for line in document["lines"]:
        about = [each["id"] for each in line["performers"]]
        who = about[0] if len(about) == 1 else ""
        earned[line["currency"]][who] += line["amount_minor"]
    totals = {
        total["currency"]: {name: total[name] for name in SUMS} for total in document["totals"]
    }
    return earned, totals


def as_csv(found: Consolidated) -> str:
    """Return every line, and the sums, as CSV (RFC 4180) in minor units."""
    return table(COLUMNS, [row for sheet in found.sheets for row in _rows(found, sheet)])


def as_json(found: Consolidated) -> str:
    """Return the same as canonical JSON (RFC 8785)."""
    document: dict[str, Any] = {
        "v": 1,
        "kind": "consolidated",
        "period": period_part(found.period),
        "own_statement_id": found.own_statement_id,
        "sheets": [
            {
                "currency": sheet.currency,
                "lines": [
                    {
                        "performer": {"id": line.performer_id, "name": line.performer},
                        "statement_id": line.statement_id,
                        "statement_sha256": line.statement_sha256,
                        **line.sums,
                        "commission_minor": line.commission_minor,
                    }
                    for line in sheet.lines
                ],
                "sums": {**sheet.sums, "commission_minor": sheet.commission_minor},
                "commission_together_minor": sheet.together_minor,
                "commission_former_minor": sheet.former_minor,
                "own": dict(sheet.own),
            }
            for sheet in found.sheets
        ],
    }
    return rfc8785.dumps(document).decode()


def as_pdf(found: Consolidated, agency: str) -> bytes:
    """Return it as a PDF with the JSON inside; the same bytes every time."""
    period = found.period
    begins = _("the beginning") if period.starts_at is None else f"{period.starts_at:%Y-%m-%d}"
    ends = f"{period.ends_at:%Y-%m-%d} UTC"
    span = _("%(start)s to %(end)s", start=begins, end=ends)
    facts = (
        (_("For"), visible(agency)),
        (_("Period"), f"{period.number}: {span}"),
        (_("Commission"), found.own_statement_id or _("none")),
    )
    shown = {
        **words(),
        "title": _("Everybody you represent"),
        "id": period.id,
        "note": _(NOTE),
        "facts": [{"name": name, "value": value} for name, value in facts],
        "total_names": [_(name) for name in TOTALS],
        "totals": [
            [money(sheet.sums[name], sheet.currency) for name in SUMS] for sheet in found.sheets
        ],
        "lines": [line for sheet in found.sheets for line in _all_shown(found, sheet)],
    }
    return set_pdf(TEMPLATE, shown, files={"document": as_json(found)}, at=found.issued_at)


def _rows(found: Consolidated, sheet: Sheet) -> Iterable[dict[str, Any]]:
    blank = {"period": found.period.number, "currency": sheet.currency, "performer_id": "",
             "statement_id": "", "statement_sha256": "", **dict.fromkeys(SUMS, "")}  # fmt: skip
    for line in sheet.lines:
        yield {
            **blank,
            "performer_id": line.performer_id,
            "performer": line.performer,
            "statement_id": line.statement_id,
            "statement_sha256": line.statement_sha256,
            **line.sums,
            "commission_minor": line.commission_minor,
        }
    for said, minor in _apart(sheet):
        yield {**blank, "performer": said, "commission_minor": minor}
    yield {
        **blank,
        "performer": "in all",
        **sheet.sums,
        "commission_minor": sheet.commission_minor + sheet.together_minor + sheet.former_minor,
    }


def _apart(sheet: Sheet) -> tuple[tuple[str, int], ...]:
    """Name the commission that is on no performer's line; tables say it in English."""
    return (
        (marked("commission on several together"), sheet.together_minor),
        (marked("commission on performers you no longer represent"), sheet.former_minor),
    )


def _all_shown(found: Consolidated, sheet: Sheet) -> Iterable[dict[str, Any]]:
    """Set every line, then what stands apart, then the agency's own statement of it all."""
    yield from (_shown(sheet, line) for line in sheet.lines)
    for said, minor in _apart(sheet):
        if minor:
            yield _of_agency(sheet, _(said).capitalize(), minor)
    if found.own_statement_id is not None:
        own = zip(TOTALS, SUMS, strict=True)
        yield _of_agency(
            sheet,
            _("Your own statement"),
            sheet.own["posted_minor"] + sheet.own["corrected_minor"],
            found.own_statement_id,
            ", ".join(f"{_(name)} {money(sheet.own[key], sheet.currency)}" for name, key in own),
        )


def _of_agency(sheet: Sheet, what: str, commission_minor: int, *small: str) -> dict[str, Any]:
    return {
        "day": "",
        "what": what,
        "quantities": _said(sheet, commission_minor),
        "amount": "",
        "clauses": [],
        "small": list(small),
        "note": "",
    }


def _shown(sheet: Sheet, line: Line) -> dict[str, Any]:
    return {
        "day": "",
        "what": visible(line.performer),
        "quantities": _said(sheet, line.commission_minor),
        "amount": money(line.sums["closing_minor"], sheet.currency),
        "clauses": [],
        "small": [line.statement_id],
        "note": "",
    }


def _said(sheet: Sheet, minor: int) -> str:
    return _("commission %(amount)s", amount=money(minor, sheet.currency))


def _of(agency_id: str) -> Any:
    return col(IssuedStatement.kind).in_(("performer", "agent")) & seen_by(agency_id)
