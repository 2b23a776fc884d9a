"""Sets documents on paper: one PDF, the files it is made from inside it, the same bytes every time.

Whatever anybody wrote reaches Typst as data and is set as it stands, never as markup. Nothing is
fetched and no file is read but the template's own; the fonts are those that Typst carries. The PDF
is PDF/A-3a (files inside, made to last) and PDF/UA-1 (readable aloud).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import typst

CONTRACT = Path(__file__).parent / "typst" / "contract.typ"
# What the carried fonts draw, by Unicode range: Latin, Greek, Cyrillic, Armenian, Hebrew, basic
# Arabic, Devanagari, Georgian, marks, punctuation, currencies, arrows, mathematics.
_DRAWN = (
    "20-7E A0-AC AE-377 37A-37F 384-38A 38C 38E-3A1 3A3-4FF 531-556 559-58A 591-5C7 5D0-5EA "
    "606-60C 61B 61F 621-63A 640-655 660-66D 6F0-6F9 900-97F 10D0-10FF 1D00-1F15 1F18-1F1D "
    "1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FC4 1FC6-1FD3 "
    "1FD6-1FDB 1FDD-1FEF 1FF2-1FF4 1FF6-1FFE 2000-200A 2010-2027 202F-2040 2042 2044-2052 "
    "2054-205F 2070-2071 2074-208E 2090-209C 20A0-20C0 2100-211E 2120 2122 2124 2126-2151 "
    "2153-2184 2190-21FF 2200-22FF 2E2E FB00-FB06 FB1D-FB36"
)
_SURELY_DRAWN = "20-7E A0-AC AE-24F 384-38A 38C 38E-3A1 3A3-45F 1E00-1EFF 2010-2027 20A0-20BF"


@dataclass(frozen=True, slots=True)
class Line:
    """One fact beside its name."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs in which role, and the facts of the signature; none yet: lines to sign by hand."""

    role: str
    name: str
    signed: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that is set, as text."""

    title: str
    id: str
    version: int
    sha256: str
    facts: Sequence[Line]
    sections: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    signers: Sequence[Signer]
    note: str
    words: Mapping[str, str]  # what the template itself says, and in which language


class NotDrawable(ValueError):
    """The carried fonts have no sign for something that must be set."""


def set_contract(page: Page, *, document: str, signatures: str, at: datetime) -> bytes:
    """Return the PDF. `document` is attached as `contract.json`, `signatures` as it is named.

    As in `set_pdf`; the attached document has every letter as it is.
    """
    files = {"document": document, "signatures": signatures}
    return set_pdf(CONTRACT, asdict(page), files=files, at=at)


def set_pdf(template: Path, data: object, *, files: Mapping[str, str], at: datetime) -> bytes:
    """Return what a template makes of `data`, with `files` at its hand by name.

    `at` is the instant the PDF says it was made: the same input gives the same bytes. What the
    fonts cannot draw is written by its number, `\\u5b57`.
    """
    for shown in (str, _drawn(_DRAWN), _drawn(_SURELY_DRAWN)):
        try:
            return _compile({"data": json.dumps(_shown(data, shown)), **files}, at, template)
        except NotDrawable:
            continue
    raise NotDrawable("the fonts that Typst carries do not even draw Latin text")


def _compile(inputs: dict[str, str], at: datetime, template: Path) -> bytes:
    folder = template.parent
    try:
        return typst.compile(
            template,
            root=folder,
            font_paths=_fonts(),
            ignore_system_fonts=True,
            sys_inputs=inputs,
            pdf_standards=["a-3a", "ua-1"],
            timestamp=int(at.timestamp()),
            format="pdf",
            package_path=folder / "packages",
            package_cache_path=folder / "packages",
        )
    except typst.TypstError as error:
        if "could not be displayed" in str(error):
            raise NotDrawable(str(error)) from error
        raise


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False)


def _shown(part: object, shown: Callable[[str], str]) -> object:
    """Return the same structure with every text as it will be shown."""
    if isinstance(part, str):
        return shown(part)
    if isinstance(part, dict):
        return {name: _shown(each, shown) for name, each in part.items()}
    return [_shown(each, shown) for each in part] if isinstance(part, list | tuple) else part


def _drawn(ranges: str) -> Callable[[str], str]:
    letters = _letters(ranges)
    return lambda text: "".join(
        letter if letter in letters or letter == "\n" else f"\\u{ord(letter):04x}"
        for letter in text
    )


@lru_cache(maxsize=2)
def _letters(ranges: str) -> frozenset[str]:
    bounds = (each.split("-") for each in ranges.split())
    return frozenset(
        chr(code)
        for first, *last in bounds
        for code in range(int(first, 16), int(last[0] if last else first, 16) + 1)
    )
