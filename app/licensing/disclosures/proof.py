"""How somebody without an account here shows that they hold a public key that was granted more.

A compact JWS with the key in its header, made for this installation, good for minutes. Pure.
"""

from datetime import datetime
from json import loads
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from app.licensing.document.disclosure_grant import thumbprint
from app.licensing.errors import VerifierProofRefused

TYPE = "understudy-verifier+jws"
LONGEST_S = 600
SKEW_S = 60
_REGISTRY = jws.JWSRegistry(algorithms=["ES256", "Ed25519", "EdDSA"], strict_check_header=False)


def holder_of(text: str, *, audience: str, at: datetime) -> str:
    """Return the thumbprint of the key that made this proof. Raises VerifierProofRefused.

    Signed are `aud` (this installation's address), `iat` and `exp`, in seconds since 1970.
    """
    try:
        found = jws.extract_compact(text.encode())
        jwk = dict(found.headers()["jwk"])
        name = thumbprint(jwk)
        key = ECKey.import_key(jwk) if jwk["kty"] == "EC" else OKPKey.import_key(jwk)
        opened = jws.deserialize_compact(text, key, registry=_REGISTRY)
        said: dict[str, Any] = loads(opened.payload)
        issued, expires = int(said["iat"]), int(said["exp"])
        fits = opened.headers().get("typ") == TYPE and said["aud"] == audience
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise VerifierProofRefused(
            "the proof does not verify under the key in its header; sign aud, iat and exp with the "
            "key that the grant names"
        ) from error
    if not fits:
        raise VerifierProofRefused(f"a proof has the typ {TYPE} and the aud {audience}")
    now = at.timestamp()
    if not (issued <= now + SKEW_S and now < expires <= issued + LONGEST_S):
        raise VerifierProofRefused(
            f"the proof is of another time; make one now, good for {LONGEST_S} seconds at most"
        )
    return name
