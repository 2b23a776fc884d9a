"""Likenesses at rest: nobody reads one without a purpose on record, and erasure is final.

Three layers of keys, all tink: each object has a streaming key of its own (AES-256-GCM, 1 MiB
segments), wrapped under its performer's key, wrapped under the installation's root key. The ids
are associated data of every layer, so no ciphertext and no key can stand in for another. What
fails to authenticate is a named error, and none of its plaintext is left anywhere.

Performers' keys lie in a store of their own, which is backed up for a short time only: a database
or a store of ciphertexts brought back from a backup does not undo an erasure.
"""

import hmac
import io
import json
import os
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import sqlalchemy as sa
import structlog
import tink
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlmodel import Field, Session, SQLModel, col, select
from tink import aead, secret_key_access, streaming_aead
from tink.proto import aes_gcm_pb2, tink_pb2

from app import clock, keys, storage, vault_tokens
from app.db import Instant
from app.errors import AppError
from app.ids import new_id
from app.sandbox import private_directory

Purpose = Literal[
    "render",
    "enrollment",
    "owner-viewing",
    "export",
    "evidence",
    "vendor-call",
    "matching",
    "live-check",
    "catalogue",
]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
CHUNK_BYTES = 1 << 20

_OBJECT_KEY = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
_PERFORMER_KEY = aead.aead_key_templates.AES256_GCM
_DESTROYED = b"destroyed "  # what lies in the place of a key from then on, and when that was
_ROOT_KEY_ID = 1  # the root key file holds one key; its id only has to be the same for ever

aead.register()
streaming_aead.register()
_log = structlog.get_logger(__name__)


class VaultObjectUnknown(AppError):
    """The vault holds no object with this id."""

    status, code = 404, "vault-object-unknown"


class VaultObjectAltered(AppError):
    """A sealed object, or a key that opens it, is not what was sealed; nothing of it was read."""

    status, code = 500, "vault-object-altered"


class LikenessErased(AppError):
    """The performer's key was destroyed: what it sealed is unreadable for ever."""

    status, code = 410, "likeness-erased"


class VaultKeyMissing(AppError):
    """An owner's key is not where keys lie, and nobody destroyed it."""

    status, code = 500, "vault-key-missing"


class PurposeUnknown(AppError):
    """The vault opens for a closed set of purposes; this is none."""

    status, code = 400, "vault-purpose-unknown"


class PerformerKey(SQLModel, table=True):
    """That there is a key everything of one owner hangs on; the key lies in a store of its own.

    From `destroyed_at` on nothing opens; at `gone_at` the key and the ciphertexts were deleted.
    """

    __tablename__ = "performer_key"
    __table_args__ = (
        sa.CheckConstraint(
            "gone_at IS NULL OR destroyed_at IS NOT NULL", name="performer_key_gone"
        ),
    )

    owner_id: str = Field(primary_key=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    destroyed_at: datetime | None = Field(default=None, sa_type=Instant)
    gone_at: datetime | None = Field(default=None, sa_type=Instant)


class VaultObject(SQLModel, table=True):
    """One sealed likeness asset; its ciphertext lies in the object store."""

    __tablename__ = "vault_object"
    __table_args__ = (sa.CheckConstraint("size_bytes >= 0", name="vault_object_size"),)

    id: str = Field(default_factory=lambda: new_id("vob"), primary_key=True)
    owner_id: str = Field(foreign_key="performer_key.owner_id", index=True)
    kind: str
    wrapped_key: bytes
    size_bytes: int
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)

    @property
    def bound(self) -> tuple[str, str, str]:
        """What its key and ciphertext are bound to."""
        return self.id, self.owner_id, self.kind

    @property
    def storage_key(self) -> str:
        """Where the ciphertext lies in the object store."""
        return f"vault/{self.id}"


class VaultOpening(SQLModel, table=True):
    """One opening of a sealed object: what for, and on whose or which job's behalf."""

    __tablename__ = "vault_opening"
    __table_args__ = (sa.CheckConstraint(f"purpose IN {PURPOSES}", name="vault_opening_purpose"),)

    id: str = Field(default_factory=lambda: new_id("vop"), primary_key=True)
    object_id: str = Field(foreign_key="vault_object.id", index=True)
    purpose: str
    subject_id: str
    opened_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


def seal(session: Session, owner_id: str, kind: str, source: Path | bytes) -> VaultObject:
    """Encrypt a likeness asset of `owner_id` under a fresh key and keep it.

    A transaction that rolls back leaves ciphertext in the store that no key opens. Raises
    LikenessErased for a performer whose key was destroyed.
    """
    performer = _performer_aead(_performer_key(session, owner_id))
    handle = tink.new_keyset_handle(_OBJECT_KEY)
    thing = VaultObject(owner_id=owner_id, kind=kind, wrapped_key=b"", size_bytes=0)
    thing.wrapped_key = tink.proto_keyset_format.serialize_encrypted(
        handle, performer, _label("object-key", *thing.bound)
    )
    with private_directory() as directory:
        sealed = directory / "sealed"
        plain = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        with plain, sealed.open("wb") as cipher:
            stream = handle.primitive(streaming_aead.StreamingAead)
            with stream.new_encrypting_stream(cipher, _label("object", *thing.bound)) as encrypting:
                while chunk := plain.read(CHUNK_BYTES):
                    encrypting.write(chunk)
                    thing.size_bytes += len(chunk)
        storage.put_new(thing.storage_key, sealed)
    session.add(thing)
    session.flush()
    return thing


def open_to(
    session: Session,
    object_id: str,
    to: Path,
    *,
    purpose: Purpose,
    subject_id: str,
    token: vault_tokens.Pass | None = None,
) -> None:
    """Decrypt an object into the new file `to` (mode 0600), and record the opening.

    `to` appears whole, after all of it authenticated, or not at all. `subject_id` names the job,
    decision or person it is opened for. The record stands when the caller's transaction commits.
    A render, and nothing else, shows the token of its attempt. Raises VaultObjectUnknown,
    VaultObjectAltered, LikenessErased, PurposeUnknown, RenderTokenRefused.
    """
    thing, handle = _unlock(session, object_id, purpose, subject_id, token)
    partial = to.with_name(f".{to.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _decrypt(thing, handle, file)
        partial.rename(to)
    finally:
        partial.unlink(missing_ok=True)


def open_bytes(
    session: Session,
    object_id: str,
    *,
    purpose: Purpose,
    subject_id: str,
    token: vault_tokens.Pass | None = None,
) -> bytes:
    """Decrypt an object into memory and record the opening; errors as in `open_to`."""
    thing, handle = _unlock(session, object_id, purpose, subject_id, token)
    memory = io.BytesIO()
    _decrypt(thing, handle, memory)
    return memory.getvalue()


def fingerprint(content: bytes) -> bytes:
    """Return a digest of what will be sealed, which nobody without the root key finds by trying."""
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=_label("fingerprint"))
    return hmac.digest(derived.derive(keys.secret("vault-root")), content, "sha256")


def make_unreadable(session: Session, object_id: str) -> None:
    """Throw away the one key of one object; harmless to repeat. Its ciphertext opens no more."""
    thing = session.get_one(VaultObject, object_id, with_for_update=True)
    thing.wrapped_key = b""
    session.add(thing)
    session.flush()


def erase_owner(session: Session, owner_id: str) -> list[VaultObject]:
    """Decide that everything of this owner is unreadable: from this commit on nothing of it opens.

    Final, and harmless to repeat. Returns what is lost. After the commit `finish_erasures`
    destroys the key and deletes the ciphertexts.
    """
    key = session.get(PerformerKey, owner_id, with_for_update=True, populate_existing=True)
    key = key or PerformerKey(owner_id=owner_id)
    key.destroyed_at = key.destroyed_at or clock.now()
    session.add(key)
    session.flush()
    things = select(VaultObject).where(VaultObject.owner_id == owner_id)
    return list(session.exec(things.order_by(col(VaultObject.id))))


def is_erased(session: Session, owner_id: str) -> bool:
    """Say whether it was decided that nothing of this owner opens any more."""
    key = session.get(PerformerKey, owner_id)
    return key is not None and key.destroyed_at is not None


def check_not_erased(session: Session, owner_id: str) -> None:
    """Raise LikenessErased where it was decided that nothing of this owner opens any more."""
    key = session.get(PerformerKey, owner_id, populate_existing=True)
    if key is not None and key.destroyed_at is not None:
        raise _erased(owner_id, key.destroyed_at.isoformat())


def unfinished_erasures(session: Session) -> list[str]:
    """List the owners whose erasure is decided and whose key may still lie in its store."""
    unfinished = col(PerformerKey.destroyed_at).is_not(None) & col(PerformerKey.gone_at).is_(None)
    return list(session.exec(select(PerformerKey.owner_id).where(unfinished)))


def finish_erasure(
    session: Session, owner_id: str, *, nothing_left: bool = True
) -> datetime | None:
    """Destroy the key of an owner whose erasure is committed, then delete what it sealed.

    Returns when all was gone; None while the caller says that something of theirs lies elsewhere.
    Harmless to repeat: a crash in between loses nothing but time. Raises ValueError for an owner
    whose erasure nobody decided.
    """
    key = session.get(PerformerKey, owner_id, with_for_update=True, populate_existing=True)
    if key is None or key.destroyed_at is None:
        raise ValueError(f"nobody decided to erase {owner_id}")
    word = _DESTROYED + key.destroyed_at.isoformat().encode()
    if not _lies_there(owner_id, word):
        storage.blot_out(owner_id, word, shelf="performer-keys")
    for thing in session.exec(select(VaultObject).where(VaultObject.owner_id == owner_id)):
        storage.delete(thing.storage_key)
    if nothing_left:
        key.gone_at = key.gone_at or clock.now()
        session.add(key)
        session.flush()
    return key.gone_at


def _lies_there(owner_id: str, word: bytes) -> bool:
    try:
        return storage.get(owner_id, shelf="performer-keys") == word
    except storage.ObjectMissing:
        return False


def _performer_key(session: Session, owner_id: str) -> PerformerKey:
    """Return the owner's key, locked so that an erasure waits; make it at the first sealing."""
    key = session.get(PerformerKey, owner_id, with_for_update=True, populate_existing=True)
    if key is None:
        _make_key(owner_id)
        key = PerformerKey(owner_id=owner_id)
        session.add(key)
        session.flush()
    return key


def _make_key(owner_id: str) -> None:
    """Put a fresh key into the store, unless one lies there from a sealing that was rolled back."""
    wrapped = tink.proto_keyset_format.serialize_encrypted(
        tink.new_keyset_handle(_PERFORMER_KEY),
        _root(keys.secret("vault-root")),
        _label("performer-key", owner_id),
    )
    with suppress(storage.ObjectExists):
        storage.put_new(owner_id, wrapped, shelf="performer-keys")


def _performer_aead(key: PerformerKey) -> aead.Aead:
    """Unwrap an owner's key, by the word of the database and of the store: either may forbid it."""
    if key.destroyed_at is not None:
        raise _erased(key.owner_id, key.destroyed_at.isoformat())
    try:
        wrapped = storage.get(key.owner_id, shelf="performer-keys")
    except storage.ObjectMissing:
        raise VaultKeyMissing(
            f"the key of {key.owner_id} is not in the store of performers' keys: bring that store "
            "back, or look at UNDERSTUDY_PERFORMER_KEYS_URL"
        ) from None
    if wrapped.startswith(_DESTROYED):
        raise _erased(key.owner_id, wrapped.removeprefix(_DESTROYED).decode())
    root, label = _root(keys.secret("vault-root")), _label("performer-key", key.owner_id)
    try:
        handle = tink.proto_keyset_format.parse_encrypted(wrapped, root, label)
    except tink.TinkError:
        raise VaultObjectAltered(
            f"the key of {key.owner_id} does not open under this installation's root key: it was "
            "altered, or vault-root.key is another one; restore the key or the key file"
        ) from None
    return handle.primitive(aead.Aead)


def _erased(owner_id: str, destroyed_at: str) -> LikenessErased:
    return LikenessErased(
        f"the key of {owner_id} was destroyed at {destroyed_at}; "
        "nothing of theirs can be opened, and nothing new is sealed for them"
    )


def _unlock(
    session: Session, object_id: str, purpose: str, subject_id: str, token: vault_tokens.Pass | None
) -> tuple[VaultObject, tink.KeysetHandle]:
    """Record the opening, spend the token of a render, then unwrap the object's key."""
    if purpose not in PURPOSES:
        raise PurposeUnknown(f"{purpose!r} is none of {', '.join(PURPOSES)}")
    thing = session.get(VaultObject, object_id)
    if thing is None:
        raise VaultObjectUnknown(f"the vault holds no object {object_id}")
    if (purpose == "render") != (token is not None):
        raise vault_tokens.RenderTokenRefused(
            f"{object_id} is opened for a render with the token of its attempt, for nothing else "
            "with one"
        )
    opening = VaultOpening(object_id=object_id, purpose=purpose, subject_id=subject_id)
    if token is not None:
        vault_tokens.spend(
            session, token, object_id=object_id, job_id=subject_id, opening_id=opening.id
        )
    session.add(opening)
    session.flush()
    _log.info("vault-opened", object_id=object_id, purpose=purpose, subject_id=subject_id)
    key = session.get_one(PerformerKey, thing.owner_id, populate_existing=True)
    performer = _performer_aead(key)
    try:
        handle = tink.proto_keyset_format.parse_encrypted(
            thing.wrapped_key, performer, _label("object-key", *thing.bound)
        )
    except tink.TinkError:
        detail = f"the key of {object_id} is not the one it was sealed with"
        raise VaultObjectAltered(detail) from None
    return thing, handle


def _decrypt(thing: VaultObject, handle: tink.KeysetHandle, to: BinaryIO) -> None:
    written = 0
    with private_directory() as directory:
        sealed = directory / "sealed"
        storage.fetch(thing.storage_key, sealed)
        try:
            with sealed.open("rb") as cipher:
                stream = handle.primitive(streaming_aead.StreamingAead)
                decrypting = stream.new_decrypting_stream(cipher, _label("object", *thing.bound))
                while chunk := decrypting.read(CHUNK_BYTES):
                    written += to.write(chunk)
        except tink.TinkError:
            raise VaultObjectAltered(
                f"the ciphertext of {thing.id} is not what was sealed (altered, cut short or "
                "swapped); nothing of it was released; restore it from backup"
            ) from None
    if written != thing.size_bytes:
        raise VaultObjectAltered(f"{thing.id} holds {written} bytes, not {thing.size_bytes}")


def _label(what: str, *ids: str) -> bytes:
    return json.dumps(["understudy-vault", 1, what, *ids]).encode()


@lru_cache(maxsize=4)
def _root(secret: bytes) -> aead.Aead:
    """Take the 32 bytes of the root key file as a tink key."""
    key = aes_gcm_pb2.AesGcmKey(version=0, key_value=secret)
    keyset = tink_pb2.Keyset(primary_key_id=_ROOT_KEY_ID)
    entry = keyset.key.add(key_id=_ROOT_KEY_ID, status=tink_pb2.ENABLED)
    entry.output_prefix_type = tink_pb2.TINK
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmKey"
    entry.key_data.value = key.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(aead.Aead)
