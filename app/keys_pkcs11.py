"""Keys in a hardware module, over PKCS#11: they are made there, sign there and never come out.

Tried with SoftHSM2. The module and the token's label are settings; the PIN is a file of its own.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11.exceptions import PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from app.errors import AppError
from app.keys import KeyMissing

CURVES = {"P-256": "secp256r1", "P-384": "secp384r1"}
POINTS: dict[int, ec.EllipticCurve] = {2 + 1 + 64: ec.SECP256R1(), 2 + 1 + 96: ec.SECP384R1()}
PRIVATE, PUBLIC = pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY


class TokenUnavailable(AppError):
    """The hardware module that keeps the keys cannot be used."""

    status, code = 503, "token-unavailable"


class Token:
    """The keeper of keys in one PKCS#11 token; says what `app.keys.Keeper` says."""

    def __init__(self, module: str, label: str, pin: Path) -> None:
        self._module, self._label, self._pin = module, label, pin

    def create(self, name: str, kind: str) -> bool:
        """Make a key pair in the token that cannot be read out of it."""
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(CURVES[kind])}
        with self._session() as session:
            if _found(session, name, PRIVATE):
                return False
            domain = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
            domain.generate_keypair(store=True, label=name)
        return True

    def public_key(self, name: str) -> ec.EllipticCurvePublicKey:
        """Return the public half of a key in the token."""
        with self._session() as session:
            # An OCTET STRING around the uncompressed point; its length says the curve.
            point = bytes(_one(session, name, PUBLIC)[pkcs11.Attribute.EC_POINT])
        return ec.EllipticCurvePublicKey.from_encoded_point(POINTS[len(point)], point[2:])

    def sign(self, name: str, data: bytes, kind: str) -> bytes:
        """Sign the digest of `data` in the token: raw r||s."""
        digest = (hashlib.sha256 if kind == "P-256" else hashlib.sha384)(data).digest()
        with self._session() as session:
            key = _one(session, name, PRIVATE)
            return bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))

    def destroy(self, name: str) -> None:
        """Remove both halves of a key from the token."""
        with self._session() as session:
            for key in [*_found(session, name, PRIVATE), *_found(session, name, PUBLIC)]:
                key.destroy()

    @contextmanager
    def _session(self) -> Iterator[Any]:
        """Use this process's one session, one thread at a time; a broken one is opened anew."""
        try:
            with _in_turn:
                yield _open(self._module, self._label, self._pin)
        except (PKCS11Error, OSError) as error:
            _close()
            raise TokenUnavailable(
                f"the PKCS#11 token {self._label!r} does not do as asked ({type(error).__name__});"
                f" see that its module, its label and the PIN in {self._pin.name} are right"
            ) from error


_in_turn = threading.Lock()


_sessions: dict[tuple[str, str, Path], Any] = {}  # at most one: a token takes one login


def _open(module: str, label: str, pin: Path) -> Any:
    if (module, label, pin) not in _sessions:
        _close()
        token = pkcs11.lib(module).get_token(token_label=label)
        session = token.open(rw=True, user_pin=pin.read_text().strip())
        _sessions[module, label, pin] = session
    return _sessions[module, label, pin]


def _close() -> None:
    for session in _sessions.values():
        with suppress(PKCS11Error):
            session.close()
    _sessions.clear()


def _found(session: Any, name: str, kind: pkcs11.ObjectClass) -> list[Any]:
    wanted = {pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.LABEL: name}
    return list(session.get_objects(wanted))


def _one(session: Any, name: str, kind: pkcs11.ObjectClass) -> Any:
    found = _found(session, name, kind)
    if not found:
        raise KeyMissing(
            f"the token holds no key {name!r}; run `understudy setup`, or restore the token"
        )
    return found[0]
