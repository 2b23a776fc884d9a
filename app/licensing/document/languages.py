"""Languages: BCP 47 tags and ranges, compared as RFC 4647 basic filtering does, case ignored."""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

# RFC 5646 section 2.1 without grandfathered tags: language, extlang, script, region, variants,
# extensions, private use.
_TAG = re.compile(
    r"^(?P<language>[a-z]{2,3})(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?"
    r"(-([a-z\d]{5,8}|\d[a-z\d]{3}))*(-[a-wy-z\d](-[a-z\d]{2,8})+)*(-x(-[a-z\d]{1,8})+)?$"
)


@cache
def _primary_subtags() -> frozenset[str]:
    text = (Path(__file__).parent / "iso639.txt").read_text("ascii")
    return frozenset(
        code for line in text.splitlines() if not line.startswith("#") for code in line.split()
    )


@lru_cache(maxsize=4096)
def known(tag: str) -> bool:
    """Whether the tag is well formed and its language exists (ISO 639)."""
    match = _TAG.match(tag.lower())
    return match is not None and match["language"] in _primary_subtags()


def covers(range_: str, tag: str) -> bool:
    """Whether the range covers the tag: `es` covers `es-MX`, not the reverse; `*` covers all."""
    wide, narrow = range_.lower(), tag.lower()
    return wide in ("*", narrow) or narrow.startswith(wide + "-")


def within(granted: Iterable[str], asked: Iterable[str]) -> list[str]:
    """Return the granted ranges, and with them each asked tag that one of them covers."""
    ranges = [range_.lower() for range_ in granted]
    covered = [tag.lower() for tag in asked if any(covers(range_, tag) for range_ in ranges)]
    return sorted({*ranges, *covered})
