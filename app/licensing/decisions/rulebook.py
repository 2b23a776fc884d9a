"""The rules in force in this process, and those of earlier days, each under its digest."""

from functools import lru_cache
from pathlib import Path

from app import storage
from app.config import settings
from app.licensing.deciding.policy_set import PolicySet, archive, load_policies, restore
from app.licensing.deciding.rules import PolicySetInvalid
from app.licensing.decisions import guard


@lru_cache(maxsize=4)
def policy_set(directory: Path) -> PolicySet:
    """Return the validated rules, read once per process, watched from then on, and archived."""
    seen = guard.signature(directory)
    policies = load_policies(directory)
    unknown = sorted(set(settings().packs_on) - policies.packs.keys())
    if unknown:
        raise PolicySetInvalid(
            f"UNDERSTUDY_POLICY_PACKS: no pack is called {unknown[0]!r}; there are "
            + ", ".join(sorted(policies.packs))
        )
    guard.watch(policies, seen)
    storage.put_new(_archive_key(policies.digest), archive(policies).encode())
    return policies


def today() -> PolicySet:
    """Return the rules of this installation, as this process read them. Raises PolicySetInvalid."""
    return policy_set(settings().policies_dir)


@lru_cache(maxsize=8)
def restored_set(digest: str) -> PolicySet:
    """Return the rules of an earlier day by their digest. Raises PolicySetInvalid."""
    return restore(storage.get(_archive_key(digest)).decode(), digest=digest)


def by_digest(digest: str) -> PolicySet:
    """Return the rules a permit was given by. Raises PolicySetInvalid when they are damaged."""
    return today() if digest == today().digest else restored_set(digest)


def _archive_key(digest: str) -> str:
    return f"policies/{digest}.json"
