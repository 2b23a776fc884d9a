"""Mutation control: change one rule in one place, and some case must notice.

Run by hand for the whole list: `python -m tests.licensing.mutants` prints every survivor.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import cedarpy

from app.licensing.deciding.conformance import read_case
from app.licensing.deciding.decide import PolicySet, decide, load_policies
from tests.licensing.cases import house, published

Meaning = dict[str, Any]
Path = tuple[str | int, ...]
FLIPPED = {">=": ">", ">": ">=", "<": "<=", "<=": "<", "==": "!=", "!=": "=="}


# Changes that change nothing, and why; any other survivor is a defect of the cases or of the rule.
_EARLIER = "an exclusive signed earlier, or at the same instant, has denied by itself"
EQUIVALENT = {
    (
        "PERMIT",
        "condition 0 dropped",
    ): "a performer without a contract always meets a denial",
    ("exclusivity_overlap_alert", "condition 1 dropped"): _EARLIER,
    ("exclusivity_overlap_alert", "conditions/1/body: > made >="): _EARLIER,
}


@dataclass(frozen=True)
class Mutant:
    """One rule changed in one place; `meaning` None when the rule is gone."""

    rule: str
    what: str
    meaning: Meaning | None


def meanings() -> dict[str, Meaning]:
    """Each rule's Cedar JSON, by code."""
    found = {}
    for path in sorted(load_policies().directory.rglob("*.cedar")):
        parsed = json.loads(cedarpy.policies_to_json_str(path.read_text("utf-8")))
        found |= {rule["annotations"]["id"]: rule for rule in parsed["staticPolicies"].values()}
    return found


def coarse(rule: str, meaning: Meaning) -> Iterator[Mutant]:
    """The rule deleted, and each of its conditions inverted."""
    yield Mutant(rule, "deleted", None)
    for number, condition in enumerate(meaning["conditions"]):
        flipped = {"when": "unless", "unless": "when"}[condition["kind"]]
        yield Mutant(
            rule,
            f"condition {number} inverted",
            _with(meaning, ("conditions", number, "kind"), flipped),
        )


def fine(rule: str, meaning: Meaning) -> Iterator[Mutant]:
    """Each condition dropped, each action taken away or all let in, each operator changed."""
    for number in range(len(meaning["conditions"])):
        dropped = copy.deepcopy(meaning)
        del dropped["conditions"][number]
        yield Mutant(rule, f"condition {number} dropped", dropped)
    listed = meaning["action"].get("entities", ())
    for entity in listed:
        fewer = [other for other in listed if other != entity]
        yield Mutant(rule, f"without {entity['id']}", _with(meaning, ("action", "entities"), fewer))
    if meaning["action"]["op"] != "All":
        yield Mutant(rule, "for every action", _with(meaning, ("action",), {"op": "All"}))
    for path, node in _nodes(meaning["conditions"], ("conditions",)):
        for what, changed in _changes(node):
            yield Mutant(rule, f"{'/'.join(map(str, path))}: {what}", _with(meaning, path, changed))


def _changes(node: Any) -> Iterator[tuple[str, Any]]:
    for operator in ("&&", "||"):
        if operator in node:
            yield f"left of {operator} only", node[operator]["left"]
            yield f"right of {operator} only", node[operator]["right"]
    if "!" in node:
        yield "not, dropped", node["!"]["arg"]
    for operator, other in FLIPPED.items():
        if operator in node:
            yield f"{operator} made {other}", {other: node[operator]}
    for element in node.get("Set", ()):
        if len(node["Set"]) > 1:
            rest = [other for other in node["Set"] if other != element]
            yield f"without {element}", {"Set": rest}


def _nodes(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in members:
        if isinstance(member, dict | list):
            yield from _nodes(member, (*path, key))


def _with(meaning: Meaning, path: Path, value: Any) -> Meaning:
    changed = copy.deepcopy(meaning)
    *steps, last = path
    place: Any = changed
    for step in steps:
        place = place[step]
    place[last] = value
    return changed


def with_meanings(rules: Mapping[str, Meaning | None]) -> cedarpy.PolicySet:
    """Parse rules from their Cedar JSON, without those that are gone (None)."""
    present = [meaning for meaning in rules.values() if meaning is not None]
    texts = {f"policy{number}": meaning for number, meaning in enumerate(present)}
    whole = {"staticPolicies": texts, "templates": {}, "templateLinks": []}
    return cedarpy.PolicySet.from_json_str(json.dumps(whole))


class Control:
    """Every case, and which rules each one exercises."""

    def __init__(self) -> None:
        self.policies = load_policies()
        self.meanings = meanings()
        self.cases = []
        for case in [*published(), *house()]:
            inputs = read_case(case)
            touched = set(decide(self.policies, *inputs).policy_ids)
            self.cases.append((inputs, case["expected"], touched))

    def survivors(
        self, make: Callable[[str, Meaning], Iterator[Mutant]]
    ) -> Iterator[tuple[Mutant, int]]:
        """Yield every mutant no case notices, with its number."""
        number = 0
        for rule, meaning in self.meanings.items():
            nearest = sorted(self.cases, key=lambda case: rule not in case[2])
            for mutant in make(rule, meaning):
                number += 1
                policies = self._with(mutant)
                if not any(self._notices(policies, *case[:2]) for case in nearest):
                    yield mutant, number

    def _with(self, mutant: Mutant) -> PolicySet:
        engine = with_meanings({**self.meanings, mutant.rule: mutant.meaning})
        return replace(self.policies, engine=engine)

    @staticmethod
    def _notices(policies: PolicySet, inputs: Any, expected: dict[str, Any]) -> bool:
        decision = decide(policies, *inputs)
        return (
            decision.outcome != expected["decision"]
            or list(decision.codes) != sorted(expected["reason_codes"])
            or list(decision.obligations) != sorted(expected["obligations"])
        )


if __name__ == "__main__":
    control = Control()
    total = 0
    for kind in (coarse, fine):
        total += sum(1 for rule, m in control.meanings.items() for _ in kind(rule, m))
        for survivor, _ in control.survivors(kind):
            why = EQUIVALENT.get((survivor.rule, survivor.what), "SURVIVES")
            print(f"{survivor.rule} | {survivor.what} | {why}")
    print("mutants:", total)
