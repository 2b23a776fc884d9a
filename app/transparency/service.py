"""What rooms and readers do with the log: record, open, erase, look up, prove, witness."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.ids import new_id
from app.statements import Call, Statement
from app.transparency import leaf, merkle, note, sequencer, tiles
from app.transparency.errors import (
    CheckpointNotFound,
    LeafNotFound,
    LeafNotPublished,
    LeafRefused,
    NoteRefused,
    ProofRefused,
)
from app.transparency.models import LogCheckpoint, LogLeaf, LogOutbox
from app.transparency.proof import ConsistencyProof, InclusionProof
from app.transparency.sequencer import sequence
from app.transparency.verify import Difference

_PROMISE = Statement(
    sa.insert(LogOutbox).values(
        {each.name: sa.bindparam(each.name) for each in sa.inspect(LogOutbox).columns}
    )
)


def record(
    session: Session | sa.Connection, kind: str, subject_id: str, payload: Mapping[str, Any]
) -> str:
    """Promise a leaf, in the caller's own transaction; return the outbox id it is found under.

    Only a commitment is stored, under a fresh salt: neither payload nor terms nor names. Whoever
    should open it later keeps the payload, and is given the salt by `opening`. `kind` is one of
    `LeafKind`; `subject_id` one of our random ids, or a digest. Raises LeafRefused.
    """
    promised = promise(kind, subject_id, payload)
    connection = session.connection() if isinstance(session, Session) else session
    _PROMISE.run(connection, **promised.values)
    return str(promised.values["id"])


def record_many(
    connection: sa.Connection, leaves: Sequence[tuple[str, str, Mapping[str, Any]]]
) -> None:
    """Promise many leaves, each of a kind, a subject and a payload: see `record`."""
    _PROMISE.run_many(connection, [promise(*each).values for each in leaves])


def promise(kind: str, subject_id: str, payload: Mapping[str, Any]) -> Call:
    """Return what promises a leaf, for who writes more with it: see `record`."""
    at = clock.now()
    salt = secrets.token_bytes(leaf.SALT_SIZE_BYTES)
    made = leaf.make_leaf(kind, subject_id, payload, at=at, salt=salt)
    return _PROMISE.call(
        id=new_id("obx"),
        kind=made.kind.value,
        subject_id=subject_id,
        entry=made.entry.decode(),
        salt=salt,
        leaf_index=None,
        created_at=at,
    )


def opening(session: Session, outbox_id: str) -> dict[str, Any]:
    """Return what opens a leaf's commitment for whoever holds its payload: entry, subject, salt.

    For parties only; `salt` is null once erased. Raises LeafNotFound.
    """
    row = session.get(LogOutbox, outbox_id)
    if row is None:
        raise LeafNotFound(f"nothing was recorded as {outbox_id}")
    salt = row.salt.hex() if row.salt else None
    return {"entry": row.entry, "subject": row.subject_id, "salt": salt}


def bears_out(
    session: Session, kind: str, subject_id: str, payload: Mapping[str, Any]
) -> bool | None:
    """Say whether what was promised of this kind about a subject is this; None: nothing was."""
    promised = [row for row, _ in leaves_of(session, subject_id) if row.kind == kind]
    if not promised:
        return None
    try:
        for row in promised:
            leaf.open_leaf(row.entry.encode(), subject_id, payload, salt=row.salt or b"")
    except (LeafRefused, ProofRefused):
        return False
    return True


def erase_salts(session: Session, subject_id: str) -> int:
    """Make the log silent about a subject for ever: nobody can open its leaves; return how many.

    The leaves stay, so every root and proof holds as before.
    """
    erased = session.execute(
        sa.update(LogOutbox)
        .where(col(LogOutbox.subject_id) == subject_id, col(LogOutbox.salt).is_not(None))
        .values(salt=None)
        .returning(col(LogOutbox.id))
    ).all()
    session.flush()
    return len(erased)


def leaves_of(session: Session, subject_id: str) -> list[tuple[LogOutbox, LogLeaf | None]]:
    """Return what was recorded about a subject, oldest first, and each leaf once it has one."""
    found = session.exec(
        select(LogOutbox, LogLeaf)
        .join(LogLeaf, col(LogLeaf.outbox_id) == LogOutbox.id, isouter=True)
        .where(LogOutbox.subject_id == subject_id)
        .order_by(col(LogOutbox.created_at), col(LogOutbox.id))
    ).all()
    return [(row, logged) for row, logged in found]


def newest_leaves(
    session: Session, *, before: int, limit: int
) -> Sequence[tuple[LogOutbox, LogLeaf]]:
    """List the leaves below an index, newest first: what the tiles show everybody."""
    found = session.exec(
        select(LogOutbox, LogLeaf)
        .join(LogLeaf, col(LogLeaf.outbox_id) == LogOutbox.id)
        .where(LogLeaf.leaf_index < before)
        .order_by(col(LogLeaf.leaf_index).desc())
        .limit(limit)
    ).all()
    return [(row, logged) for row, logged in found]


def waits_since(session: Session) -> datetime | None:
    """Say since when the oldest thing waits that is not in the log yet; None: nothing does."""
    waiting = select(LogOutbox.created_at).where(col(LogOutbox.leaf_index).is_(None))
    return session.exec(waiting.order_by(col(LogOutbox.created_at)).limit(1)).first()


def recorded_among(subjects: sa.Select[Any], kind: str) -> Statement:
    """Return the read of those among these subjects of which this kind was ever recorded."""
    return Statement(
        sa.select(col(LogOutbox.subject_id)).where(
            col(LogOutbox.subject_id).in_(subjects), col(LogOutbox.kind) == kind
        )
    )


def checkpoint_at(session: Session, size: int | None = None) -> LogCheckpoint:
    """Return the checkpoint of this size, or the newest. Raises CheckpointNotFound."""
    if size is None:
        newest = sequencer.newest_checkpoint(session)
        if newest is None:
            raise CheckpointNotFound("the log is empty: nothing has been signed yet")
        return newest
    found = session.exec(select(LogCheckpoint).where(LogCheckpoint.size == size)).first()
    if found is None:
        raise CheckpointNotFound(f"no checkpoint was signed at {size} leaves")
    return found


def checkpoint_text(checkpoint: LogCheckpoint) -> str:
    """Return the signed note with the lines of the witnesses who have seen it."""
    return checkpoint.note + checkpoint.cosignatures


def witnesses_of(checkpoint: LogCheckpoint) -> dict[str, datetime]:
    """Return who cosigned a checkpoint, and when each saw it; the lines were verified when kept."""
    seen = {}
    for line in checkpoint.cosignatures.splitlines():
        signature = note.parse_signature(line)
        seconds = int.from_bytes(signature.value[:8], "big")
        seen[signature.name] = datetime.fromtimestamp(seconds, UTC)
    return seen


def inclusion_proof(
    session: Session,
    which: int | str,
    *,
    size: int | None = None,
    read: tiles.ReadTile | None = None,
) -> InclusionProof:
    """Prove that a leaf, by index or outbox id, is in the log of a signed size (newest: None).

    Raises LeafNotFound, CheckpointNotFound, or LeafNotPublished where it is not covered yet.
    """
    logged = _find_leaf(session, which)
    checkpoint = checkpoint_at(session, size)
    if logged.leaf_index >= checkpoint.size:
        raise LeafNotPublished(
            f"leaf {logged.leaf_index} is not in the checkpoint of {checkpoint.size} leaves; "
            "ask for a later one"
        )
    subtree = _newest_subtree(session, read)
    path = merkle.inclusion_path(logged.leaf_index, checkpoint.size, subtree)
    return InclusionProof(logged.leaf_index, logged.entry, tuple(path), checkpoint_text(checkpoint))


def consistency_proof(
    session: Session, old_size: int, *, size: int | None = None, read: tiles.ReadTile | None = None
) -> ConsistencyProof:
    """Prove that the log of a signed size (newest: None) extends that of `old_size`, also signed.

    Raises CheckpointNotFound.
    """
    old, new = checkpoint_at(session, old_size), checkpoint_at(session, size)
    if old.size > new.size:
        raise CheckpointNotFound(f"{old.size} leaves are more than {new.size}: swap the two")
    subtree = _newest_subtree(session, read)
    path = merkle.consistency_path(old.size, new.size, subtree)
    return ConsistencyProof(tuple(path), checkpoint_text(old), checkpoint_text(new))


def add_cosignatures(
    session: Session, size: int, lines: Sequence[str], witnesses: Iterable[note.VerifierKey]
) -> LogCheckpoint:
    """Keep the lines of known witnesses with the checkpoint they saw; each is verified first.

    Raises CheckpointNotFound, or NoteRefused for a stranger's line or a false one.
    """
    checkpoint = checkpoint_at(session, size)
    session.refresh(checkpoint, with_for_update=True)
    known = {(witness.name, witness.key_id): witness for witness in witnesses}
    signed = note.parse_note(checkpoint.note.encode())
    kept = {f"{line}\n": None for line in checkpoint.cosignatures.split("\n") if line}
    for line in lines:
        signature = note.parse_signature(line.removesuffix("\n"))
        witness = known.get((signature.name, signature.key_id))
        if witness is None:
            raise NoteRefused(f"{signature.name} is not a witness of this log")
        note.verify_cosignature(note.add_signatures(signed, [signature]), witness)
        kept[str(signature)] = None
    checkpoint.cosignatures = "".join(kept)
    session.flush()
    return checkpoint


def compare_rows(session: Session, *, read: tiles.ReadTile | None = None) -> Difference | None:
    """Compare every signed leaf row with the published entries; return the first difference.

    Finds what was edited in the database after it was published, as `verify_log` finds what was
    edited in the tiles.
    """
    size = sequencer.head_of(sequencer.newest_checkpoint(session)).size
    read = read or sequencer.published()
    for start in range(0, size, tiles.WIDTH):
        bundle = tiles.tile_holding(tiles.ENTRIES, start, size)
        entries = tiles.decode_bundle(read(bundle.path), bundle.width)
        rows = session.exec(
            select(LogLeaf, LogOutbox)
            .join(LogOutbox, col(LogOutbox.id) == LogLeaf.outbox_id)
            .where(LogLeaf.leaf_index >= start, LogLeaf.leaf_index < start + bundle.width)
        ).all()
        held = {row.leaf_index: (row, promise) for row, promise in rows}
        for index, entry in enumerate(entries, start):
            if index not in held:
                return Difference("log_leaf", f"leaf {index} is gone from the database", index)
            row, promise = held[index]
            if row.entry != entry or row.leaf_hash != merkle.hash_leaf(entry):
                return Difference("log_leaf", f"leaf {index} differs from the log", index)
            if promise.entry.encode() != entry or promise.leaf_index != index:
                return Difference("log_outbox", f"{promise.id} differs from leaf {index}", index)
            if promise.kind != leaf.parse_leaf(entry).kind:
                return Difference("log_outbox", f"{promise.id} is of another kind", index)
    return None


def _find_leaf(session: Session, which: int | str) -> LogLeaf:
    if isinstance(which, int):
        found = session.get(LogLeaf, which)
    else:
        found = session.exec(select(LogLeaf).where(LogLeaf.outbox_id == which)).first()
        if found is None and session.get(LogOutbox, which) is not None:
            raise LeafNotPublished(f"{which} is recorded and waits for the sequencer; try later")
    if found is None:
        raise LeafNotFound(f"the log has no leaf {which}")
    return found


def _newest_subtree(session: Session, read: tiles.ReadTile | None) -> Callable[[int, int], bytes]:
    return tiles.subtree_reader(checkpoint_at(session).size, read or sequencer.published())


__all__ = [
    "add_cosignatures",
    "bears_out",
    "checkpoint_at",
    "checkpoint_text",
    "compare_rows",
    "consistency_proof",
    "erase_salts",
    "inclusion_proof",
    "leaves_of",
    "newest_leaves",
    "opening",
    "record",
    "recorded_among",
    "sequence",
    "waits_since",
    "witnesses_of",
]
