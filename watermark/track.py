"""Following the grid over the picture: each tile's pilots tell how far it is off its place.

A tile that is off by s tile units turns the phase of pilot k by -2 pi k.s. With s a smooth
function of the tile's place (shift, stretch, tilt, and the two terms of perspective) a few
weighted least squares on all phases of all tiles find it; the view is corrected and the picture
folded again.
"""

import numpy as np

from watermark.arrays import Floats, View
from watermark.fold import sample
from watermark.tile import Tile

_LOW = 13.0  # cycles per tile: below this phases turn slowly enough for a first fit
_ROUNDS = 6
_TILES_AROUND = 1.0


def improved(
    tile: Tile, residual: Floats, view: View, polarity: float, terms: int, *, low: bool
) -> View:
    """The view of a residual corrected by what its tiles' pilots say; 6 `terms` for affine, 8 with
    perspective.

    With `low` only the slowest pilots are heard, which find larger errors.
    """
    radius = np.hypot(tile.pilots[:, 0], tile.pilots[:, 1])
    heard = radius < _LOW if low else radius > 0
    pilots = tile.pilots[heard]
    seen = sample(residual, view, pilots)
    values = seen.values * np.exp(-1j * tile.pilot_phases[heard]) * polarity
    places = np.stack([seen.columns, seen.rows], 1) + 0.5
    weight = np.abs(values).sum(1)
    middle = (places * weight[:, None]).sum(0) / (weight.sum() + 1e-12)
    apart = places - middle
    basis = _basis(apart)[:, :, :terms]
    slope = 2 * np.pi * np.einsum("pc,tcj->tpj", pilots, basis).reshape(-1, terms)
    flat = values.ravel()
    found = np.zeros(terms)
    ridge = 1e-9 * np.trace(slope.T @ slope) * np.eye(terms) / terms
    for _ in range(_ROUNDS):
        turned = flat * np.exp(1j * (slope @ found))
        pull = np.maximum(turned.real, 0)[:, None]
        normal = (slope * pull).T @ slope + ridge * (pull.mean() + 1e-12) + 1e-12 * np.eye(terms)
        found = found - np.linalg.solve(normal, (slope * pull).T @ np.angle(turned))
    return _moved(found, middle) @ view


def _basis(apart: Floats) -> Floats:
    """Shift in u and v [tiles, 2, 8] for each term at each place."""
    out = np.zeros((len(apart), 2, 8))
    out[:, 0, 0] = out[:, 1, 1] = 1
    out[:, 0, 2:4] = apart
    out[:, 1, 4:6] = apart
    out[:, :, 6] = apart * apart[:, :1]
    out[:, :, 7] = apart * apart[:, 1:]
    return out


def _moved(found: Floats, middle: Floats) -> View:
    """The correction in tile coordinates as a 3 x 3 matrix."""
    correction = np.eye(3)
    correction[:2, 2] = -found[:2]
    correction[0, :2] -= found[2:4]
    correction[1, :2] -= found[4:6]
    if len(found) == 8:
        correction[2, :2] = found[6:8]
    away = np.eye(3)
    away[:2, 2] = middle
    back = np.eye(3)
    back[:2, 2] = -middle
    return np.asarray(away @ correction @ back)
