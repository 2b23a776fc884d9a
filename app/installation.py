"""Make an installation ready to work: keys, certificates, database. Safe to repeat."""

from app import keys, migrate
from app.config import settings
from app.provenance import pki


def prepare() -> list[str]:
    """Make whatever is missing and return its names; what exists is never touched."""
    settings().data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = prepare_keys()
    migrate.upgrade()
    return made


def prepare_keys() -> list[str]:
    """Make the keys, secrets and certificates that are missing, and return their names."""
    made = [f"key {purpose}" for purpose in keys.create_missing()]
    certificates = pki.create_missing(settings().keys_dir, ocsp_url=settings().ocsp_url)
    return made + [f"certificate {name}" for name in certificates]
