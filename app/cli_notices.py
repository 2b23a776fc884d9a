"""`understudy notices`: what waits to be sent, and reports of mails that came back."""

import sys

import typer

from app import db

notice_commands = typer.Typer(no_args_is_help=True, help="Notices: what is sent, what came back.")


@notice_commands.command("bounce")
def take_bounce() -> None:
    """Read a report of non-delivery (RFC 3464) from standard input: that mail counts as failed.

    For the mail server to call with what comes to UNDERSTUDY_MAIL_FROM.
    """
    from app.notices import delivery

    report = sys.stdin.buffer.read(1 << 20)
    with db.writing() as session:
        found = delivery.take_bounce(session, report)
    print("no report about a mail of ours" if found is None else f"{found.id}: failed")


@notice_commands.command("list")
def list_waiting() -> None:
    """List what was not handed over, and why; no address is shown."""
    from sqlmodel import col, select

    from app.notices.models import NoticeDelivery

    with db.reading() as session:
        rows = session.exec(
            select(NoticeDelivery)
            .where(col(NoticeDelivery.state) != "sent")
            .order_by(col(NoticeDelivery.id).desc())
            .limit(100)
        )
        for each in rows:
            print(f"{each.id}  {each.state}  {each.attempts} attempts  {each.reply}")
