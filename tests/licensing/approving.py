"""Contracts that ask somebody before a use, and who asks and answers: for tests."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from app import clock
from app.identity import service as identity
from app.identity.principal import Principal
from app.licensing.approvals.models import ApprovalRequest
from app.licensing.decisions import approval_requests as approvals
from app.licensing.decisions.models import Decision
from tests.scenes import Scene, a_scene, offered, represent, sign

SCRIPT = "I hold the light."
HASH = hashlib.sha256(SCRIPT.encode()).hexdigest()
OTHER = hashlib.sha256(b"I drop the light.").hexdigest()


def a_scene_with_approvals(
    session: Session,
    *required: str,
    content: tuple[str, ...] = (),
    on_silence: str = "deny",
    sla_hours: int = 48,
) -> Scene:
    """A signed contract that asks these roles for each use, and for this content."""
    scene = a_scene(session, signed=False)
    represent(session, scene, scene.agency.organization)

    def ask_somebody(document: dict[str, Any]) -> None:
        document["approvals"] = {
            "per_use": bool(required),
            "required": list(required),
            "on_silence": on_silence,
            "sla_hours": sla_hours,
        }
        document["grant"]["content"]["approval"] = list(content)
        document["grant"]["quota"] = {"max_seconds": 1000}

    scene = offered(session, scene, ask_somebody)
    sign(session, scene)
    return scene


def principal(session: Session, scene: Scene, who: str) -> Principal:
    organization = getattr(scene, who).organization
    key, _ = identity.create_api_key(session, organization, name="test")
    return Principal(organization.id, organization.kind, key.id)


def ask(session: Session, scene: Scene, decision: Decision) -> list[ApprovalRequest]:
    return approvals.request_approvals(session, scene.production.organization.id, decision.id)


def answer(
    session: Session,
    scene: Scene,
    request: ApprovalRequest,
    status: str = "approved",
    *,
    who: str = "desk",
    role: str = "performer",
    expires_at: datetime | None = None,
) -> ApprovalRequest:
    return approvals.answer_approval(
        session,
        principal(session, scene, who),
        request.id,
        role=role,
        status=status,
        expires_at=expires_at,
    )


def codes(session: Session, scene: Scene, **changes: Any) -> list[str]:
    decision, _ = scene.ask(session, **{"script_hash": HASH, **changes})
    return decision.codes


def approved(session: Session, scene: Scene, **changes: Any) -> ApprovalRequest:
    decision, _ = scene.ask(session, **{"script_hash": HASH, **changes})
    (request,) = ask(session, scene, decision)
    return answer(session, scene, request)


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, **span: float) -> Iterator[None]:
    now = clock.now
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: now() + timedelta(**span))
        yield
