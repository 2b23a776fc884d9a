"""The AI-use disclosure of an output as a PDF, for a distributor and an insurer."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from app.licensing.paper.typeset import set_pdf
from app.licensing.words.plain_words import WORDS, visible

TEMPLATE = Path(__file__).parent / "typst" / "disclosure.typ"
STATES = {"licensed": "licensed", "not-licensed": "not licensed"}
NOTE = (
    "clearance.json inside this PDF has these facts for programs; clearance.jws is signed by the "
    "installation that released the output. bundle.zip proves release, decisions, signature "
    "and time to whoever checks it, without a server: understudy verify FILE --offline bundle.zip. "
    "What is not written here, the contracts do not let this reader see."
)


def as_pdf(facts: Mapping[str, Any], document: str, *, at: datetime) -> bytes:
    """Return the PDF with `document`, the facts as JSON, inside; the same bytes every time."""
    return set_pdf(TEMPLATE, page(facts), files={"document": document}, at=at)


def page(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that is set, as text."""
    return {
        "title": "How artificial intelligence was used",
        "id": facts["generation_id"],
        "facts": [{"name": name, "value": visible(value)} for name, value in _facts(facts)],
        "statements": [visible(text) for text in _statements(facts)],
        "sections": [
            {
                "heading": visible(f"Contract {each['contract_id']}, version {each['version']}"),
                "sentences": [
                    visible(sentence)
                    for part in each["plain_language"]
                    for sentence in part["sentences"]
                ],
            }
            for each in facts["disclosed"].get("contracts", ())
        ],
        "note": NOTE,
    }


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    told, file = facts["disclosed"], facts["file"]
    found = [
        ("Output", facts["generation_id"]),
        ("File", f"{file['media_type']}, {file['size_bytes']:,} bytes"),
        ("SHA-256", file["sha256"]),
        ("Signed", _instant(facts["signed_at"])),
        ("As of", _instant(facts["as_of"])),
        ("License then", STATES.get(facts["license"]["when_made"], "not on record")),
        ("License now", STATES.get(facts["license"]["now"], "not on record")),
        ("Made with", facts["ai_use"]["generator"]),
    ]
    for name, key in (("Performers", "performers"), ("Licensees", "licensees")):
        if key in told:
            found.append((name, ", ".join(told[key])))
    if told.get("project"):
        found.append(("Project", told["project"]))
    return found + (_use(told["use"]) if "use" in told else [])


def _use(use: Mapping[str, Any]) -> list[tuple[str, str]]:
    said = [
        ("For", WORDS.get(use["purpose"], use["purpose"])),
        ("Seen on", WORDS.get(use["medium"], use["medium"])),
        ("Places", ", ".join(use["territories"])),
        ("Languages", ", ".join(use["languages"])),
        ("Words spoken", use["line"]),
        ("Length", f"{use['length_ms'] / 1000:g} s"),
    ]
    return [(name, value) for name, value in said if value]


def _statements(facts: Mapping[str, Any]) -> list[str]:
    altered = facts["ai_use"]["altered_footage"]
    made = "Footage in this file was altered" if altered else "This file was made"
    count = len(facts["contracts"])
    logged = facts["log"]["state"] == "logged"
    contracts = f"{count} signed {'contract' if count == 1 else 'contracts'}"
    what = (
        f"{made} by artificial intelligence: it shows or sounds like a real, registered "
        "performer through a digital replica."
    )
    permitted = (
        "It was permitted, and permitted again at its release, by written rules under "
        f"{contracts}, named here by commitments, which show nothing of their terms."
    )
    marked = (
        "The file says so itself: a signed C2PA manifest, and an invisible watermark where the "
        "content can carry one. Whoever shows it keeps both, and labels it where a law asks for "
        "it (European Union: Regulation 2024/1689, Article 50)."
    )
    published = (
        "Its release is in the public log, which can only grow."
        if logged
        else "Its release waits to be published in the public log."
    )
    return [what, permitted, marked, published]


def _instant(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
