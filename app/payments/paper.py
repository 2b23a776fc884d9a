"""A kept statement in other shapes: CSV for a spreadsheet, PDF for a person. Both derived."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from app.ledger.terms import exact
from app.licensing.paper.typeset import set_pdf
from app.licensing.words.plain_words import visible
from app.money import format_minor
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
TOTALS = ("Before", "Posted", "Corrected", "Paid", "In all")
USAGE_TOTALS = ("Performer", "Uses", "Seconds", "Day-equivalents")
TITLES = {
    "performer": "What your replica earned",
    "agent": "Your commission",
    "production": "What you were charged",
    "union": "Contributions under your agreements",
    "usage": "How replicas were used",
}
NOTE = (
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


def as_pdf(statement: IssuedStatement) -> bytes:
    """Return the statement as a PDF with the JSON inside; the same bytes every time."""
    files = {"document": statement.document}
    shown = page(json.loads(statement.document), statement.issued_at)
    return set_pdf(TEMPLATE, shown, files=files, at=statement.issued_at)


def page(document: Mapping[str, Any], issued_at: datetime) -> dict[str, Any]:
    """Return everything that is set, as text."""
    is_usage, period = document["kind"] == "usage", document["period"]
    about = [("Production", _name(document["about"]))] if is_usage else []
    facts = [
        ("For", _name(document["party"])),
        *about,
        ("Period", f"{period['number']}: {_span(period)}"),
        ("Issued", f"{issued_at:%Y-%m-%d %H:%M} UTC"),
        ("Statement", document["id"]),
    ]
    return {
        "title": TITLES[document["kind"]],
        "id": document["id"],
        "note": NOTE,
        "facts": [{"name": name, "value": value} for name, value in facts],
        "total_names": USAGE_TOTALS if is_usage else TOTALS,
        "totals": [(_usage_total if is_usage else _total)(each) for each in document["totals"]],
        "lines": [
            *((_usage_shown if is_usage else _shown)(line) for line in document["lines"]),
            *(_moved(move) for move in document.get("payments", ())),
        ],
    }


def _name(party: Mapping[str, Any]) -> str:
    return visible(party["name"] or party["id"])


def _span(period: Mapping[str, Any]) -> str:
    begins = period["starts_at"]
    return f"{'the beginning' if begins is None else _day(begins)} to {_day(period['ends_at'])}"


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _total(total: Mapping[str, Any]) -> list[str]:
    names = ("opening", "posted", "corrected", "moved", "closing")
    return [format_minor(total.get(f"{name}_minor", 0), total["currency"]) for name in names]


def _shown(line: Mapping[str, Any]) -> dict[str, Any]:
    output = line["output"] or {}
    who = ", ".join(each["name"] or each["id"] for each in line["performers"])
    small = _linked(line)
    if line["corrects"]:
        corrects = line["corrects"]
        small.append(f"Corrects {corrects['entry_id']} of period {corrects['period']}")
    return {
        "day": line["posted_at"][:10],
        "what": visible(" · ".join(filter(None, (line["what"], output.get("project"), who)))),
        "quantities": counted(line["quantities"]),
        "amount": format_minor(line["amount_minor"], line["currency"]),
        "clauses": line["clauses"],
        "small": [visible(text) for text in small],
        "note": visible(line["note"]),
    }


def _moved(move: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "day": move["posted_at"][:10],
        "what": visible(move["what"]),
        "quantities": "",
        "amount": format_minor(move["amount_minor"], move["currency"]),
        "clauses": [],
        "small": [f"Journal entry {move['entry_id']}"],
        "note": "",
    }


def _usage_total(total: Mapping[str, Any]) -> list[str]:
    days = total["day_equivalents"]
    told = [_name(total["performer"]), str(total["uses"]), total["seconds"]]
    return [*told, "not reported" if days is None else days]


def _usage_shown(line: Mapping[str, Any]) -> dict[str, Any]:
    output, days = line["output"] or {}, line["day_equivalents"]
    what = (line["what"], output.get("project"), line["performer"]["name"])
    for_what = [f"Purpose {output['purpose']}, medium {output['medium']}"] if output else []
    return {
        "day": line["posted_at"][:10],
        "what": visible(" · ".join(filter(None, what))),
        "quantities": "" if days is None else f"{days} day-equivalents",
        "amount": f"{line['seconds']} s",
        "clauses": [],
        "small": [visible(text) for text in [*for_what, *_linked(line)]],
        "note": "",
    }


def _linked(line: Mapping[str, Any]) -> list[str]:
    """Say what a line can be checked against: contract, output, journal entry."""
    output, contract = line["output"], line["contract"]
    version = "" if contract["version"] is None else f", version {contract['version']}"
    made = []
    if output:
        made = [f"Output of {output['generation_id']}, SHA-256 {output['sha256'] or 'none'}"]
    return [f"Contract {contract['id']}{version}", *made, f"Journal entry {line['entry_id']}"]


def counted(quantities: Mapping[str, str]) -> str:
    """Say what was counted: "5 seconds"; renders and counts of one go without saying."""
    unsaid = ("renders", "count", "languages")
    return ", ".join(
        f"{text} {name.removesuffix('_minor').replace('_', ' ')}"
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
