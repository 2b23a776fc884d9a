"""`understudy webhooks`: which there are, what was sent, and a test of one."""

from typing import Annotated

import typer

from app import db

webhook_commands = typer.Typer(
    no_args_is_help=True, help="Webhooks: addresses of productions, what was sent, a test."
)
WebhookId = Annotated[str, typer.Argument(help="whk_…, as `webhooks list` prints it.")]


@webhook_commands.command("list")
def list_webhooks(
    organization_id: Annotated[str, typer.Argument(help="The production, org_…")],
) -> None:
    """List the webhooks of an organization, and whether they work."""
    from app.gateway import webhooks

    with db.reading() as session:
        for each in webhooks.webhooks_of(session, organization_id):
            failing = f"failing since {each.failing_since}" if each.failing_since else "works"
            state = f"disabled at {each.disabled_at}" if each.disabled_at else failing
            print(f"{each.id}  {state}  {each.url}")


@webhook_commands.command("test")
def test_webhook(webhook_id: WebhookId) -> None:
    """Send a test event now, signed like any other; say what was answered."""
    from app.gateway import webhooks, webhooks_sending
    from app.gateway.models_webhooks import Webhook, WebhookDelivery

    with db.writing() as session:
        webhook = session.get(Webhook, webhook_id)
        if webhook is None:
            raise typer.BadParameter("there is no such webhook")
        delivery = webhooks.put_test(session, webhook)
    arrived = webhooks_sending.send(delivery.id)
    with db.reading() as session:
        print(f"{delivery.id}  {session.get_one(WebhookDelivery, delivery.id).reply}")
    if not arrived:
        raise typer.Exit(1)


@webhook_commands.command("deliveries")
def list_deliveries(webhook_id: WebhookId) -> None:
    """List the last events for a webhook: sent, waiting or failed, and the last answer."""
    from app.gateway import webhooks

    with db.reading() as session:
        for each in webhooks.deliveries_of(session, webhook_id):
            print(f"{each.id}  {each.event_id}  {each.state}  {each.attempts}  {each.reply}")
