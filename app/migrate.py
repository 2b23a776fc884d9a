"""Bring a database to the present shape, or back: Alembic, called from Python."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from app.config import settings

ROOT = Path(__file__).parent.parent


def _config(url: str) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str | None = None, revision: str = "head") -> None:
    """Apply every migration that is missing."""
    if url is None:
        settings().data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    command.upgrade(_config(url or settings().database), revision)


def downgrade(url: str | None = None, revision: str = "base") -> None:
    """Take migrations back, down to `revision`."""
    command.downgrade(_config(url or settings().database), revision)
