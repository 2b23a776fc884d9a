"""Things other tests of this room begin with."""

from pathlib import Path

from sqlmodel import Session

from app.identity.models import Organization
from app.registry import service
from app.registry.models import Performer
from tests.registry.pictures import GIRL

_seen: dict[Path, service.Portrait] = {}


def an_organization(session: Session, name: str = "Delft Talent", kind: str = "agency") -> str:
    organization = Organization(name=name, kind=kind)
    session.add(organization)
    session.flush()
    return organization.id


def a_performer(session: Session, portrait: Path = GIRL, **given: str) -> Performer:
    """Enroll somebody; a portrait used before is not looked at again."""
    organization_id = given.pop("organization_id", None) or an_organization(session)
    if portrait not in _seen:
        _seen[portrait] = service.inspect_portrait(portrait)
    return service.enroll(
        session,
        organization_id=organization_id,
        name=given.pop("name", "Griet"),
        portrait=portrait,
        inspected=_seen[portrait],
        **given,
    )
