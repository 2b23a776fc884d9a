"""Packs: rules of one dated agreement, statute or guidance, beside the rules for everybody.

A pack is two files of one name in `packs/`: its rules, and a page of JSON that says what they are
taken from, when that is in force, and that it is no legal advice. Every rule of a pack begins with
the same condition, its gate: the contract (or the installation) named the pack, and the use falls
on one of its days. A rule without exactly that gate does not load, so none can reach further.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cedarpy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.licensing.document.local_days import numeral

FOLDER = "packs"


class _Page(BaseModel):
    """The page of JSON beside a pack's rules."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    title: str = Field(min_length=1)
    kind: Literal["agreement", "statute", "guidance"]
    from_: str = Field(alias="from", pattern=r"^\d{4}-\d{2}-\d{2}$")
    to: str | None
    source: str = Field(min_length=1)
    notice: str = Field(pattern="[Nn]ot legal advice")


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack is taken from, and its first and last day in force (no last day: still open)."""

    name: str
    title: str
    kind: str
    first_day: date
    last_day: date | None
    source: str
    notice: str

    @property
    def gate(self) -> Any:
        """The condition every rule of this pack begins with, as Cedar's JSON has it."""
        text = f'resource.packs.contains("{self.name}")'
        text += f" && resource.used_on >= {numeral(self.first_day)}"
        if self.last_day is not None:
            text += f" && resource.used_on <= {numeral(self.last_day)}"
        rule = f"forbid (principal, action, resource) when {{ {text} }};"
        parsed = json.loads(cedarpy.policies_to_json_str(rule))
        return parsed["staticPolicies"]["policy0"]["conditions"][0]


def read_pack(name: str, text: str) -> Pack:
    """Read a pack's page of JSON; `name` is its file's. Raises ValueError saying what is wrong."""
    try:
        page = _Page.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'/'.join(map(str, first['loc']))}: {first['msg']}") from None
    if page.name != Path(name).stem:
        raise ValueError(f"name: it calls itself {page.name}")
    first_day = date.fromisoformat(page.from_)
    last_day = None if page.to is None else date.fromisoformat(page.to)
    if last_day is not None and last_day < first_day:
        raise ValueError("to: it ends before it begins")
    return Pack(page.name, page.title, page.kind, first_day, last_day, page.source, page.notice)


@lru_cache(maxsize=4)
def known_packs(directory: Path) -> frozenset[str]:
    """Name the packs on file in a policy folder, without reading their rules."""
    return frozenset(path.stem for path in (directory / FOLDER).glob("*.json"))


def page_of(name: str) -> str:
    """Return the file, within the policy folder, of the page about a pack."""
    return f"{FOLDER}/{name}.json"
