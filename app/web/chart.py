"""A chart as SVG, made on the server: bars of money by month. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT, TOP, FOOT = 640, 190, 24, 26


class Bar(NamedTuple):
    """One bar: where it stands, how high it is, and what is written under and over it."""

    x: float
    y: float
    width: float
    height: float
    name: str
    said: str


def bars(values: Sequence[tuple[str, int, str]]) -> list[Bar]:
    """Lay out bars for (name, amount, amount in words); what is below nothing is shown as nothing.

    The tallest fills the height, so amounts of one currency only belong in one chart.
    """
    if not values:
        return []
    tallest = max((amount for _, amount, _ in values), default=0) or 1
    step = WIDTH / len(values)
    room = HEIGHT - TOP - FOOT
    made = []
    for place, (name, amount, said) in enumerate(values):
        height = round(room * max(0, amount) / max(1, tallest), 1)
        width = round(min(44.0, step * 0.64), 1)
        x = round(place * step + (step - width) / 2, 1)
        made.append(Bar(x, round(TOP + room - height, 1), width, height, name, said))
    return made
