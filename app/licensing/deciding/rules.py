"""One file of rules, read: what each rule says of itself, and everything that is wrong with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cedarpy

from app.licensing.document.packs import FOLDER, Pack

OUTCOMES = ("deny", "needs-approval", "obligation", "permit")


class PolicySetInvalid(ValueError):
    """The policies cannot be relied on; nothing starts with them. `problems` are one line each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems[:5]))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a code, what follows from it, and what to say about it.

    `clause` is a JSON pointer into the contract document, empty where no single field answers;
    `pack` names the pack it belongs to, empty for the rules that are for everybody.
    """

    id: str
    outcome: str
    summary: str
    source: str
    clause: str
    next_step: str
    obliges: tuple[str, ...]
    pack: str
    file: str
    text: str


def read_rules(
    name: str, text: str, schema: str, packs: dict[str, Pack]
) -> list[tuple[Rule, dict[str, Any]]]:
    """Read a file's rules with their meaning in Cedar's JSON.

    Raises PolicySetInvalid with every problem of this file, each naming the rule where one can.
    """
    pieces = _pieces(text)
    _must_parse(name, text, pieces)
    parsed = json.loads(cedarpy.policies_to_json_str(text))
    if parsed.get("templates") or parsed.get("templateLinks"):
        raise PolicySetInvalid(f"{name}: templates are not used here; write each rule out")
    if len(pieces) != len(parsed["staticPolicies"]):
        raise PolicySetInvalid(f"{name}: each rule begins with its own @id")
    meanings = [parsed["staticPolicies"][f"policy{number}"] for number in range(len(pieces))]
    named = {f"policy{number}": _id(meaning) for number, meaning in enumerate(meanings)}
    problems = [
        f"{name}, {named.get(error.policy_id, error.policy_id)}: "
        + error.error.replace(f"for policy `{error.policy_id}`, ", "")
        for error in cedarpy.validate_policies(text, schema).errors
    ]
    pack = _pack_of(name, packs, problems)
    found = []
    for piece, meaning in zip(pieces, meanings, strict=True):
        wrong = _wrong_with(meaning, pack)
        if wrong:
            problems.append(f"{name}, {_id(meaning)}: {wrong}")
        else:
            found.append((_rule(name, piece, meaning, pack), meaning))
    if problems:
        raise PolicySetInvalid(*problems)
    return found


def _pieces(text: str) -> list[str]:
    """Split a file into its rules, each beginning at `@id`, without comments between them."""
    lines = [line for line in text.splitlines() if not line.startswith("//")]
    return ["@id(" + piece.strip() for piece in "\n".join(lines).split("@id(")[1:]]


def _must_parse(name: str, text: str, pieces: list[str]) -> None:
    """Raise PolicySetInvalid where a file does not parse, naming the first rule that does not."""
    for piece in [*pieces, text]:
        try:
            cedarpy.policies_to_json_str(piece)
        except ValueError as error:
            rule = f", {piece.split(chr(34))[1]}" if piece.startswith('@id("') else ""
            said = str(error).strip().splitlines() or ["it does not parse"]
            raise PolicySetInvalid(f"{name}{rule}: {said[0]}") from error


def _pack_of(name: str, packs: dict[str, Pack], problems: list[str]) -> Pack | None:
    """Return the pack a file belongs to, none for those that are for everybody."""
    path = Path(name)
    if FOLDER not in path.parts[:-1]:
        return None
    pack = packs.get(path.stem)
    if pack is None:
        problems.append(f"{name}: there is no page {path.stem}.json beside it that can be read")
    return pack


def _wrong_with(meaning: dict[str, Any], pack: Pack | None) -> str:
    """Say what a rule lacks or contradicts; nothing is wrong where the text is empty."""
    notes = meaning.get("annotations") or {}
    lacking = [key for key in ("id", "outcome", "summary", "source") if not notes.get(key)]
    if lacking:
        return f"a rule needs @{lacking[0]}"
    effect = "forbid" if notes["outcome"] in ("deny", "needs-approval") else "permit"
    if notes["outcome"] not in OUTCOMES or meaning["effect"] != effect:
        return f"it says {notes['outcome']} but does not"
    if pack is not None and meaning["conditions"][:1] != [pack.gate]:
        return f"its first condition is not the gate of {pack.name}: its name and its days"
    if pack is not None and notes["outcome"] == "permit":
        return "a pack narrows and obliges; it permits nothing"
    return ""


def _id(meaning: dict[str, Any]) -> str:
    return (meaning.get("annotations") or {}).get("id") or "a rule without @id"


def _rule(name: str, piece: str, meaning: dict[str, Any], pack: Pack | None) -> Rule:
    notes = meaning["annotations"]
    return Rule(
        id=notes["id"],
        outcome=notes["outcome"],
        summary=notes["summary"],
        source=notes["source"],
        clause=notes.get("clause") or "",
        next_step=notes.get("next_step") or "",
        obliges=tuple((notes.get("obliges") or "").split()),
        pack=pack.name if pack else "",
        file=name,
        text=piece,
    )
