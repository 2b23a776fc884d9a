"""C2SP tlog-tiles: paths, tiles of 256 hashes, and bundles of 256 entries. Pure, without I/O.

Source: https://c2sp.org/tlog-tiles. A path here is relative to the log's prefix: `tile/0/x001/067`,
`tile/entries/000.p/12`. A reader is a function from such a path to bytes, raising TileNotFound.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.transparency.errors import TileDamaged, TileNotFound
from app.transparency.merkle import HASH_SIZE_BYTES, Subtree, hash_children

WIDTH = 256
HEIGHT = 8  # a tile spans this many levels of the tree
ENTRY_LIMIT_BYTES = 0xFFFF
BUNDLE_LIMIT_BYTES = WIDTH * (2 + ENTRY_LIMIT_BYTES)
LEVEL_LIMIT = 63
ENTRIES = -1  # the "level" of entry bundles, whose path says `entries` in its place

ReadTile = Callable[[str], bytes]

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, order=True)
class Tile:
    """The coordinates of one tile, or of one entry bundle where `level` is ENTRIES."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Return the path under the log's prefix: `tile/<L>/<N>[.p/<W>]`."""
        groups, rest = [f"{self.index % 1000:03d}"], self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{level}/{'/'.join(groups)}{partial}"

    @property
    def start(self) -> int:
        """Return the position, within its level, of the tile's first hash or entry."""
        return self.index * WIDTH


def parse_path(path: str) -> Tile:
    """Return the tile a path names; the one spelling of each is accepted. Raises TileNotFound."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TileNotFound(f"{path!r} names no tile; paths are tile/<level>/<index>[.p/<width>]")
    level = ENTRIES if found["level"] == "entries" else int(found["level"])
    index = int(found["index"].replace("x", "").replace("/", ""))
    tile = Tile(level, index, int(found["width"] or WIDTH))
    if tile.path != path or level > LEVEL_LIMIT:
        raise TileNotFound(f"{path!r} is not how that tile is spelled")
    return tile


def tile_holding(level: int, position: int, size: int) -> Tile:
    """Return the widest tile that holds a position of a level, in a log of `size` leaves."""
    held = size if level == ENTRIES else size >> (HEIGHT * level)
    index = position // WIDTH
    return Tile(level, index, min(WIDTH, held - index * WIDTH))


def tiles_to_publish(old_size: int, new_size: int) -> Iterator[Tile]:
    """Yield what a log needs to grow: entry bundles first, then tiles from the leaves upwards."""
    for level in (ENTRIES, *range(LEVEL_LIMIT + 1)):
        shift = 0 if level == ENTRIES else HEIGHT * level
        old, new = old_size >> shift, new_size >> shift
        if new == 0:
            return
        if old < new:
            for index in range(old // WIDTH, (new - 1) // WIDTH + 1):
                yield Tile(level, index, min(WIDTH, new - index * WIDTH))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as one bundle: each after its length, 16 bits, big-endian."""
    parts = []
    for entry in entries:
        if len(entry) > ENTRY_LIMIT_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes does not fit 16 bits of length")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_bundle(content: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle. Raises TileDamaged, naming the entry that ends it."""
    entries: list[bytes] = []
    at = 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if at + 2 > len(content) or end > len(content):
            raise TileDamaged(f"the bundle is cut short inside entry {len(entries)}")
        entries.append(content[at + 2 : end])
        at = end
    if len(entries) != width:
        raise TileDamaged(f"the bundle holds {len(entries)} entries, its path promises {width}")
    return entries


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """Return hashes as one tile: 32 bytes each, in order."""
    return b"".join(hashes)


def decode_tile(content: bytes, width: int) -> list[bytes]:
    """Return the `width` hashes of a tile. Raises TileDamaged."""
    if len(content) != width * HASH_SIZE_BYTES:
        raise TileDamaged(
            f"the tile has {len(content)} bytes, its path promises {width * HASH_SIZE_BYTES}"
        )
    return [content[at : at + HASH_SIZE_BYTES] for at in range(0, len(content), HASH_SIZE_BYTES)]


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over a power of two of neighboring hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [hash_children(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def subtree_reader(size: int, read: ReadTile) -> Subtree:
    """Return the reader of a published log of `size` leaves; each tile is read at most once.

    Nothing read is trusted: a proof made from bad tiles is refused by whoever checks it.
    """
    held: dict[Tile, list[bytes]] = {}

    def subtree(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, HEIGHT)
        start = index << inner
        tile = tile_holding(tile_level, start, size)
        if tile not in held:
            held[tile] = decode_tile(read(tile.path), tile.width)
        return fold(held[tile][start - tile.start : start - tile.start + (1 << inner)])

    return subtree
