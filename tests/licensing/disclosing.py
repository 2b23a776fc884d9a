"""Grants of disclosure as parties sign them, and proofs of keys as verifiers make them."""

import json
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from joserfc import jws
from joserfc.jwk import ECKey

from app import clock
from app.config import settings
from app.licensing.contracts.signatures import sign_detached
from app.licensing.disclosures import proof
from tests.scenes import Scene


def a_grant(scene: Scene, side: str, who: Any, level: str = "use", **said: Any) -> dict[str, Any]:
    """A grant that one side of a scene signs: the body of its request."""
    verifier = {"organization": who} if isinstance(who, str) else {"jwk": who}
    until = clock.now() + timedelta(days=30)
    document = {
        "v": 1,
        "contract": scene.contract.series_id,
        "side": side,
        "verifier": {"role": "court", **verifier},
        "level": level,
        "until": until.isoformat(),
        **said,
    }
    party = scene.desk if side == "performer" else scene.production
    signed = bytes(rfc8785.dumps(document))
    return {
        "document": document,
        "jws": sign_detached(signed, party.key, key_id=party.registered.id, role=side),
    }


def a_proof(key: ECKey, *, at: datetime | None = None, lasts_s: int = 300, **said: Any) -> str:
    """Show that one holds a key, here and now."""
    issued = int((at or clock.now()).timestamp())
    content = {"aud": settings().public_url, "iat": issued, "exp": issued + lasts_s, **said}
    header = {"alg": "ES256", "typ": proof.TYPE, "jwk": key.as_dict(private=False)}
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    return jws.serialize_compact(header, json.dumps(content).encode(), key, registry=registry)
