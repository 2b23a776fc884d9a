"""Routes for everybody: what performers published of their boundaries, and keys to check it."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from app import db, keys
from app.access import may
from app.licensing.boundaries import preferences
from app.licensing.boundaries import service as boundaries
from app.licensing.errors import PreferencesNotFound
from app.problems import problems, shows

router = APIRouter(prefix="/v1", tags=["public"])
CACHED = {"Cache-Control": "public, max-age=60"}
KID = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"
CAWG: dict[str, Any] = {
    "entries": {
        "cawg.ai_generative_training": {"use": "notAllowed"},
        "cawg.ai_inference": {
            "use": "constrained",
            "constraint_info": "By contract only, ask at https://understudy.example/v1/performers/per_01JD…",
        },
        "cawg.ai_training": {"use": "notAllowed"},
        "cawg.data_mining": {"use": "notAllowed"},
    }
}
STATEMENT: dict[str, Any] = {
    "v": 1,
    "performer_id": "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "version": 3,
    "set_at": "2026-11-27T07:00:00Z",
    "limits": {
        "v": 1,
        "purposes": {"advertising": "ask"},
        "content": {"nudity": "never"},
        "territories": {},
        "training": "never",
    },
    "cawg.training-mining": CAWG,
}


class PreferencesRead(BaseModel):
    """What a performer published, and this installation's signature over it."""

    preferences: dict[str, Any] = Field(examples=[STATEMENT])
    signature: str = Field(
        description="Detached JWS (RFC 7515, appendix F) over the RFC 8785 form of `preferences`,"
        " by the key of `/v1/keys` whose purpose is `preferences`.",
        examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6Im40YlEifQ..MEUCIQ"],
    )


class KeysRead(BaseModel):
    """A JWK Set (RFC 7517); each key says what it signs."""

    keys: list[dict[str, Any]] = Field(
        examples=[
            [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                    "kid": KID,
                    "use": "sig",
                    "alg": "ES256",
                    "purpose": "preferences",
                }
            ]
        ]
    )


def _public() -> Iterator[Session]:
    with db.reading() as session:
        yield session


Public = Annotated[Session, Depends(_public, scope="function")]
PerformerId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,64}$")]


@router.get("/keys")
@may("anyone")
def read_keys() -> KeysRead:
    """Give the keys that receipts, preferences and consent statuses are checked with. Public."""
    return KeysRead(keys=preferences.published_keys())


@router.get("/performers/{performer_id}/preferences", responses=problems(PreferencesNotFound))
@may("anyone")
def read_preferences(
    performer_id: PerformerId, session: Public, response: Response
) -> PreferencesRead:
    """Show what a performer wants, where they published it. Public; signed, to check offline."""
    said = preferences.statement(preferences.published(session, performer_id))
    key_id = preferences.key_id("preferences")
    signature = preferences.signed(said, lambda data: keys.sign("preferences", data), key_id=key_id)
    response.headers.update(CACHED)
    return PreferencesRead(preferences=said, signature=signature)


@router.get(
    "/performers/{performer_id}/preferences/rsl",
    responses={200: {"content": {"application/rsl+xml": {}}}, **problems(PreferencesNotFound)},
    response_class=Response,
)
@may("anyone")
def read_rsl(performer_id: PerformerId, session: Public) -> Response:
    """Say the same as a Really Simple Licensing 1.0 document. Public."""
    found = preferences.published(session, performer_id)
    text = preferences.rsl(boundaries.limits_of(found), performer_id)
    return Response(text, media_type="application/rsl+xml", headers=CACHED)


@router.get(
    "/performers/{performer_id}/preferences/training-mining",
    responses={**shows(CAWG), **problems(PreferencesNotFound)},
)
@may("anyone")
def read_training_mining(
    performer_id: PerformerId, session: Public, response: Response
) -> dict[str, Any]:
    """Say the same as the entries of a `cawg.training-mining` assertion. Public."""
    found = preferences.published(session, performer_id)
    response.headers.update(CACHED)
    return preferences.training_mining(boundaries.limits_of(found), performer_id)
