"""Following the grid over the picture: each tile's pilots tell how far it is off its place.

A tile that is off by s tile units turns the phase of pilot k by -2 pi k.s. With s a smooth
function of the tile's place (shift, stretch, tilt, and the two terms of perspective) a few
weighted least squares on all phases of all tiles find it; the view is corrected and the picture
folded again.
"""

from collections.abc import Mapping

import cv2
import numpy as np

from watermark.arrays import Complexes, Floats, Integers, View
from watermark.fold import Sampled, sample
from watermark.tile import Tile

_LOW = 13.0  # cycles per tile: below this phases turn slowly enough for a first fit
_ROUNDS = 6
_STEPS = ((True, 6), (False, 6), (False, 8), (False, 8))  # slow pilots only; terms of the fit
Least = Mapping[int, float]  # how clear pilots must be after a step, in deviations: see `_told`
OF_PLAIN: Least = {1: 8.0, 3: 8.2}  # grids; marks that were read have 9 and 9.1 or more
OF_SEARCHED: Least = {1: 10.0, 3: 11.0}  # chosen because pilots agree; marks have 11.4 and 13.2


def followed(
    tile: Tile, residual: Floats, view: View, polarity: float, least: Least
) -> View | None:
    """The view of a residual with tilt, stretch and perspective followed from tile to tile.

    None where pilots are less clear than in any mark that was decoded (docs/watermark.md), which
    five in six places without a mark show early.
    """
    half, to_whole = _halved(residual)
    for step, (low, terms) in enumerate(_STEPS):
        heard = np.hypot(tile.pilots[:, 0], tile.pilots[:, 1]) < (_LOW if low else np.inf)
        where = (half, view @ to_whole) if low else (residual, view)
        seen = sample(*where, tile.pilots[heard])
        values = seen.values * np.exp(-1j * tile.pilot_phases[heard]) * polarity
        correction, turned = _improved(tile.pilots[heard], seen, values, terms)
        view = correction @ view
        if step in least and not _told(turned, least[step]):
            return None
    return view


def _halved(residual: Floats) -> tuple[Floats, View]:
    """A residual at half its size, which holds all of slow pilots, and its pixels among the whole
    one's."""
    height, width = residual.shape
    half = cv2.resize(residual, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    across, down = width / (width // 2), height / (height // 2)
    to_whole = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    return half, to_whole


def _told(turned: Complexes, least: float) -> bool:
    """Whether pilots [tiles, n], real where the view is right, stand out of noise.

    By how many deviations of noise of the same energy their sum exceeds zero: tile by tile, and
    with the tiles added up.
    """
    return _deviations(turned) + _deviations(turned.sum(0)) >= least


def _deviations(values: Complexes) -> float:
    return float(values.real.sum() / np.sqrt((np.abs(values) ** 2).sum() / 2 + 1e-12))


def _improved(
    pilots: Integers, seen: Sampled, values: Complexes, terms: int
) -> tuple[View, Complexes]:
    """The correction that the pilots of all tiles agree on, and their values under it.

    6 `terms` for affine, 8 with perspective.
    """
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
    turned = flat * np.exp(1j * (slope @ found))
    return _moved(found, middle), turned.reshape(values.shape)


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
