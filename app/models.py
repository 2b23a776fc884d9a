"""Every table in one import, for migrations: rooms own their tables, this file only names them."""

from app.identity import models as identity

__all__ = ["identity"]
