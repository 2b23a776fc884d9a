"""Rounding and splitting: the two places where a unit could be lost, and is not."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm


def half_up(amount: Fraction) -> int:
    """Round to the whole minor unit; exact halves go up: 1.5 is 2, -1.5 is -1."""
    numerator, denominator = amount.as_integer_ratio()
    return (2 * numerator + denominator) // (2 * denominator)


def split_by_weight(total_minor: int, weights: Sequence[Fraction]) -> list[int]:
    """Split `total_minor` (minor units) by `weights`, exactly: parts sum to the total.

    Largest remainder, ties by order of listing; a negative total splits as its mirror image.
    Raises ValueError on no weights, negative ones, or nothing but zeros for a total.
    """
    if not weights or min(weights) < 0:
        raise ValueError("a split needs weights, none of them negative")
    if total_minor == 0:
        return [0] * len(weights)
    scale = lcm(*(weight.denominator for weight in weights))
    whole_weights = [weight.numerator * (scale // weight.denominator) for weight in weights]
    whole = sum(whole_weights)
    if whole == 0:
        raise ValueError(f"{total_minor} minor units and nobody to give them to")
    sign, size = (-1, -total_minor) if total_minor < 0 else (1, total_minor)
    shares = [divmod(size * weight, whole) for weight in whole_weights]
    parts = [part for part, _ in shares]
    missing = size - sum(parts)
    if missing:
        by_remainder = sorted(range(len(parts)), key=lambda place: shares[place][1], reverse=True)
        for place in by_remainder[:missing]:
            parts[place] += 1
    return [sign * part for part in parts]
