"""How single things are said in plain words: names, places, languages, days, lengths, lists.

What the parties wrote themselves is never changed, only quoted where it could be misread, so that
two documents that say different things never read the same.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import pycountry

from app.language import marked

# (sentence, JSON pointer of the field it is said from)
Sentences = list[tuple[str, str]]
# Words of the trade that documents use, in words anybody knows. No two may read the same.
WORDS: Mapping[str, str] = {
    # what is used of the performer
    "face": marked("the face"),
    "voice": marked("the voice"),
    "body": marked("the body"),
    "movement": marked("the way of moving"),
    "name": marked("the name"),
    # what for
    "film_scene": marked("film scenes"),
    "trailer": marked("trailers"),
    "advertising": marked("advertising"),
    "videogame_dialogue": marked("spoken lines in a video game"),
    "background": marked("people in the background"),
    "dubbing": marked("dubbing into other languages"),
    "documentary_scene": marked("scenes of a documentary"),
    "exhibition": marked("exhibitions"),
    # where it is shown
    "theatrical": marked("cinemas"),
    "festival": marked("film festivals"),
    "svod": marked("streaming by subscription"),
    "avod": marked("streaming with advertising"),
    "broadcast": marked("television"),
    "ctv": marked("internet television"),
    "social": marked("social networks"),
    "web": marked("websites"),
    "videogame": marked("video games"),
    "museum": marked("museums"),
    # what is shown
    "nudity": marked("nakedness"),
    "simulated_sex": marked("acted sex"),
    "sexually_explicit": marked("explicit sex"),
    "sexual_dialogue": marked("talk about sex"),
    "graphic_violence": marked("bloody violence"),
    "political_endorsement": marked("support for a party or a candidate"),
    "religious_endorsement": marked("support for a religion"),
    "product_endorsement": marked("praise for a product"),
    "smoking": marked("smoking"),
    "drug_use": marked("drug use"),
    "criminal_act": marked("crimes committed by the replica"),
    "hate_speech": marked("hate against a group of people"),
    "medical_advice": marked("medical advice"),
    # who says yes
    "performer": marked("the performer"),
    "agent": marked("the performer's agent"),
    "guardian": marked("the guardian"),
    "estate_rep": marked("the estate"),
    "union": marked("the union"),
    # brands
    "soft_drinks": marked("soft drinks"),
    "ev": marked("electric cars"),
}
IDENTITY: Mapping[str, str] = {
    "self_asserted": "their own word is enough",
    "vouched": "an agency or a union must have vouched for them",
    "live": "their face must have been checked live",
    "document": "their document must have been checked",
}
INSTRUMENTS: Mapping[str, str] = {
    "EBDR": "a replica made for a job the performer is hired for",
    "ICDR": "a replica made without the performer working on it",
    "BADR": "a replica of a background actor",
    "commercial_rider": "an addition to a contract for a commercial",
}
AGREEMENTS: Mapping[str, str] = {
    "SAG-AFTRA-TVT-2026": "the agreement of SAG-AFTRA for film and television of 2026",
    "SAG-AFTRA-COMM-2025": "the agreement of SAG-AFTRA for commercials of 2025",
    "SAG-AFTRA-IMA-2025": "the agreement of SAG-AFTRA for video games of 2025",
    "direct": "no union agreement",
}
_GROUPS = {"WORLD": "the whole world", "EU": "the European Union", "NORTH_AMERICA": "North America"}
_TAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:+-]*")
_OURS = frozenset({"and", "or", "nothing", "nobody"})
_HIDDEN = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """Show what would hide or turn other text (controls, marks of direction) as `\\u202e`."""
    return "".join(_visible(letter) for letter in text.replace("\\", "\\\\"))


def _visible(letter: str) -> str:
    if letter in _TURNING or (unicodedata.category(letter) in _HIDDEN and letter != "\n"):
        return f"\\u{ord(letter):04x}"
    return letter


def quoted(text: str) -> str:
    """Quote what somebody wrote, so that its end cannot be mistaken."""
    inner = visible(text).replace("“", "\\“").replace("”", "\\”")
    return f"“{inner}”"


def written(text: str) -> str:
    """Give an id or name as it is; quoted where it could run into the sentence around it."""
    return text if _TAME.fullmatch(text) and text not in _OURS else quoted(text)


def named(text: str, names: Mapping[str, str]) -> str:
    """Give who stands behind an id: the registered name with the id, or the id alone."""
    return f"{quoted(names[text])} ({written(text)})" if text in names else written(text)


def word(text: str, known: Mapping[str, str] = WORDS) -> str:
    """Say a word of the trade plainly, and one we do not know as it is written."""
    if text not in known:
        return written(text)
    return known[text] if known is WORDS else f"{known[text]} ({written(text)})"


def listed(texts: Iterable[str], *, last: str = "and") -> str:
    """Join what is already in words: "a, b and c"."""
    *first, final = list(texts) or ["nothing"]
    return f"{', '.join(first)} {last} {final}" if first else final


@lru_cache(maxsize=4096)
def place(code: str) -> str:
    """Name a territory, its code beside it: "Germany (DE)"."""
    name = _GROUPS.get(code) or _country(code) or _subdivision(code)
    return f"{name} ({code})" if name else written(code)


def _country(code: str) -> str | None:
    found = pycountry.countries.get(alpha_2=code)
    name = found and (getattr(found, "common_name", None) or found.name)
    return " ".join(reversed(name.split(", ", 1))) if name else None


def _subdivision(code: str) -> str | None:
    places: Any = pycountry.subdivisions
    found = places.get(code=code)
    return f"{found.name} in {_country(code[:2])}" if found and _country(code[:2]) else None


@lru_cache(maxsize=4096)
def language(tag: str) -> str:
    """Name a language, its tag beside it: "Spanish as in Mexico (es-MX)"."""
    if tag == "*":
        return "any language (*)"
    primary, *rest = tag.split("-")
    languages: Any = pycountry.languages
    field = "alpha_2" if len(primary) == 2 else "alpha_3"
    found = languages.get(**{field: primary.lower()})
    if found is None:
        return written(tag)
    name = re.sub(r" \(.*\)$", "", found.name)
    where = [_country(part.upper()) for part in rest if len(part) == 2]
    return f"{name}{f' as in {where[0]}' if where and where[0] else ''} ({written(tag)})"


def currency(code: str) -> str:
    """Name a currency, its code beside it."""
    found = pycountry.currencies.get(alpha_3=code)
    return f"{found.name} ({code})" if found else code


def day(value: date) -> str:
    """Write a day out: "4 May 1990"."""
    return f"{value.day} {value:%B} {value.year}"


def number(value: float) -> str:
    """Write a number for people, exactly: "1,200" or "30.001"."""
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def count(value: float, unit: str) -> str:
    """Write how many: "1 day", "90 days"."""
    return f"{number(value)} {unit}{'' if value == 1 else 's'}"


def meant(said: Mapping[str, str], value: str, about: str) -> str:
    """Say what a term's word means; a word that means nothing is named as such."""
    return said.get(value) or f"{about}: {written(value)}, which allows nothing."


def either(value: bool, if_so: str, if_not: str) -> str:
    """Choose between the two things a yes-or-no term can say."""
    return if_so if value else if_not
