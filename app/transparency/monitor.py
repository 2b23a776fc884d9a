"""What somebody outside does again and again: look whether the log only grew. No database.

A watch holds what was seen last: a checkpoint, and the leaves about the ids that matter to its
owner. `look` compares it with what the log shows now, at a cost that grows with the new leaves:
    1. the checkpoint is signed by the log's own key, and by every witness whose line it carries;
    2. it is not older than the one seen last, and not another of the same size;
    3. the new entries are leaves; with the older tiles they give the signed root, and the root seen
       last; the tiles that hold them are what they should be;
    4. every leaf seen about a watched id is still there, in its place and word for word, and what
       was promised about it is published in time.
A finding is an alarm: a dictionary of JSON values, with both checkpoints where two contradict.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.transparency import merkle, note, tiles
from app.transparency.errors import (
    LeafRefused,
    NoteRefused,
    ProofRefused,
    TileDamaged,
    TileNotFound,
    WatchUnreadable,
)
from app.transparency.growth import GrownTree, Growth, Head, bundle_start
from app.transparency.leaf import parse_leaf

VERSION = 1
PUBLISHED_WITHIN = timedelta(hours=1)

Leaves = Callable[[str], list[dict[str, Any]]]


@dataclass
class Watch:
    """What was seen last; `save` and `load` keep it as JSON."""

    key: note.VerifierKey
    checkpoint: str | None = None
    subjects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def save(self) -> str:
        """Return it as JSON text."""
        members = {
            "v": VERSION,
            "key": str(self.key),
            "checkpoint": self.checkpoint,
            "subjects": self.subjects,
        }
        return json.dumps(members, indent=1, sort_keys=True) + "\n"

    @classmethod
    def load(cls, text: str) -> "Watch":
        """Read it back. Raises WatchUnreadable, NoteRefused."""
        try:
            found = json.loads(text)
            if found["v"] != VERSION:
                raise WatchUnreadable(f"the state is of version {found['v']}, not {VERSION}")
            return cls(note.VerifierKey.parse(found["key"]), found["checkpoint"], found["subjects"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WatchUnreadable(
                "the state is not what a monitor wrote; restore it, or start anew with a checkpoint"
                " you trust"
            ) from None


@dataclass(frozen=True)
class Look:
    """What one look found: alarms, or what is new."""

    alarms: tuple[dict[str, Any], ...]
    news: dict[str, Any]


class _Alarm(Exception):
    def __init__(self, kind: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.found = {"alarm": kind, "detail": detail, **more}


def look(
    watch: Watch,
    *,
    checkpoint: bytes,
    read: tiles.ReadTile,
    at: datetime,
    leaves: Leaves | None = None,
    witnesses: Iterable[note.VerifierKey] = (),
) -> Look:
    """Compare the log with what was seen last; without an alarm, the watch moves on to now.

    `leaves` tells what the log's keeper lists about an id: absent for a mirror, which is checked
    against what was seen. With an alarm the watch stays as it was: it is the evidence.
    """
    try:
        # 1. and 2. The head.
        head = _open(watch, checkpoint, witnesses)
        old = _old_head(watch)
        _compare_heads(watch, old, head, checkpoint)
        # 3. What was added.
        kinds = _check_growth(watch, old, head, checkpoint, read)
    except _Alarm as alarm:
        return Look((alarm.found,), {})
    # 4. The ids that matter.
    subjects, alarms, fresh = _check_subjects(watch, head, read, leaves, at)
    if not alarms:
        watch.checkpoint, watch.subjects = checkpoint.decode(), subjects
    seen = note.witnessed_by(note.parse_note(checkpoint), witnesses)
    news = {
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "new_leaves": head.size - old.size,
        "new_kinds": dict(sorted(kinds.items())),
        "about_watched": fresh,
        "witnesses": seen,
        "witnessed": bool(seen),
    }
    return Look(tuple(alarms), news)


def _open(
    watch: Watch, checkpoint: bytes, witnesses: Iterable[note.VerifierKey]
) -> note.Checkpoint:
    try:
        head = note.open_checkpoint(checkpoint, watch.key)
        note.witnessed_by(note.parse_note(checkpoint), witnesses)
    except NoteRefused as error:
        raise _Alarm("tamper", f"the checkpoint is refused: {error.detail}") from None
    return head


def _old_head(watch: Watch) -> note.Checkpoint:
    if watch.checkpoint is None:
        return note.Checkpoint(watch.key.name, 0, merkle.EMPTY_ROOT)
    return note.open_checkpoint(watch.checkpoint.encode(), watch.key)


def _compare_heads(
    watch: Watch, old: note.Checkpoint, head: note.Checkpoint, checkpoint: bytes
) -> None:
    both = {"kept_checkpoint": watch.checkpoint, "checkpoint": checkpoint.decode()}
    if head.size < old.size:
        raise _Alarm("rollback", f"{old.size} leaves were signed, now {head.size} are", **both)
    if head.size == old.size and head.root != old.root:
        raise _Alarm("fork", f"two different logs of {head.size} leaves are signed", **both)


def _check_growth(
    watch: Watch,
    old: note.Checkpoint,
    head: note.Checkpoint,
    checkpoint: bytes,
    read: tiles.ReadTile,
) -> Counter[str]:
    """Count the new leaves by kind, once they and the old ones make up both signed roots."""
    if head.size == old.size:
        return Counter()
    both = {"kept_checkpoint": watch.checkpoint, "checkpoint": checkpoint.decode()}
    try:
        entries = _entries_from(bundle_start(old.size), head.size, read)
        tree = GrownTree(
            Growth(Head(0, old.size, old.root), tuple(entries)), _old_tiles(read, head)
        )
        root, old_root = tree.root(head.size), tree.root(old.size)
        for tile, content in tree.changed_tiles():
            if read(tile.path) != content:
                raise _Alarm("tamper", f"{tile.path} does not hold what its entries give")
    except (TileNotFound, TileDamaged) as error:
        raise _Alarm("missing-leaf", error.detail) from None
    if root != head.root:
        raise _Alarm(
            "tamper", f"the entries give the root {root.hex()}, not the signed one", **both
        )
    if old_root != old.root:
        raise _Alarm("fork", f"the log does not extend the {old.size} leaves seen before", **both)
    kinds: Counter[str] = Counter()
    for index, entry in enumerate(entries[old.size - bundle_start(old.size) :], old.size):
        try:
            kinds[parse_leaf(entry).kind.value] += 1
        except LeafRefused as error:
            raise _Alarm("tamper", f"leaf {index}: {error.detail}") from None
    return kinds


def _entries_from(start: int, size: int, read: tiles.ReadTile) -> list[bytes]:
    entries: list[bytes] = []
    for at in range(start, size, tiles.WIDTH):
        bundle = tiles.tile_holding(tiles.ENTRIES, at, size)
        entries += tiles.decode_bundle(read(bundle.path), bundle.width)
    return entries


def _old_tiles(read: tiles.ReadTile, head: note.Checkpoint) -> tiles.ReadTile:
    """Read the start of a present tile where an older, narrower one is asked for.

    A log may delete a partial tile once it is full; what it begins with is the same.
    """

    def narrow(path: str) -> bytes:
        asked = tiles.parse_path(path)
        held = tiles.tile_holding(asked.level, asked.start, head.size)
        return read(held.path)[: asked.width * merkle.HASH_SIZE_BYTES]

    return narrow


def _check_subjects(
    watch: Watch,
    head: note.Checkpoint,
    read: tiles.ReadTile,
    leaves: Leaves | None,
    at: datetime,
) -> tuple[dict[str, dict[str, dict[str, Any]]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what is now known about each id, the alarms, and what was not known before."""
    subtree = tiles.subtree_reader(head.size, read)
    known: dict[str, dict[str, dict[str, Any]]] = {}
    alarms: list[dict[str, Any]] = []
    fresh: list[dict[str, Any]] = []
    for subject, seen in watch.subjects.items():
        listed = {each["id"]: each for each in leaves(subject)} if leaves else dict(seen)
        known[subject] = listed
        alarms += _gone(subject, seen, listed)
        for each in listed.values():
            try:
                _check_leaf(each, head, subtree, at)
            except _Alarm as alarm:
                alarms.append(alarm.found | {"subject": subject, "id": each["id"]})
            if each["id"] not in seen:
                fresh.append({"subject": subject, "kind": each["kind"], "id": each["id"]})
    return known, alarms, fresh


def _gone(
    subject: str, seen: dict[str, dict[str, Any]], listed: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Name every leaf that was seen and is listed no more, or listed as something else."""
    alarms = []
    for leaf_id, before in seen.items():
        now = listed.get(leaf_id)
        moved = now is not None and before["leaf_index"] not in (None, now["leaf_index"])
        if now is None or now["entry"] != before["entry"] or moved:
            detail = "is listed no more" if now is None else "is not what it was"
            found = {"subject": subject, "id": leaf_id, "seen": before}
            alarms.append({"alarm": "missing-leaf", "detail": f"{leaf_id} {detail}", **found})
    return alarms


def _check_leaf(
    each: dict[str, Any], head: note.Checkpoint, subtree: merkle.Subtree, at: datetime
) -> None:
    entry, index = str(each["entry"]).encode(), each["leaf_index"]
    try:
        promised_at = datetime.fromisoformat(parse_leaf(entry).at)
    except LeafRefused as error:
        raise _Alarm("tamper", error.detail) from None
    if index is None or index >= head.size:
        if at - promised_at > PUBLISHED_WITHIN:
            raise _Alarm("missing-leaf", f"promised at {promised_at}, and still not in the log")
        return
    try:
        path = merkle.inclusion_path(index, head.size, subtree)
        merkle.verify_inclusion(merkle.hash_leaf(entry), index, head.size, path, head.root)
    except (ProofRefused, TileNotFound, TileDamaged, ValueError) as error:
        raise _Alarm("missing-leaf", f"leaf {index} is not this entry: {error}") from None


def listed_leaves(answer: bytes) -> list[dict[str, Any]]:
    """Read what a log's keeper lists about an id. Raises WatchUnreadable."""
    try:
        return [
            {
                "id": str(each["id"]),
                "kind": str(each["kind"]),
                "entry": str(each["entry"]),
                "leaf_index": None if each["leaf_index"] is None else int(each["leaf_index"]),
            }
            for each in json.loads(answer)["leaves"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WatchUnreadable("the list of leaves is not what the interface promises") from None
