"""The rules, read once: validated against their schema, parsed, and known by one digest."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cedarpy

from app.licensing.deciding.answered import Answered, instants_read
from app.licensing.deciding.rules import PolicySetInvalid, Rule, read_rules
from app.licensing.document.packs import FOLDER, Pack, page_of, read_pack

POLICY_DIR = Path(__file__).parents[3] / "policies"
BASE = "PERMIT"


@dataclass(frozen=True, slots=True)
class PolicySet:
    """A validated set: engine handles, rules by code, and the digest that names the set.

    `conforming` are shapes of requests that the schema was found to take (`decide.py`).
    `instants` are the facts that rules compare the instant with, None where they do more with it;
    `answered` is what they said.
    """

    engine: cedarpy.PolicySet
    schema: cedarpy.Schema
    rules: dict[str, Rule]
    packs: dict[str, Pack]
    digest: str
    files: dict[str, str]
    schema_text: str
    directory: Path = field(default=POLICY_DIR)
    instants: frozenset[str] | None = None
    conforming: set[Any] = field(init=False, default_factory=set, compare=False, repr=False)
    answered: Answered[Any] = field(init=False, default_factory=Answered, compare=False, repr=False)

    @property
    def standing_obligations(self) -> tuple[str, ...]:
        """What every permit obliges to, whatever the contract."""
        return self.rules[BASE].obliges


def load_policies(directory: Path = POLICY_DIR) -> PolicySet:
    """Read, validate and parse every `*.cedar` under the directory, and the packs with their pages.

    The digest covers each policy's meaning (its Cedar JSON, sorted by id), the schema and what the
    packs say of themselves, so that comments and order of files do not change it. Raises
    PolicySetInvalid, naming file and rule of everything that is wrong.
    """
    try:
        paths = [*directory.rglob("*.cedar"), *(directory / FOLDER).glob("*.json")]
        files = {
            str(path.relative_to(directory)): path.read_text("utf-8") for path in sorted(paths)
        }
        schema = (directory / "schema.cedarschema").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicySetInvalid(f"the policies in {directory} cannot be read: {error}") from error
    return build(files, schema, directory=directory)


def build(files: dict[str, str], schema: str, *, directory: Path = POLICY_DIR) -> PolicySet:
    """Validate and parse policy texts by file name; the body of `load_policies`, without files."""
    try:
        parsed_schema = cedarpy.Schema.from_str(schema)
    except ValueError as error:
        raise PolicySetInvalid(f"schema.cedarschema: {error}") from error
    problems: list[str] = []
    packs = _packs(files, problems)
    rules: dict[str, Rule] = {}
    meanings: dict[str, Any] = {}
    texts = {name: text for name, text in files.items() if name.endswith(".cedar")}
    for name, text in texts.items():
        try:
            for rule, meaning in read_rules(name, text, schema, packs):
                if rule.id in rules:
                    raise PolicySetInvalid(f"{name}, {rule.id}: written twice; one code, one rule")
                rules[rule.id], meanings[rule.id] = rule, meaning
        except PolicySetInvalid as error:
            problems += error.problems
    if not problems and BASE not in rules:
        problems.append(f"there is no base rule {BASE}, so nothing could be permitted")
    if problems:
        raise PolicySetInvalid(*problems)
    named = {
        "policies": meanings,
        "schema": hashlib.sha256(schema.encode()).hexdigest(),
        "packs": {name: json.loads(files[page_of(name)]) for name in packs},
    }
    # As RFC 8785 would write it, but for integers beyond 2**53, which Cedar knows and it does not.
    canonical = json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return PolicySet(
        engine=cedarpy.PolicySet.from_str("\n".join(texts.values())),
        schema=parsed_schema,
        rules=rules,
        packs=packs,
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
        files=files,
        schema_text=schema,
        directory=directory,
        instants=instants_read(meanings.values()),
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


def _packs(files: dict[str, str], problems: list[str]) -> dict[str, Pack]:
    """Read every pack's page; add what is wrong with one to the problems."""
    found = {}
    for name, text in files.items():
        if not name.endswith(".json"):
            continue
        try:
            pack = read_pack(name, text)
        except ValueError as error:
            problems.append(f"{name}, {error}")
            continue
        found[pack.name] = pack
        if name.removesuffix(".json") + ".cedar" not in files:
            problems.append(f"{name}: there are no rules beside it")
    return found
