"""Routes about webhooks: where a production is told of the states of its generations."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.access import may
from app.gateway import webhooks
from app.gateway.models_webhooks import Webhook
from app.gateway.webhooks_sending import public_key
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals

router = APIRouter(prefix="/v1", tags=["gateway"])
URL = "https://hooks.nightglass.example/understudy"


class WebhookCreate(BaseModel):
    """An address that is told of every state of every generation of the organization's."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"url": URL}]})

    url: Annotated[str, Field(min_length=12, max_length=500)]


class WebhookRead(BaseModel):
    """A webhook, and the public key that what is sent to it is signed with."""

    id: str = Field(examples=["whk_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    url: str = Field(examples=[URL])
    public_key: str = Field(
        examples=["whpk_R5FJlrBSZ7UIvNTgQ6ZQGqJ2cX0v9mY3n1pXQ2sWm4k="],
        description="Ed25519, as Standard Webhooks writes it (v1a).",
    )
    created_at: datetime
    failing_since: datetime | None = Field(examples=[None])
    disabled_at: datetime | None = Field(
        examples=[None], description="It failed for three days, or answered 410; register it anew."
    )
    removed_at: datetime | None = Field(examples=[None])


class WebhookList(BaseModel):
    """The webhooks of the organization that were not removed, oldest first."""

    items: list[WebhookRead]


def _read(webhook: Webhook) -> WebhookRead:
    fields = set(WebhookRead.model_fields) - {"public_key"}
    return WebhookRead(**webhook.model_dump(include=fields), public_key=public_key())


@router.post(
    "/webhooks",
    status_code=201,
    response_model=WebhookRead,
    responses=act_refusals(webhooks.WebhookRefused),
)
@may("organization", to="keys")
def register_webhook(body: WebhookCreate, act: Acting) -> Response:
    """Have an https address told, signed, of every state from now on; public hosts only."""

    def register(session: Session) -> tuple[int, BaseModel]:
        key_id = act.principal.api_key_id or ""
        webhook = webhooks.register(session, act.organization_id, body.url, api_key_id=key_id)
        return 201, _read(webhook)

    return act.once(fingerprint_of(body), register)


@router.get("/webhooks", responses=read_refusals())
@may("organization", to="read")
def list_webhooks(read: Reading) -> WebhookList:
    """List the webhooks of the caller's organization."""
    found = webhooks.webhooks_of(read.session, read.organization_id)
    return WebhookList(items=[_read(webhook) for webhook in found])


@router.post(
    "/webhooks/{webhook_id}/removal",
    status_code=201,
    response_model=WebhookRead,
    responses=act_refusals(webhooks.WebhookNotFound),
)
@may("subject", to="keys")
def remove_webhook(webhook_id: str, act: Acting) -> Response:
    """Tell nothing there any more, not even what waits."""

    def remove(session: Session) -> tuple[int, BaseModel]:
        webhook = webhooks.webhook_of(session, act.organization_id, webhook_id)
        return 201, _read(webhooks.remove(session, webhook))

    return act.once(webhook_id.encode(), remove)
