"""Where the tiles are: what the search's arrays have room for."""

import numpy as np

from tests.watermark.clips import KEY, OTHER_KEY
from watermark import sync
from watermark import tile as tiles

MIRRORS = (np.diag([1.0, 1.0]), np.diag([-1.0, 1.0]))  # as `reading` searches
ROOM = sync._WIDE - sync._BINS


def test_a_constellation_in_the_last_bin_does_not_reach_around_to_the_first():
    """Else low frequencies would count for a place among the high ones."""
    lowest, highest = tiles._PILOT_RING
    assert np.log(highest / lowest) / sync._STEP + 1 <= ROOM  # whatever the key
    for key in (KEY, OTHER_KEY):
        for stretch in MIRRORS:
            image, _, _ = sync._constellation(tiles.of_key(key), stretch)
            assert np.nonzero(image)[1].max() <= ROOM
