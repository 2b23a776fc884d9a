"""Standing offers: who signs and accepts what is given in advance, and what stops it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from app import clock
from app.demo import cast
from app.identity.models import SigningKey
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import ratification, service, signatories
from app.licensing.document import contract
from app.licensing.document.limits import Limits
from app.licensing.errors import (
    AlreadySigned,
    BoundariesCrossed,
    BoundariesNotAcknowledged,
    ContractInvalid,
    SignatureRefused,
    StandingOfferInvalid,
    StandingOfferNotFound,
    StandingOfferNotOpen,
)
from app.licensing.mandates import service as mandate_service
from app.licensing.standing import acceptance
from app.licensing.standing import service as standing
from app.licensing.standing import standing_document as documents
from app.licensing.standing.models import StandingOffer
from app.registry import service as registry
from app.registry.models_mandates import PerformerLife
from tests.licensing import approving
from tests.licensing.mandating import BORN_ON, OF_AGE_IN, granted, holder_of, make_minor
from tests.licensing.standing_offers import (
    a_document,
    a_signature,
    accepted,
    an_open_offer,
    another,
    principal,
)
from tests.scenes import Scene, a_scene, represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A performer and a production without a contract between them."""
    return a_scene(session, signed=False)


class TestMinorsAndTheDead:
    def test_give_nothing_in_advance(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene)
        make_minor(session, scene)
        with pytest.raises(StandingOfferNotOpen, match="to give"):
            accepted(session, offer, scene.production)
        with pytest.raises(SignatureRefused, match="minor"):
            an_open_offer(session, scene, caps={"executions": 1, "fees_minor": 1})

    @pytest.mark.parametrize(
        ("majority_on", "died_on", "years", "why"),
        [
            (None, None, (2026,), None),
            (date(2000, 1, 1), None, (2026,), "dob"),
            (date(2027, 1, 1), None, (2026, 2028), "minor"),
            (None, date(2027, 1, 1), (2026, 2028), "died"),
            (None, date(2027, 1, 1), (2026,), None),
        ],
    )
    def test_by_the_record_at_each_instant(
        self, majority_on: date | None, died_on: date | None, years: tuple[int, ...], why: Any
    ) -> None:
        said = cast.contract_document("P", "The Girl", "L", "A")
        life = PerformerLife(performer_id="P", majority_on=majority_on, died_on=died_on, seal="")
        found = signatories.why_not_in_advance(
            contract.recorded(json.dumps(said).encode()),
            life,
            "performer",
            *(datetime(year, 6, 1, tzinfo=UTC) for year in years),
        )
        assert found is None if why is None else why in str(found)


def signed_in_place(  # type: ignore[no-untyped-def]
    session: Session, scene: Scene, role: str, holder: cast.Party, *changes: Any
) -> StandingOffer:
    """Draft and sign as who stands in the performer's place."""
    by = holder.organization.id
    offer = standing.draft_offer(session, by, a_document(scene, *changes))
    jws = a_signature(holder, offer.document, role)
    made = standing.with_key(session, by, jws, role=role)
    return standing.sign_offer(session, offer, by, role=role, made=made)


class TestInThePerformersPlace:
    def born(self, document: dict[str, Any]) -> None:
        document["terms"]["performer"]["dob"] = str(BORN_ON)
        document["closes_at"] = (clock.now() + 2 * OF_AGE_IN).isoformat()

    def test_a_guardian_gives_for_a_minor_until_they_are_of_age_or_the_mandate_ends(
        self, session: Session, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_minor(session, scene)
        holder = holder_of(session, "guardian")
        with pytest.raises(StandingOfferInvalid):  # not before there is a mandate
            signed_in_place(session, scene, "guardian", holder, self.born)
        mandate = granted(session, scene, "guardian", tmp_path, holder)
        offer = signed_in_place(session, scene, "guardian", holder, self.born)
        made = accepted(session, offer, scene.production)
        decision, _ = scene.ask(session)
        assert decision.outcome == "permit", decision.codes
        with approving.later(monkeypatch, seconds=OF_AGE_IN.total_seconds() + 86_400):
            with pytest.raises(StandingOfferNotOpen, match="to give"):
                accepted(session, offer, another(session))
            # What was accepted before waits for the performer's own yes, over the contract.
            assert scene.ask(session)[0].codes == ["MINOR_LICENCE_ENDED_AT_18"]
            assert ratification.awaiting(session, scene.desk.organization.id) == [made]
            jws = scene.desk.sign(made, "ratification")
            service.sign_contract(
                session, made, scene.desk.organization.id, role="ratification", jws=jws
            )
            assert scene.ask(session)[0].outcome == "permit"
        mandate_service.revoke(session, mandate, by=holder.organization.id)
        with pytest.raises(StandingOfferNotOpen, match="to give"):
            accepted(session, offer, another(session))

    @ONE_DATABASE
    def test_a_guardians_is_checked_offline_by_the_one_role_that_signed_it(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        make_minor(session, scene)
        holder = holder_of(session, "guardian")
        granted(session, scene, "guardian", tmp_path, holder)
        offer = signed_in_place(session, scene, "guardian", holder, self.born)
        made = accepted(session, offer, scene.production)
        signatures = {each.role: each.jws for each in service.signatures_of(session, made)}
        keys = {
            "guardian": holder.registered.public_jwk,
            "licensee": scene.production.registered.public_jwk,
        }
        both = made.document.encode(), offer.document.encode()
        assert documents.holds(*both, signatures, keys)
        assert not documents.holds(*both, signatures, keys | {"guardian": keys["licensee"]})
        another_role = {"estate_rep": signatures["guardian"], "licensee": signatures["licensee"]}
        also = {"estate_rep": keys["guardian"]}
        assert not documents.holds(*both, another_role, keys | also)
        assert not documents.holds(*both, another_role | signatures, keys | also)  # of which one?
        assert not documents.holds(*both, {"licensee": signatures["licensee"]}, keys)

    @ONE_DATABASE
    def test_a_mandate_given_again_opens_nothing_that_ended_with_the_one_before(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        make_minor(session, scene)
        holder = holder_of(session, "guardian")
        mandate = granted(session, scene, "guardian", tmp_path, holder)
        offer = signed_in_place(session, scene, "guardian", holder, self.born)
        mandate_service.revoke(session, mandate, by=holder.organization.id)
        granted(session, scene, "guardian", tmp_path, holder)
        with pytest.raises(StandingOfferNotOpen, match="to give"):
            accepted(session, offer, scene.production)

        def otherwise(document: dict[str, Any]) -> None:
            self.born(document)
            document["caps"]["executions"] = 3

        anew = signed_in_place(session, scene, "guardian", holder, otherwise)
        accepted(session, anew, scene.production)

    def test_an_estate_gives_after_a_death_and_nothing_of_the_performers_goes_on(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        own = an_open_offer(session, scene)
        holder = holder_of(session, "estate_rep")
        granted(session, scene, "estate_rep", tmp_path, holder)
        with pytest.raises(StandingOfferNotOpen, match="to give"):
            accepted(session, own, scene.production)

        def otherwise(document: dict[str, Any]) -> None:
            document["caps"]["executions"] = 3

        offer = signed_in_place(session, scene, "estate_rep", holder, otherwise)
        made = accepted(session, offer, scene.production)
        roles = {each.role for each in service.signatures_of(session, made)}
        assert roles == {"estate_rep", "licensee"}

    @ONE_DATABASE
    def test_nobody_signs_in_a_role_that_is_not_theirs(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        make_minor(session, scene)
        holder = holder_of(session, "guardian")
        granted(session, scene, "guardian", tmp_path, holder)
        offer = standing.draft_offer(session, holder.organization.id, a_document(scene, self.born))
        for party, role in (
            (scene.desk, "performer"),  # a minor
            (scene.desk, "guardian"),  # without the mandate
            (scene.agency, "guardian"),
            (holder, "performer"),
            (holder, "estate_rep"),
            (holder, "loan_out"),
        ):
            by = party.organization.id
            jws = a_signature(party, offer.document, role)
            made = standing.with_key(session, by, jws, role=role)
            with pytest.raises(SignatureRefused):
                standing.sign_offer(session, offer, by, role=role, made=made)
        # The planted fault: one whose signature says another role than the one it is kept for.
        jws = a_signature(holder, offer.document, "performer")
        made = standing.with_key(session, holder.organization.id, jws, role="guardian")
        with pytest.raises(SignatureRefused, match="role"):
            standing.sign_offer(session, offer, holder.organization.id, role="guardian", made=made)


class TestAcceptance:
    def test_by_the_licensee_alone_makes_a_contract_in_force(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        made = accepted(session, offer, scene.production)
        assert made.executed_at is not None
        assert made.licensee_id == scene.production.organization.id
        assert offer.executions == 1
        decision, generation = scene.ask(session)
        assert decision.outcome == "permit", decision.codes
        assert generation is not None

    @ONE_DATABASE
    def test_makes_the_canonical_contract_of_the_offer_s_terms(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        made = accepted(session, offer, scene.production)
        document = json.loads(made.document)
        assert document.pop("standing_offer") == offer.document_sha256
        assert document.pop("licensee") == scene.production.organization.id
        assert document == json.loads(offer.document)["terms"]
        parsed = contract.parse(made.document, recorded=True)
        assert contract.canonical(parsed).decode() == made.document

    @ONE_DATABASE
    def test_is_checked_offline_with_two_documents_and_two_keys(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        made = accepted(session, offer, scene.production)
        signatures = {each.role: each.jws for each in service.signatures_of(session, made)}
        keys = {
            "performer": scene.desk.registered.public_jwk,
            "licensee": scene.production.registered.public_jwk,
        }
        both = made.document.encode(), offer.document.encode()
        assert documents.holds(*both, signatures, keys)
        swapped = {"performer": keys["licensee"], "licensee": keys["performer"]}
        assert not documents.holds(*both, signatures, swapped)
        for altered in altered_offers(offer.document):
            assert not documents.holds(both[0], altered, signatures, keys)

    @ONE_DATABASE
    def test_twice_by_the_same_licensee_is_once(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene)
        accepted(session, offer, scene.production)
        with pytest.raises(AlreadySigned):
            accepted(session, offer, scene.production)
        assert offer.executions == 1

    @ONE_DATABASE
    def test_goes_no_further_than_its_number(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene, caps={"executions": 1, "fees_minor": 100_000})
        accepted(session, offer, scene.production)
        assert_refused(session, offer, another(session), "exhausted")

    @ONE_DATABASE
    def test_is_a_contract_like_any_other_withdrawn_at_once(
        self, session: Session, scene: Scene
    ) -> None:
        made = accepted(session, an_open_offer(session, scene), scene.production)
        service.withdraw_contract(session, made, scene.desk.organization.id)
        assert scene.ask(session)[0].codes == ["REVOKED"]

    @ONE_DATABASE
    def test_takes_the_right_document(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene)
        jws = a_signature(scene.production, offer.document, "licensee")
        by = principal(scene.production)
        made = standing.with_key(session, by.organization_id, jws, role="licensee")
        with pytest.raises(SignatureRefused):
            acceptance.accept_offer(session, offer, by, made=made)


def assert_refused(session: Session, offer: StandingOffer, party: cast.Party, state: str) -> None:
    with pytest.raises(StandingOfferNotOpen) as refused:
        accepted(session, offer, party)
    assert refused.value.extra["state"] == state


def altered_offers(document: str) -> list[bytes]:
    """Documents that differ from a canonical offer in one term, cap or name."""
    changes = [
        ("terms", "grant", "media"),
        ("terms", "compensation", "rate_minor"),
        ("caps", "executions"),
        ("closes_at",),
    ]
    altered = []
    for *path, last in changes:
        whole = json.loads(document)
        place = whole
        for step in path:
            place = place[step]
        place[last] = "altered"
        altered.append(contract.rfc8785.dumps(whole))
    return altered


class TestWhoMayAccept:
    @ONE_DATABASE
    def test_the_wrong_kind_of_organization_does_not_even_see_it(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        agency = another(session, "agency")
        with pytest.raises(StandingOfferNotFound):
            standing.offer_of(session, principal(agency), offer.id)
        with pytest.raises(StandingOfferNotFound):
            accepted(session, offer, agency)

    @ONE_DATABASE
    def test_of_a_list_only_those_on_it(self, session: Session, scene: Scene) -> None:
        listed = {"listed": [scene.production.organization.id]}
        offer = an_open_offer(session, scene, licensees=listed)
        with pytest.raises(StandingOfferNotFound):
            accepted(session, offer, another(session))
        assert accepted(session, offer, scene.production).executed_at

    @ONE_DATABASE
    def test_a_draft_is_seen_by_its_own_side_only(self, session: Session, scene: Scene) -> None:
        desk = scene.desk.organization.id
        offer = standing.draft_offer(session, desk, a_document(scene))
        assert standing.offer_of(session, principal(scene.desk), offer.id) is offer
        with pytest.raises(StandingOfferNotFound):
            standing.offer_of(session, principal(scene.production), offer.id)
        assert_refused(session, offer, scene.production, "draft")

    def test_a_production_finds_what_it_could_accept_now(
        self, session: Session, scene: Scene
    ) -> None:
        by, desk = principal(scene.production), scene.desk.organization.id
        standing.draft_offer(session, desk, a_document(scene))

        def found() -> list[str]:
            offers = standing.open_offers(session, by, performer_id=None, before=None, limit=9)
            return [each.id for each in offers]

        assert found() == []
        listed = {"listed": [by.organization_id]}
        offers = [
            an_open_offer(session, scene, closes_at=in_days(20)),
            an_open_offer(session, scene, licensees=listed),
            an_open_offer(session, scene, caps={"executions": 1, "fees_minor": 1}),
        ]
        an_open_offer(session, scene, licensees={"kinds": ["agency"]})
        assert found() == [each.id for each in reversed(offers)]
        accepted(session, offers[0], scene.production)
        accepted(session, offers[2], another(session))
        assert found() == [offers[1].id]
        standing.retract_offer(session, offers[1])
        assert found() == []


def in_days(days: int) -> str:
    return (clock.now() + timedelta(days=days)).isoformat()


class TestWhatStopsIt:
    def test_retraction_stops_new_contracts_and_no_old_one(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        accepted(session, offer, scene.production)
        other = another(session)
        assert standing.offer_of(session, principal(other), offer.id) is offer
        standing.retract_offer(session, offer)
        assert_refused(session, offer, other, "retracted")
        with pytest.raises(StandingOfferNotFound):
            standing.offer_of(session, principal(other), offer.id)
        for party in (scene.production, scene.desk):
            assert standing.offer_of(session, principal(party), offer.id) is offer
        assert scene.ask(session)[0].outcome == "permit"
        with pytest.raises(StandingOfferNotOpen):
            standing.retract_offer(session, offer)

    @ONE_DATABASE
    def test_its_end(self, session: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        offer = an_open_offer(session, scene)
        later = clock.now() + timedelta(days=31)
        monkeypatch.setattr(clock, "now", lambda: later)
        assert_refused(session, offer, scene.production, "closed")

    @ONE_DATABASE
    def test_a_pause_of_the_performer_s(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene)
        registry.pause(session, scene.performer)
        assert_refused(session, offer, scene.production, "paused")

    @ONE_DATABASE
    def test_the_end_of_the_key_it_was_signed_with(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene)
        session.get_one(SigningKey, scene.desk.registered.id).revoked_at = clock.now()
        session.flush()
        with pytest.raises(StandingOfferNotOpen):
            accepted(session, offer, scene.production)

    @ONE_DATABASE
    def test_a_boundary_set_since_unless_it_was_set_aside(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        say_never(session, scene, "stunt")
        with pytest.raises(BoundariesCrossed):
            accepted(session, offer, scene.production)
        offer.acknowledged = ["/content/stunt"]
        session.flush()
        assert accepted(session, offer, scene.production).executed_at

    @ONE_DATABASE
    def test_its_performer_is_asked_about_boundaries_before_signing(
        self, session: Session, scene: Scene
    ) -> None:
        say_never(session, scene, "stunt")
        with pytest.raises(BoundariesNotAcknowledged):
            an_open_offer(session, scene)


def say_never(session: Session, scene: Scene, tag: str) -> None:
    from app.identity import service as identity

    key, _ = identity.create_api_key(session, scene.desk.organization, name="desk")
    by = replace(principal(scene.desk), api_key_id=key.id)
    limits = Limits.model_validate({"v": 1, "training": "never", "content": {tag: "never"}})
    boundaries.set_boundaries(session, scene.performer, limits, published=False, by=by)


class TestSigning:
    @ONE_DATABASE
    def test_is_for_the_performer_s_own_desk(self, session: Session, scene: Scene) -> None:
        represent(session, scene, scene.agency.organization)
        agency = scene.agency.organization.id
        offer = standing.draft_offer(session, agency, a_document(scene))
        jws = a_signature(scene.agency, offer.document, "performer")
        with pytest.raises(SignatureRefused):
            standing.sign_offer(
                session,
                offer,
                agency,
                role="performer",
                made=standing.with_key(session, agency, jws, role="performer"),
            )
        assert offer.signed_at is None

    @ONE_DATABASE
    def test_somebody_else_drafts_nothing_for_a_performer(
        self, session: Session, scene: Scene
    ) -> None:
        with pytest.raises(StandingOfferInvalid) as refused:
            standing.draft_offer(session, scene.production.organization.id, a_document(scene))
        assert refused.value.extra["errors"][0]["pointer"] == "/terms/performer/id"  # type: ignore[index]

    @ONE_DATABASE
    def test_a_contract_cannot_name_a_standing_offer_by_hand(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        document = json.loads(documents.contract_from(
            offer.document.encode(), scene.production.organization.id))  # fmt: skip
        with pytest.raises(ContractInvalid, match="/standing_offer"):
            service.offer_contract(session, scene.production.organization.id, document)

    @pytest.mark.parametrize(
        ("said", "pointer"),
        [
            ({"licensees": {}}, "/licensees/kinds"),
            ({"licensees": {"kinds": ["production"], "listed": ["org_1"]}}, "/licensees/kinds"),
            ({"licensees": {"kinds": ["studio"]}}, "/licensees/kinds/0"),
            ({"licensees": {"listed": ["org_1"]}}, "/licensees/listed/0"),
            ({"caps": {"executions": 0, "fees_minor": 5}}, "/caps/executions"),
            ({"caps": {"executions": 2}}, "/caps/fees_minor"),
            ({"closes_at": "2099-01-01T00:00:00Z"}, "/closes_at"),
            ({"closes_at": "2027-01-01T00:00:00"}, "/closes_at"),
            ({"extra": 1}, "/extra"),
        ],
    )
    @ONE_DATABASE
    def test_what_nobody_could_mean_is_pointed_at(
        self, session: Session, scene: Scene, said: dict[str, Any], pointer: str
    ) -> None:
        with pytest.raises(StandingOfferInvalid) as refused:
            standing.draft_offer(session, scene.desk.organization.id, a_document(scene, **said))
        assert [each["pointer"] for each in refused.value.extra["errors"]] == [pointer]  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("field", "value"), [("compensation", None), ("exclusivity", {"category": "cola"})]
    )
    @ONE_DATABASE
    def test_terms_for_several_are_paid_and_not_exclusive(
        self, session: Session, scene: Scene, field: str, value: Any
    ) -> None:
        document = a_document(scene, lambda said: said["terms"].update({field: value}))
        with pytest.raises(StandingOfferInvalid) as refused:
            standing.draft_offer(session, scene.desk.organization.id, document)
        assert refused.value.extra["errors"][0]["pointer"] == f"/terms/{field}"  # type: ignore[index]
