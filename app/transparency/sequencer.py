"""From outbox rows to a signed checkpoint, so that no crash and no rival can fork the log.

    1. adopt    take over checkpoints that an interrupted run published but did not note down
    2. assign   give waiting outbox rows their leaf indexes, and commit: what the tree holds is now
                settled, and every sequencer that writes a tile writes the same bytes
    3. publish  write entry bundles, then tiles, each create-only and flushed to disk
    4. sign     prove that the tree extends the last checkpoint, sign it, and create the object
                `log/checkpoints/<number>`: of two sequencers one creates it, the other stands back
    5. adopt    note the published checkpoint down

Killed between any two of these, the next run completes. The create-only object of step 4 is the
compare-and-swap: it also stops a database restored from an old backup from signing another past.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import storage
from app.storage import ObjectExists, ObjectMissing
from app.transparency import merkle, note, tiles
from app.transparency.errors import LogForked, NoteRefused, TileNotFound
from app.transparency.growth import GrownTree, Growth, Head, bundle_start
from app.transparency.models import LogCheckpoint, LogLeaf, LogOutbox

PREFIX = "log/"
_LOCK = 0x6C6F67  # "log": PostgreSQL advisory lock of whoever assigns or adopts
_PUT_LEAVES = sa.insert(LogLeaf)
_SAY_PLACES = (  # no seal covers this column, so nothing is noted of it
    sa.update(LogOutbox)
    .where(col(LogOutbox.id) == sa.bindparam("of_id"))
    .values(leaf_index=sa.bindparam("place"))
)


class ObjectStore(Protocol):
    """What the log asks of app/storage: create-only, and durable on return."""

    def put_new(self, key: str, source: bytes) -> None: ...
    def replace(self, key: str, content: bytes) -> None: ...
    def get(self, key: str) -> bytes: ...
    def delete(self, key: str) -> None: ...


Transaction = Callable[[], AbstractContextManager[Session]]


def sequence(
    *,
    reading: Transaction,
    writing: Transaction,
    signer: note.Signer,
    store: ObjectStore = storage,
    limit: int = 10_000,
) -> Head:
    """Log what waits, at most `limit` rows, and return the newest checkpoint's place.

    Opens its own transactions, for each step must be durable before the next begins: pass
    `db.reading` and `db.writing`. Raises LogForked, signing nothing, where the database and what
    was published contradict each other; that needs a person.
    """
    with writing() as session:
        adopt(session, signer.key, store)
        assign_leaves(session, limit=limit)
    with reading() as session:
        growth = read_growth(session)
    if growth.size == growth.head.size:
        return growth.head
    root_hash = publish(growth, store)
    sign(growth, root_hash, signer, store)
    with writing() as session:
        return adopt(session, signer.key, store)


def assign_leaves(session: Session, *, limit: int = 10_000) -> int:
    """Give waiting outbox rows the next leaf indexes, oldest first; return how many."""
    lock(session)
    last = session.exec(select(sa.func.max(col(LogLeaf.leaf_index)))).one()
    index = 0 if last is None else last + 1
    if index < head_of(newest_checkpoint(session)).size:
        raise LogForked(f"leaf {index} is signed for, and gone from the database")
    waiting = session.exec(
        select(LogOutbox.id, LogOutbox.entry)
        .where(col(LogOutbox.leaf_index).is_(None))
        .order_by(col(LogOutbox.created_at), col(LogOutbox.id))
        .limit(limit)
    ).all()
    if not waiting:
        return 0
    leaves, places = [], []  # rows, not objects: there may be thousands
    for place, (id_, text) in enumerate(waiting, index):
        entry = text.encode()
        leaves.append(
            {
                "leaf_index": place,
                "outbox_id": id_,
                "entry": entry,
                "leaf_hash": merkle.hash_leaf(entry),
            }
        )
        places.append({"of_id": id_, "place": place})
    connection = session.connection()
    connection.execute(_PUT_LEAVES, leaves)
    connection.execute(_SAY_PLACES, places)
    return len(waiting)


def read_growth(session: Session) -> Growth:
    """Return the leaves that the next checkpoint adds. Raises LogForked on edited leaf rows."""
    head = head_of(newest_checkpoint(session))
    start = bundle_start(head.size)
    rows = session.exec(
        select(LogLeaf.leaf_index, LogLeaf.entry, LogLeaf.leaf_hash)
        .where(col(LogLeaf.leaf_index) >= start)
        .order_by(col(LogLeaf.leaf_index))
    ).all()
    for expected, (index, entry, leaf_hash) in enumerate(rows, start):
        if index != expected or merkle.hash_leaf(entry) != leaf_hash:
            raise LogForked(f"leaf {expected} was edited or deleted in the database")
    if start + len(rows) < head.size:
        raise LogForked(f"leaf {start + len(rows)} is signed for, and gone from the database")
    return Growth(head, tuple(entry for _, entry, _ in rows))


def publish(growth: Growth, store: ObjectStore = storage) -> bytes:
    """Write the entry bundles, then the tiles, that the growth adds; return the new root.

    Repeating it writes the same bytes. Raises LogForked where other bytes are published already.
    """
    tree = GrownTree(growth, published(store))
    if tree.root(growth.head.size) != growth.head.root_hash:
        raise LogForked(f"the database no longer gives the signed root of {growth.head.size}")
    for tile, content in tree.changed_tiles():
        _put(store, PREFIX + tile.path, content)
    return tree.root(growth.size)


def sign(
    growth: Growth, root_hash: bytes, signer: note.Signer, store: ObjectStore = storage
) -> None:
    """Sign the grown tree and publish the checkpoint, unless somebody else was first.

    Raises LogForked, before signing, unless the tree grew, and its tiles, read back, give this
    root and the old one.
    """
    if growth.size <= growth.head.size:
        raise LogForked(f"a tree of {growth.size} leaves follows none of {growth.head.size}")
    key = checkpoint_key(growth.head.number + 1)
    with suppress(ObjectMissing):
        store.get(key)
        return  # a rival was first: it is adopted instead
    subtree = tiles.subtree_reader(growth.size, published(store))
    if (
        merkle.root(growth.head.size, subtree) != growth.head.root_hash
        or merkle.root(growth.size, subtree) != root_hash
    ):
        raise LogForked(f"the published tiles do not give the root of {growth.size} leaves")
    checkpoint = note.Checkpoint(signer.key.name, growth.size, root_hash)
    signed = note.sign_checkpoint(checkpoint, signer)
    with suppress(ObjectExists):  # a rival was first after all: nobody is shown ours
        store.put_new(key, str(signed).encode())


def adopt(session: Session, key: note.VerifierKey, store: ObjectStore = storage) -> Head:
    """Note down every published checkpoint that the database does not know; return the newest.

    Raises LogForked when one of them contradicts the database, which was then restored or edited,
    or when `key` is not the key of this log: key and origin last as long as the log does.
    """
    lock(session)
    newest = newest_checkpoint(session)
    if newest is not None:
        _check_key(newest, key)
    head = head_of(newest)
    while (raw := _find_checkpoint(store, head.number + 1)) is not None:
        checkpoint = note.open_checkpoint(raw, key)
        _check_extends(session, head, checkpoint, store)
        head = Head(head.number + 1, checkpoint.size, checkpoint.root)
        session.add(
            LogCheckpoint(
                number=head.number,
                size=head.size,
                root_hash=head.root_hash,
                note=raw.decode(),
            )
        )
        session.flush()
    return head


def newest_checkpoint(session: Session) -> LogCheckpoint | None:
    """Return the newest checkpoint noted down; an empty log has none."""
    newest_first = select(LogCheckpoint).order_by(col(LogCheckpoint.number).desc())
    return session.exec(newest_first.limit(1)).first()


def head_of(newest: LogCheckpoint | None) -> Head:
    """Return a checkpoint's place in the log."""
    return Head(newest.number, newest.size, newest.root_hash) if newest else Head()


def checkpoint_key(number: int) -> str:
    """Return the object that holds the `number`-th checkpoint."""
    return f"{PREFIX}checkpoints/{number:012d}"


def published_checkpoint(number: int, store: ObjectStore = storage) -> bytes:
    """Return the `number`-th checkpoint as it was published. Raises ObjectMissing."""
    return store.get(checkpoint_key(number))


def published(store: ObjectStore = storage) -> tiles.ReadTile:
    """Return the reader of published tiles."""

    def read(path: str) -> bytes:
        try:
            return store.get(PREFIX + path)
        except ObjectMissing:
            raise TileNotFound(f"the log has not published {path}") from None

    return read


def _check_extends(
    session: Session, head: Head, checkpoint: note.Checkpoint, store: ObjectStore
) -> None:
    where = f"the published checkpoint {head.number + 1} of {checkpoint.size} leaves"
    # 1. It is larger, and its tiles give both its root and the root before it.
    subtree = tiles.subtree_reader(checkpoint.size, published(store))
    if (
        checkpoint.size <= head.size
        or merkle.root(checkpoint.size, subtree) != checkpoint.root
        or merkle.root(head.size, subtree) != head.root_hash
    ):
        raise LogForked(f"{where} does not extend the {head.size} leaves before it")
    # 2. The database holds every leaf it adds.
    rows = session.exec(
        select(LogLeaf.leaf_hash)
        .where(LogLeaf.leaf_index >= head.size, LogLeaf.leaf_index < checkpoint.size)
        .order_by(col(LogLeaf.leaf_index))
    ).all()
    if list(rows) != [subtree(0, index) for index in range(head.size, checkpoint.size)]:
        raise LogForked(f"{where} holds leaves that the database does not; was it restored?")


def _check_key(newest: LogCheckpoint, key: note.VerifierKey) -> None:
    try:
        note.open_checkpoint(newest.note.encode(), key)
    except NoteRefused as error:
        raise LogForked(
            f"this log was signed under another key or origin, and cannot go on under {key}: "
            f"{error.detail}"
        ) from None


def _find_checkpoint(store: ObjectStore, number: int) -> bytes | None:
    try:
        raw = store.get(checkpoint_key(number))
    except ObjectMissing:
        return None
    if raw.endswith(b"\n"):
        return raw
    store.delete(checkpoint_key(number))  # a power cut left it torn: nobody was shown it yet
    return None


def _put(store: ObjectStore, key: str, content: bytes) -> None:
    try:
        store.put_new(key, content)
    except ObjectExists:
        held = store.get(key)
        if any(held) and not content.startswith(held):
            raise LogForked(f"{key} was published with other content") from None
        store.replace(key, content)  # a power cut left it torn: no checkpoint covers it yet


def lock(session: Session) -> None:
    """Let one at a time anchor, assign and adopt; SQLite's BEGIN IMMEDIATE already does."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
