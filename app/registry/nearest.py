"""Which of many templates lie near one: an interface, and the exact answer to it.

An index holds templates by key and answers searches; it never gives a template back. What stands
behind it can be replaced: tests/registry/test_nearest.py holds every implementation to the same.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from app.registry.faces import TEMPLATE_LENGTH

if TYPE_CHECKING:
    import numpy.typing as npt

Near = tuple[str, float]  # a key, and how far its template is
FEWEST_PLACES = 1024
SLACK = 1e-3  # of squared distances in 32 bits: what is nearer than that is measured again


class Index(Protocol):
    """Templates by key."""

    def put(self, key: str, template: Sequence[float]) -> None:
        """Hold a template under a key; another one under this key is replaced."""

    def drop(self, key: str) -> None:
        """Forget a template, its numbers too. Dropping an absent one is fine."""

    def search(self, template: Sequence[float], *, below: float, most: int) -> list[Near]:
        """Return what lies nearer than `below`, nearest first, `most` at most."""

    def held(self) -> set[str]:
        """Say what is held."""


class ExactIndex:
    """Every template compared with every search: one matrix of 32-bit floats, 512 bytes each."""

    def __init__(self) -> None:
        import numpy as np

        self._np = np
        self._places: dict[str, int] = {}
        self._keys: list[str] = []
        self._matrix: npt.NDArray[Any] = np.zeros((FEWEST_PLACES, TEMPLATE_LENGTH), np.float32)
        self._squares: npt.NDArray[Any] = np.zeros(FEWEST_PLACES, np.float32)

    def put(self, key: str, template: Sequence[float]) -> None:
        if len(template) != TEMPLATE_LENGTH:
            raise ValueError(f"a template has {TEMPLATE_LENGTH} numbers, not {len(template)}")
        place = self._places.get(key)
        if place is None:
            place = len(self._keys)
            if place == len(self._matrix):
                self._grow()
            self._keys.append(key)
            self._places[key] = place
        self._matrix[place] = template
        self._squares[place] = self._matrix[place] @ self._matrix[place]

    def drop(self, key: str) -> None:
        place = self._places.pop(key, None)
        if place is None:
            return
        last = len(self._keys) - 1
        moved = self._keys[last]
        if place != last:
            self._keys[place], self._places[moved] = moved, place
            self._matrix[place], self._squares[place] = self._matrix[last], self._squares[last]
        self._matrix[last], self._squares[last] = 0, 0
        self._keys.pop()

    def search(self, template: Sequence[float], *, below: float, most: int) -> list[Near]:
        np, held = self._np, len(self._keys)
        asked = np.asarray(template, np.float32)
        squares = self._squares[:held] - 2 * (self._matrix[:held] @ asked) + asked @ asked
        near = np.flatnonzero(squares < below * below + SLACK)
        exact = np.asarray(template, np.float64)
        measured = np.linalg.norm(self._matrix[near].astype(np.float64) - exact, axis=1)
        found = sorted(
            (float(distance), self._keys[place])
            for place, distance in zip(near, measured, strict=True)
            if distance < below
        )
        return [(key, distance) for distance, key in found[:most]]

    def held(self) -> set[str]:
        return set(self._places)

    def _grow(self) -> None:
        np, held = self._np, len(self._matrix)
        self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        self._squares = np.concatenate([self._squares, np.zeros(held, np.float32)])
