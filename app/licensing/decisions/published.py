"""The rules as public law: everybody may read every set that was ever in force here."""

import re
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from app.errors import NotFound
from app.language import marked
from app.licensing.deciding.policy_set import PolicySet
from app.licensing.decisions import rulebook
from app.licensing.decisions.models_policies import PolicyPublication
from app.storage import ObjectMissing
from app.transparency import service as transparency

NOTICE = marked(
    "These rules summarize published agreements and statutes and, where none speaks, a house rule. "
    "They are not legal advice, and nobody who applies them is thereby compliant with anything."
)
_DIGEST = re.compile(r"[0-9a-f]{64}")


class PolicySetNotFound(NotFound):
    """No set of rules with this digest was ever in force here."""

    status, code = 404, "policy-set-not-found"


def publish_today(session: Session) -> str:
    """Promise today's set of rules its leaf in the public log, once for ever; return its digest."""
    digest = rulebook.today().digest
    if session.get(PolicyPublication, digest) is not None:
        return digest
    try:
        with session.begin_nested():  # two processes may start at once: one of them publishes
            session.add(PolicyPublication(digest=digest))
            session.flush()
            transparency.record(session, "policy-published", digest, {"digest": digest})
    except IntegrityError:
        pass
    return digest


def set_of(digest: str) -> PolicySet:
    """Return a set that was in force here, by its digest. Raises PolicySetNotFound."""
    if _DIGEST.fullmatch(digest):
        try:
            return rulebook.by_digest(digest)
        except ObjectMissing:
            pass
    raise PolicySetNotFound("no set of rules with this digest was ever in force here")


def as_json(policies: PolicySet) -> dict[str, Any]:
    """Return a set as it is published: what each rule says, of which pack it is, and its text."""
    return {
        "v": 1,
        "digest": policies.digest,
        "notice": NOTICE,
        "rules": [
            {
                "id": rule.id,
                "outcome": rule.outcome,
                "summary": rule.summary,
                "source": rule.source,
                "clause": rule.clause,
                "next_step": rule.next_step,
                "obliges": list(rule.obliges),
                "pack": rule.pack,
                "file": rule.file,
                "text": rule.text,
            }
            for rule in policies.rules.values()
        ],
        "packs": [
            {
                "name": pack.name,
                "title": pack.title,
                "kind": pack.kind,
                "from": pack.first_day.isoformat(),
                "to": pack.last_day.isoformat() if pack.last_day else None,
                "source": pack.source,
                "notice": pack.notice,
            }
            for pack in policies.packs.values()
        ],
        "schema": policies.schema_text,
    }
