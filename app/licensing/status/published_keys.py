"""Public keys a stranger checks with, read from a file: PEM, or the JWK Set of `/v1/keys`."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey


class KeyFileInvalid(ValueError):
    """The file holds no P-256 key for this purpose."""


def keys_in(content: bytes, purpose: str) -> list[ec.EllipticCurvePublicKey]:
    """Return the keys of a purpose, newest first as the set lists them; PEM holds one for any.

    Several of one purpose stand side by side while a key is replaced by the next. Raises
    KeyFileInvalid.
    """
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            found: list[Any] = [load_pem_public_key(content)]
        else:
            listed = [each for each in json.loads(content)["keys"] if each["purpose"] == purpose]
            found = [ECKey.import_key(each).public_key for each in listed]
    except (ValueError, TypeError, KeyError, JoseError, RecursionError) as error:
        raise KeyFileInvalid(f"neither a PEM key nor a JWK Set: {error!r}") from error
    curves = [key for key in found if isinstance(key, ec.EllipticCurvePublicKey)]
    if not curves:
        raise KeyFileInvalid(f"there is no P-256 key with the purpose {purpose!r}")
    return curves
