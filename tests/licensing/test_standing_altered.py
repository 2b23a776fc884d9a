"""What was signed in advance binds to the letter: an altered term has nobody's signature."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app.licensing.contracts.models import Contract
from app.licensing.decisions import gather
from app.licensing.errors import (
    StandingOfferNotOpen,
)
from app.licensing.standing import acceptance
from app.licensing.standing import standing_document as documents
from app.licensing.standing.models import StandingOffer
from tests.licensing.standing_offers import (
    accepted,
    an_open_offer,
    another,
)
from tests.scenes import Scene, a_scene

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A performer and a production without a contract between them."""
    return a_scene(session, signed=False)


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
