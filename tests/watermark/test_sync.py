"""Where the tiles are: the correlation that scores every rotation and size at once."""

import numpy as np

from tests.watermark.clips import KEY
from watermark import sync
from watermark import tile as tiles

BINS = sync._BINS
MIRRORED = np.diag([-1.0, 1.0])


def test_every_place_is_scored_by_the_sum_over_the_constellation():
    polar = np.random.default_rng(1).normal(size=(BINS, BINS)).astype(np.float32)
    rows, columns, _ = sync._constellation(tiles.of_key(KEY), MIRRORED)
    found = sync._correlation(polar, rows, columns)
    for row, column in ((0, 0), (BINS - 1, 7), (300, BINS - columns.max() - 1)):
        wanted = polar[(row + rows) % BINS, column + columns].sum()
        assert abs(found[row, column] - wanted) < 1e-4


def test_angles_go_around_and_frequencies_do_not():
    """Else low frequencies would count for a place among the high ones."""
    polar = np.zeros((BINS, BINS), np.float32)
    polar[:, 0] = 1
    found = sync._correlation(polar, np.array([0, 9]), np.array([0, 400]))
    assert (found[:, 0] == 1).all()
    assert not found[:, 1:].any()
