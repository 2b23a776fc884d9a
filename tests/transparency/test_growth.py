"""A tree grown in steps is the tree grown at once, across every edge of tile and level."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.transparency import merkle, tiles
from app.transparency.growth import GrownTree, Growth, Head
from tests.transparency.test_tiles import published

LEAVES = [b"%d" % index for index in range(131_500)]
WHOLE = merkle.Tree([merkle.hash_leaf(entry) for entry in LEAVES])


def grow(store: dict[str, bytes], old: int, new: int) -> GrownTree:
    """Publish the growth into the store, as the sequencer does."""
    start = old // tiles.WIDTH * tiles.WIDTH
    head = Head(1, old, merkle.root(old, WHOLE.subtree))
    tree = GrownTree(Growth(head, tuple(LEAVES[start:new])), store.__getitem__)
    for tile, content in tree.changed_tiles():
        assert store.setdefault(tile.path, content) == content
    return tree


class TestGrowTree:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (0, 1),
            (255, 257),
            (256, 512),
            (65_535, 65_536),
            (65_535, 65_537),
            (65_536, 65_900),
            (70_000, 70_001),
            (65_700, 131_400),
            (131_071, 131_073),
        ],
    )
    def test_adds_exactly_the_tiles_of_the_larger_tree(self, old, new):
        before = published(merkle.Tree([WHOLE.subtree(0, index) for index in range(old)]))
        after = published(merkle.Tree([WHOLE.subtree(0, index) for index in range(new)]))
        store = dict(before)
        tree = grow(store, old, new)
        hashes = {path: data for path, data in store.items() if "entries" not in path}
        assert hashes == before | after
        assert tree.root(old) == merkle.root(old, WHOLE.subtree)
        assert tree.root(new) == merkle.root(new, WHOLE.subtree)

    @settings(max_examples=25)
    @given(st.lists(st.integers(1, 600), min_size=1, max_size=8))
    def test_any_steps_end_in_a_store_that_proves_every_size(self, steps):
        store: dict[str, bytes] = {}
        sizes = [0]
        for step in steps:
            grow(store, sizes[-1], sizes[-1] + step)
            sizes.append(sizes[-1] + step)
        subtree = tiles.subtree_reader(sizes[-1], store.__getitem__)
        for size in sizes:
            assert merkle.root(size, subtree) == merkle.root(size, WHOLE.subtree)
