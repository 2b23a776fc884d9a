"""Bring a database to the present shape, or back: Alembic, called from Python."""

from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

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


@lru_cache
def newest() -> str | None:
    """Return the revision a database of the present shape stands at."""
    return ScriptDirectory.from_config(_config("")).get_current_head()


def downgrade(url: str | None = None, revision: str = "base") -> None:
    """Take migrations back, down to `revision`."""
    command.downgrade(_config(url or settings().database), revision)
