"""Places: ISO 3166-1 and -2 codes and four groups form one tree, so any two either nest or are
disjoint. Source: ISO 3166, `iso3166.txt`; conformance/README.md, Vocabulary.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
GROUPS = {"EU": EU, "NORTH_AMERICA": frozenset({"US", "CA", "MX"})}
# Jurisdictions whose law attaches a duty to any use that reaches them.
WATCHED = ("EU", "US-NY")


@cache
def _subdivisions() -> dict[str, frozenset[str]]:
    """Return each country with the codes of its subdivisions."""
    text = (Path(__file__).parent / "iso3166.txt").read_text("ascii")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {row[0]: frozenset(f"{row[0]}-{part}" for part in row[1:]) for row in rows}


def countries() -> list[str]:
    """List every country by its ISO 3166-1 code."""
    return sorted(_subdivisions())


@lru_cache(maxsize=8192)
def known(code: str) -> bool:
    """Whether the code names a place: WORLD, a group, a country or a subdivision."""
    country = code.split("-", 1)[0]
    subdivisions = _subdivisions()
    return (
        code == "WORLD"
        or code in GROUPS
        or code in subdivisions
        or code in subdivisions.get(country, ())
    )


@lru_cache(maxsize=8192)
def around(code: str) -> tuple[str, ...]:
    """Return the code and every known place that contains it, innermost first."""
    if not known(code):
        return ()
    chain = [code]
    country = code.split("-", 1)[0]
    if country != code:
        chain.append(country)
    chain += [group for group, members in GROUPS.items() if country in members]
    if code != "WORLD":
        chain.append("WORLD")
    return tuple(chain)


def inside(code: str, place: str) -> bool:
    """Whether `code` is `place` or lies within it; nothing unknown lies anywhere."""
    return place in around(code)


def _parts(code: str) -> frozenset[str]:
    """Return the places one level below, which together are the whole of `code`."""
    if code == "WORLD":
        grouped = frozenset().union(*GROUPS.values())
        return frozenset(GROUPS) | (frozenset(_subdivisions()) - grouped)
    return GROUPS.get(code) or _subdivisions().get(code, frozenset())


def lines(*codes: Iterable[str]) -> frozenset[str]:
    """Draw the map: every place that somebody in this question distinguishes, and the watched."""
    drawn = {code for group in codes for code in group if known(code)}
    return frozenset(drawn | {"WORLD", *WATCHED})


def pieces(
    include: Iterable[str], drawn: frozenset[str], *, exclude: Iterable[str] = ()
) -> list[str]:
    """Cut a territory along the drawn lines, so that containment is containment of short lists.

    The piece named X is what remains of X after everything drawn inside it is taken out: with
    US-NY drawn, "US" is the United States without New York. An unknown code included in a grant
    grants nothing; an unknown exclusion excludes everything, since nobody can say what it spares.
    """
    return list(_pieces(frozenset(include), drawn, frozenset(exclude)))


@lru_cache(maxsize=4096)
def _pieces(
    wanted: frozenset[str], drawn: frozenset[str], barred: frozenset[str]
) -> tuple[str, ...]:
    if any(not known(code) for code in barred):
        return ()
    found = []
    for piece in drawn:
        chain = around(piece)
        if wanted.isdisjoint(chain) or not barred.isdisjoint(chain):
            continue
        if not _covered(piece, drawn):
            found.append(piece)
    return tuple(sorted(found))


def requested(codes: Iterable[str], drawn: frozenset[str]) -> list[str]:
    """Cut a requested territory; an unknown code stays, as a piece no grant ever contains."""
    listed = list(codes)
    return sorted({*pieces(listed, drawn), *(code for code in listed if not known(code))})


def _covered(piece: str, drawn: frozenset[str]) -> bool:
    """Whether what is drawn inside `piece` leaves nothing of it."""
    parts = _parts(piece)
    return bool(parts) and all(part in drawn or _covered(part, drawn) for part in parts)


def reached(codes: Iterable[str]) -> list[str]:
    """Return the watched jurisdictions that a use in these places reaches, wholly or in part."""
    listed = list(codes)
    return [
        place
        for place in WATCHED
        if any(inside(code, place) or inside(place, code) for code in listed)
    ]
