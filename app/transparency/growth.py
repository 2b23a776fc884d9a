"""How the tree grows by a batch: which tiles it gains, and its new root. Pure, without I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.transparency import merkle, tiles


@dataclass(frozen=True)
class Head:
    """The newest checkpoint's place in the log; number 0 stands for the empty log."""

    number: int = 0
    size: int = 0
    root_hash: bytes = merkle.EMPTY_ROOT


@dataclass(frozen=True)
class Growth:
    """What the log gains: all entries from the last unfilled bundle of `head` on."""

    head: Head
    entries: tuple[bytes, ...]

    @property
    def start(self) -> int:
        """Return the index of the first entry held here."""
        return bundle_start(self.head.size)

    @property
    def size(self) -> int:
        """Return how many leaves the log will have."""
        return self.start + len(self.entries)


class GrownTree:
    """The tree after the growth, holding in memory only the tiles that change.

    `read` supplies what was published before: the unfilled tile of each level.
    """

    def __init__(self, growth: Growth, read: tiles.ReadTile) -> None:
        self._growth = growth
        self._older = tiles.subtree_reader(growth.size, read)
        # For each tile level: the hashes from the start of its first changing tile on.
        self._rows = [[merkle.hash_leaf(entry) for entry in growth.entries]]
        while growth.size >> (tiles.HEIGHT * len(self._rows)):
            self._rows.append(self._next_row(read))

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves, from memory wherever memory reaches."""
        return merkle.root(size, self._subtree)

    def changed_tiles(self) -> Iterator[tuple[tiles.Tile, bytes]]:
        """Yield what is to be published, in the order of writing: entries, then tiles upwards."""
        for tile in tiles.tiles_to_publish(self._growth.head.size, self._growth.size):
            at = tile.start - self._row_start(max(tile.level, 0))
            if tile.level == tiles.ENTRIES:
                yield tile, tiles.encode_bundle(self._growth.entries[at : at + tile.width])
            else:
                yield tile, tiles.encode_tile(self._rows[tile.level][at : at + tile.width])

    def _next_row(self, read: tiles.ReadTile) -> list[bytes]:
        level, below = len(self._rows), self._rows[-1]
        old = self._growth.head.size >> (tiles.HEIGHT * level)
        new = self._growth.size >> (tiles.HEIGHT * level)
        kept: list[bytes] = []
        if width := old % tiles.WIDTH:
            tile = tiles.Tile(level, old // tiles.WIDTH, width)
            kept = tiles.decode_tile(read(tile.path), width)
        # The row below begins where its first unfilled tile begins: at child `old` of this row.
        ends = range(tiles.WIDTH, (new - old) * tiles.WIDTH + 1, tiles.WIDTH)
        return [*kept, *(tiles.fold(below[end - tiles.WIDTH : end]) for end in ends)]

    def _row_start(self, level: int) -> int:
        return bundle_start(self._growth.head.size >> (tiles.HEIGHT * level))

    def _subtree(self, level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, tiles.HEIGHT)
        at = (index << inner) - self._row_start(tile_level)
        if at < 0:
            return self._older(level, index)
        return tiles.fold(self._rows[tile_level][at : at + (1 << inner)])


def bundle_start(position: int) -> int:
    """Return where the tile or bundle that holds a position begins."""
    return position // tiles.WIDTH * tiles.WIDTH
