"""In which language a person reads, by whose clock: words, instants, numbers and money.

English is the source: a sentence is written in English where it is said, inside `_`, and found in
`app/locale/<language>.po` under just those words. Whoever chose no language reads English, and so
do programs: the API, the command line, the log and everything that is kept. Likewise an instant is
written by UTC, and says so, where nobody's time zone is known.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from babel.core import Locale, get_global, negotiate_locale
from babel.dates import format_date, get_month_names, get_timezone_location
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from app.money import format_minor

SOURCE = "en"
LOCALE = Path(__file__).parent / "locale"
# Each in its own words, as people look for it; the locale says how it writes days and numbers.
LANGUAGES = {"en": "English", "es": "Español"}
_WRITTEN_AS = {"en": "en_GB", "es": "es"}
# Marks of thousands and of decimals. In Spanish "1.200" is one point two to who reads in Mexico:
# thousands stand apart by a space that does not break, as the RAE writes them.
_MARKS = {"en": (",", "."), "es": ("\u00a0", ",")}
_NUMBER = re.compile(r"(\d[\d,]*)(?:\.(\d+))?")
NOBODYS = "UTC"  # the clock of whoever said nothing of theirs
_reader: ContextVar[str] = ContextVar("reader", default=SOURCE)
_zone: ContextVar[str] = ContextVar("zone", default=NOBODYS)


def reads() -> str:
    """Return the language of whoever reads what is being said now: a key of LANGUAGES."""
    return _reader.get()


def zone() -> str:
    """Return the time zone of whoever reads what is being said now: an IANA name."""
    return _zone.get()


@contextmanager
def reading_in(language: str, zone: str = NOBODYS) -> Iterator[None]:
    """Say all that is said inside in one language, by one clock; an unknown one is English, UTC."""
    before = _reader.set(language if language in LANGUAGES else SOURCE)
    clock = _zone.set(zone_of(zone))
    try:
        yield
    finally:
        _reader.reset(before)
        _zone.reset(clock)


def read_by(zone: str) -> None:
    """From here to the end of what `reading_in` holds, say instants by this clock."""
    _zone.set(zone_of(zone))


def wanted(chosen: str, accepted: str) -> str:
    """Return the language for a reader: the chosen one, else the best of an Accept-Language.

    Weights count (RFC 9110, 12.5.4); a region falls back to its language; else English.
    """
    if chosen in LANGUAGES:
        return chosen
    asked = []
    for place, part in enumerate(accepted[:1000].split(",")):
        tag, _separator, weight = part.strip().partition(";q=")
        try:
            rank = float(weight or 1)
        except ValueError:
            continue
        if 0 < rank <= 1:
            asked.append((-rank, place, tag.strip()))
    names = [tag for _rank, _place, tag in sorted(asked)]
    return negotiate_locale(names, LANGUAGES, sep="-") or SOURCE


@lru_cache
def catalogue(language: str) -> NullTranslations:
    """Return the words of one language, read from its catalogue once; of English, English."""
    if language == SOURCE:
        return NullTranslations()
    with (LOCALE / f"{language}.po").open("rb") as file:
        known = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, known)
    compiled.seek(0)
    return Translations(compiled)


def marked(text: str) -> str:
    """Mark words that are kept in a table and said later, by `_`: returned as they are."""
    return text


def translated(text: str) -> str:
    """Return words in the reader's language, with their placeholders as they stand."""
    return catalogue(reads()).gettext(text) if text else text


def translated_count(singular: str, plural: str, n: int) -> str:
    """As `translated`, in the form for `n` of something."""
    return catalogue(reads()).ngettext(singular, plural, n)


class Said(str):
    """Words that are in the reader's language already."""

    __slots__ = ()


def _(text: str, /, **values: object) -> Said:
    """Say a sentence in the reader's language; each `%(name)s` in it stands for a value.

    Where no value is given, a per cent sign is itself.
    """
    found = translated(text)
    return Said(found % values if values else found)


def is_said(text: str) -> bool:
    """Whether words are in the reader's language: `_` made them, or English is what is read."""
    return isinstance(text, Said) or reads() == SOURCE


def ngettext(singular: str, plural: str, n: int, /, **values: object) -> Said:
    """Say a sentence about `n` of something; `%(num)s` stands for n, as the reader writes it."""
    return Said(translated_count(singular, plural, n) % {"num": number(n), **values})


def _locale() -> str:
    return _WRITTEN_AS[reads()]


@lru_cache
def zones() -> Mapping[str, str]:
    """Return the time zones a person may live in, each with the name it is kept under."""
    places, renamed = get_global("zone_territories"), get_global("zone_aliases")
    found = {name: renamed.get(name, name) for name in available_timezones()}
    return {
        name: kept
        for name, kept in found.items()
        if kept in places and kept in found and "/" in kept and not kept.startswith("Etc/")
    }


def zone_of(name: str) -> str:
    """Return the name a zone is kept under; whatever is none, from whomever, is UTC."""
    return zones().get(name, NOBODYS)


def place(zone: str) -> str:
    """Name the place that one of `zones` is called after: "Los Angeles"."""
    return get_timezone_location(zone, locale=_locale(), return_city=True)


def clock_of(zone: str) -> str:
    """Name a clock: "Los Angeles time", "UTC"."""
    return _("%(zone)s time", zone=place(zone)) if zone in zones() else zone


def local(at: datetime, zone: str) -> datetime:
    """Return an instant by a zone's clock; by UTC what no calendar there holds."""
    try:
        return at.astimezone(ZoneInfo(zone))
    except OverflowError:
        return at.astimezone(UTC)


def _time(here: datetime) -> str:
    """Write a time of day; of an hour that comes twice, as clocks go back, which of the two."""
    twice = here.replace(fold=0).utcoffset() != here.replace(fold=1).utcoffset()
    return f"{here:%H:%M}" + (f" (UTC{here.isoformat(timespec='minutes')[16:]})" if twice else "")


def _written(at: datetime, zone: str) -> str:
    here = local(at, zone)
    clock = clock_of(NOBODYS if here.tzinfo is UTC else zone)
    return f"{date_(here)}, {_time(here)} {clock}"


def day(at: datetime, *, beside: str = "") -> str:
    """Write an instant out by the reader's clock: "4 May 2026, 02:30 Los Angeles time".

    Where the clock of the zone `beside` shows another time then, that follows in parentheses.
    """
    said = _written(at, zone())
    return f"{said} ({_written(at, beside)})" if beside and differ(at, beside) else said


def short(at: datetime, *, beside: str = "") -> str:
    """Write an instant briefly by the reader's clock, which the page names: "4 May 2026, 02:30".

    Where the clock of the zone `beside` shows another time then, that follows, with its name.
    """
    said = _short(at, zone())
    other = f" ({_short(at, beside)} {clock_of(beside)})" if beside and differ(at, beside) else ""
    return f"{said}{other}"


def _short(at: datetime, zone: str) -> str:
    here = local(at, zone)
    return f"{format_date(here, 'd MMM y', locale=_locale())}, {_time(here)}"


def differ(at: datetime, other: str) -> bool:
    """Say whether the reader's clock and that of another zone show different times then."""
    return local(at, zone()).replace(tzinfo=None) != local(at, other).replace(tzinfo=None)


def date_(value: date) -> str:
    """Write a day out: "4 May 2026"."""
    return format_date(value, "long", locale=_locale())


def month(number_of: int) -> str:
    """Name a month in three letters or so: 1 is "Jan"."""
    names: Mapping[int, str] = get_month_names("abbreviated", "stand-alone", locale=_locale())
    return names[number_of]


def number(value: float | Decimal) -> str:
    """Write a number as the reader does, exactly: "1,200.5"."""
    exact = format_decimal(Decimal(str(value)), format="#,##0.######", locale=_WRITTEN_AS[SOURCE])
    return digits(exact)


def money(amount_minor: int, currency: str) -> str:
    """Write minor units as an amount with its code: "-1,234.56 EUR"."""
    return digits(format_minor(amount_minor, currency))


def named_here(what: str, code: str, otherwise: str) -> str:
    """Name a code's "territories", "languages" or "currencies" as the reader's locale does."""
    names: Mapping[str, str] = getattr(Locale.parse(_locale()), what)
    return names.get(code, otherwise)


def digits(text: str) -> str:
    """Write numbers given as English writes them, "1,200.5 EUR", as the reader does; exactly.

    No two readers of a language may take one for different numbers. Where three decimals after a
    comma could be thousands (30,001), a nought that changes nothing says they are none: 30,0010.
    """
    return _NUMBER.sub(_as_read, text) if reads() != SOURCE else text


def _as_read(found: re.Match[str]) -> str:
    group, point = _MARKS[reads()]
    whole, decimals = found[1], found[2]
    if decimals is None:
        return whole.replace(",", group)
    doubtful = len(decimals) == 3 and len(whole) <= 3 and whole != "0"
    return f"{whole.replace(',', group)}{point}{decimals}{'0' if doubtful else ''}"


def listed(texts: list[str], *, last: str = "") -> str:
    """Join what is already in words: "a, b and c"; `last` is a translated "or" for "and"."""
    *first, final = texts or [_("nothing")]
    last = last or _("and")
    if reads() == "es":  # "y" becomes "e" before that sound, and "o" becomes "u"
        same, instead = {"y": (r"h?[ií](?![aeoáéó])", "e"), "o": (r"h?[oó]", "u")}[last]
        last = instead if re.match(same, final.lstrip("“"), re.IGNORECASE) else last
    return f"{', '.join(first)} {last} {final}" if first else final
