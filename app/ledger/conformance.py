"""Run a suite of compensation cases (`royalty-cases/1`) through the code that posts royalties."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import BadRequest
from app.ledger.books import Line, RoyaltyState, merge
from app.ledger.errors import RoyaltyRefused
from app.ledger.royalties import post_event
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent

SCHEMA = "royalty-cases/1"


def run_royalties(path: Path) -> tuple[list[str], int, int]:
    """Return one line per mismatch, and how many cases passed and failed.

    An entry is compared by what it does to each account and currency; the order of lines means
    nothing, a line of zero does. An event that the terms refuse posts nothing. Raises BadRequest
    when the file is not a suite.
    """
    mismatches: list[str] = []
    failed = 0
    cases = _read(path)
    for case in cases:
        found = _run_case(case)
        mismatches += found
        failed += bool(found)
    return mismatches, len(cases) - failed, failed


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        # A number with a point keeps its digits as text: nothing here is ever a float.
        suite = json.loads(path.read_bytes(), parse_float=str)
        if suite["schema"] != SCHEMA:
            raise BadRequest(f"{path} is {suite['schema']!r}; this command runs {SCHEMA!r}")
        return [dict(case) for case in suite["cases"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"{path} is not a suite of {SCHEMA!r}: {error}") from error


def _run_case(case: Mapping[str, Any]) -> list[str]:
    name = case.get("id", "a case without id")
    try:
        terms = CompensationTerms.model_validate(case["terms"])
        events = [UsageEvent.model_validate(event) for event in case["events"]]
        expected = [[_line(line) for line in entry] for entry in case["expected"]]
    except (ValidationError, KeyError, TypeError) as error:
        return [f"{name}: not readable: {_short(error)}"]
    if len(events) != len(expected):
        return [f"{name}: {len(events)} events and {len(expected)} expected entries"]
    found = []
    state = RoyaltyState()
    for number, (event, wanted) in enumerate(zip(events, expected, strict=True)):
        refusal = ""
        try:
            got, state = post_event(terms, state, event)
        except RoyaltyRefused as refused:
            got, state, refusal = (), state.skip(), f" ({refused.code}: {refused.detail})"
        if _effect(got) != _effect(wanted):
            found.append(
                f"{name}: event {number}: expected {_shown(wanted)}, got {_shown(got)}{refusal}"
            )
    return found


def _line(line: Mapping[str, Any]) -> Line:
    return Line(line["account"], line["currency"], line["amount"])


def _effect(lines: Iterable[Line]) -> frozenset[Line]:
    return frozenset(merge(lines))


def _shown(lines: Iterable[Line]) -> str:
    return "; ".join(f"{x.account} {x.amount_minor} {x.currency}" for x in lines) or "nothing"


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return f"{type(error).__name__}: {error}"
