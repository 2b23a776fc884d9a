"""The registered names of a contract's parties, for people who read it."""

from sqlmodel import Session

from app.identity.models import Organization
from app.licensing.contracts.models import Contract
from app.registry.models import Performer


def registered_names(session: Session, contract: Contract) -> dict[str, str]:
    """Return the names of the parties by id, and of nobody else whom the document may mention."""
    performer = session.get_one(Performer, contract.performer_id)
    ids = (contract.licensee_id, performer.organization_id, performer.agent_organization_id)
    parties = (session.get(Organization, id_) for id_ in ids if id_ is not None)
    return {party.id: party.name for party in parties if party is not None}
