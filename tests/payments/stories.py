"""A contract under a union's agreement with uses that were paid, and periods closed over them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from app import clock
from app.gateway import holding
from app.gateway.models import Generation
from app.identity.models import Organization
from app.ledger import service as ledger
from app.ledger.models import JournalEntry
from app.ledger.models_periods import Period
from app.ledger.periods import close_period
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.payments.models import IssuedStatement
from app.payments.statements import issue_statements
from tests.licensing import unions
from tests.scenes import Scene, a_scene, offered, represent, sign

AGREEMENT = unions.AGREEMENT


@dataclass
class Story:
    """A scene, its union, and what is done to it."""

    scene: Scene
    union: Organization

    def use(self, session: Session, **asked: Any) -> JournalEntry:
        """One permitted generation, captured as the pipeline captures it; five seconds."""
        decision, generation = self.scene.ask(session, **asked)
        assert generation is not None, decision.codes
        return capture(session, self.scene, generation)


def capture(session: Session, scene: Scene, generation: Generation) -> JournalEntry:
    permit = session.get_one(Decision, generation.decision_id)
    generation.output_sha256 = "a" * 64
    session.add(generation)
    return ledger.capture_hold(
        session,
        generation.id,
        scene.contract.series_id,
        terms=decisions.compensation_of(scene.contract),
        event=holding.usage_event(generation, decisions.use_of(permit)),
    )


def a_story(session: Session, **compensation: Any) -> Story:
    """12.50 EUR a second; the agent has a tenth; 21 % on top to the fund; under an agreement."""
    principal, _ = unions.a_union(session)

    def change(document: dict[str, Any]) -> None:
        document["strike_policy"] = {"agreements": [AGREEMENT]}
        document["compensation"] |= {"ph": {"rate": "0.21", "fund": "PHF"}, **compensation}

    scene = offered(session, a_scene(session, signed=False), change)
    represent(session, scene, scene.agency.organization)
    sign(session, scene)
    return Story(scene, session.get_one(Organization, principal.organization_id))


def closed(session: Session, *, until: datetime | None = None) -> Period:
    """Close what there is; instants are a microsecond apart at least."""
    return close_period(session, until=until or clock.now())


def told(session: Session, period: Period) -> dict[str, IssuedStatement]:
    """Issue a period's statements; return them by kind, of which each has one here."""
    return {each.kind: each for each in issue_statements(session, period)}


def an_hour_later(monkeypatch: Any, hours: int = 1) -> None:
    """Let the clock go on."""
    now = clock.now() + timedelta(hours=hours)
    monkeypatch.setattr(clock, "now", lambda: now)
