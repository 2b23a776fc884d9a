"""Who stands in the catalogue: by a choice that is still theirs who made it."""

import pytest
import sqlalchemy as sa

from app import clock
from app.identity import service as identity
from app.identity.principal import Principal
from app.registry import listing, mandates
from app.registry.errors import NotInCatalogue, PerformerUnknown
from tests.licensing.mandating import granted, holder_of, make_minor
from tests.people.visiting import later
from tests.scenes import a_scene

STILL = b"\xff\xd8\xff a still"


def principal(session, party):
    key, _ = identity.create_api_key(session, party.organization, name="test")
    return Principal(party.organization.id, party.organization.kind, key.id)


@pytest.fixture
def guardian(session):
    return holder_of(session, "guardian")


@pytest.fixture
def minor(session, guardian, tmp_path):
    """A minor whom the guardian put into the catalogue, with a portrait."""
    scene = a_scene(session, signed=False)
    make_minor(session, scene)
    mandate = granted(session, scene, "guardian", tmp_path, guardian)
    by = principal(session, guardian)
    listing.choose_listing(session, scene.performer, listed=True, about="A child.", by=by)
    listing.show_portrait(session, scene.performer, STILL, by=by)
    return scene, mandate, principal(session, scene.desk)


def found(session, scene):
    listed = listing.listed_performers(session, before=None, limit=5)
    one = listing.listed_performer(session, scene.performer.id)
    assert [each.id for each, _ in listed] == ([] if one is None else [scene.performer.id])
    assert listing.is_listed(session, scene.performer) == (one is not None)
    return one and one[1]


def end(session, mandate, monkeypatch, how):
    if how == "of age":
        later(monkeypatch, days=19 * 366)
    else:
        mandate.revoked_at = clock.now()
        mandates.seal(mandate)
        session.add(mandate)
        session.flush()


@pytest.mark.parametrize("how", ["of age", "revoked"])
class TestAGuardiansYes:
    def test_ends_with_the_minority_and_the_mandate(self, session, minor, monkeypatch, how):
        scene, mandate, _ = minor
        assert found(session, scene).portrait_object_id is not None
        end(session, mandate, monkeypatch, how)
        assert found(session, scene) is None

    def test_is_brought_back_by_nobody(self, session, minor, monkeypatch, how):
        scene, mandate, own = minor
        end(session, mandate, monkeypatch, how)
        with pytest.raises(NotInCatalogue):
            listing.show_portrait(session, scene.performer, STILL, by=own)
        listing.hide_portrait(session, scene.performer)
        assert found(session, scene) is None
        if how == "revoked":
            with pytest.raises(PerformerUnknown):  # who is a minor still
                listing.choose_listing(session, scene.performer, listed=True, about="", by=own)


def test_a_mandate_given_again_to_the_same_house_brings_no_choice_back(
    session, minor, guardian, tmp_path
):
    scene, mandate, _ = minor
    end(session, mandate, None, "revoked")
    granted(session, scene, "guardian", tmp_path, guardian)
    assert found(session, scene) is None
    by = principal(session, guardian)
    listing.choose_listing(session, scene.performer, listed=True, about="Again.", by=by)
    chosen = found(session, scene)
    assert (chosen.about, chosen.portrait_object_id) == ("Again.", None)


def test_another_guardians_choice_ends_with_their_own_mandate(session, minor, tmp_path):
    scene, first, _ = minor
    other = holder_of(session, "guardian")
    second = granted(session, scene, "guardian", tmp_path, other)
    by = principal(session, other)
    listing.choose_listing(session, scene.performer, listed=True, about="Mine.", by=by)
    end(session, first, None, "revoked")
    assert found(session, scene).about == "Mine."
    end(session, second, None, "revoked")
    assert found(session, scene) is None


def test_what_a_guardian_chose_in_the_performers_own_house_ends_when_they_come_of_age(
    session, tmp_path, monkeypatch
):
    scene = a_scene(session, signed=False)
    make_minor(session, scene)
    granted(session, scene, "guardian", tmp_path, scene.desk)
    own = principal(session, scene.desk)
    listing.choose_listing(session, scene.performer, listed=True, about="A child.", by=own)
    assert found(session, scene) is not None
    end(session, None, monkeypatch, "of age")
    assert found(session, scene) is None
    listing.choose_listing(session, scene.performer, listed=True, about="Of age.", by=own)
    assert found(session, scene).about == "Of age."


def test_the_grown_up_chooses_anew_and_shows_no_portrait_by_that(session, minor, monkeypatch):
    scene, _, own = minor
    end(session, None, monkeypatch, "of age")
    listing.choose_listing(session, scene.performer, listed=True, about="Of age.", by=own)
    chosen = found(session, scene)
    assert (chosen.about, chosen.portrait_object_id) == ("Of age.", None)


def test_a_mandate_that_lets_one_pause_alone_or_whose_row_was_altered_shows_nobody(session, minor):
    scene, mandate, _ = minor
    mandate.acts = ["pause"]
    mandates.seal(mandate)
    session.add(mandate)
    session.flush()
    assert found(session, scene) is None
    session.execute(sa.update(mandates.Mandate).values(acts=["sign"]))
    session.refresh(mandate)
    assert listing.listed_performer(session, scene.performer.id) is None
