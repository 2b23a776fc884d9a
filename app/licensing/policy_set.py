"""The rules, read once: validated against their schema, parsed, and known by one digest."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cedarpy

POLICY_DIR = Path(__file__).parent.parent.parent / "policies"
OUTCOMES = ("deny", "needs-approval", "obligation", "permit")
BASE = "PERMIT"


class PolicySetInvalid(ValueError):
    """The policies cannot be relied on; nothing starts with them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a code, what follows from it, and what to say about it.

    `clause` is a JSON pointer into the contract document, empty where no single field answers.
    """

    id: str
    outcome: str
    summary: str
    source: str
    clause: str
    next_step: str
    obliges: tuple[str, ...]
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class PolicySet:
    """A validated set: engine handles, rules by code, and the digest that names the set."""

    engine: cedarpy.PolicySet
    schema: cedarpy.Schema
    rules: dict[str, Rule]
    digest: str
    files: dict[str, str]
    schema_text: str
    directory: Path = field(default=POLICY_DIR)

    @property
    def standing_obligations(self) -> tuple[str, ...]:
        """What every permit obliges to, whatever the contract."""
        return self.rules[BASE].obliges


def load_policies(directory: Path = POLICY_DIR) -> PolicySet:
    """Read, validate and parse every `*.cedar` under the directory, packs included.

    The digest covers each policy's meaning (its Cedar JSON, sorted by id) and the schema, so that
    comments and order of files do not change it. Raises PolicySetInvalid, naming what is wrong.
    """
    try:
        files = {
            str(path.relative_to(directory)): path.read_text("utf-8")
            for path in sorted(directory.rglob("*.cedar"))
        }
        schema = (directory / "schema.cedarschema").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicySetInvalid(f"the policies in {directory} cannot be read: {error}") from error
    return build(files, schema, directory=directory)


def build(files: dict[str, str], schema: str, *, directory: Path = POLICY_DIR) -> PolicySet:
    """Validate and parse policy texts by file name; the body of `load_policies`, without files."""
    source = "\n".join(files.values())
    try:
        verdict = cedarpy.validate_policies(source, schema)
        if not verdict.validation_passed:
            raise PolicySetInvalid("; ".join(str(error) for error in verdict.errors[:5]))
        rules: dict[str, Rule] = {}
        meanings: dict[str, Any] = {}
        for name, text in files.items():
            for rule, meaning in _read(name, text):
                if rule.id in rules:
                    raise PolicySetInvalid(f"{rule.id} is written twice; one code has one rule")
                rules[rule.id], meanings[rule.id] = rule, meaning
        engine, parsed_schema = cedarpy.PolicySet.from_str(source), cedarpy.Schema.from_str(schema)
    except ValueError as error:
        if isinstance(error, PolicySetInvalid):
            raise
        raise PolicySetInvalid(f"the policies do not parse: {error}") from error
    if BASE not in rules:
        raise PolicySetInvalid(f"there is no base rule {BASE}, so nothing could be permitted")
    named = {"policies": meanings, "schema": hashlib.sha256(schema.encode()).hexdigest()}
    # As RFC 8785 would write it, but for integers beyond 2**53, which Cedar knows and it does not.
    canonical = json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return PolicySet(
        engine=engine,
        schema=parsed_schema,
        rules=rules,
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
        files=files,
        schema_text=schema,
        directory=directory,
    )


def archive(policies: PolicySet) -> str:
    """Return the whole set as one JSON text, to be kept under its digest while renders run."""
    return json.dumps({"v": 1, "files": policies.files, "schema": policies.schema_text})


def restore(text: str, *, digest: str) -> PolicySet:
    """Return an archived set. Raises PolicySetInvalid unless it is the one of that digest."""
    try:
        kept = json.loads(text)
        policies = build(dict(kept["files"]), str(kept["schema"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PolicySetInvalid(f"the archived policies cannot be read: {error}") from error
    if policies.digest != digest:
        raise PolicySetInvalid(f"the archived policies are {policies.digest}, not {digest}")
    return policies


def changed_on_disk(policies: PolicySet) -> bool:
    """Whether the files no longer say what this set says; an unreadable folder has changed."""
    try:
        return load_policies(policies.directory).digest != policies.digest
    except PolicySetInvalid:
        return True


def _read(name: str, text: str) -> list[tuple[Rule, Any]]:
    parsed = json.loads(cedarpy.policies_to_json_str(text))
    if parsed.get("templates") or parsed.get("templateLinks"):
        raise PolicySetInvalid(f"{name}: templates are not used here; write each rule out")
    pieces = _texts(text, len(parsed["staticPolicies"]), name)
    found = []
    for number, piece in enumerate(pieces):
        meaning = parsed["staticPolicies"][f"policy{number}"]
        notes = meaning.get("annotations") or {}
        lacking = [key for key in ("id", "outcome", "summary", "source") if not notes.get(key)]
        if lacking:
            raise PolicySetInvalid(f"{name}: a rule has no @{lacking[0]}: {piece[:80]!r}")
        effect = "forbid" if notes["outcome"] in ("deny", "needs-approval") else "permit"
        if notes["outcome"] not in OUTCOMES or meaning["effect"] != effect:
            raise PolicySetInvalid(f"{name}: {notes['id']} says {notes['outcome']} but does not")
        rule = Rule(
            id=notes["id"],
            outcome=notes["outcome"],
            summary=notes["summary"],
            source=notes["source"],
            clause=notes.get("clause") or "",
            next_step=notes.get("next_step") or "",
            obliges=tuple((notes.get("obliges") or "").split()),
            file=name,
            text=piece,
        )
        found.append((rule, meaning))
    return found


def _texts(text: str, count: int, name: str) -> list[str]:
    """Split a file into its rules, each beginning at `@id`, without comments between them."""
    lines = [line for line in text.splitlines() if not line.startswith("//")]
    pieces = ["@id(" + piece for piece in "\n".join(lines).split("@id(")[1:]]
    ids = Counter(piece.split('"')[1] for piece in pieces)
    if len(pieces) != count or any(times > 1 for times in ids.values()):
        raise PolicySetInvalid(f"{name}: each rule begins with its own @id")
    return [piece.strip() for piece in pieces]
