"""Standing offers: what is signed in advance binds to the letter, and no further than it says."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from app import clock
from app.demo import cast
from app.gateway import pipeline
from app.identity.models import SigningKey
from app.ledger.models import Hold
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import service
from app.licensing.contracts.models import Contract
from app.licensing.decisions import gather
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
    StandingOfferSpent,
)
from app.licensing.standing import acceptance
from app.licensing.standing import service as standing
from app.licensing.standing import standing_document as documents
from app.licensing.standing.models import StandingOffer
from app.registry import service as registry
from tests.licensing.standing_offers import (
    a_document,
    a_signature,
    accepted,
    an_open_offer,
    principal,
)
from tests.scenes import Scene, a_scene, represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
_names = itertools.count()


def another(session: Session, kind: str = "production") -> cast.Party:
    return cast.register_party(session, f"Somebody {next(_names)}", kind)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A performer and a production without a contract between them."""
    return a_scene(session, signed=False)


def asked(session: Session, scene: Scene, party: cast.Party, **changes: Any) -> Any:
    return replace(scene, production=party).ask(session, **changes)


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
        with pytest.raises(SignatureRefused):
            acceptance.accept_offer(session, offer, principal(scene.production), jws=jws)


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
        standing.retract_offer(session, offer)
        assert_refused(session, offer, another(session), "retracted")
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
            standing.sign_offer(session, offer, agency, role="performer", jws=jws)
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


def alter(session: Session, table: str, change: str, id_: str) -> None:
    """Change a stored document behind the program's back, consistently with its hash."""
    row = session.execute(
        sa.text(f"SELECT document FROM {table} WHERE id = :id"), {"id": id_}
    ).scalar_one()
    altered = row.replace('"svod"', f'"{change}"')
    assert altered != row
    session.execute(
        sa.text(f"UPDATE {table} SET document = :document, document_sha256 = :sha WHERE id = :id"),
        {"document": altered, "sha": documents.sha256(altered.encode()), "id": id_},
    )
    session.expire_all()


class TestAnAlteredTerm:
    def test_of_the_offer_leaves_no_performer_s_signature(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        accepted(session, offer, scene.production)
        session.commit()
        alter(session, "standing_offer", "cinema", offer.id)
        assert_not_permitted(session, scene)
        assert_unacceptable(session, offer)

    def test_of_the_contract_neither_even_with_its_hash_beside_it(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene)
        made = accepted(session, offer, scene.production)
        session.commit()
        alter(session, "contract", 'svod","social', made.id)
        assert_not_permitted(session, scene)
        assert_nobody_signed(session, made)

    @ONE_DATABASE
    def test_a_check_that_compares_no_terms_is_found(
        self, session: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer = an_open_offer(session, scene)
        made = accepted(session, offer, scene.production)
        session.commit()
        alter(session, "contract", 'svod","social', made.id)
        monkeypatch.setattr(acceptance.standing_document, "is_of", lambda *_: True)
        with pytest.raises(AssertionError):
            assert_nobody_signed(session, made)

    @ONE_DATABASE
    def test_a_licensee_who_is_not_on_the_list_is_not_covered(
        self, session: Session, scene: Scene
    ) -> None:
        listed = {"listed": [scene.production.organization.id]}
        offer = an_open_offer(session, scene, licensees=listed)
        text = offer.document.encode()
        assert documents.is_of(
            documents.contract_from(text, scene.production.organization.id), text
        )
        assert not documents.is_of(documents.contract_from(text, "org_elsewhere"), text)


def assert_not_permitted(session: Session, scene: Scene) -> None:
    decision, generation = scene.ask(session)
    assert decision.outcome == "deny"
    assert generation is None
    assert {"CONTRACT_TAMPERED", "CONTRACT_NOT_EXECUTED"} & set(decision.codes), decision.codes


def assert_nobody_signed(session: Session, made: Contract) -> None:
    facts = gather.in_force(session, made).signatures
    assert {each.role for each in facts} == {"performer", "licensee"}
    assert not any(each.valid for each in facts)


def assert_unacceptable(session: Session, offer: StandingOffer) -> None:
    with pytest.raises(StandingOfferNotOpen):
        accepted(session, offer, another(session))


class TestMoney:
    """Five seconds cost 62.50 EUR."""

    def test_all_contracts_together_hold_no_more_than_the_cap(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 12_500})
        others = [scene.production, another(session), another(session)]
        for party in others:
            accepted(session, offer, party)
        session.commit()
        assert asked(session, scene, others[0])[0].outcome == "permit"
        assert asked(session, scene, others[1])[0].outcome == "permit"
        session.commit()
        assert acceptance.fees_bound(session, offer) == 12_500
        with pytest.raises(StandingOfferSpent):
            asked(session, scene, others[2])
        session.rollback()
        assert held(session) == 12_500
        with pytest.raises(StandingOfferSpent):  # nobody is sold what they could not use
            accepted(session, offer, another(session))

    @ONE_DATABASE
    def test_what_is_let_go_of_is_there_again(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 6_250})
        other = another(session)
        for party in (scene.production, other):
            accepted(session, offer, party)
        _, generation = scene.ask(session)
        with pytest.raises(StandingOfferSpent):
            asked(session, scene, other)
        pipeline.ledger.void_hold(session, generation.id, reason="test")  # type: ignore[union-attr]
        assert asked(session, scene, other)[0].outcome == "permit"

    @ONE_DATABASE
    def test_a_gateway_that_does_not_ask_is_found(
        self, session: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 6_250})
        other = another(session)
        for party in (scene.production, other):
            accepted(session, offer, party)
        monkeypatch.setattr(acceptance, "check_fees", lambda *_, **__: None)
        for party in (scene.production, other):
            asked(session, scene, party)
        with pytest.raises(AssertionError):
            assert held(session) <= 6_250

    @ONE_DATABASE
    def test_a_dearer_tier_reached_meanwhile_does_not_go_beyond_it(
        self, session: Session, scene: Scene
    ) -> None:
        tiers = {"model": "tiered_marginal", "tiers": [["6", "100"], [None, "900"]]}
        offer = an_open_offer(
            session,
            scene,
            lambda said: priced(said["terms"]["compensation"], tiers),
            caps={"executions": 1, "fees_minor": 1_000},
        )
        accepted(session, offer, scene.production)
        both = [scene.ask(session)[1] for _ in range(2)]  # each held at 500: all the offer allows
        for generation in both:
            assert generation is not None
            generation.state = "signed"
            session.add(generation)
        session.commit()
        for generation in both:
            pipeline.release(generation.id)  # type: ignore[union-attr]
        session.expire_all()
        assert [each.state for each in both] == ["released", "refused"]  # type: ignore[union-attr]
        assert acceptance.fees_bound(session, offer) == 500

    @ONE_DATABASE
    def test_a_contract_of_one_s_own_is_no_matter_of_the_offer(self, session: Session) -> None:
        scene = a_scene(session)
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 1})
        assert scene.ask(session)[0].outcome == "permit"
        assert acceptance.fees_bound(session, offer) == 0


def priced(compensation: dict[str, Any], rates: dict[str, Any]) -> None:
    del compensation["rate_minor"]
    compensation.update(rates)


def held(session: Session) -> int:
    return sum(session.exec(select(Hold.amount_minor).where(Hold.state == "placed")))
