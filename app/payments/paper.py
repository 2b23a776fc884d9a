"""A kept statement in other shapes: CSV for a spreadsheet, PDF for a person. Both derived.

The PDF is in the reader's language; the JSON inside it, and the CSV, are the same for everybody.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from app.language import SOURCE, _, digits, marked, money, reads
from app.ledger.terms import exact
from app.licensing.paper.typeset import set_pdf
from app.licensing.words.plain_words import visible, word
from app.payments.models import IssuedStatement

TEMPLATE = Path(__file__).parent / "typst" / "statement.typ"
COLUMNS = (
    "statement_id", "period", "posted_at", "what", "project", "purpose", "medium", "performers",
    "quantities", "currency", "amount_minor", "clauses", "contract_id", "contract_version",
    "contract_sha256", "terms_sha256", "generation_id", "output_sha256", "entry_id",
    "entry_sha256", "corrects_entry_id", "corrects_period", "note",
)  # fmt: skip
USAGE_COLUMNS = (
    "statement_id", "period", "production_id", "posted_at", "what", "performer_id", "performer",
    "project", "purpose", "medium", "seconds", "day_equivalents", "contract_id",
    "contract_version", "contract_sha256", "generation_id", "output_sha256", "entry_id",
    "entry_sha256",
)  # fmt: skip
TOTALS = (
    marked("Before"), marked("Posted"), marked("Corrected"), marked("Paid"), marked("In all"),
)  # fmt: skip
USAGE_TOTALS = (
    marked("Performer"), marked("Uses"), marked("Seconds"), marked("Day-equivalents"),
)  # fmt: skip
TITLES = {
    "performer": marked("What your replica earned"),
    "agent": marked("Your commission"),
    "production": marked("What you were charged"),
    "union": marked("Contributions under your agreements"),
    "usage": marked("How replicas were used"),
}
HAPPENED = {
    "use": marked("use"),
    "reversal": marked("reversal"),
    "refund": marked("refund"),
    "advance": marked("advance"),
    "guarantee": marked("guarantee"),
    "interest": marked("interest"),
    "audit": marked("audit"),
    "draft": marked("draft"),
    "stopped render": marked("stopped render"),
    "payout sent": marked("payout sent"),
    "payout settled": marked("payout settled"),
    "payout returned": marked("payout returned"),
}
COUNTED = {
    "seconds": marked("%(number)s seconds"),
    "renders": marked("%(number)s renders"),
    "lines": marked("%(number)s lines"),
    "days": marked("%(number)s days"),
    "count": marked("%(number)s count"),
    "languages": marked("%(number)s languages"),
    "impressions": marked("%(number)s impressions"),
    "gross_receipts_minor": marked("%(number)s gross receipts"),
    "deductions_minor": marked("%(number)s deductions"),
    "days_late": marked("%(number)s days late"),
    "principal_minor": marked("%(number)s principal"),
    "reported_seconds": marked("%(number)s reported seconds"),
    "actual_seconds": marked("%(number)s actual seconds"),
    "audit_cost_minor": marked("%(number)s audit cost"),
    "stopped_cost_minor": marked("%(number)s stopped cost"),
}
# The sentence of a clause in the reader's language: by the digest of its terms, and its pointer.
Clauses = Mapping[tuple[str, str], str]
NOTE = marked(
    "The file statement.json inside this PDF has the same lines with the digest of every journal "
    "entry, contract and output, so that they can be checked. A closed period never changes: what "
    "is corrected later stands in a later statement and names the entry it corrects."
)


def as_csv(statement: IssuedStatement) -> str:
    """Return the lines as CSV (RFC 4180): minor units, and no cell that a spreadsheet would run."""
    document = json.loads(statement.document)
    if statement.kind == "usage":
        return table(USAGE_COLUMNS, [_usage_row(document, line) for line in document["lines"]])
    rows = [_row(document, line) for line in document["lines"]]
    rows += [_moved_row(document, move) for move in document.get("payments", ())]
    return table(COLUMNS, rows)


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows under a header; text that a spreadsheet would read as a formula is quoted."""
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(row[name]) for name in columns} for row in rows)
    return written.getvalue()


def as_pdf(statement: IssuedStatement, clauses: Clauses | None = None) -> bytes:
    """Return the statement as a PDF with the JSON inside; the same bytes every time.

    It is in the reader's language: `clauses` are its clauses there (`statements.clauses_in_words`);
    without them they stand in English, as they are kept.
    """
    files = {"document": statement.document}
    shown = page(json.loads(statement.document), statement.issued_at, clauses or {})
    return set_pdf(TEMPLATE, shown, files=files, at=statement.issued_at)


def page(document: Mapping[str, Any], issued_at: datetime, clauses: Clauses) -> dict[str, Any]:
    """Return everything that is set, as text."""
    is_usage, period = document["kind"] == "usage", document["period"]
    about = [(_("Production"), _name(document["about"]))] if is_usage else []
    facts = [
        (_("For"), _name(document["party"])),
        *about,
        (_("Period"), f"{period['number']}: {_span(period)}"),
        (_("Issued"), f"{issued_at:%Y-%m-%d %H:%M} UTC"),
        (_("Statement"), document["id"]),
    ]
    return {
        **words(),
        "title": _(TITLES[document["kind"]]),
        "id": document["id"],
        "note": _(NOTE),
        "facts": [{"name": name, "value": value} for name, value in facts],
        "total_names": [_(name) for name in (USAGE_TOTALS if is_usage else TOTALS)],
        "totals": [(_usage_total if is_usage else _total)(each) for each in document["totals"]],
        "lines": [
            *(
                _usage_shown(line) if is_usage else _shown(line, clauses)
                for line in document["lines"]
            ),
            *(_moved(move) for move in document.get("payments", ())),
        ],
    }


def words() -> dict[str, str]:
    """Return what the template itself says, and in which language."""
    return {
        "lang": reads(),
        "kind": _("Statement"),
        "in_sum": _("In sum"),
        "line_by_line": _("Line by line"),
    }


def _name(party: Mapping[str, Any]) -> str:
    return visible(party["name"] or party["id"])


def _span(period: Mapping[str, Any]) -> str:
    begins = period["starts_at"]
    return _(
        "%(start)s to %(end)s",
        start=_("the beginning") if begins is None else _day(begins),
        end=_day(period["ends_at"]),
    )


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _total(total: Mapping[str, Any]) -> list[str]:
    names = ("opening", "posted", "corrected", "moved", "closing")
    return [money(total.get(f"{name}_minor", 0), total["currency"]) for name in names]


def _shown(line: Mapping[str, Any], clauses: Clauses) -> dict[str, Any]:
    output = line["output"] or {}
    who = ", ".join(each["name"] or each["id"] for each in line["performers"])
    small = _linked(line)
    if line["corrects"]:
        corrects = line["corrects"]
        small.append(
            _(
                "Corrects %(entry)s of period %(number)s",
                entry=corrects["entry_id"],
                number=corrects["period"],
            )
        )
    return {
        "day": line["posted_at"][:10],
        "what": visible(" · ".join(filter(None, (_happened(line), output.get("project"), who)))),
        "quantities": counted(line["quantities"]),
        "amount": money(line["amount_minor"], line["currency"]),
        "clauses": [_clause(line["terms_sha256"], each, clauses) for each in line["clauses"]],
        "small": [visible(text) for text in small],
        "note": visible(line["note"]),
    }


def _clause(terms_sha256: str, clause: Mapping[str, str], clauses: Clauses) -> dict[str, str]:
    """Give a clause's sentence as the reader reads it, else as it is kept, in English."""
    pointer = clause["pointer"]
    said = clauses.get((terms_sha256, pointer))
    if said is None:
        return {"pointer": pointer, "said": clause["said"], "lang": SOURCE}
    return {"pointer": pointer, "said": said, "lang": reads()}


def _happened(line: Mapping[str, Any]) -> str:
    what: str = line["what"]
    return _(HAPPENED[what]) if what in HAPPENED else what


def _moved(move: Mapping[str, Any]) -> dict[str, Any]:
    what, _space, id_ = move["what"].rpartition(" ")
    return {
        "day": move["posted_at"][:10],
        "what": visible(f"{_(HAPPENED[what])} {id_}" if what in HAPPENED else move["what"]),
        "quantities": "",
        "amount": money(move["amount_minor"], move["currency"]),
        "clauses": [],
        "small": [_("Journal entry %(entry)s", entry=move["entry_id"])],
        "note": "",
    }


def _usage_total(total: Mapping[str, Any]) -> list[str]:
    days = total["day_equivalents"]
    told = [_name(total["performer"]), str(total["uses"]), digits(total["seconds"])]
    return [*told, _("not reported") if days is None else digits(days)]


def _usage_shown(line: Mapping[str, Any]) -> dict[str, Any]:
    output, days = line["output"] or {}, line["day_equivalents"]
    what = (_happened(line), output.get("project"), line["performer"]["name"])
    for_what = []
    if output:
        for_what = [
            _(
                "Purpose: %(purpose)s; medium: %(medium)s",
                purpose=word(output["purpose"]),
                medium=word(output["medium"]),
            )
        ]
    return {
        "day": line["posted_at"][:10],
        "what": visible(" · ".join(filter(None, what))),
        "quantities": "" if days is None else _("%(number)s day-equivalents", number=digits(days)),
        "amount": f"{digits(line['seconds'])} s",
        "clauses": [],
        "small": [visible(text) for text in [*for_what, *_linked(line)]],
        "note": "",
    }


def _linked(line: Mapping[str, Any]) -> list[str]:
    """Say what a line can be checked against: contract, output, journal entry."""
    output, contract = line["output"], line["contract"]
    made = []
    if output:
        made = [
            _(
                "Output of %(id)s, SHA-256 %(sha256)s",
                id=output["generation_id"],
                sha256=output["sha256"] or _("none"),
            )
        ]
    return [
        _("Contract %(id)s", id=contract["id"])
        if contract["version"] is None
        else _(
            "Contract %(id)s, version %(number)s", id=contract["id"], number=contract["version"]
        ),
        *made,
        _("Journal entry %(entry)s", entry=line["entry_id"]),
    ]


def counted(quantities: Mapping[str, str]) -> str:
    """Say what was counted: "5 seconds"; renders and counts of one go without saying."""
    unsaid = ("renders", "count", "languages")
    return ", ".join(
        _(COUNTED[name], number=digits(text))
        for name, text in quantities.items()
        if name not in unsaid or exact(text) > 1
    )


def _row(document: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    corrects = line["corrects"] or {}
    return {
        **_linked_cells(document, line),
        **{name: line[name] for name in ("currency", "amount_minor", "terms_sha256", "note")},
        "performers": " ".join(each["id"] for each in line["performers"]),
        "quantities": " ".join(f"{name}={text}" for name, text in line["quantities"].items()),
        "clauses": " ".join(each["pointer"] for each in line["clauses"]),
        "corrects_entry_id": corrects.get("entry_id"),
        "corrects_period": corrects.get("period"),
    }


def _moved_row(document: Mapping[str, Any], move: Mapping[str, Any]) -> dict[str, Any]:
    blank = dict.fromkeys(COLUMNS)
    return {
        **blank,
        **move,
        "statement_id": document["id"],
        "period": document["period"]["number"],
    }


def _usage_row(document: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_linked_cells(document, line),
        "production_id": document["about"]["id"],
        "performer_id": line["performer"]["id"],
        "performer": line["performer"]["name"],
        "seconds": line["seconds"],
        "day_equivalents": line["day_equivalents"],
    }


def _linked_cells(document: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    output, contract = line["output"] or {}, line["contract"]
    return {
        **{name: line[name] for name in ("posted_at", "what", "entry_id", "entry_sha256")},
        **{name: output.get(name) for name in ("project", "purpose", "medium", "generation_id")},
        "statement_id": document["id"],
        "period": document["period"]["number"],
        "contract_id": contract["id"],
        "contract_version": contract["version"],
        "contract_sha256": contract["document_sha256"],
        "output_sha256": output.get("sha256"),
    }


def _cell(value: object) -> object:
    """Keep a spreadsheet from running what somebody wrote: numbers stay, formulas become text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
