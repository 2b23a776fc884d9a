"""Whole cases (`consent-scenarios/1`) from the house's short ones: a base and what differs."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "scenarios"
PUBLISHED = Path(__file__).parent.parent.parent / "conformance" / "scenarios.json"


@cache
def _suite() -> str:
    return PUBLISHED.read_text("utf-8")


@cache
def _base() -> dict[str, Any]:
    return published()[0]


def published() -> list[dict[str, Any]]:
    """The cases of the published suite."""
    return list(json.loads(_suite())["scenarios"])


def base() -> dict[str, Any]:
    """A contract, state and request that permit a feature scene: the first published case."""
    return copy.deepcopy(_base())


def merged(onto: Any, changes: Any) -> Any:
    """Lay changes over a value: objects merge, everything else (null too) replaces."""
    if not (isinstance(onto, dict) and isinstance(changes, dict)):
        return copy.deepcopy(changes)
    return {**onto, **{key: merged(onto.get(key), value) for key, value in changes.items()}}


def expanded(short: dict[str, Any], bases: dict[str, Any]) -> dict[str, Any]:
    """Write a short case out in full, in the published schema."""
    whole = base()
    for changes in (bases.get(short.get("base", ""), {}), short):
        contract, state, request = whole["contracts"][0], whole["state"], whole["request"]
        whole |= {
            "contracts": [merged(contract, changes.get("contract", {}))],
            "state": merged(state, changes.get("state", {})),
            "request": merged(request, changes.get("request", {})),
        }
    first = whole["contracts"][0]
    whole["contracts"] += [merged(first, other) for other in short.get("others", ())]
    if short.get("contract", {}) is None:
        whole["contracts"] = []
    ((decision, listed),) = short["expect"].items()
    permitted = decision == "permit"
    whole["expected"] = {
        "decision": decision,
        "reason_codes": [] if permitted else listed,
        "obligations": listed if permitted else [],
    }
    return whole | {"id": short["case"], "title": short["case"], "source": short.get("why", "")}


def house() -> list[dict[str, Any]]:
    """The house's own cases: where the README speaks and the published file is silent."""
    found = []
    for path in sorted(HERE.glob("*.json")):
        suite = json.loads(path.read_text("utf-8"))
        for short in suite["cases"]:
            whole = expanded(short, suite.get("bases", {}))
            found.append(whole | {"id": f"{path.stem}: {short['case']}"})
    return found
