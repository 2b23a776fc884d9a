"""How a generation ends without a release: nothing is handed out, nothing is charged."""

import structlog
from prometheus_client import Counter
from sqlmodel import Session

from app.gateway.models import FINAL, Generation
from app.ledger import service as ledger

logger = structlog.get_logger()
ENDED = Counter("understudy_generations_ended", "Generations that reached an end", ["state"])


def end(session: Session, generation: Generation, state: str, reason: str) -> None:
    """Stop the story of a locked generation: the holds are voided, the reason stays."""
    if generation.state in FINAL or state not in FINAL:
        raise ValueError(f"{generation.id} is {generation.state} and cannot become {state}")
    generation.state, generation.reason = state, reason
    session.add(generation)
    ledger.void_hold(session, generation.id, reason=reason)
    ENDED.labels(state).inc()
    logger.warning("generation ended", generation=generation.id, state=state)
