"""Tiles and bundles: one spelling per tile, and nothing read past what was promised."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transparency import merkle, tiles
from app.transparency.errors import TileDamaged, TileNotFound
from app.transparency.tiles import ENTRIES, Tile


class TestNameTile:
    @pytest.mark.parametrize(
        ("tile", "path"),
        [
            (Tile(0, 0), "tile/0/000"),
            (Tile(0, 1234067), "tile/0/x001/x234/067"),
            (Tile(1, 1000, 17), "tile/1/x001/000.p/17"),
            (Tile(63, 999, 1), "tile/63/999.p/1"),
            (Tile(ENTRIES, 273, 112), "tile/entries/273.p/112"),
        ],
    )
    def test_follows_the_specification(self, tile, path):
        assert tile.path == path
        assert tiles.parse_path(path) == tile

    @given(st.integers(ENTRIES, 63), st.integers(0, 10**17), st.integers(1, 256))
    def test_every_tile_is_read_back_from_its_path(self, level, index, width):
        tile = Tile(level, index, width)
        assert tiles.parse_path(tile.path) == tile

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/x000/001",
            "tile/0/1000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000/",
            "tile/0/000\n",
            "tile/0/٠٠٠",
            "tile/0/../../checkpoints/1",
            "tile/entries/../../../keys/log.pem",
            "/etc/passwd",
            "tile/0/" + "x001/" * 50 + "000",
        ],
    )
    def test_refuses_every_other_path(self, path):
        with pytest.raises(TileNotFound):
            tiles.parse_path(path)


class TestListTilesToPublish:
    def test_equals_the_specifications_example_of_70_000_leaves(self):
        found = list(tiles.tiles_to_publish(0, 70_000))
        counted = [
            (level, sum(t.level == level and t.width == 256 for t in found)) for level in range(3)
        ]
        assert counted == [(0, 273), (1, 1), (2, 0)]
        partial = {t.level: t.width for t in found if t.width < 256}
        assert partial == {ENTRIES: 112, 0: 112, 1: 17, 2: 1}
        assert found[0].level == ENTRIES  # entries are written before the tiles that cover them

    def test_a_log_of_256_leaves_has_a_full_tile_and_one_above_it(self):
        assert set(tiles.tiles_to_publish(0, 256)) == {Tile(ENTRIES, 0), Tile(0, 0), Tile(1, 0, 1)}

    @given(st.lists(st.integers(0, 700), max_size=6))
    def test_growing_in_steps_publishes_every_tile_that_growing_at_once_does(self, steps):
        size, found = 0, set()
        for step in steps:
            found |= set(tiles.tiles_to_publish(size, size + step))
            size += step
        assert set(tiles.tiles_to_publish(0, size)) <= found

    def test_nothing_grows_where_nothing_was_added(self):
        assert list(tiles.tiles_to_publish(300, 300)) == []


class TestReadSubtrees:
    @pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 513, 70_000])
    def test_roots_and_proofs_from_tiles_equal_those_from_the_tree(self, size):
        tree = merkle.Tree([merkle.hash_leaf(b"%d" % index) for index in range(size)])
        subtree = tiles.subtree_reader(size, published(tree).__getitem__)
        assert merkle.root(size, subtree) == merkle.root(size, tree.subtree)
        for index in {0, size // 3, size - 1}:
            expected = merkle.inclusion_path(index, size, tree.subtree)
            assert merkle.inclusion_path(index, size, subtree) == expected
            expected = merkle.consistency_path(index, size, tree.subtree)
            assert merkle.consistency_path(index, size, subtree) == expected

    def test_a_tile_cut_short_is_named_damaged(self):
        tree = merkle.Tree([merkle.hash_leaf(b"%d" % index) for index in range(9)])
        held = {path: content[:-1] for path, content in published(tree).items()}
        with pytest.raises(TileDamaged, match="287 bytes"):
            merkle.root(9, tiles.subtree_reader(9, held.__getitem__))


class TestEncodeBundle:
    @given(st.lists(st.binary(max_size=80), max_size=20))
    def test_gives_back_its_entries(self, entries):
        assert tiles.decode_bundle(tiles.encode_bundle(entries), len(entries)) == entries

    def test_prefixes_each_entry_with_sixteen_bits_of_length(self):
        assert tiles.encode_bundle([b"ab", b"", b"c" * 258]) == (
            b"\x00\x02ab" + b"\x00\x00" + b"\x01\x02" + b"c" * 258
        )

    def test_refuses_an_entry_too_long_for_its_length(self):
        assert len(tiles.encode_bundle([bytes(65_535)])) == 65_537
        with pytest.raises(ValueError, match="65536 bytes"):
            tiles.encode_bundle([bytes(65_536)])

    @given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=8), st.data())
    def test_a_truncated_bundle_is_refused_wherever_it_ends(self, entries, data):
        whole = tiles.encode_bundle(entries)
        cut = data.draw(st.integers(0, len(whole) - 1))
        with pytest.raises(TileDamaged):
            tiles.decode_bundle(whole[:cut], len(entries))

    @given(st.binary(max_size=200), st.integers(0, 256))
    def test_any_bytes_are_read_or_refused(self, content, width):
        with contextlib.suppress(TileDamaged):
            assert tiles.encode_bundle(tiles.decode_bundle(content, width)) == content


def published(tree: merkle.Tree) -> dict[str, bytes]:
    """Write every hash tile of a tree, straight from its definition."""
    return {
        tile.path: tiles.encode_tile(
            [tree.subtree(8 * tile.level, tile.start + at) for at in range(tile.width)]
        )
        for tile in tiles.tiles_to_publish(0, tree.size)
        if tile.level != ENTRIES
    }
