"""Check a whole log offline: from its tiles and one checkpoint, trusting nobody."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.transparency import merkle, note, tiles
from app.transparency.errors import ProofRefused, TileDamaged, TileNotFound


@dataclass(frozen=True)
class Difference:
    """The first place where what is published and what was signed part ways."""

    where: str  # a tile's path, "checkpoint" or "kept checkpoint"
    detail: str
    leaf_index: int | None = None


@dataclass(frozen=True)
class LogReport:
    """The finding on one log at one checkpoint."""

    origin: str
    size: int
    root: str
    difference: Difference | None = None
    witnesses: dict[str, int] = field(default_factory=dict)  # name: seconds since 1970

    @property
    def holds(self) -> bool:
        """Say whether everything checked out."""
        return self.difference is None

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON members."""
        return {"v": 1, "holds": self.holds, "witnessed": bool(self.witnesses), **asdict(self)}


def directory_reader(directory: Path) -> tiles.ReadTile:
    """Return the reader of a log mirrored into a directory: `directory/tile/...`."""

    def read(path: str) -> bytes:
        file = directory / tiles.parse_path(path).path
        try:
            if file.stat().st_size > tiles.BUNDLE_LIMIT_BYTES:
                raise TileDamaged(f"{path} is larger than any bundle can be")
            return file.read_bytes()
        except OSError:
            raise TileNotFound(f"{path} is not in the directory") from None

    return read


def verify_log(
    read: tiles.ReadTile,
    checkpoint: bytes,
    key: note.VerifierKey,
    *,
    kept: bytes | None = None,
    witnesses: Iterable[note.VerifierKey] = (),
) -> LogReport:
    """Rebuild the log from its entry bundles and compare all of it; report the first difference.

    `kept` is an earlier checkpoint from outside: the log must extend it. Reads every tile once,
    in constant memory. Raises NoteRefused when a checkpoint was not signed by `key`, or carries a
    false cosignature of one of `witnesses`.
    """
    # 1. The checkpoint is the log's own.
    head = note.open_checkpoint(checkpoint, key)
    seen = note.witnessed_by(note.parse_note(checkpoint), witnesses)
    # 2. Every entry, every tile and the root agree.
    difference = next(_differences(head, read), None)
    # 3. The log extends what somebody kept.
    if difference is None and kept is not None:
        difference = _compare_kept(head, note.open_checkpoint(kept, key), read)
    return LogReport(head.origin, head.size, head.root.hex(), difference, seen)


def _differences(head: note.Checkpoint, read: tiles.ReadTile) -> Iterator[Difference]:
    rebuilt: list[list[bytes]] = [[]]  # for each tile level: hashes not yet folded into the next
    positions = [0]  # for each tile level: how many hashes were folded already
    for start in range(0, head.size, tiles.WIDTH):
        bundle = tiles.tile_holding(tiles.ENTRIES, start, head.size)
        try:
            entries = tiles.decode_bundle(read(bundle.path), bundle.width)
        except (TileNotFound, TileDamaged) as error:
            yield Difference(bundle.path, error.detail, start)
            return
        rebuilt[0] = [merkle.hash_leaf(entry) for entry in entries]
        yield from _compare_tile(0, positions, rebuilt, read, head.size)
        level = 0
        while len(rebuilt[level]) == tiles.WIDTH:
            if level + 1 == len(rebuilt):
                rebuilt.append([])
                positions.append(0)
            rebuilt[level + 1].append(tiles.fold(rebuilt[level]))
            rebuilt[level] = []
            positions[level] += tiles.WIDTH
            level += 1
            if len(rebuilt[level]) == tiles.WIDTH:
                yield from _compare_tile(level, positions, rebuilt, read, head.size)
    for level in range(1, len(rebuilt)):
        if rebuilt[level]:
            yield from _compare_tile(level, positions, rebuilt, read, head.size)

    def subtree(level: int, index: int) -> bytes:  # the right edge is all that a root asks for
        tile_level, inner = divmod(level, tiles.HEIGHT)
        at = (index << inner) - positions[tile_level]
        return tiles.fold(rebuilt[tile_level][at : at + (1 << inner)])

    found = merkle.root(head.size, subtree)
    if found != head.root:
        yield Difference(
            "checkpoint", f"the entries give the root {found.hex()}, signed is {head.root.hex()}"
        )


def _compare_tile(
    level: int,
    positions: list[int],
    rebuilt: list[list[bytes]],
    read: tiles.ReadTile,
    size: int,
) -> Iterator[Difference]:
    tile = tiles.tile_holding(level, positions[level], size)
    leaves_each = tiles.WIDTH**level
    try:
        published = tiles.decode_tile(read(tile.path), tile.width)
    except (TileNotFound, TileDamaged) as error:
        yield Difference(tile.path, error.detail, tile.start * leaves_each)
        return
    for at, (expected, found) in enumerate(zip(rebuilt[level], published, strict=True)):
        if expected != found:
            yield Difference(
                tile.path,
                f"hash {at} is {found.hex()}, the entries give {expected.hex()}",
                (tile.start + at) * leaves_each,
            )


def _compare_kept(
    head: note.Checkpoint, kept: note.Checkpoint, read: tiles.ReadTile
) -> Difference | None:
    if kept.size > head.size:
        return Difference(
            "kept checkpoint", f"it counts {kept.size} leaves, the log has only {head.size}"
        )
    subtree = tiles.subtree_reader(head.size, read)
    path = merkle.consistency_path(kept.size, head.size, subtree)
    try:
        merkle.verify_consistency(kept.size, kept.root, head.size, head.root, path)
    except ProofRefused as error:
        return Difference("kept checkpoint", error.detail)
    return None
