"""Documents of every kind: each field of the schema is drawn, and each leaf can be changed."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from app.licensing.document import contract
from app.licensing.document.contract import DocumentRefused

Path = tuple[str | int, ...]
NAMES = st.sampled_from(
    ["STUDIO_A", "Åsa Öberg", "and", "a, b", 'He said "no"', "“x” and “y”", "字"]
)
NAMES |= st.text(min_size=1, max_size=6)
MINOR = st.sampled_from([0, 7, 1250, "1250", "12.5", "1/3", "0.125"])
SHARE = st.sampled_from(["0.10", "1/3", "1", 0, "0.005"])
IDS = st.sampled_from(["P1", "AG1", "org_9", "fund-1"])
DAYS = st.dates().map(str)


def _some(values: st.SearchStrategy[Any], least: int = 1) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=least, max_size=3, unique=True)


def _words(*words: str, least: int = 1) -> st.SearchStrategy[list[str]]:
    return _some(st.sampled_from(words) | NAMES, least)


def _either(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_TAX = st.fixed_dictionaries({"rate": SHARE, "base": st.sampled_from(["gross_share", "net_share"])})
_PARTY = st.fixed_dictionaries(
    {"weight": st.sampled_from(["1", 2, "1/3"])}, optional={"withholding": _TAX}
)
_PRICES = st.sampled_from([
    {"model": "buyout"}, {"model": "per_second", "rate_minor": "120"},
    {"model": "per_render", "rate_minor": 5}, {"model": "cpm", "rate_minor": "0.5"},
    {"model": "flat", "rate_minor": "1/3"}, {"model": "interest", "annual_rate": "0.08"},
    {"model": "audit_trueup", "rate_minor": 9, "cost_shift_threshold": "0.05"},
    {"model": "day_equivalent", "pro_rata_daily_minor": 90000, "minimum_daily_minor": "125800"},
    {"model": "multiplier", "base_minor": 100, "multiplier": "1.5"},
    {"model": "per_line", "session_minor": 95600, "lines_per_session": 300},
    {"model": "residual_schedule", "base_minor": 100, "schedule": ["1", "1/2", "0.25"]},
    {"model": "revenue_share", "share": "0.1", "deduction_cap": "0.2"},
    {"model": "sum_flat", "items_minor": [100, "2.5"]},
    {"model": "tiered_marginal", "tiers": [[10, 5], [None, "2.5"]]},
    {"model": "tiered_whole", "tiers": [[10, 5], ["20.5", 4], [None, 0]]},
])  # fmt: skip
_EXTRAS = _either(
    language_surcharge=SHARE,
    realtime_multiplier=st.sampled_from(["2", 3]),
    cap_minor=st.just(10**9),
    minimum_guarantee_minor=st.just("700.5"),
    advance=st.fixed_dictionaries(
        {"amount_minor": MINOR, "recoupable": st.booleans()}, optional={"licence": IDS}
    ),
    scale_floor_minor=MINOR,
    ph=st.fixed_dictionaries({"rate": SHARE, "fund": IDS}, optional={"ceiling_minor": MINOR}),
    platform_fee=st.fixed_dictionaries(
        {"rate": SHARE, "mode": st.sampled_from(["on_top", "inclusive"])}
    ),
    withholding=_TAX,
)


@st.composite
def compensation(draw: st.DrawFn) -> dict[str, Any]:
    """Draw compensation terms of any model."""
    price = draw(_PRICES)
    parties = [draw(_PARTY) | {"id": name} for name in draw(_some(IDS))]
    if draw(st.booleans()):
        parties[0] |= {"agent": "AG1", "agent_rate": draw(SHARE)}
    terms = {"currency": "EUR", **price, "parties": parties, **draw(_EXTRAS)}
    if "minimum_guarantee_minor" in terms and draw(st.booleans()):
        terms["guarantee_mode"] = "top_up"
    if "language_surcharge" in terms and draw(st.booleans()):
        terms["included_languages"] = 2
    if price["model"] != "buyout" and draw(st.booleans()):
        terms["floor_minor"] = draw(MINOR)
    if draw(st.booleans()):
        terms |= {"payout_currency": "JPY", "fx": "150.25", "fx_on": "2026-11-22"}
    return terms


PLACES = _some(st.sampled_from(["WORLD", "EU", "US", "US-NY", "FR-IDF", "NORTH_AMERICA", "HK"]))
TERM = st.sampled_from([
    {"start": "2026-07-10", "end": "2026-12-31", "end_inclusive": True, "tz": "Europe/Paris"},
    {"start": "2026-07-10", "end": "2026-12-31", "end_inclusive": False, "tz": "UTC"},
    {"start": "2026-07-10", "end_at": "2026-12-31T12:00:00.25+01:00", "tz": "Asia/Tokyo"},
])  # fmt: skip
GRANT = st.fixed_dictionaries({
    "projects": _words("*", "NIGHTGLASS"),
    "purposes": _words("film_scene", "advertising"),
    "media": _words("svod", "theatrical"),
    "modalities": _words("face", "voice"),
    "territories": st.fixed_dictionaries({"include": PLACES}, optional={"exclude": PLACES}),
    "languages": _some(st.sampled_from(["en", "es-MX", "*", "zh-Hant", "nds"])),
    "dubbing": st.sampled_from(["no", "listed", "cba_default", "yes"]),
    "generators": _words("local/puppet-1", least=0),
    "realtime": st.booleans(),
    "training": st.sampled_from(["no", "project_model_only", "with_approval", "yes"]),
    "term": TERM,
    "quota": _either(max_seconds=st.sampled_from([0, 600, 30.001]), max_renders=st.just(20),
                     max_seconds_per_output=st.just(15)),
    "sublicense": st.sampled_from([{"mode": "no"}, {"mode": "listed", "listed": ["X", "Y Z"]},
                                   {"mode": "with_approval"}, {"mode": "yes", "listed": []}]),
    "content": _either(prohibited=_words("nudity", "smoking"),
                       blocked_brand_categories=_words("tobacco", "ev"),
                       preview_waived=st.booleans()),
})  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {
        "v": st.just(1),
        "instrument": st.sampled_from(["EBDR", "BADR"]) | NAMES,
        "governing": st.sampled_from(["direct", "SAG-AFTRA-TVT-2026"]) | NAMES,
        "performer": st.fixed_dictionaries({"id": st.just("P1"), "name": NAMES, "dob": DAYS}),
        "licensee": st.just("STUDIO_B"),
        "representation": _either(union=NAMES, counsel=st.booleans(), agent=NAMES),
        "consent": st.fixed_dictionaries({
            "clear_and_conspicuous": st.just(True), "separately_signed": st.just(True),
            "uses_description": NAMES.map("In one scene: {}".format),
        }),
        "grant": GRANT,
        "approvals": st.fixed_dictionaries({
            "per_use": st.booleans(), "required": _words("performer", "agent"),
            "on_silence": st.sampled_from(["deny", "wait"]), "sla_hours": st.integers(0, 99),
        }),
        "notice_hours": st.sampled_from([0, 1, 48]),
        "strike_policy": _either(agreements=_words("SAG-AFTRA-TVT-2026")),
        "revocation": st.fixed_dictionaries({
            "wind_down": st.sampled_from(["stop_now", "finish_in_flight"]),
            "notice_days": st.just(0), "existing_outputs": st.sampled_from(["keep", "remove"]),
            "removal_days": st.integers(0, 99),
            "expiry_in_flight": st.sampled_from(["stop", "finish"]),
        }),
        "postmortem": st.fixed_dictionaries(
            {"mode": st.sampled_from(["continue", "terminate", "estate_reapproval"])},
            optional={"rights_years": st.integers(1, 99)}),
        "data": _either(delete_after_term_days=st.integers(0, 99), access=NAMES,
                        encrypted=st.booleans()),
    },
    optional={
        "policy": _either(max_term_years=st.integers(1, 9), minor_court_approval=st.booleans()),
        "exclusivity": _either(category=NAMES, territories=PLACES, media=_words("svod"),
                               holdback_days=st.integers(0, 9)),
        "paper": st.just({"sha256": "0" * 64, "signed_on": "2026-11-22"}),
        "compensation": compensation(),
        "disclosure": st.sampled_from([
            {}, {"now": "credit"}, {"now": "use", "granted_by": "either", "verifiers": "use"},
            {"now": "license", "release_on": "2027-03-01", "after_release": "credit"},
            {"after_release": "use", "granted_by": "performer", "verifiers": "terms"},
        ]),
    },
)  # fmt: skip


def leaves(part: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """List every leaf with its path; an empty list is one, and so is null."""
    if not isinstance(part, dict | list) or part == []:
        yield at, part
        return
    inner = part.items() if isinstance(part, dict) else enumerate(part)
    for step, value in inner:
        yield from leaves(value, (*at, step))


def changes(document: dict[str, Any], path: Path, value: Any) -> Iterator[dict[str, Any]]:
    """List documents that differ in this one leaf and could be on record."""
    for other in _others(value):
        changed = copy.deepcopy(document)
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = other
        try:
            contract.parse(changed, recorded=True)
        except DocumentRefused:
            continue
        yield changed


def _others(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1]
    if isinstance(value, list):
        return [["X"], ["US"], ["en"]]
    texts = [
        "X",
        "2030-01-02",
        "0.007",
        "USD",
        "1" * 64,
        "UTC",
        "on_top",
        "inclusive",
        "gross_share",
    ]
    return [other for other in [*texts, "net_share", "2031-01-02T00:00:00Z", f"{value}?"]
            if other != value]  # fmt: skip


def pointer(path: Path) -> str:
    """Write a path as a JSON pointer; no field of a contract holds a slash."""
    return "".join(f"/{step}" for step in path)
