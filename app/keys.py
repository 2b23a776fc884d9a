"""`sign(name, bytes)`: one key per purpose, and the only file that opens a private key.

Keys are PEM or raw files of mode 0600 in the installation's key directory. Keys of certificates are
numbered (`claim`, `claim.2`, ...), since a rotation makes a new one, and may have another keeper: a
hardware module (`app.keys_pkcs11`), a cloud's key service (`app.keys_kms`), or whatever says the
lines of `Keeper`.
"""

import os
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from app.config import settings
from app.errors import AppError

SIGNING: Mapping[str, str] = {
    "receipt": "P-256",
    "preferences": "P-256",
    "status": "P-256",
    "log": "Ed25519",
    "webhook": "Ed25519",
}
# Keys that certificates name; `app.provenance.pki` makes and rotates them.
ROOTS: Mapping[str, str] = {
    "claim-root": "P-384",
    "tsa-root": "P-384",
    "identity-root": "P-384",
}
CERTIFIED: Mapping[str, str] = {
    "claim-ca": "P-384",
    "claim": "P-256",
    "ocsp": "P-256",
    "tsa-ca": "P-384",
    "tsa": "P-256",
    "identity-ca": "P-384",
}
WATERMARK = "watermark"  # the only secret that has epochs
SECRETS = (WATERMARK, "vault-root", "link", "evidence")
EPOCHS_TRIED = 3  # of the watermark's key: each costs a search of its own
# The file of a later epoch, 999 at most; a copy that is named after a day is none.
_LATER = re.compile(rf"{WATERMARK}\.([2-9]|[1-9][0-9]{{1,2}})\.key")
CURVES: Mapping[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
HASHES: Mapping[str, hashes.HashAlgorithm] = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class KeyMissing(AppError):
    """A key this installation needs has not been made."""

    status, code = 500, "key-missing"


class Keeper(Protocol):
    """Who keeps the keys of certificates: these lines are all that another keeper has to say."""

    def create(self, name: str, kind: str) -> bool: ...  # False: it was there
    def public_key(self, name: str) -> PublicKey: ...
    def sign(self, name: str, data: bytes, kind: str) -> bytes: ...  # raw r||s, or 64 bytes
    def destroy(self, name: str) -> None: ...


def sign(name: str, data: bytes) -> bytes:
    """Sign with a key: raw r||s for ES256 and ES384, 64 bytes for Ed25519. Raises KeyMissing."""
    return _keeper(name).sign(name, data, _kind(name))


def public_key(name: str) -> PublicKey:
    """Return the public half of a key. Raises KeyMissing."""
    return _keeper(name).public_key(name)


def public_pem(name: str) -> bytes:
    """Return the public half of a key as PEM."""
    return public_key(name).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def create(name: str) -> bool:
    """Make a key that a certificate will name; False when it is there already."""
    return _keeper(name).create(name, _kind(name))


def destroy(name: str) -> None:
    """End a key for good: what a rotation has replaced signs nothing any more."""
    _keeper(name).destroy(name)


def is_here(name: str) -> bool:
    """Say whether a key can be used: roots are to be taken away."""
    try:
        public_key(name)
    except KeyMissing:
        return False
    return True


def secret(purpose: str, recorded: int = 1) -> bytes:
    """Return the purpose's 32 secret bytes, of the newest epoch. Raises KeyMissing, as `epochs`."""
    if purpose == WATERMARK:
        return _secret(_of_epoch(_newest(recorded)), settings().keys_dir)
    if purpose not in SECRETS:
        raise KeyMissing(f"no secret has the purpose {purpose!r}")
    return _secret(purpose, settings().keys_dir)


def epochs(purpose: str, recorded: int = 1) -> dict[int, bytes]:
    """Return the watermark's secrets by epoch, newest first, EPOCHS_TRIED at most.

    The first epoch is `watermark.key`, the second `watermark.2.key`; no other secret has any.
    `recorded` is the newest epoch on record elsewhere (app.twofold.epochs). Raises KeyMissing, also
    where that one's file is gone: an older one is never taken in its place.
    """
    _insist_epochs(purpose)
    _newest(recorded)
    here = _epochs()[:EPOCHS_TRIED]
    return {each: _secret(_of_epoch(each), settings().keys_dir) for each in here}


def next_epoch(purpose: str, recorded: int = 1) -> int:
    """Say which epoch would come next: the number of a key that was lost is never used again."""
    _insist_epochs(purpose)
    return max(recorded, _epochs()[0]) + 1


def begin_epoch(purpose: str, recorded: int = 1) -> int:
    """Make a new secret, which is in force from now on, beside the older ones; return its epoch."""
    epoch = next_epoch(purpose, recorded)
    path = settings().keys_dir / f"{_of_epoch(epoch)}.key"
    _write_new(path, secrets.token_bytes(32))  # where another was first, that one is in force
    return epoch


def sign_for_vendor(private_pem: str, data: bytes) -> bytes:
    """Sign with a key that a vendor issued to this operator: RSA, PKCS #1 v1.5, SHA-256.

    Such a key is one of that vendor's credentials, which the vault keeps. Raises ValueError.
    """
    try:
        key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the key is locked by a password, or of an unknown kind") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the key is no RSA key")
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def certificate_key(purpose: str) -> ec.EllipticCurvePrivateKey:
    """Return a stand-in for cryptography's X.509 builders: it signs by `sign` and holds no key."""
    return _CertificateKey(purpose)


def create_missing() -> list[str]:
    """Make every key and secret that is absent, but for those certificates name.

    An existing key is never touched. Returns what was made.
    """
    directory = settings().keys_dir
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = [purpose for purpose in SIGNING if create(purpose)]
    for purpose in SECRETS:
        name = _of_epoch(_epochs()[0]) if purpose == WATERMARK else purpose
        path = directory / f"{name}.key"
        made += [purpose] if _write_new(path, secrets.token_bytes(32)) else []
    return made


def _write_new(path: Path, content: bytes) -> bool:
    """Create the file whole or not at all: a torn key would be worse than none."""
    if path.exists():
        return False
    # Random, not the process id: a container killed in here comes back under the same id.
    partial = path.with_suffix(f".{secrets.token_hex(8)}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)  # fails when another process was first: its key stands
    except FileExistsError:
        return False
    finally:
        partial.unlink()
    return True


def _purpose(name: str) -> str:
    """`claim` of `claim`, `claim.2` and `claim@org_X.2`: numbered, and may be a signer's own."""
    return name.partition(".")[0].partition("@")[0]


def _kind(name: str) -> str:
    purpose = _purpose(name)
    for known in (SIGNING, ROOTS, CERTIFIED):
        if purpose in known:
            return known[purpose]
    raise KeyMissing(f"no signing key has the purpose {purpose!r}")


def _keeper(name: str) -> Keeper:
    """Roots in a directory of their own, so that it can be taken away; the rest at hand."""
    purpose = _purpose(name)
    if purpose in ROOTS:
        return _Files(settings().root_keys_dir)
    if purpose in CERTIFIED and settings().pkcs11_module:
        from app.keys_pkcs11 import Token

        pin = settings().keys_dir / "pkcs11.pin"
        return Token(settings().pkcs11_module, settings().pkcs11_token, pin)
    if purpose in CERTIFIED and settings().kms_prefix:
        from app.keys_kms import CloudKeys

        return CloudKeys(settings().kms_prefix, settings().kms_url)
    return _Files(settings().keys_dir)


class _Files:
    """Keys as PEM files of mode 0600, not encrypted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def create(self, name: str, kind: str) -> bool:
        path = self._directory / f"{name}.pem"
        if path.exists():
            return False
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        key: PrivateKey = (
            ed25519.Ed25519PrivateKey.generate()
            if kind == "Ed25519"
            else ec.generate_private_key(CURVES[kind])
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _write_new(path, pem)

    def public_key(self, name: str) -> PublicKey:
        return _private(name, self._directory).public_key()

    def sign(self, name: str, data: bytes, kind: str) -> bytes:
        key = _private(name, self._directory)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(data)
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(HASHES[kind])))
        size = key.curve.key_size // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def destroy(self, name: str) -> None:
        (self._directory / f"{name}.pem").unlink(missing_ok=True)
        _opened.cache_clear()


def _private(name: str, directory: Path) -> PrivateKey:
    """Open a key, once; not longer than its file is there: another process may have retired it."""
    try:
        there = (directory / f"{name}.pem").stat()
    except FileNotFoundError:
        there = None
    return _opened(name, directory, there and (there.st_ino, there.st_mtime_ns))


@lru_cache(maxsize=32)
def _opened(name: str, directory: Path, _there: tuple[int, int] | None) -> PrivateKey:
    key = serialization.load_pem_private_key(_read(directory / f"{name}.pem"), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise KeyMissing(f"the {name!r} key is of an unexpected kind; restore it from backup")
    return key


def _insist_epochs(purpose: str) -> None:
    if purpose != WATERMARK:
        raise KeyMissing(f"the secret {purpose!r} has no epochs")


def _epochs() -> list[int]:
    """The epochs whose secrets are here, newest first; the first where there is none.

    Looked up each time: another process may have begun one.
    """
    directory = settings().keys_dir
    found = [_LATER.fullmatch(each.name) for each in directory.glob(f"{WATERMARK}.*.key")]
    later = sorted((int(each[1]) for each in found if each), reverse=True)
    first = (directory / f"{_of_epoch(1)}.key").exists() or not later
    return [*later, *([1] if first else [])]


def _newest(recorded: int) -> int:
    newest = _epochs()[0]
    if newest < recorded:
        raise KeyMissing(
            f"the key {_of_epoch(recorded)}.key is missing, the newest of the watermark, and none "
            "older is taken in its place; restore it from backup, or copy it from a host that has "
            f"it. If it is lost for good: `understudy keys rotate {WATERMARK}`"
        )
    return newest


def _of_epoch(epoch: int) -> str:
    return WATERMARK if epoch == 1 else f"{WATERMARK}.{epoch}"


@lru_cache(maxsize=32)
def _secret(name: str, directory: Path) -> bytes:
    return _read(directory / f"{name}.key")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise KeyMissing(
            f"the key {path.name} is missing; run `understudy setup`, or restore it from backup"
        ) from None


class _CertificateKey(ec.EllipticCurvePrivateKey):
    """Looks like a private key to the X.509 builder, and asks `sign` for every signature."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        raw = sign(self._purpose, bytes(data))
        half = len(raw) // 2
        return utils.encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def public_key(self) -> ec.EllipticCurvePublicKey:
        key = public_key(self._purpose)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise KeyMissing(f"certificates need an elliptic-curve key, {self._purpose!r} is not")
        return key

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.public_key().curve

    @property
    def key_size(self) -> int:
        return self.curve.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        raise NotImplementedError("certificate keys only sign")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        raise NotImplementedError("the key does not leave its keeper")

    def private_bytes(self, *_: object, **__: object) -> bytes:
        raise NotImplementedError("the key does not leave its keeper")

    def __copy__(self) -> "_CertificateKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "_CertificateKey":
        return self
