"""The AI-use disclosure of an output as a PDF, for a distributor and an insurer.

In the reader's language; the facts inside it, and clauses of contracts, are the same for everybody.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from app.language import SOURCE, _, digits, marked, ngettext, number, reads
from app.licensing.paper.typeset import set_pdf
from app.licensing.words.plain_words import visible, word

TEMPLATE = Path(__file__).parent / "typst" / "disclosure.typ"
STATES = {"licensed": marked("licensed"), "not-licensed": marked("not licensed")}
NOTE = marked(
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
        "lang": reads(),
        "contract_lang": SOURCE,
        "kind": _("Disclosure"),
        "about": _("The output"),
        "title": _("How artificial intelligence was used"),
        "id": facts["generation_id"],
        "facts": [{"name": name, "value": visible(value)} for name, value in _facts(facts)],
        "statements": [visible(text) for text in _statements(facts)],
        "sections": [
            {
                "heading": visible(
                    _(
                        "Contract %(id)s, version %(number)s",
                        id=each["contract_id"],
                        number=each["version"],
                    )
                ),
                "sentences": [
                    visible(sentence)
                    for part in each["plain_language"]
                    for sentence in part["sentences"]
                ],
            }
            for each in facts["disclosed"].get("contracts", ())
        ],
        "note": _(NOTE),
    }


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    told, file = facts["disclosed"], facts["file"]
    found = [
        (_("Output"), facts["generation_id"]),
        (
            _("File"),
            _("%(kind)s, %(num)s bytes", kind=file["media_type"], num=number(file["size_bytes"])),
        ),
        ("SHA-256", file["sha256"]),
        (_("Signed"), _instant(facts["signed_at"])),
        (_("As of"), _instant(facts["as_of"])),
        (_("License then"), _state(facts["license"]["when_made"])),
        (_("License now"), _state(facts["license"]["now"])),
        (_("Made with"), facts["ai_use"]["generator"]),
    ]
    for name, key in ((_("Performers"), "performers"), (_("Licensees"), "licensees")):
        if key in told:
            found.append((name, ", ".join(told[key])))
    if told.get("project"):
        found.append((_("Project"), told["project"]))
    return found + (_use(told["use"]) if "use" in told else [])


def _state(state: str) -> str:
    return _(STATES[state]) if state in STATES else _("not on record")


def _use(use: Mapping[str, Any]) -> list[tuple[str, str]]:
    length_s = use["length_ms"] / 1000
    said = [
        (_("For"), word(use["purpose"])),
        (_("Seen on"), word(use["medium"])),
        (_("Places"), ", ".join(use["territories"])),
        (_("Languages"), ", ".join(use["languages"])),
        (_("Words spoken"), use["line"]),
        (_("Length"), f"{digits(f'{length_s:g}')} s"),
    ]
    return [(name, value) for name, value in said if value]


def _statements(facts: Mapping[str, Any]) -> list[str]:
    count = len(facts["contracts"])
    what = (
        _(
            "Footage in this file was altered by artificial intelligence: it shows or sounds like "
            "a real, registered performer through a digital replica."
        )
        if facts["ai_use"]["altered_footage"]
        else _(
            "This file was made by artificial intelligence: it shows or sounds like a real, "
            "registered performer through a digital replica."
        )
    )
    permitted = ngettext(
        "It was permitted, and permitted again at its release, by written rules under "
        "%(num)s signed contract, named here by commitments, which show nothing of their terms.",
        "It was permitted, and permitted again at its release, by written rules under "
        "%(num)s signed contracts, named here by commitments, which show nothing of their terms.",
        count,
    )
    labeled = _(
        "The file says so itself: a signed C2PA manifest, and an invisible watermark where the "
        "content can carry one. Whoever shows it keeps both, and labels it where a law asks for "
        "it (European Union: Regulation 2024/1689, Article 50)."
    )
    published = (
        _("Its release is in the public log, which can only grow.")
        if facts["log"]["state"] == "logged"
        else _("Its release waits to be published in the public log.")
    )
    return [what, permitted, labeled, published]


def _instant(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
