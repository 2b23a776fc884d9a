"""`sign(purpose, bytes)`: one key per purpose, and the only file that opens a private key.

Keys are PEM or raw files of mode 0600 in the installation's key directory. Another keeper of keys
(PKCS#11, a cloud KMS) takes the place of `_private` and nothing else changes.
"""

import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from app.config import settings
from app.errors import AppError

SIGNING: Mapping[str, str] = {
    "claim": "P-256",
    "claim-ca": "P-384",
    "claim-root": "P-384",
    "tsa": "P-256",
    "tsa-root": "P-384",
    "receipt": "P-256",
    "preferences": "P-256",
    "status": "P-256",
    "log": "Ed25519",
}
SECRETS = ("watermark", "vault-root", "link", "evidence")
CURVES: Mapping[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
HASHES: Mapping[str, hashes.HashAlgorithm] = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class KeyMissing(AppError):
    """A key this installation needs has not been made."""

    status, code = 500, "key-missing"


def sign(purpose: str, data: bytes) -> bytes:
    """Sign with the purpose's key: raw r||s for ES256 and ES384, 64 bytes for Ed25519."""
    key = _private(purpose, settings().keys_dir)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(HASHES[SIGNING[purpose]])))
    size = key.curve.key_size // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def public_key(purpose: str) -> PublicKey:
    """Return the public half of the purpose's key."""
    return _private(purpose, settings().keys_dir).public_key()


def public_pem(purpose: str) -> bytes:
    """Return the public half of the purpose's key as PEM."""
    return public_key(purpose).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def secret(purpose: str) -> bytes:
    """Return the purpose's 32 secret bytes. Raises KeyMissing."""
    return _secret(purpose, settings().keys_dir)


def certificate_key(purpose: str) -> ec.EllipticCurvePrivateKey:
    """Return a stand-in for cryptography's X.509 builders: it signs by `sign` and holds no key."""
    return _CertificateKey(purpose)


def create_missing() -> list[str]:
    """Make every key that is absent; an existing key is never touched. Returns what was made."""
    directory = settings().keys_dir
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = []
    for purpose, kind in SIGNING.items():
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
        made += [purpose] if _write_new(directory / f"{purpose}.pem", pem) else []
    for purpose in SECRETS:
        raw = secrets.token_bytes(32)
        made += [purpose] if _write_new(directory / f"{purpose}.key", raw) else []
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


@lru_cache(maxsize=32)
def _private(purpose: str, directory: Path) -> PrivateKey:
    if purpose not in SIGNING:
        raise KeyMissing(f"no signing key has the purpose {purpose!r}")
    key = serialization.load_pem_private_key(_read(directory / f"{purpose}.pem"), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise KeyMissing(f"the {purpose!r} key is of an unexpected kind; restore it from backup")
    return key


@lru_cache(maxsize=32)
def _secret(purpose: str, directory: Path) -> bytes:
    if purpose not in SECRETS:
        raise KeyMissing(f"no secret has the purpose {purpose!r}")
    return _read(directory / f"{purpose}.key")


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
