"""docs/asvs.md speaks of every requirement of its chapters once, and of tests that there are."""

import re
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "asvs.md").read_text("utf-8")
# How many requirements each section of ASVS 5.0.0 has, by chapter.
SECTIONS = {
    3: (1, 3, 5, 8, 8, 1, 5),
    6: (3, 12, 8, 6, 8, 4, 2, 4),
    7: (3, 4, 2, 5, 3, 2),
    8: (4, 4, 3, 2),
    9: (3, 4),
    10: (2, 3, 5, 16, 5, 2, 3),
    11: (4, 5, 5, 4, 2, 2, 2),
}
ROW = re.compile(r"^\| (\d[^|]*) \| ([^|]+) \| (yes|no|does not apply) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`((?:\w+/)*test_\w+\.py)::(\w+)`")


def numbers(text: str) -> list[str]:
    """Return the requirements that a row is about: one, several, or one to another."""
    first, to, last = text.partition(" to ")
    if not to:
        return text.split(", ")
    section, _, from_ = first.rpartition(".")
    return [f"{section}.{n}" for n in range(int(from_), int(last.rpartition(".")[2]) + 1)]


def test_every_requirement_is_spoken_of_once() -> None:
    every = {
        f"{chapter}.{section}.{n}"
        for chapter, sizes in SECTIONS.items()
        for section, size in enumerate(sizes, 1)
        for n in range(1, size + 1)
    }
    said = Counter(each for row in ROW.finditer(PAGE) for each in numbers(row[1]))
    assert len(every) == 177
    assert said == Counter(every)


def test_a_yes_names_a_test_and_every_test_named_is_there() -> None:
    for number, _, how, why in ROW.findall(PAGE):
        named = TEST.findall(why)
        assert named or how != "yes", f"{number} says yes and names no test"
        for path, name in named:
            assert f"def {name}(" in (TESTS / path).read_text("utf-8"), f"{number}: {path}::{name}"
