"""Proofs that travel: JSON that anybody checks offline with the log's public key. No I/O."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.transparency import merkle, note
from app.transparency.errors import ProofRefused

VERSION = 1
_Member = TypeVar("_Member")


@dataclass(frozen=True)
class InclusionProof:
    """That an entry is the `leaf_index`-th leaf of the log a checkpoint describes."""

    leaf_index: int
    entry: bytes
    path: tuple[bytes, ...]
    checkpoint: str  # the signed note, witnesses' lines included

    def to_json(self) -> dict[str, Any]:
        """Return the proof as JSON members; hashes are hexadecimal."""
        return {
            "v": VERSION,
            "type": "inclusion",
            "leaf_index": self.leaf_index,
            "entry": self.entry.decode(),
            "path": [value.hex() for value in self.path],
            "checkpoint": self.checkpoint,
        }


@dataclass(frozen=True)
class ConsistencyProof:
    """That a later checkpoint's log only appended to an earlier one's."""

    path: tuple[bytes, ...]
    old_checkpoint: str
    new_checkpoint: str

    def to_json(self) -> dict[str, Any]:
        """Return the proof as JSON members; hashes are hexadecimal."""
        return {
            "v": VERSION,
            "type": "consistency",
            "path": [value.hex() for value in self.path],
            "old_checkpoint": self.old_checkpoint,
            "new_checkpoint": self.new_checkpoint,
        }


def verify_proof(document: str | bytes, key: note.VerifierKey) -> note.Checkpoint:
    """Check a proof of either type and return the (newer) checkpoint it leads to.

    Raises NoteRefused for a checkpoint not signed by `key`, ProofRefused for everything else.
    """
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise ProofRefused("the proof is not JSON") from None
    if not isinstance(found, dict) or found.get("v") != VERSION:
        raise ProofRefused("the proof is not of version 1")
    path = _path(found)
    if found.get("type") == "inclusion":
        return _verify_inclusion(found, path, key)
    if found.get("type") == "consistency":
        return _verify_consistency(found, path, key)
    raise ProofRefused("the proof is neither of inclusion nor of consistency")


def _verify_inclusion(
    found: dict[str, Any], path: Sequence[bytes], key: note.VerifierKey
) -> note.Checkpoint:
    checkpoint = note.open_checkpoint(_text(found, "checkpoint"), key)
    leaf_hash = merkle.hash_leaf(_text(found, "entry"))
    index = _member(found, "leaf_index", int)
    merkle.verify_inclusion(leaf_hash, index, checkpoint.size, path, checkpoint.root)
    return checkpoint


def _verify_consistency(
    found: dict[str, Any], path: Sequence[bytes], key: note.VerifierKey
) -> note.Checkpoint:
    old = note.open_checkpoint(_text(found, "old_checkpoint"), key)
    new = note.open_checkpoint(_text(found, "new_checkpoint"), key)
    merkle.verify_consistency(old.size, old.root, new.size, new.root, path)
    return new


def _member(found: dict[str, Any], name: str, kind: type[_Member]) -> _Member:
    value = found.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ProofRefused(f"the proof lacks {name!r}, or it is of the wrong kind")
    return value


def _text(found: dict[str, Any], name: str) -> bytes:
    try:
        return _member(found, name, str).encode()
    except UnicodeEncodeError:
        raise ProofRefused(f"{name!r} is not text") from None


def _path(found: dict[str, Any]) -> list[bytes]:
    values: list[object] = _member(found, "path", list)
    try:
        return [bytes.fromhex(value) if isinstance(value, str) else b"" for value in values]
    except ValueError:
        raise ProofRefused("a hash in the path is not hexadecimal") from None
