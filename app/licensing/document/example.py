"""One whole contract document, as the documentation shows it: one film scene, paid per second."""

from typing import Any

DOCUMENT: dict[str, Any] = {
    "v": 1,
    "instrument": "ICDR",
    "governing": "HOUSE-2026",
    "performer": {
        "id": "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
        "name": "Griet of Delft",
        "dob": "1990-05-04",
    },
    "licensee": "org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "representation": {"agent": "org_01JD3Z6N8Q4C0R2T5V7X9Y1B4E"},
    "consent": {
        "clear_and_conspicuous": True,
        "separately_signed": True,
        "uses_description": "My face and a synthetic voice may speak scene 41 as scripted.",
    },
    "grant": {
        "projects": ["NIGHTGLASS"],
        "purposes": ["film_scene"],
        "media": ["theatrical", "svod"],
        "modalities": ["face", "voice"],
        "territories": {"include": ["DE", "FR", "NL"], "exclude": []},
        "languages": ["en"],
        "dubbing": "no",
        "generators": ["local/puppet-1"],
        "realtime": False,
        "training": "no",
        "term": {
            "start": "2026-11-22",
            "end": "2027-11-21",
            "end_inclusive": True,
            "tz": "Europe/Amsterdam",
        },
        "quota": {"max_seconds": 40, "max_renders": None, "max_seconds_per_output": 10},
        "sublicense": {"mode": "no"},
        "content": {
            "prohibited": ["nudity", "political_endorsement", "smoking"],
            "approval": [],
            "blocked_brand_categories": ["tobacco"],
            "preview_waived": True,
        },
    },
    "approvals": {"per_use": False, "required": [], "on_silence": "deny", "sla_hours": 48},
    "notice_hours": 0,
    "strike_policy": {"agreements": []},
    "revocation": {
        "wind_down": "stop_now",
        "notice_days": 0,
        "existing_outputs": "keep",
        "removal_days": 0,
        "expiry_in_flight": "stop",
    },
    "postmortem": {"mode": "terminate"},
    "data": {"delete_after_term_days": 90, "encrypted": True},
    "compensation": {
        "currency": "EUR",
        "model": "per_second",
        "rate_minor": "1250",
        "parties": [
            {
                "id": "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
                "weight": "1",
                "agent": "org_01JD3Z6N8Q4C0R2T5V7X9Y1B4E",
                "agent_rate": "0.10",
            }
        ],
    },
}
