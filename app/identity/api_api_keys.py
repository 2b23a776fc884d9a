"""Routes about API keys: listed and revoked; made and replaced by two people, in app/twofold."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.access import may
from app.identity import api_keys
from app.identity.api_edge import Acting, Reading, act_refusals, read_refusals
from app.identity.errors import ApiKeyNotFound
from app.identity.models import ApiKey
from app.identity.principal import Scope

router = APIRouter(prefix="/v1", tags=["identity"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Name = Annotated[str, Field(min_length=1, max_length=100)]
Secret = Annotated[
    str,
    Field(
        pattern="^[0-9a-f]{64}$",
        examples=[SHA256],
        description="SHA-256, in hex, of a secret of 256 random bits that you draw and keep: the "
        "key is then `ustk_<prefix>_<secret>`. The secret itself is never sent here.",
    ),
]
Names = Annotated[list[Name], Field(max_length=100)]


class Limits(BaseModel):
    """What a key may be used for; what is left out has the limits of the key that asks."""

    model_config = ConfigDict(extra="forbid")

    actions: Names | None = Field(
        None,
        examples=[["read", "ask"]],
        description="As in docs/access.md. `keys` has to be named to be among them.",
    )
    projects: Names | None = Field(
        None,
        examples=[["NIGHTGLASS"]],
        description="The key then opens only operations that name a project, or something of one.",
    )
    contract_ids: Names | None = Field(
        None,
        examples=[None],
        description="The key then opens only operations about these contracts.",
    )

    def scope(self) -> Scope:
        """Return them as the scope of a key."""
        return Scope.of(self.actions, self.projects, self.contract_ids)


class ApiKeyCreate(Limits):
    """A key to be made."""

    name: Name = Field(examples=["render farm"])
    secret_sha256: Secret
    expires_at: AwareDatetime | None = Field(None, examples=[None])


class ApiKeyRead(BaseModel):
    """A key as its organization sees it; nothing in here opens anything."""

    id: str = Field(examples=["key_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    name: str = Field(examples=["render farm"])
    prefix: str = Field(examples=["9f86d081"])
    actions: list[str] | None = Field(examples=[["read", "ask"]])
    projects: list[str] | None = Field(examples=[["NIGHTGLASS"]])
    contract_ids: list[str] | None = Field(examples=[None])
    created_at: datetime
    ends_at: datetime | None = Field(
        examples=[None], description="When it expires, or the overlap with its successor is over."
    )
    revoked_at: datetime | None = Field(examples=[None])
    last_used_at: datetime | None = Field(
        examples=[None], description="To some ten minutes; null where it never was."
    )


class ApiKeyPage(BaseModel):
    """Keys, newest first; `next_before` continues the list."""

    items: list[ApiKeyRead]
    next_before: str | None = Field(examples=[None])


def _read(session: Session, key: ApiKey) -> ApiKeyRead:
    scope = api_keys.scope_of(session, key)
    limits = {
        name: None if limit is None else sorted(limit)
        for name, limit in (
            ("actions", scope.actions),
            ("projects", scope.projects),
            ("contract_ids", scope.contract_ids),
        )
    }
    return ApiKeyRead(
        **key.model_dump(include={"id", "name", "prefix", "created_at", "revoked_at"}),
        **limits,
        ends_at=api_keys.ends_at(session, key),
        last_used_at=api_keys.last_used_at(session, key),
    )


@router.get("/api-keys", responses=read_refusals())
@may("organization", to="read")
def list_api_keys(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ApiKeyPage:
    """List the caller's API keys, newest first: their limits, their end, their last use."""
    found = api_keys.keys_of(read.session, read.organization_id, before=before, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return ApiKeyPage(items=[_read(read.session, key) for key in found], next_before=more)


@router.post(
    "/api-keys/{api_key_id}/revocation",
    status_code=201,
    response_model=ApiKeyRead,
    responses=act_refusals(ApiKeyNotFound),
)
@may("subject", to="keys")
def revoke_api_key(api_key_id: str, act: Acting) -> Response:
    """End an API key at once: whatever it asks once this is answered is refused."""

    def revoke(session: Session) -> tuple[int, BaseModel]:
        key = api_keys.key_of(session, act.organization_id, api_key_id)
        api_keys.insist_within(api_keys.scope_of(session, key), act.principal.scope)
        return 201, _read(session, api_keys.revoke_api_key(session, key))

    return act.once(b"", revoke)
