"""C2SP signed notes and checkpoints: what the log signs, and how a stranger reads it. No I/O.

Sources: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint and
https://c2sp.org/tlog-cosignature. Parsing is strict: one spelling of every note is accepted.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.transparency.errors import NoteRefused
from app.transparency.merkle import HASH_SIZE_BYTES

ED25519 = 0x01
COSIGNATURE = 0x04  # Ed25519 over a timestamped checkpoint, by a witness
NOTE_LIMIT_BYTES = 1 << 20
SIGNATURE_LIMIT = 100  # as Go's reader: enough for any set of witnesses

_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class VerifierKey:
    """A public key under a name: `<name>+<key id>+<base64 of kind and key>` as text."""

    name: str
    public: bytes  # 32 bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.kind not in (ED25519, COSIGNATURE) or len(self.public) != 32:
            raise NoteRefused("a verifier key is Ed25519: kind 1 or 4, then 32 bytes")

    @property
    def key_id(self) -> bytes:
        """Return the 4 bytes that name this key in signature lines."""
        encoded = bytes([self.kind]) + self.public
        return sha256(self.name.encode() + b"\n" + encoded).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a verifier key from its text. Raises NoteRefused."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _decode(encoded)
        key = cls(name, raw[1:], raw[0] if raw else 0)
        if key.key_id.hex() != key_id:
            raise NoteRefused(f"the key id {key_id!r} does not belong to this key of {name}")
        return key

    def accepts(self, signature: bytes, message: bytes) -> bool:
        """Say whether this key made a plain Ed25519 signature over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """The log's own key: the public half, and a function that signs with the private one."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]

    @classmethod
    def under(cls, origin: str, public: object, sign: Callable[[bytes], bytes]) -> "Signer":
        """Return the signer of the log named `origin`. Raises NoteRefused unless Ed25519."""
        if not isinstance(public, Ed25519PublicKey):
            raise NoteRefused("checkpoints are signed with Ed25519; this key is of another kind")
        return cls(VerifierKey(origin, public.public_bytes_raw()), sign)


@dataclass(frozen=True)
class Signature:
    """One signature line: who says to have signed, and the bytes; not yet verified."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A text that ends in a newline, and its signature lines in their order."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(str(signature) for signature in self.signatures)}"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says: this log, at this many leaves, has this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the note text."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode()]
        return "".join(f"{line}\n" for line in (*lines, *self.extensions))


def parse_note(raw: bytes) -> Note:
    """Split a signed note into text and signature lines; verifies nothing. Raises NoteRefused."""
    if len(raw) > NOTE_LIMIT_BYTES:
        raise NoteRefused(f"the note is larger than {NOTE_LIMIT_BYTES} bytes")
    try:
        note = raw.decode()
    except UnicodeDecodeError:
        raise NoteRefused("the note is not UTF-8") from None
    if any(character < " " and character != "\n" for character in note):
        raise NoteRefused("the note holds control characters")
    body, blank, signed = note.rpartition("\n\n")
    if not blank or not signed.endswith("\n"):
        raise NoteRefused("a note is a text, an empty line and signature lines, each ended")
    lines = signed[:-1].split("\n")
    if len(lines) > SIGNATURE_LIMIT:
        raise NoteRefused(f"the note has {len(lines)} signatures; {SIGNATURE_LIMIT} are read")
    return Note(body + "\n", tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """Read one signature line, without its newline. Raises NoteRefused."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteRefused("a signature line is an em dash, a key name and base64")
    _check_name(name)
    raw = _decode(encoded)
    if len(raw) < 5:
        raise NoteRefused("a signature is a key id of 4 bytes and at least one more")
    return Signature(name, raw[:4], raw[4:])


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint from a note's text. Raises NoteRefused."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise NoteRefused("a checkpoint is an origin, a size and a root, one line each")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) >= 1 << 63:
        raise NoteRefused(f"{lines[1]!r} is no tree size")
    root_hash = _decode(lines[2])
    if len(root_hash) != HASH_SIZE_BYTES:
        raise NoteRefused("the root hash is not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root_hash, tuple(lines[3:-1]))


def verify_note(note: Note, key: VerifierKey) -> None:
    """Prove that `key` signed the note, or raise NoteRefused; other keys' lines are ignored."""
    mine = _signatures_by(note, key)
    if not mine:
        raise NoteRefused(f"the note is not signed by {key}")
    if not all(key.accepts(signature.value, note.text.encode()) for signature in mine):
        raise NoteRefused(f"the signature of {key.name} does not fit this text")


def open_checkpoint(raw: bytes, key: VerifierKey) -> Checkpoint:
    """Return what a checkpoint says, after proving that the log of `key` said it.

    Raises NoteRefused when malformed, unsigned, wrongly signed, or of another origin.
    """
    note = parse_note(raw)
    verify_note(note, key)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != key.name:
        raise NoteRefused(f"the checkpoint is of {checkpoint.origin!r}, the key of {key.name!r}")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """Return the signed checkpoint, proved to verify under the key that readers hold.

    Raises NoteRefused when the checkpoint is malformed, or the signing function's key is another.
    """
    if parse_checkpoint(checkpoint.text) != checkpoint:
        raise NoteRefused("the origin or an extension line cannot stand in a checkpoint")
    value = signer.sign(checkpoint.text.encode())
    note = Note(checkpoint.text, (Signature(signer.key.name, signer.key.key_id, value),))
    open_checkpoint(str(note).encode(), signer.key)
    return note


def verify_cosignature(note: Note, witness: VerifierKey) -> int:
    """Return when the witness saw this checkpoint, in seconds since 1970, or raise NoteRefused."""
    mine = [line for line in _signatures_by(note, witness) if len(line.value) == 72]
    if witness.kind != COSIGNATURE or not mine:
        raise NoteRefused(f"the checkpoint carries no cosignature of {witness}")
    seen_at = int.from_bytes(mine[0].value[:8], "big")
    message = f"cosignature/v1\ntime {seen_at}\n{note.text}".encode()
    if seen_at >= 1 << 63 or not witness.accepts(mine[0].value[8:], message):
        raise NoteRefused(f"the cosignature of {witness.name} does not fit this checkpoint")
    return seen_at


def witnessed_by(note: Note, witnesses: Iterable[VerifierKey]) -> dict[str, int]:
    """Return which of these witnesses cosigned, and when each did, in seconds since 1970.

    A witness's line that does not verify refuses the whole note. Raises NoteRefused.
    """
    present = {(line.name, line.key_id) for line in note.signatures}
    return {
        witness.name: verify_cosignature(note, witness)
        for witness in witnesses
        if (witness.name, witness.key_id) in present
    }


def add_signatures(note: Note, more: Sequence[Signature]) -> Note:
    """Return the note with further signature lines behind its own; identical ones once."""
    return replace(note, signatures=tuple(dict.fromkeys((*note.signatures, *more))))


def _signatures_by(note: Note, key: VerifierKey) -> list[Signature]:
    return [line for line in note.signatures if (line.name, line.key_id) == (key.name, key.key_id)]


def _check_name(name: str) -> None:
    bad = any(letter.isspace() or letter < " " or "\ud800" <= letter <= "\udfff" for letter in name)
    if not name or "+" in name or bad:
        raise NoteRefused(f"{name!r} is no key name: it is empty, or holds a space or a plus")


def _decode(encoded: str) -> bytes:
    try:
        raw = base64.b64decode(encoded.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused("not base64") from None
    if base64.b64encode(raw).decode() != encoded:
        raise NoteRefused("not the one base64 spelling of these bytes")
    return raw
