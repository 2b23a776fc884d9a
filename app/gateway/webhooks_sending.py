"""Send what waits for webhooks: signed, outside any transaction, again with growing pauses.

Signed as Standard Webhooks has it, asymmetrically (`v1a`, Ed25519): there is no secret that could
be lost. A reply is discarded but for its status. At least once; the event id says what came before.
"""

from base64 import b64encode
from datetime import timedelta

import sqlalchemy as sa
import structlog
from cryptography.hazmat.primitives import serialization
from sqlmodel import Session, col, select

from app import clock, db, keys
from app.egress import Body, EgressFailed, EgressRefused
from app.gateway import webhooks
from app.gateway.models_webhooks import Webhook, WebhookDelivery
from app.notices import service as notices

KEY = "webhook"
BACKOFF = tuple(timedelta(seconds=each) for each in (5, 60, 300, 1800, 7200, 18000, 36000, 36000))
FAILING_FOR = timedelta(days=3)  # without a single success, before a webhook is disabled
CLAIMED_FOR = timedelta(minutes=1)  # longer than a server may take to answer
TIMEOUT_S, REPLY_LIMIT_BYTES, AT_ONCE = 10.0, 1 << 16, 20  # seconds in all, handshake to end
GONE = 410
logger = structlog.get_logger()


def public_key() -> str:
    """Return the key that webhooks are signed with, as Standard Webhooks writes it."""
    keys.create(KEY)
    raw = keys.public_key(KEY).public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return f"whpk_{b64encode(raw).decode()}"


def send_waiting() -> int:
    """Send what is due; return how many arrived. For a thread that may wait.

    Each webhook has its turn before any has another, and one that fails has no other in this
    round: nobody's slow or dead server keeps those of others waiting.
    """
    turn = sa.func.row_number().over(
        partition_by=col(WebhookDelivery.webhook_id), order_by=col(WebhookDelivery.next_at)
    )
    with db.reading() as session:
        due = session.exec(
            select(WebhookDelivery.id, WebhookDelivery.webhook_id)
            .where(WebhookDelivery.state == "waiting", WebhookDelivery.next_at <= clock.now())
            .order_by(turn, col(WebhookDelivery.next_at))
            .limit(AT_ONCE)
        ).all()
    arrived, failing = 0, set[str]()
    for delivery_id, webhook_id in due:
        if webhook_id in failing:
            continue
        if send(delivery_id):
            arrived += 1
        else:
            failing.add(webhook_id)
    return arrived


def send(delivery_id: str) -> bool:
    """Send one event; say whether it arrived. What is not due, or settled, is left alone."""
    # 1. Claim it, so that no other worker sends it meanwhile.
    with db.writing() as session:
        claimed = _claim(session, delivery_id)
    if claimed is None:
        return False
    # 2. Send it, outside any transaction.
    url, event_id, body = claimed
    try:
        status = _post(url, event_id, body)
        arrived, reply = 200 <= status < 300, f"answered {status}"
    except (EgressFailed, EgressRefused, webhooks.WebhookRefused) as failure:
        status, arrived, reply = 0, False, failure.detail
    # 3. Keep what came of it.
    with db.writing() as session:
        delivery = session.get_one(WebhookDelivery, delivery_id, with_for_update=True)
        if delivery.state == "waiting":
            _settle(session, delivery, arrived=arrived, reply=reply, is_gone=status == GONE)
    return arrived


def signature(event_id: str, timestamp: int, body: str) -> str:
    """Return the value of `webhook-signature` for an event."""
    keys.create(KEY)
    signed = keys.sign(KEY, f"{event_id}.{timestamp}.{body}".encode())
    return f"v1a,{b64encode(signed).decode()}"


def _post(url: str, event_id: str, body: str) -> int:
    door, path = webhooks.split_url(url)
    timestamp = int(clock.now().timestamp())
    answer = door.ask(
        "POST",
        path,
        body=Body(body.encode(), "application/json"),
        headers={
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(event_id, timestamp, body),
        },
        limit_bytes=REPLY_LIMIT_BYTES,
        timeout_s=TIMEOUT_S,
    )
    return answer.status


def _claim(session: Session, delivery_id: str) -> tuple[str, str, str] | None:
    delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.state != "waiting" or delivery.next_at > clock.now():
        return None
    webhook = session.get_one(Webhook, delivery.webhook_id)
    delivery.attempts += 1
    delivery.next_at = clock.now() + CLAIMED_FOR
    session.add(delivery)
    return webhook.url, delivery.event_id, delivery.body


def _settle(
    session: Session, delivery: WebhookDelivery, *, arrived: bool, reply: str, is_gone: bool
) -> None:
    """Note a try; after days without a success the webhook is disabled, and its owner told."""
    webhook = session.get_one(Webhook, delivery.webhook_id, with_for_update=True)
    delivery.reply = reply[:200]
    session.add_all((delivery, webhook))
    if arrived:
        delivery.state, delivery.settled_at = "sent", clock.now()
        webhook.failing_since = None
        return
    webhook.failing_since = webhook.failing_since or clock.now()
    if delivery.attempts > len(BACKOFF):
        delivery.state, delivery.settled_at = "failed", clock.now()
    else:
        delivery.next_at = clock.now() + BACKOFF[delivery.attempts - 1]
    logger.warning("a webhook was not delivered", delivery=delivery.id, because=delivery.reply)
    too_long = clock.now() - webhook.failing_since >= FAILING_FOR
    if webhook.disabled_at is None and (too_long or is_gone):
        webhook.disabled_at = clock.now()
        webhooks.end_waiting(session, webhook, f"disabled; the last try: {delivery.reply}")
        notices.tell(
            session, "webhook-disabled", webhook.id, organization_id=webhook.organization_id
        )
