"""How single things are said in plain words: names, places, languages, days, lengths, lists.

What the parties wrote themselves is never changed, only quoted where it could be misread, so that
two documents that say different things never read the same.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from gettext import translation
from typing import Any

import pycountry

from app.language import (
    LANGUAGES,
    SOURCE,
    _,
    catalogue,
    date_,
    digits,
    marked,
    named_here,
    ngettext,
    reads,
)
from app.language import listed as joined

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
    "self_asserted": marked("their own word is enough"),
    "vouched": marked("an agency or a union must have vouched for them"),
    "live": marked("their face must have been checked live"),
    "document": marked("their document must have been checked"),
}
INSTRUMENTS: Mapping[str, str] = {
    "EBDR": marked("a replica made for a job the performer is hired for"),
    "ICDR": marked("a replica made without the performer working on it"),
    "BADR": marked("a replica of a background actor"),
    "commercial_rider": marked("an addition to a contract for a commercial"),
}
AGREEMENTS: Mapping[str, str] = {
    "SAG-AFTRA-TVT-2026": marked("the agreement of SAG-AFTRA for film and television of 2026"),
    "SAG-AFTRA-COMM-2025": marked("the agreement of SAG-AFTRA for commercials of 2025"),
    "SAG-AFTRA-IMA-2025": marked("the agreement of SAG-AFTRA for video games of 2025"),
    "direct": marked("no union agreement"),
}
_GROUPS = {
    "WORLD": marked("the whole world"),
    "EU": marked("the European Union"),
    "NORTH_AMERICA": marked("North America"),
}
_TAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:+-]*")
_FIGURE = re.compile(r"[\d.,]+")
# Words that sentences are joined with, in any language: quoted alike in all of them.
_OURS = frozenset("and or nothing nobody y e o u nada nadie".split())
_WHOLE = ("anywhere", "anything")  # what stands where a list is left out
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
    """Give an id or name as it is; quoted where it could run into the sentence around it.

    So is a word of ours that somebody wrote, and a figure, which two languages read differently.
    """
    ours = text in _OURS or text.lower() in _vocabulary() or _FIGURE.fullmatch(text)
    return text if _TAME.fullmatch(text) and not ours else quoted(text)


@lru_cache
def _vocabulary() -> frozenset[str]:
    """Return how the words of the trade read in any language: who writes one means their own."""
    said = (catalogue(tongue).gettext(each) for tongue in LANGUAGES for each in WORDS.values())
    return frozenset(each.lower() for each in (*said, *_WHOLE))


def named(text: str, names: Mapping[str, str]) -> str:
    """Give who stands behind an id: the registered name with the id, or the id alone."""
    return f"{quoted(names[text])} ({written(text)})" if text in names else written(text)


def word(text: str, known: Mapping[str, str] = WORDS) -> str:
    """Say a word of the trade plainly, and one we do not know as it is written."""
    if text not in known:
        return written(text)
    return _(known[text]) if known is WORDS else f"{_(known[text])} ({written(text)})"


def listed(texts: Iterable[str], *, last: str = "") -> str:
    """Join what is already in words: "a, b and c"; `last` is a translated "or" for "and"."""
    return joined(list(texts), last=last)


def place(code: str) -> str:
    """Name a territory, its code beside it: "Germany (DE)"."""
    return _place(code, reads())


@lru_cache(maxsize=4096)
def _place(code: str, _tongue: str) -> str:
    name = _(_GROUPS[code]) if code in _GROUPS else _country(code) or _subdivision(code)
    return f"{name} ({code})" if name else written(code)


def _country(code: str) -> str | None:
    found = pycountry.countries.get(alpha_2=code)
    if found is None:
        return None
    if reads() != SOURCE:
        return named_here("territories", code, found.name)
    name = getattr(found, "common_name", None) or found.name
    return " ".join(reversed(name.split(", ", 1)))


def _subdivision(code: str) -> str | None:
    places: Any = pycountry.subdivisions
    found, country = places.get(code=code), _country(code[:2])
    if found is None or country is None:
        return None
    here = translation(
        "iso3166-2", pycountry.LOCALES_DIR, languages=[reads()], fallback=True
    )  # fmt: skip
    return _("%(place)s in %(country)s", place=here.gettext(found.name), country=country)


def language(tag: str) -> str:
    """Name a language, its tag beside it: "Spanish as in Mexico (es-MX)"."""
    return _language(tag, reads())


@lru_cache(maxsize=4096)
def _language(tag: str, tongue: str) -> str:
    if tag == "*":
        return _("any language (*)")
    primary, *rest = tag.split("-")
    languages: Any = pycountry.languages
    field = "alpha_2" if len(primary) == 2 else "alpha_3"
    found = languages.get(**{field: primary.lower()})
    if found is None:
        return written(tag)
    name = re.sub(r" \(.*\)$", "", found.name)
    if tongue != SOURCE:
        name = named_here("languages", primary.lower(), name)
    where = [_country(part.upper()) for part in rest if len(part) == 2]
    if where and where[0]:
        name = _("%(language)s as in %(country)s", language=name, country=where[0])
    return f"{name} ({written(tag)})"


def currency(code: str) -> str:
    """Name a currency, its code beside it."""
    found = pycountry.currencies.get(alpha_3=code)
    if found is None:
        return code
    name = found.name if reads() == SOURCE else named_here("currencies", code, found.name)
    return f"{name} ({code})"


def day(value: date) -> str:
    """Write a day out: "4 May 1990"."""
    return date_(value)


def number(value: float) -> str:
    """Write a number for people, exactly: "1,200" or "30.001"."""
    return digits(f"{int(value):,}" if value == int(value) else f"{value:,}")


_UNITS: Mapping[str, Callable[[int, str], str]] = {
    "second": lambda n, num: ngettext("%(num)s second", "%(num)s seconds", n, num=num),
    "render": lambda n, num: ngettext("%(num)s render", "%(num)s renders", n, num=num),
    "hour": lambda n, num: ngettext("%(num)s hour", "%(num)s hours", n, num=num),
    "day": lambda n, num: ngettext("%(num)s day", "%(num)s days", n, num=num),
    "year": lambda n, num: ngettext("%(num)s year", "%(num)s years", n, num=num),
}


def count(value: float, unit: str) -> str:
    """Write how many: "1 day", "90 days", "1.5 hours"."""
    return _UNITS[unit](1 if value == 1 else 2, number(value))


def meant(said: Mapping[str, str], value: str, about: str, **values: object) -> str:
    """Say what a term's word means; a word that means nothing is named as such."""
    if value in said:
        return _(said[value], **values)
    return _("%(about)s: %(value)s, which allows nothing.", about=about, value=written(value))


def either(value: bool, if_so: str, if_not: str) -> str:
    """Choose between the two things a yes-or-no term can say."""
    return if_so if value else if_not
