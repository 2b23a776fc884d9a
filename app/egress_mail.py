"""The door for mail: to the one server the operator named, over TLS, and what it said to it.

A mail is handed over once the server has answered its last dot: that answer is evidence. What a
server refuses for good (5xx) is told apart from what may go better later.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage

from app.config import settings
from app.errors import AppError
from app.ids import new_id

TIMEOUT_S = 20.0
REPLY_CHARS = 200


class MailRefused(AppError):
    """The mail server refuses this mail or its reader, for good."""

    status, code = 502, "mail-refused"


class MailFailed(AppError):
    """The mail was not handed over; it may go better later."""

    status, code = 502, "mail-failed"


@dataclass(frozen=True)
class Mail:
    """One plain mail to one reader. `message_id` is the same each time it is tried."""

    to: str
    subject: str
    text: str
    message_id: str


def is_open() -> bool:
    """Say whether the operator named a mail server and whom mails are from."""
    return bool(settings().smtp_host and settings().mail_from)


def domain() -> str:
    """Return the domain mails are from: message ids end in it."""
    return settings().mail_from.rpartition("@")[2] or "localhost"


def new_message_id() -> str:
    """Return an id for a new mail, which nobody guesses: who names it has had the mail."""
    return f"<{new_id('ntd').lower()}@{domain()}>"


def send(mail: Mail) -> str:
    """Hand a mail to the server and return its answer (`250 ...`). Raises MailRefused, MailFailed.

    Where the connection ends before that answer the mail may have arrived: it is tried again under
    the same message id, by which readers' programs know it for the same mail.
    """
    try:
        with _connected() as server:
            server.ehlo_or_helo_if_needed()
            _expect(server.mail(settings().mail_from))
            _expect(server.rcpt(mail.to))
            return _expect(server.data(_written(mail)))
    except smtplib.SMTPResponseException as error:
        raise _failure(error.smtp_code, _plain(error.smtp_error)) from None
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise MailFailed(f"the mail server is not reached: {type(error).__name__}") from None


def _connected() -> smtplib.SMTP:
    chosen = settings()
    tls = ssl.create_default_context(cafile=chosen.smtp_ca and str(chosen.smtp_ca))
    if chosen.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            chosen.smtp_host, chosen.smtp_port, timeout=TIMEOUT_S, context=tls
        )
    else:
        server = smtplib.SMTP(chosen.smtp_host, chosen.smtp_port, timeout=TIMEOUT_S)
    try:
        if chosen.smtp_security == "starttls":
            server.starttls(context=tls)  # raises where the server offers none: nothing goes plain
        if chosen.smtp_user:
            server.login(chosen.smtp_user, _password())
    except BaseException:
        server.close()
        raise
    return server


def _password() -> str:
    path = settings().keys_dir / "smtp.password"
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        raise MailFailed(f"UNDERSTUDY_SMTP_USER is set and {path} cannot be read") from None


def _written(mail: Mail) -> bytes:
    message = EmailMessage()
    message["From"] = settings().mail_from
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers, please
    message.set_content(mail.text)
    return message.as_bytes()


def _expect(said: tuple[int, bytes]) -> str:
    code, text = said
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, text)
    return f"{code} {_plain(text)}"


def _failure(code: int, text: str) -> AppError:
    refusal = MailRefused if 500 <= code < 600 else MailFailed
    return refusal(f"{code} {text}")


def _plain(text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return " ".join(said.split())[:REPLY_CHARS]
