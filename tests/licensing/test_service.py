"""Contracts from offer to withdrawal, as somebody would try who may not."""

import base64
import itertools
import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session, select

from app import clock
from app.config import settings
from app.demo import cast
from app.licensing.contracts import service
from app.licensing.contracts.license_state import license_state
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.signatures import check_detached, key_id_of
from app.licensing.deciding.decide import decide
from app.licensing.deciding.inputs import State, UseRequest
from app.licensing.decisions import gather, rulebook
from app.licensing.document import local_days
from app.licensing.errors import (
    ActNotAllowed,
    ContractAlreadyWithdrawn,
    ContractNotFound,
    SignatureRefused,
)
from app.registry import service as registry
from tests import scenes


def _sign(session: Session, scene: scenes.Scene, party: cast.Party, role: str, jws: str) -> None:
    service.sign_contract(session, scene.contract, party.organization.id, role=role, jws=jws)


class TestSignContract:
    def test_an_agency_s_desk_does_not_sign_for_the_performer(self, session: Session) -> None:
        scene = scenes.a_scene(session, signed=False)
        scenes.represent(session, scene, scene.agency.organization)
        jws = scene.agency.sign(scene.contract, "performer")
        with pytest.raises(SignatureRefused):
            _sign(session, scene, scene.agency, "performer", jws)

    def test_a_performer_enrolled_by_an_agency_has_no_desk_that_signs(
        self, session: Session
    ) -> None:
        scene = scenes.a_scene(session, signed=False)
        scene.performer.organization_id = scene.agency.organization.id
        jws = scene.agency.sign(scene.contract, "performer")
        with pytest.raises(SignatureRefused):
            _sign(session, scene, scene.agency, "performer", jws)

    def test_a_signature_is_not_taken_into_another_contract(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        given = session.exec(
            select(ContractSignature).where(ContractSignature.role == "performer")
        ).one()
        wider = scenes.offered(session, scene, lambda d: d["grant"]["media"].append("advertising"))
        with pytest.raises(SignatureRefused):
            _sign(session, wider, scene.desk, "performer", given.jws)

    def test_a_signature_is_not_taken_into_another_role(self, session: Session) -> None:
        scene = scenes.a_scene(session, signed=False)
        jws = scene.desk.sign(scene.contract, "licensee")
        with pytest.raises(SignatureRefused):
            _sign(session, scene, scene.desk, "performer", jws)

    def test_what_was_withdrawn_before_it_was_executed_is_not_executed(
        self, session: Session
    ) -> None:
        first = scenes.a_scene(session, signed=False)
        notice = {"wind_down": "notice_period", "notice_days": 30}
        scene = scenes.offered(session, first, lambda d: d["revocation"].update(notice))
        _sign(session, scene, scene.desk, "performer", scene.desk.sign(scene.contract, "performer"))
        service.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        jws = scene.production.sign(scene.contract, "licensee")
        with pytest.raises(ContractAlreadyWithdrawn):
            _sign(session, scene, scene.production, "licensee", jws)
        assert scene.ask(session)[0].outcome == "deny"


class TestSignatureRows:
    def test_a_row_forged_with_the_licensee_s_own_key_is_no_consent(self, session: Session) -> None:
        scene = scenes.a_scene(session, signed=False)
        for role in ("performer", "licensee"):
            forged = ContractSignature(
                contract_id=scene.contract.id,
                role=role,
                organization_id=scene.production.organization.id,
                signing_key_id=scene.production.registered.id,
                jws=scene.production.sign(scene.contract, role),
            )
            session.add(forged)
        scene.contract.executed_at = scene.contract.effective_at = clock.now()
        session.flush()
        decision, generation = scene.ask(session)
        assert generation is None
        assert decision.codes == ["CONTRACT_TAMPERED", "SIGNATORY_NOT_AUTHORISED"]

    @pytest.mark.parametrize("jws", ["", "..", "e30..", "\u00e9..\u00e9", "e30..AAAA"])
    def test_a_row_that_was_altered_leaves_the_contract_not_executed(
        self, session: Session, jws: str
    ) -> None:
        scene = scenes.a_scene(session)
        row = session.exec(
            select(ContractSignature).where(ContractSignature.role == "performer")
        ).one()
        row.jws = jws
        session.flush()
        assert scene.ask(session)[0].codes == ["CONTRACT_NOT_EXECUTED", "CONTRACT_TAMPERED"]


class TestReadJws:
    def test_a_header_nested_without_end_is_refused(self) -> None:
        head = base64.urlsafe_b64encode(b"[" * 3000).decode()
        with pytest.raises(SignatureRefused):
            key_id_of(f"{head}..AAAA")

    @pytest.mark.parametrize("key_id", ["\x00", "\ud800", "", "sig_1 OR 1=1"])
    def test_a_key_id_no_database_could_hold_is_refused(
        self, session: Session, key_id: str
    ) -> None:
        scene = scenes.a_scene(session, signed=False)
        head = base64.urlsafe_b64encode(json.dumps({"kid": key_id}).encode()).decode()
        with pytest.raises(SignatureRefused):
            _sign(session, scene, scene.desk, "performer", f"{head}..AAAA")

    @pytest.mark.parametrize("jwk", [{"kty": "EC"}, {}, {"kty": "OKP", "crv": "Ed25519", "x": ""}])
    def test_a_key_that_is_none_verifies_nothing(self, jwk: dict[str, str]) -> None:
        head = base64.urlsafe_b64encode(json.dumps({"alg": "ES256"}).encode()).decode()
        with pytest.raises(SignatureRefused):
            check_detached(b"{}", f"{head.rstrip('=')}..AAAA", jwk, key_id="sig_1", role="licensee")


class TestLicenseState:
    """What an auditor reads and what the policies decide are one thing."""

    @pytest.mark.parametrize("in_flight", ["stop", "finish"])
    @pytest.mark.parametrize("wind_down", ["stop_now", "finish_in_flight", "notice_period"])
    def test_agrees_with_the_policies_at_every_edge(
        self, session: Session, wind_down: str, in_flight: str
    ) -> None:
        first = scenes.a_scene(session, signed=False)
        days = {"notice_period": 20}.get(wind_down, 0)
        change = {"wind_down": wind_down, "notice_days": days, "expiry_in_flight": in_flight}
        scene = scenes.offered(session, first, lambda d: d["revocation"].update(change))
        scenes.sign(session, scene)
        contract = scene.contract
        ends_at = local_days.instant(gather.documents.parse(contract.document).grant.term.ends_at)
        step, day = timedelta(microseconds=1), timedelta(days=1)
        assert contract.executed_at is not None
        for withdrawn_at in (None, contract.executed_at + 10 * day, ends_at - 5 * day):
            contract.withdrawn_at = withdrawn_at
            edges = {contract.executed_at, ends_at, *([withdrawn_at] if withdrawn_at else [])}
            edges |= {withdrawn_at + 20 * day} if withdrawn_at else set()
            around = [edge + shift for edge in edges for shift in (-step, 0 * step, step)]
            for at, permitted_at in itertools.product(around, [None, *around]):
                if permitted_at is None or contract.executed_at <= permitted_at <= at:
                    said = license_state(contract, at=at, permitted_at=permitted_at)
                    decided = _decided(session, scene, at, permitted_at)
                    assert (said == "licensed") == (decided == ()), (at, permitted_at, said)

    def test_of_another_document_than_was_signed_is_tampered(self, session: Session) -> None:
        contract = scenes.a_scene(session).contract
        contract.document = contract.document.replace('"DE"', '"US"')
        assert license_state(contract, at=clock.now()) == "tampered"


def _decided(
    session: Session, scene: scenes.Scene, at: datetime, permitted_at: datetime | None
) -> tuple[str, ...]:
    """Return the codes the policies give for the scene's use at an instant; none is a permit."""
    use = UseRequest(
        action="generate",
        requester_org=scene.production.organization.id,
        performers=(scene.performer.id,),
        at=at,
        phase="authorize" if permitted_at is None else "release_output",
        permit_issued_at=permitted_at,
        project="NIGHTGLASS",
        purpose="film_scene",
        medium="svod",
        territories=("DE",),
        languages=("en",),
        modalities=("face",),
        tags=(),
        generator="local/puppet-1",
        seconds=Decimal(5),
    )
    state = State(generators={"local/puppet-1": False})
    policies = rulebook.policy_set(settings().policies_dir)
    return decide(policies, [gather.in_force(session, scene.contract)], state, use).codes


class TestPause:
    def test_is_not_lifted_by_asking_under_another_contract(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        registry.pause(session, scene.performer)
        other = scenes.offered(session, scene, lambda d: d["grant"]["projects"].append("SECOND"))
        scenes.sign(session, other)
        assert scene.ask(session)[0].codes == ["CONTRACT_SUSPENDED"]


def test_nobody_but_the_performer_withdraws(session: Session) -> None:
    scene = scenes.a_scene(session)
    with pytest.raises(ContractNotFound):  # the agency represents nobody here
        service.withdraw_contract(session, scene.contract, scene.agency.organization.id)
    scenes.represent(session, scene, scene.agency.organization)
    for other in (scene.production, scene.agency):
        with pytest.raises(ActNotAllowed, match="only the performer"):
            service.withdraw_contract(session, scene.contract, other.organization.id)
    assert session.get_one(Contract, scene.contract.id).withdrawn_at is None


class TestExclusive:
    def test_is_not_prolonged_by_a_withdrawal_after_its_end(self, session: Session) -> None:
        first = scenes.a_scene(session, signed=False)
        only = {"category": None, "territories": None, "media": None, "holdback_days": 10}
        scene = scenes.offered(session, first, lambda document: document.update(exclusivity=only))
        scenes.sign(session, scene)
        (before,) = gather.exclusives([scene.contract], at=clock.now())
        scene.contract.withdrawn_at = clock.now() + timedelta(days=4000)  # long after the term
        (after,) = gather.exclusives([scene.contract], at=clock.now())
        assert after.until_at == before.until_at
