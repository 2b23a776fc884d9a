"""Who acts for a performer does so by a mandate that stands, in its role and its acts alone."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app import clock
from app.demo.cast import contract_document, register_party
from app.errors import AppError
from app.licensing.approvals.on_record import role_holders
from app.licensing.contracts import acts, signatories
from app.licensing.contracts import service as contracts
from app.licensing.contracts.life import State
from app.licensing.contracts.listing import contracts_of
from app.licensing.contracts.models import Contract
from app.licensing.deciding import contract_facts
from app.licensing.decisions import gather
from app.licensing.document import contract as documents
from app.licensing.document import local_days
from app.licensing.errors import (
    ActNotAllowed,
    AlreadySigned,
    ContractNotFound,
    MandateInvalid,
    MandateNotFound,
    MandateRefused,
    SignatureRefused,
)
from app.licensing.mandates import service
from app.registry import lives, mandates
from app.registry import service as registry
from app.registry.errors import BirthRefused, PerformerUnknown
from app.registry.models import Performer
from app.registry.models_mandates import Mandate, MandateEvidence, PerformerLife
from app.transparency import service as transparency
from app.transparency.models import LogOutbox
from tests.licensing.approving import a_scene_with_approvals, answer, ask
from tests.licensing.mandating import (
    BORN_ON,
    OF_AGE_IN,
    a_document,
    granted,
    holder_of,
    make_minor,
    signed,
    trials,
)
from tests.licensing.questions import Pick, contract_of
from tests.notices.test_telling import told
from tests.scenes import Scene, a_scene, offered, represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ADULT_BY_DOCUMENT = json.dumps(contract_document("P", "The Girl", "L", "A"))
EVERY_ROLE = tuple(mandates.POWERS)


def prepared(session, role: str) -> Scene:  # type: ignore[no-untyped-def]
    """A scene with an offer to which this role could be called."""
    scene = a_scene(session, signed=False)
    if role in ("guardian", "court"):
        scene = offered(
            session, scene, lambda said: said["performer"].update({"dob": str(BORN_ON)})
        )
        make_minor(session, scene)
    return scene


def allowed(session, scene: Scene, holder, role: str) -> set[str]:  # type: ignore[no-untyped-def]
    """Which acts of a mandate its holder can do now; nothing that was tried is kept."""
    done = set()
    for act, attempt in trials(scene, holder, role).items():
        with session.begin_nested() as undone:
            try:
                attempt(session)
            except AppError:
                pass
            else:
                done.add(act)
            undone.rollback()
        session.expire_all()
    desk = scene.desk.organization
    performer = session.get_one(Performer, scene.performer.id)
    licensee_id = scene.production.organization.id
    holders = role_holders(session, performer, desk, licensee_id, scene.contract.series_id)
    if holder.organization.id in holders.get(role, ()):
        done.add("approve")
    return done


class TestEveryRole:
    @pytest.mark.parametrize("role", EVERY_ROLE)
    def test_may_what_its_mandate_says_while_it_stands_and_nothing_otherwise(
        self, session, tmp_path, monkeypatch, role
    ):
        scene = prepared(session, role)
        holder = holder_of(session, role)
        assert allowed(session, scene, holder, role) == set()
        mandate = granted(session, scene, role, tmp_path, holder)
        # Courts and a performer's union answer; they are no party of a contract.
        powers = set(mandates.POWERS[role])
        assert allowed(session, scene, holder, role) == powers
        other = prepared(session, role)  # somebody else's
        assert allowed(session, other, holder, role) == set()
        now = clock.now
        with monkeypatch.context() as patched:
            patched.setattr(clock, "now", lambda: now() + timedelta(days=31))
            assert allowed(session, scene, holder, role) == set()
        service.revoke(session, mandate, by="operator")
        assert allowed(session, scene, holder, role) == set()
        kinds = [row.kind for row, _ in transparency.leaves_of(session, mandate.id)]
        assert kinds == ["mandate-granted", "mandate-revoked"]
        assert transparency.bears_out(
            session, "mandate-granted", mandate.id, service.evidence(mandate)
        )

    @ONE_DATABASE
    def test_may_less_where_its_mandate_says_less(self, session, tmp_path):
        scene = prepared(session, "attorney")
        holder = holder_of(session, "attorney")
        granted(session, scene, "attorney", tmp_path, holder, acts=["pause"])
        assert allowed(session, scene, holder, "attorney") == {"pause"}
        one = holder_of(session, "attorney")
        granted(session, scene, "attorney", tmp_path, one, contract=scene.contract.series_id)
        assert allowed(session, scene, one, "attorney") == {"negotiate", "approve", "withdraw"}
        assert contracts_of(session, one.organization.id) == [scene.contract]

    @ONE_DATABASE
    def test_cannot_be_given_more_than_it_may_have_nor_to_anybody(self, session, tmp_path):
        scene = prepared(session, "agent")
        for role, said in (
            ("agent", {"acts": ["sign"]}),
            ("attorney", {"acts": ["sign"]}),
            ("agent", {"contract": "con_0"}),
            ("agent", {"ends_at": "2000-01-01T00:00:00Z"}),
        ):
            with pytest.raises(MandateRefused):
                granted(session, scene, role, tmp_path, holder_of(session, role), **said)
        with pytest.raises(MandateRefused):  # they would deal with themselves
            granted(session, scene, "agent", tmp_path, scene.production)
        for said in ({"acts": []}, {"acts": ["everything"]}, {"extra": 1}):
            with pytest.raises(MandateInvalid):
                granted(session, scene, "agent", tmp_path, holder_of(session, "agent"), **said)

    @ONE_DATABASE
    def test_a_role_claimed_by_the_caller_is_a_fault_that_is_found(
        self, session, tmp_path, monkeypatch
    ):
        scene = prepared(session, "loan_out")
        holder = holder_of(session, "loan_out")
        monkeypatch.setattr(mandates, "roles_of", lambda *_, **__: ["loan_out"])  # whoever says so
        monkeypatch.setattr(
            mandates, "given_to", lambda *_, **__: {"loan_out": frozenset({"sign"})}
        )
        assert "sign" in allowed(session, scene, holder, "loan_out")

    @ONE_DATABASE
    def test_a_mandate_that_is_over_and_still_signs_is_a_fault_that_is_found(
        self, session, tmp_path, monkeypatch
    ):
        scene = prepared(session, "loan_out")
        holder = holder_of(session, "loan_out")
        granted(session, scene, "loan_out", tmp_path, holder)
        now = clock.now
        monkeypatch.setattr(clock, "now", lambda: now() + timedelta(days=31))
        monkeypatch.setattr(mandates, "stands", lambda *_, **__: True)
        assert "sign" in allowed(session, scene, holder, "loan_out")


class TestGranting:
    @ONE_DATABASE
    def test_is_the_performers_by_a_signature_that_holds(self, session):
        scene = prepared(session, "agent")
        holder = holder_of(session, "agent")
        document = a_document(scene, holder, "agent")
        desk = scene.desk.organization.id
        with pytest.raises(SignatureRefused):
            service.grant(session, desk, document, jws=signed(document, scene.production))
        with pytest.raises(SignatureRefused):
            service.grant(
                session, desk, document | {"acts": ["pause"]}, jws=signed(document, scene.desk)
            )
        with pytest.raises(MandateRefused):  # the agent makes itself none
            service.grant(session, holder.organization.id, document, jws=signed(document, holder))
        mandate = service.grant(session, desk, document, jws=signed(document, scene.desk))
        with pytest.raises(AlreadySigned):
            service.grant(session, desk, document, jws=signed(document, scene.desk))
        for one in (desk, holder.organization.id):
            assert service.mandate_of(session, one, mandate.id) is mandate
            assert service.mandates_of(session, one) == [mandate]
        with pytest.raises(MandateNotFound):
            service.mandate_of(session, scene.production.organization.id, mandate.id)

    @ONE_DATABASE
    def test_nobody_is_made_guardian_or_estate_without_papers_that_were_looked_at(
        self, session, tmp_path
    ):
        scene = prepared(session, "guardian")
        holder = holder_of(session, "guardian")
        document = a_document(scene, holder, "guardian")
        desk = scene.desk.organization.id
        with pytest.raises(MandateRefused, match="operator"):
            service.grant(session, desk, document, jws=signed(document, scene.desk))
        with pytest.raises(MandateRefused, match="custody"):
            service.file(session, document, signed(document, holder), papers=[])
        document["papers"] = [{"kind": "custody", "sha256": "0" * 64}]
        forged = tmp_path / "forged.pdf"
        forged.write_text("forged")
        with pytest.raises(MandateRefused, match="SHA-256"):
            service.file(session, document, signed(document, holder), papers=[forged])
        granted(session, scene, "guardian", tmp_path, holder)
        assert len(session.exec(sa.select(MandateEvidence)).all()) == 1

    @ONE_DATABASE
    def test_for_a_minor_is_the_guardians_until_they_come_of_age(self, session, tmp_path):
        scene = prepared(session, "guardian")
        with pytest.raises(MandateRefused, match="guardian for a minor"):
            granted(session, scene, "agent", tmp_path, holder_of(session, "agent"))
        guardian = holder_of(session, "guardian")
        with pytest.raises(MandateRefused, match="18th birthday"):
            granted(session, scene, "guardian", tmp_path, guardian, ends_at="2031-01-01T00:00:00Z")
        granted(session, scene, "guardian", tmp_path, guardian)
        by = guardian.organization.id
        document = a_document(scene, holder_of(session, "agent"), "agent")
        assert service.grant(session, by, document, jws=signed(document, guardian)).role == "agent"
        document["ends_at"] = "2031-01-01T00:00:00Z"
        with pytest.raises(MandateRefused, match="of age"):
            service.grant(session, by, document, jws=signed(document, guardian))

    def test_a_row_written_or_changed_behind_our_back_grants_nothing(self, session, tmp_path):
        scene = prepared(session, "attorney")
        holder = holder_of(session, "attorney")
        mandate = granted(session, scene, "attorney", tmp_path, holder, acts=["pause"])
        session.execute(sa.update(Mandate).values(acts=["pause", "withdraw"]))
        session.expire_all()
        assert allowed(session, scene, holder, "attorney") == set()
        assert service.state_of(mandate, at=clock.now()) == "broken"
        service.revoke(session, mandate, by="operator")  # heals nothing
        assert service.state_of(mandate, at=clock.now()) == "broken"


class TestSigning:
    def test_ended_in_the_middle_of_a_signing_signs_nothing(self, session, tmp_path):
        scene = prepared(session, "loan_out")
        holder = holder_of(session, "loan_out")
        mandate = granted(session, scene, "loan_out", tmp_path, holder)
        jws = holder.sign(scene.contract, "loan_out")  # on the table, read and signed; and then
        service.revoke(session, mandate, by=scene.desk.organization.id)
        with pytest.raises(SignatureRefused, match="mandate"):
            contracts.sign_contract(
                session, scene.contract, holder.organization.id, role="loan_out", jws=jws
            )

    def test_under_a_mandate_that_ends_later_stands(self, session, tmp_path):
        scene = prepared(session, "loan_out")
        holder = holder_of(session, "loan_out")
        mandate = granted(session, scene, "loan_out", tmp_path, holder)
        trials(scene, holder, "loan_out")["sign"](session)
        by = scene.production
        contracts.sign_contract(
            session,
            scene.contract,
            by.organization.id,
            role="licensee",
            jws=by.sign(scene.contract, "licensee"),
        )
        assert scene.ask(session)[0].codes == []
        service.revoke(session, mandate, by="operator")
        assert scene.ask(session)[0].codes == []
        session.execute(sa.update(Mandate).values(granted_at=clock.now()))  # now: never in time
        session.expire_all()
        assert scene.ask(session)[0].codes == ["CONTRACT_NOT_EXECUTED"]  # as nobody signed

    @ONE_DATABASE
    def test_the_licensee_is_nobodys_representative(self, session, tmp_path):
        scene = prepared(session, "loan_out")
        holder = holder_of(session, "loan_out")
        granted(session, scene, "loan_out", tmp_path, holder)
        contract = scene.contract
        contract.licensee_id = holder.organization.id
        assert not signatories.may_sign(session, contract, holder.organization.id, "loan_out")
        session.refresh(contract)


class TestMinors:
    def test_are_signed_for_by_a_guardian_and_ratify_when_of_age(
        self, session, tmp_path, monkeypatch
    ):
        scene = prepared(session, "guardian")
        guardian, desk, production = holder_of(session, "guardian"), scene.desk, scene.production
        granted(session, scene, "guardian", tmp_path, guardian)
        sign = contracts.sign_contract
        for party, role in ((desk, "performer"), (production, "licensee")):
            sign(
                session,
                scene.contract,
                party.organization.id,
                role=role,
                jws=party.sign(scene.contract, role),
            )
        assert scene.contract.executed_at is None  # a minor's own signature is not enough
        trials(scene, guardian, "guardian")["sign"](session)
        assert scene.contract.executed_at is not None
        assert scene.ask(session)[0].codes == []
        own = {"role": "ratification", "jws": desk.sign(scene.contract, "ratification")}
        with pytest.raises(ActNotAllowed, match="come of age"):
            sign(session, scene.contract, desk.organization.id, **own)
        used = gather.in_force(session, scene.contract)
        assert used.ratified_at is None
        now = clock.now
        monkeypatch.setattr(clock, "now", lambda: now() + OF_AGE_IN)
        assert scene.ask(session)[0].codes == ["MINOR_LICENCE_ENDED_AT_18"]
        with pytest.raises(ContractNotFound):  # a guardian no more
            sign(session, scene.contract, guardian.organization.id, **own)
        sign(session, scene.contract, desk.organization.id, **own)
        assert scene.ask(session)[0].codes == []
        with pytest.raises(AlreadySigned):
            sign(session, scene.contract, desk.organization.id, **own)

    @ONE_DATABASE
    def test_who_signed_alone_before_the_birthday_signs_again_after_it(
        self, session, tmp_path, monkeypatch
    ):
        scene = prepared(session, "guardian")
        desk, production = scene.desk, scene.production

        def sign(party, role):  # type: ignore[no-untyped-def]
            return contracts.sign_contract(
                session,
                scene.contract,
                party.organization.id,
                role=role,
                jws=party.sign(scene.contract, role),
            )

        childs = sign(desk, "performer").signed_at
        with pytest.raises(AlreadySigned):
            sign(desk, "performer")
        now = clock.now
        monkeypatch.setattr(clock, "now", lambda: now() + OF_AGE_IN)
        sign(production, "licensee")
        assert scene.contract.executed_at is None  # a child's word is not the adult's
        assert sign(desk, "performer").signed_at > childs
        assert scene.contract.executed_at is not None
        assert scene.ask(session)[0].codes == []
        with pytest.raises(AlreadySigned):
            sign(desk, "performer")

    @pytest.mark.parametrize(
        ("role", "years", "enough"),
        [
            ("performer", (2029, 2029), False),
            ("performer", (2029, 2031), False),
            ("performer", (2031, 2031), True),
            ("performer", (2031, 2041), False),
            ("guardian", (2029, 2029), True),
            ("guardian", (2029, 2031), False),
            ("estate_rep", (2031, 2041), False),
            ("estate_rep", (2041, 2041), True),
            ("union", (2031, 2031), False),
        ],
    )
    def test_a_signature_counts_by_what_they_were_then_and_are_now(self, role, years, enough):
        contract = Contract(document=ADULT_BY_DOCUMENT)
        life = PerformerLife(
            performer_id="P", majority_on=date(2030, 1, 1), died_on=date(2040, 1, 1), seal=""
        )
        instants = [datetime(year, 6, 1, tzinfo=UTC) for year in years]
        assert signatories.counts(contract, life, role, *instants) is enough

    @ONE_DATABASE
    def test_by_the_record_are_minors_for_decisions_whatever_the_document_says(self, session):
        scene = a_scene(session)
        assert scene.ask(session)[0].codes == []
        make_minor(session, scene)
        assert scene.ask(session)[0].codes == ["GUARDIAN_CONSENT_MISSING"]

    @pytest.mark.parametrize("recorded", [None, date(1990, 1, 1), date(2031, 1, 1)])
    def test_come_of_age_by_the_later_of_document_and_record(self, recorded):
        contract = contract_of(Pick(Random(3)), "P1", "C1", 1)
        terms = documents.recorded(ADULT_BY_DOCUMENT.encode())
        said = local_days.add_years(terms.performer.dob, 18)
        found = contract_facts._people_facts(replace(contract, terms=terms, majority_on=recorded))
        later = max(each for each in (said, recorded) if each is not None)
        assert found["turns_18_at"] == local_days.midnight(later, terms.grant.term.tz)

    @ONE_DATABASE
    def test_are_known_by_one_date_of_birth(self, session):
        scene = a_scene(session, signed=False)
        make_minor(session, scene)
        performer = service.lock(session, scene.performer.id)
        life = lives.record_birth(session, performer, BORN_ON)
        assert life.majority_on == lives.of_age_on(BORN_ON)
        assert str(BORN_ON) not in str(life.model_dump())
        with pytest.raises(BirthRefused):
            lives.record_birth(session, performer, BORN_ON.replace(year=1990))
        desk = scene.desk  # the document says they are an adult
        with pytest.raises(SignatureRefused, match="dob"):
            contracts.sign_contract(
                session,
                scene.contract,
                desk.organization.id,
                role="performer",
                jws=desk.sign(scene.contract, "performer"),
            )


class TestTheOldDesk:
    """What the performer's own desk can still do once somebody stands in its place."""

    @ONE_DATABASE
    def test_after_a_death_only_stops(self, session, tmp_path):
        scene = a_scene(session)
        agent = register_party(session, "A", "agency")
        represent(session, scene, agent.organization)
        performer = session.get_one(Performer, scene.performer.id)
        desk, contract = scene.desk.organization, scene.contract

        def open_to(party):  # type: ignore[no-untyped-def]
            able_as = acts.capacities(
                session,
                performer,
                contract.licensee_id,
                party.organization.id,
                contract_id=contract.series_id,
            )
            return {act for state in State for act in acts.open_acts(able_as, state, "licensee")}

        def speaks() -> set[str]:
            return set(
                role_holders(session, performer, desk, contract.licensee_id, contract.series_id)
            )

        assert {"sign", "resume", "amend", "counter", "withdraw"} <= open_to(scene.desk)
        assert speaks() == {"performer", "agent", "licensee"}
        estate = holder_of(session, "estate_rep")
        granted(session, scene, "estate_rep", tmp_path, estate)
        assert open_to(scene.desk) == {"suspend", "withdraw"}
        assert open_to(agent) == {"suspend"}
        assert {"sign", "resume", "amend", "counter", "withdraw"} <= open_to(estate)
        assert speaks() == {"estate_rep", "licensee"}
        find = registry.performer_in_place
        with pytest.raises(PerformerUnknown):
            find(session, desk.id, performer.id)
        assert find(session, desk.id, performer.id, stops=True) is performer
        assert find(session, estate.organization.id, performer.id) is performer
        contracts.suspend_contract(session, contract, desk.id)
        with pytest.raises(ActNotAllowed):
            contracts.resume_contract(session, contract, desk.id)
        contracts.resume_contract(session, contract, estate.organization.id)

    @ONE_DATABASE
    def test_of_a_minor_resumes_nothing_where_a_guardian_stands(self, session, tmp_path):
        scene = prepared(session, "guardian")
        guardian, desk = holder_of(session, "guardian"), scene.desk.organization
        mandate = granted(session, scene, "guardian", tmp_path, guardian)

        def may_resume(party) -> bool:  # type: ignore[no-untyped-def]
            able_as = acts.capacities(
                session,
                session.get_one(Performer, scene.performer.id),
                scene.contract.licensee_id,
                party.organization.id,
                contract_id=scene.contract.series_id,
            )
            assert "sign" in acts.open_acts(able_as, State.OFFERED, "licensee")
            return "resume" in acts.open_acts(able_as, State.SUSPENDED, "licensee")

        assert (may_resume(guardian), may_resume(scene.desk)) == (True, False)
        with pytest.raises(PerformerUnknown, match="guardian"):
            registry.performer_in_place(session, desk.id, scene.performer.id)
        service.revoke(session, mandate, by="operator")
        assert may_resume(scene.desk)
        assert registry.performer_in_place(session, desk.id, scene.performer.id)


class TestTheDead:
    def test_are_signed_for_by_their_estate_and_what_they_gave_is_over(self, session, tmp_path):
        scene = prepared(session, "estate_rep")
        agent = holder_of(session, "agent")
        given = granted(session, scene, "agent", tmp_path, agent)
        estate = holder_of(session, "estate_rep")
        granted(session, scene, "estate_rep", tmp_path, estate)
        session.refresh(given)
        assert service.state_of(given, at=clock.now()) == "revoked"
        desk = scene.desk
        with pytest.raises(SignatureRefused, match="estate_rep"):
            contracts.sign_contract(
                session,
                scene.contract,
                desk.organization.id,
                role="performer",
                jws=desk.sign(scene.contract, "performer"),
            )
        trials(scene, estate, "estate_rep")["sign"](session)
        by = scene.production
        contracts.sign_contract(
            session,
            scene.contract,
            by.organization.id,
            role="licensee",
            jws=by.sign(scene.contract, "licensee"),
        )
        assert scene.ask(session)[0].codes == []

    @ONE_DATABASE
    def test_are_signed_for_by_no_union_once_the_estate_is_found(self, session, tmp_path):
        scene = a_scene(session)
        union, estate = (holder_of(session, each) for each in ("union_for_estate", "estate_rep"))
        given = granted(session, scene, "union_for_estate", tmp_path, union)
        granted(session, scene, "estate_rep", tmp_path, estate)
        assert service.state_of(given, at=clock.now()) == "revoked"
        by = union.organization.id
        assert mandates.roles_of(session, scene.performer.id, by) == []
        leaves = session.exec(select(LogOutbox.kind).where(LogOutbox.subject_id == given.id))
        assert set(leaves) == {"mandate-granted", "mandate-revoked"}
        assert told(session, union.organization) == ["estate-found"]

    @ONE_DATABASE
    def test_are_told_that_they_are_said_to_be(self, session, tmp_path):
        scene = a_scene(session)
        agent, estate = (holder_of(session, each) for each in ("agent", "estate_rep"))
        represent(session, scene, agent.organization)
        granted(session, scene, "estate_rep", tmp_path, estate)
        assert told(session, scene.desk.organization)[-1] == "death-recorded"
        assert told(session, agent.organization) == ["death-recorded"]
        assert told(session, estate.organization) == []

    @ONE_DATABASE
    def test_a_death_written_into_the_database_or_out_of_it_denies(self, session, tmp_path):
        scene = a_scene(session)
        make_minor(session, scene)
        life = mandates.life_of(session, scene.performer.id)
        life.died_on = clock.now().date()
        session.add(life)
        session.flush()
        assert "CONTRACT_TAMPERED" in scene.ask(session)[0].codes


class TestApprovals:
    def test_of_a_union_count_while_its_mandate_stands(self, session, tmp_path):
        scene = a_scene_with_approvals(session, "union")
        union = holder_of(session, "union")
        (request,) = ask(session, scene, scene.ask(session, script_hash="0" * 64)[0])
        with pytest.raises(AppError):
            answer(session, scene, request, who="agency", role="union")
        mandate = granted(session, scene, "union", tmp_path, union)
        scene.agency = union
        answer(session, scene, request, who="agency", role="union")
        assert scene.ask(session, script_hash="0" * 64)[0].codes == []
        service.revoke(session, mandate, by="operator")
        codes = scene.ask(session, script_hash="0" * 64)[0].codes
        assert codes == ["APPROVER_NOT_AUTHORISED"]


class TestPause:
    @ONE_DATABASE
    def test_ends_by_who_signs_in_the_performers_place(self, session, tmp_path):
        scene = prepared(session, "guardian")
        guardian, agent = holder_of(session, "guardian"), register_party(session, "A", "agency")
        granted(session, scene, "guardian", tmp_path, guardian)
        represent(session, scene, agent.organization)
        found = registry.performer_in_place(session, guardian.organization.id, scene.performer.id)
        assert found.id == scene.performer.id
        with pytest.raises(PerformerUnknown):
            registry.performer_in_place(session, agent.organization.id, scene.performer.id)
