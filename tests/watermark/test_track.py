"""Following a grid from tile to tile, and giving up early where there is none."""

import cv2
import numpy as np
import pytest

from tests.watermark import unmarked
from tests.watermark.clips import KEY, PAYLOAD
from watermark import image, informed, mask, track
from watermark import tile as tiles

PATTERN = tiles.of_key(KEY)


@pytest.fixture(scope="module")
def newton():
    picture = unmarked.portraits()[2]
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.cvtColor(
        image.embed(picture, PAYLOAD, KEY), cv2.COLOR_BGR2GRAY
    )


def off_by(luma, turn, stretch):
    """The plain view of a picture, a little wrong."""
    wrong = np.array([[1 + stretch, turn, 0.01], [-turn, 1 - stretch, -0.01], [0, 0, 1]])
    return wrong @ informed.plain_view(tiles.grid(*luma.shape), luma.shape)


def test_finds_the_grid_again_from_a_view_that_is_a_little_wrong(newton):
    _, marked = newton
    right = informed.plain_view(tiles.grid(*marked.shape), marked.shape)
    view = off_by(marked, 0.004, 0.003)
    found = track.followed(PATTERN, mask.residual(marked), view, 1.0, track.OF_SEARCHED)
    assert found is not None
    corners = np.array([[0, marked.shape[1], 0], [0, 0, marked.shape[0]], [1, 1, 1]])
    for before, allowed in ((view, 0.02), (found, 0.004)):
        apart = (before @ corners)[:2] / (before @ corners)[2] - (right @ corners)[:2]
        assert (np.abs(apart).max() < allowed) == (before is found)


@pytest.mark.parametrize("least", [track.OF_PLAIN, track.OF_SEARCHED])
def test_gives_up_where_there_is_no_mark_and_not_for_any_other_reason(newton, least):
    """The planted fault asks for nothing: then the same place is followed to its end."""
    plain, marked = newton
    view = off_by(plain, 0.0, 0.0)
    assert track.followed(PATTERN, mask.residual(plain), view, 1.0, least) is None
    assert track.followed(PATTERN, mask.residual(plain), view, 1.0, {}) is not None
    assert track.followed(PATTERN, mask.residual(marked), view, 1.0, least) is not None
