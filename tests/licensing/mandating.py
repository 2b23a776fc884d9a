"""Mandates as they are signed, and what may be tried under one: for tests."""

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import rfc8785
from sqlmodel import Session

from app import clock
from app.demo.cast import Party, register_party
from app.licensing.contracts import service as contracts
from app.licensing.contracts.life import Act
from app.licensing.contracts.models import Contract
from app.licensing.contracts.signatures import sign_detached
from app.licensing.mandates import service
from app.registry import lives, mandates
from app.registry import service as registry
from app.registry.models_mandates import Mandate
from tests.licensing.negotiating import wording
from tests.licensing.papers import a_pdf, attached
from tests.scenes import Scene

OF_AGE_IN = timedelta(days=40)  # a minor's birthday, after a mandate's thirty days
_birthday = clock.now().date() + OF_AGE_IN
BORN_ON = date(_birthday.year - 18, _birthday.month, min(_birthday.day, 28))


def a_document(scene: Scene, holder: Party, role: str, **said: Any) -> dict[str, Any]:
    """A mandate for everything the role can have, from now on for thirty days."""
    now = clock.now()
    return {
        "v": 1,
        "type": "understudy-mandate",
        "performer": scene.performer.id,
        "holder": holder.organization.id,
        "role": role,
        "acts": sorted(mandates.POWERS[role]),
        "contract": None,
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(days=30)).isoformat(),
        "papers": [],
        "died_on": None,
        **said,
    }


def signed(document: dict[str, Any], by: Party) -> str:
    text = bytes(rfc8785.dumps(document))
    return sign_detached(text, by.key, key_id=by.registered.id, role="grantor")


def holder_of(session: Session, role: str) -> Party:
    """Somebody who may hold a mandate in a role."""
    return register_party(session, f"{role}'s house", mandates.HOLDERS[role][0])


def granted(
    session: Session, scene: Scene, role: str, tmp_path: Path, holder: Party, **said: Any
) -> Mandate:
    """Have a mandate stand: granted by the desk, or filed with the papers it rests on."""
    document = a_document(scene, holder, role, **said)
    if role not in mandates.EVIDENCE:
        jws = signed(document, scene.desk)
        return service.grant(session, scene.desk.organization.id, document, jws=jws)
    papers = []
    for kind in mandates.EVIDENCE[role]:
        path = tmp_path / f"{kind}.pdf"
        path.write_text(f"{kind} of {scene.performer.id}")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        papers.append((path, {"kind": kind, "sha256": sha256}))
    document["papers"] = [paper for _, paper in papers]
    if role in mandates.AFTER_DEATH:
        document["died_on"] = str(clock.now().date() - timedelta(days=3))
    paths = [path for path, _ in papers]
    return service.file(session, document, signed(document, holder), papers=paths)


def make_minor(session: Session, scene: Scene) -> None:
    lives.record_birth(session, service.lock(session, scene.performer.id), BORN_ON)


def trials(scene: Scene, holder: Party, role: str) -> dict[str, Callable[[Session], object]]:
    """What each act of a mandate lets one do, tried as its holder."""
    by = holder.organization.id

    def sign(session: Session) -> object:
        return contracts.sign_contract(
            session, scene.contract, by, role=role, jws=holder.sign(scene.contract, role)
        )

    def pause(session: Session) -> object:
        return registry.pause(
            session, registry.performer_to(session, by, scene.performer.id, mandates.PAUSE)
        )

    return {
        "negotiate": lambda session: contracts.replace_document(
            session, scene.contract, by, wording(scene, notice_hours=9), act=Act.COUNTER
        ),
        "sign": sign,
        "pause": pause,
        "withdraw": lambda session: contracts.withdraw_contract(session, scene.contract, by),
    }


def a_vouching(scene: Scene, by: Party | None = None, **said: Any) -> dict[str, Any]:
    """The body with which an agency or a union vouches for a scene's performer."""
    voucher = by or scene.agency
    document = {
        "v": 1,
        "type": "understudy-vouching",
        "performer": scene.performer.id,
        "replica": scene.replica.id,
        "says": "I know this person, and they are who the registry says they are.",
        **said,
    }
    text = bytes(rfc8785.dumps(document))
    jws = sign_detached(text, voucher.key, key_id=voucher.registered.id, role="voucher")
    return {"document": document, "jws": jws}


def ink_for(
    session: Session, scene: Scene, witness: Party | None = None, **said: Any
) -> dict[str, Any]:
    """The body with which a performer hands in their signature on paper, which is attached."""
    seen_by = witness or register_party(session, "A notary", "union")
    desk = scene.desk.organization.id
    contract = session.get_one(Contract, scene.contract.id)  # a scene outlives its session
    paper = attached(session, contract, a_pdf(), organization_id=desk)
    statement = {
        "v": 1,
        "type": "understudy-ink-signature",
        "contract_sha256": scene.contract.document_sha256,
        "paper_sha256": paper.sha256,
        "role": "performer",
        "organization": desk,
        "signer": "The Girl",
        "signed_on": "2026-11-27",
        **said,
    }
    text = bytes(rfc8785.dumps(statement))
    jws = sign_detached(text, seen_by.key, key_id=seen_by.registered.id, role="witness")
    return {"statement": statement, "jws": jws}
