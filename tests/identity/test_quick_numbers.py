"""However a number is spelled, a request has one fingerprint, whichever way it is read."""

import json

import pytest

from app.gateway.api_authorizations import AuthorizationCreate, authorize
from app.identity.api_edge import fingerprint_of
from app.identity.api_quick import Quick

HEADERS = [
    (b"authorization", b"Bearer ustk_x"),
    (b"content-type", b"application/json"),
    (b"idempotency-key", b"k"),
]
LENGTHS = """5 0 -0 "5.0" "1e2" "-0.0" 5.0 5.000 0.1 0.125 1.10 2.675 1e2 1E2 1E+2 1e-3 1e0 10.0e1
-0.0
-0e0 5.0000000000000001 0.30000000000000004 100000.0001 999999.999 1000000.0""".split()


@pytest.mark.parametrize("space", ["", " ", "\n\t"])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_has_one_fingerprint(length: str, space: str) -> None:
    """Planted fault: pydantic reads 5.0 as 5, and FastAPI as 5.0."""
    content = f'{{"performers": ["per_a"], "length_s":{space}{length}}}'.encode()
    quick = Quick("/v1/authorizations", authorize, AuthorizationCreate)
    usual = quick._usual({"headers": HEADERS}, content)
    if usual is not None:
        longer = AuthorizationCreate.model_validate(json.loads(content))
        assert fingerprint_of(usual[0]) == fingerprint_of(longer)
    assert (usual is None) == (not length.startswith('"') and not length.lstrip("-").isdecimal())
