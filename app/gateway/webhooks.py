"""Webhooks: where a production is told of the states of its generations, and the outbox of it.

What is told is written in the flush that changes the state, whoever changes it: no state is passed
without its event, and no event tells of what was rolled back. An event names ids and a state, no
terms and no words; whoever may know more asks for it.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session, col, select

from app import clock
from app.egress import Door
from app.errors import AppError
from app.gateway.models import Generation
from app.gateway.models_webhooks import Webhook, WebhookDelivery

AT_MOST = 10  # webhooks of one organization
PRIVATE = False  # tests open doors to this machine


class WebhookRefused(AppError):
    """This is no address that a webhook may have, or there are enough."""

    status, code = 400, "webhook-refused"


class WebhookNotFound(AppError):
    """No webhook of the caller's has this id."""

    status, code = 404, "webhook-not-found"


def register(session: Session, organization_id: str, url: str, *, api_key_id: str) -> Webhook:
    """Have an organization told at an address from now on; the same address is one webhook.

    Raises WebhookRefused for anything but HTTPS. Whether the address is public is looked at each
    time something is sent (`egress.py`).
    """
    split_url(url)
    standing = list(webhooks_of(session, organization_id))
    for each in standing:
        if each.url == url and each.disabled_at is None:
            return each
    if len(standing) >= AT_MOST:
        raise WebhookRefused(f"there are {AT_MOST} webhooks already; remove one first")
    webhook = Webhook(organization_id=organization_id, url=url, api_key_id=api_key_id)
    session.add(webhook)
    session.flush()
    return webhook


def webhooks_of(session: Session, organization_id: str) -> Sequence[Webhook]:
    """List an organization's webhooks that were not removed, oldest first."""
    theirs = select(Webhook).where(
        Webhook.organization_id == organization_id, col(Webhook.removed_at).is_(None)
    )
    return session.exec(theirs.order_by(col(Webhook.id))).all()


def webhook_of(session: Session, organization_id: str, webhook_id: str) -> Webhook:
    """Return a webhook of an organization's. Raises WebhookNotFound for all others alike."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or webhook.organization_id != organization_id:
        raise WebhookNotFound(f"no webhook of yours has the id {webhook_id[:64]}")
    return webhook


def remove(session: Session, webhook: Webhook) -> Webhook:
    """Tell nothing there any more, not even what waits. Harmless to repeat."""
    session.refresh(webhook, with_for_update=True)
    if webhook.removed_at is None:
        webhook.removed_at = clock.now()
        session.add(webhook)
    end_waiting(session, webhook, "the webhook was removed")
    return webhook


def end_waiting(session: Session, webhook: Webhook, why: str) -> None:
    """Give up what waits for a webhook."""
    waits = select(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.state == "waiting"
    )
    for each in session.exec(waits.with_for_update()):
        each.state, each.reply, each.settled_at = "failed", why, clock.now()
        session.add(each)
    session.flush()


def put_test(session: Session, webhook: Webhook) -> WebhookDelivery:
    """Put an event in the outbox that says that it is a test."""
    at = clock.now().isoformat()
    test = WebhookDelivery(
        webhook_id=webhook.id,
        event_id=_event_id("test", at),
        body=_body("webhook.test", {"webhook_id": webhook.id}),
    )
    session.add(test)
    session.flush()
    return test


def deliveries_of(
    session: Session, webhook_id: str, *, limit: int = 50
) -> Sequence[WebhookDelivery]:
    """List what was sent to a webhook, or waits, newest first."""
    theirs = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    return session.exec(theirs.order_by(col(WebhookDelivery.id).desc()).limit(limit)).all()


def split_url(url: str) -> tuple[Door, str]:
    """Return the door to a webhook's host, and the path behind it. Raises WebhookRefused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WebhookRefused("this is no URL; give https://host/path") from None
    allowed = ("https", "http") if PRIVATE else ("https",)
    if parts.scheme not in allowed or not parts.hostname or parts.username or parts.fragment:
        raise WebhookRefused("give an https:// URL of a public host, without a name or a password")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise WebhookRefused("a URL has no spaces and no signs that are not ASCII; encode them")
    base = f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")
    query = f"?{parts.query}" if parts.query else ""
    return Door(base, PRIVATE), parts.path.lstrip("/") + query


@event.listens_for(AnySession, "before_flush")
def _tell(session: AnySession, _context: Any, _instances: Any) -> None:
    """Write an event for each webhook whose organization's generation changes its state."""
    changed = [
        each
        for each in (*session.new, *session.dirty)
        if isinstance(each, Generation) and sa.inspect(each).attrs.state.history.has_changes()
    ]
    for generation in changed:
        _tell_of(session, generation)


def _tell_of(session: AnySession, generation: Generation) -> None:
    with session.no_autoflush:
        told = session.scalars(
            sa.select(Webhook).where(
                col(Webhook.organization_id) == generation.organization_id,
                col(Webhook.removed_at).is_(None),
                col(Webhook.disabled_at).is_(None),
            )
        ).all()
        event_id = _event_id(generation.id, generation.state)
        for webhook in told:
            before = sa.select(col(WebhookDelivery.id)).where(
                col(WebhookDelivery.webhook_id) == webhook.id,
                col(WebhookDelivery.event_id) == event_id,
            )
            if session.scalars(before).first() is None:
                data = {
                    "generation_id": generation.id,
                    "state": generation.state,
                    "is_draft": generation.is_draft,
                    "shot_id": generation.shot_id,
                }
                body = _body(f"generation.{generation.state}", data)
                session.add(WebhookDelivery(webhook_id=webhook.id, event_id=event_id, body=body))


def _event_id(*of: str) -> str:
    return f"evt_{hashlib.sha256(chr(10).join(of).encode()).hexdigest()[:32]}"


def _body(kind: str, data: dict[str, Any]) -> str:
    return json.dumps({"type": kind, "timestamp": clock.now().isoformat(), "data": data})
