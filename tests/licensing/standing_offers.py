"""Standing offers for tests: a document that could be signed, and one that is open."""

import itertools
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from app import clock
from app.demo import cast
from app.identity.principal import Principal
from app.licensing.contracts.models import Contract
from app.licensing.contracts.signatures import sign_detached
from app.licensing.standing import acceptance
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from tests.scenes import Change, Scene, grant_credit

_names = itertools.count()


def a_document(scene: Scene, *changes: Change, **said: Any) -> dict[str, Any]:
    """The terms of the scene's contract, for every production, up to five times."""
    terms = cast.contract_document(
        scene.performer.id, "The Girl", "nobody yet", scene.agency.organization.id
    )
    del terms["licensee"]
    document = {
        "v": 1,
        "type": "standing-offer",
        "terms": deepcopy(terms),
        "licensees": {"kinds": ["production"]},
        "caps": {"executions": 5, "fees_minor": 100_000},
        "closes_at": (clock.now() + timedelta(days=30)).isoformat(),
        **said,
    }
    for change in changes:
        change(document)
    return document


def a_signature(party: cast.Party, document: bytes | str, role: str) -> str:
    """Sign bytes as the party's own device would."""
    text = document.encode() if isinstance(document, str) else document
    return sign_detached(text, party.key, key_id=party.registered.id, role=role)


def an_open_offer(session: Session, scene: Scene, *changes: Change, **said: Any) -> StandingOffer:
    """Draft and sign."""
    desk = scene.desk.organization.id
    offer = standing.draft_offer(session, desk, a_document(scene, *changes, **said))
    jws = a_signature(scene.desk, offer.document, "performer")
    return standing.sign_offer(
        session,
        offer,
        desk,
        role="performer",
        made=standing.with_key(session, desk, jws, role="performer"),
    )


def principal(party: cast.Party) -> Principal:
    """Who calls for this party."""
    return Principal(party.organization.id, party.organization.kind, "")


def accepted(session: Session, offer: StandingOffer, party: cast.Party) -> Contract:
    """Accept as this party, through the front door."""
    by = Principal(party.organization.id, party.organization.kind, _api_key(session, party))
    jws = a_signature(party, acceptance.contract_to_sign(offer, by), "licensee")
    made = standing.with_key(session, by.organization_id, jws, role="licensee")
    return acceptance.accept_offer(session, offer, by, made=made)


def _api_key(session: Session, party: cast.Party) -> str:
    from app.identity import service as identity

    return identity.create_api_key(session, party.organization, name="test")[0].id


def another(session: Session, kind: str = "production") -> cast.Party:
    """Somebody else, with keys of their own."""
    party = cast.register_party(session, f"Somebody {next(_names)}", kind)
    grant_credit(session, party.organization)
    return party


def asked(session: Session, scene: Scene, party: cast.Party, **changes: Any) -> Any:
    """Ask for a use as another production than the scene's."""
    return replace(scene, production=party).ask(session, **changes)
