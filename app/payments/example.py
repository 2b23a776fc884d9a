"""One statement, as the documentation shows it: five seconds of a film scene."""

from typing import Any

_ENTRY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_PERFORMER = {"id": "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D", "name": "Griet of Delft"}
STATEMENT: dict[str, Any] = {
    "v": 1,
    "id": "stm_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "kind": "performer",
    "party": _PERFORMER,
    "period": {
        "id": "prd_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
        "number": 1,
        "starts_at": None,
        "ends_at": "2026-12-01T00:00:00.000000Z",
        "sha256": _ENTRY,
    },
    "totals": [
        {
            "currency": "EUR",
            "opening_minor": 0,
            "posted_minor": 5625,
            "corrected_minor": 0,
            "moved_minor": 0,
            "closing_minor": 5625,
        }
    ],
    "lines": [
        {
            "entry_id": "jre_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
            "entry_sha256": _ENTRY,
            "posted_at": "2026-11-22T21:00:00.000000Z",
            "what": "use",
            "quantities": {"seconds": "5"},
            "output": {
                "generation_id": "gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
                "sha256": _ENTRY,
                "project": "NIGHTGLASS",
                "purpose": "film_scene",
                "medium": "svod",
                "generator": "local/puppet-1",
            },
            "performers": [_PERFORMER],
            "contract": {
                "id": "con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
                "version": 1,
                "document_sha256": _ENTRY,
            },
            "terms_sha256": _ENTRY,
            "clauses": [
                {"pointer": "/compensation/rate_minor", "said": "Each second costs 12.50 EUR."}
            ],
            "account": "performer:per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D:payable",
            "currency": "EUR",
            "amount_minor": 5625,
            "corrects": None,
            "note": "",
        }
    ],
    "payments": [],
}
