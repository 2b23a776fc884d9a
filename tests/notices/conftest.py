"""A real mail server for each test, and a database whose mails go to it."""

import pytest

from app import config, db
from tests.identity.authenticator import ORIGIN
from tests.notices.mailing import Postbox, a_certificate, post_office


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return a_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def postbox(database, certificate, monkeypatch):
    """What arrived at a mail server that speaks STARTTLS, and the settings that lead there."""
    box = Postbox()
    with post_office(box, certificate) as port:
        for name, value in {
            "SMTP_HOST": "localhost",
            "SMTP_PORT": str(port),
            "SMTP_CA": str(certificate),
            "MAIL_FROM": "notices@understudy.example",
            "ORIGIN": ORIGIN,
            "WORKER_IN_PROCESS": "false",
            "LOG_LEVEL": "error",
        }.items():
            monkeypatch.setenv(f"UNDERSTUDY_{name}", value)
        config.settings.cache_clear()
        yield box
    db.engine().dispose()
