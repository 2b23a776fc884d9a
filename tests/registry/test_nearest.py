"""Whatever stands behind the matcher answers alike: the exact index, and a plain one beside it."""

import math
import random
from collections.abc import Sequence

import pytest

from app.registry import faces
from app.registry.nearest import FEWEST_PLACES, ExactIndex, Index, Near


class PlainIndex:
    """The second implementation: a dictionary and the schoolbook formula."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, ...]] = {}

    def put(self, key: str, template: Sequence[float]) -> None:
        if len(template) != faces.TEMPLATE_LENGTH:
            raise ValueError(len(template))
        self._held[key] = tuple(template)

    def drop(self, key: str) -> None:
        self._held.pop(key, None)

    def search(self, template: Sequence[float], *, below: float, most: int) -> list[Near]:
        distances = ((math.dist(held, template), key) for key, held in self._held.items())
        return [(key, far) for far, key in sorted(distances) if far < below][:most]

    def held(self) -> set[str]:
        return set(self._held)


class Forgetful(ExactIndex):
    """A planted fault: what is dropped leaves its numbers, and its key, to the last one."""

    def drop(self, key: str) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            self._keys.pop()


def a_template(seed: int) -> list[float]:
    numbers = random.Random(seed)
    return [round(numbers.gauss(0, 0.1), 4) for _ in range(faces.TEMPLATE_LENGTH)]


def near(template: Sequence[float], distance: float) -> list[float]:
    return [template[0] + distance, *template[1:]]


def a_history(index: Index) -> list[object]:
    """Hold, replace, drop and search; say everything that was answered."""
    said: list[object] = []
    for number in range(200):
        index.put(f"k{number}", a_template(number))
    for number in range(0, 200, 7):
        index.drop(f"k{number}")
    index.put("k3", near(a_template(1), 0.2))
    index.drop("k199")
    index.drop("nobody")
    for number in range(12):
        for below, most in ((0.45, 5), (2.0, 3)):
            found = index.search(near(a_template(number), 0.1), below=below, most=most)
            said += [(key, round(distance, 4)) for key, distance in found]
    return [*said, sorted(index.held())]


@pytest.mark.parametrize("kind", [ExactIndex, PlainIndex])
class TestAnIndex:
    def test_names_what_is_near_nearest_first_and_nothing_else(self, kind):
        index = kind()
        index.put("far", near(a_template(0), 0.44))
        index.put("near", near(a_template(0), 0.1))
        index.put("other", a_template(1))
        found = index.search(a_template(0), below=0.45, most=5)
        assert [key for key, _ in found] == ["near", "far"]
        assert found[0][1] == pytest.approx(0.1, abs=1e-4)
        assert len(index.search(a_template(0), below=0.45, most=1)) == 1
        assert index.search(a_template(0), below=0.05, most=5) == []

    def test_of_nothing_finds_nothing_and_takes_no_half_template(self, kind):
        index = kind()
        assert index.search(a_template(0), below=9, most=5) == []
        with pytest.raises(ValueError, match="1"):
            index.put("half", [0.1] * 127 if kind is PlainIndex else [1.0])

    def test_forgets_what_is_dropped(self, kind):
        index = kind()
        for number in range(3):
            index.put(str(number), a_template(number))
        index.drop("0")
        assert index.search(a_template(0), below=0.1, most=5) == []
        assert [key for key, _ in index.search(a_template(2), below=0.1, most=5)] == ["2"]


def test_both_tell_the_same_history_and_a_planted_fault_tells_another():
    assert a_history(ExactIndex()) == a_history(PlainIndex())
    assert a_history(Forgetful()) != a_history(PlainIndex())


def test_grows_beyond_its_first_places():
    index = ExactIndex()
    for number in range(FEWEST_PLACES + 5):
        index.put(str(number), [number / 10, *[0.0] * (faces.TEMPLATE_LENGTH - 1)])
    found = index.search([102.8, *[0.0] * (faces.TEMPLATE_LENGTH - 1)], below=0.05, most=5)
    assert [key for key, _ in found] == ["1028"]


def test_the_wrong_hits_to_reckon_with_grow_with_the_templates():
    assert faces.false_hits(0) == 0
    assert faces.false_hits(1000) == pytest.approx(3.6, abs=0.1)
    assert faces.false_hits(1000, below=faces.OTHER_FACE_FROM) > 200
    with pytest.raises(KeyError):
        faces.false_hits(10, below=0.5)
