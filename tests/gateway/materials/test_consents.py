"""Nobody drives a replica, and no voice is lent, without somebody's word; taken back, it stops."""

import pytest
from sqlmodel import select

from app.gateway import previews
from app.gateway import service as gateway
from app.gateway.errors import ReplicaNotFound
from app.gateway.materials import consents
from app.gateway.materials.errors import (
    ConsentLinkUnknown,
    MaterialConsentRefused,
    MaterialNotUsable,
)
from app.gateway.materials.models_consents import MaterialConsent
from app.identity.models import ApiKey
from app.identity.principal import Principal
from app.licensing.errors import SignatureRefused
from app.notices.models import Notice
from tests.gateway.materials.making import a_material, declared
from tests.gateway.materials.test_materials import offer_everything
from tests.scenes import a_scene, an_api_key


@pytest.fixture
def scene(session, monkeypatch):  # type: ignore[no-untyped-def]
    offer_everything(monkeypatch)
    scene = a_scene(session)
    an_api_key(session, scene.production.organization)
    return scene


@pytest.fixture
def by(session, scene):  # type: ignore[no-untyped-def]
    owner = scene.production.organization.id
    key_id = session.exec(select(ApiKey.id).where(ApiKey.organization_id == owner)).first()
    return Principal(owner, "production", key_id)


@pytest.mark.parametrize("role", ["driving", "voice"])
class TestADeclaration:
    def test_lets_a_material_be_used_until_it_is_withdrawn_and_then_stops_what_uses_it(
        self, session, scene, by, tmp_path, role
    ):
        material = a_material(session, scene, by.api_key_id, role, directory=tmp_path)
        with pytest.raises(MaterialNotUsable, match="consent"):
            scene.ask(session, materials={role: material.id})
        said, jws = declared(scene, material)
        consents.by_declaration(session, material, said, jws, by=by)
        _, generation = scene.ask(session, materials={role: material.id})
        assert gateway.what_forbids(session, generation) == ""
        consents.withdraw(session, material, by="operator")
        assert "consent" in gateway.what_forbids(session, generation)
        with pytest.raises(MaterialConsentRefused, match="withdrawn"):  # nor does it come back
            consents.by_declaration(session, material, said, jws, by=by)
        with pytest.raises(MaterialConsentRefused, match="withdrawn"):
            consents.by_replica(session, material, scene.replica.id, by=by)
        with pytest.raises(MaterialNotUsable, match="consent"):
            scene.ask(session, materials={role: material.id})

    def test_counts_only_as_signed_by_the_uploader_about_this_material(
        self, session, scene, by, tmp_path, role
    ):
        material = a_material(session, scene, by.api_key_id, role, directory=tmp_path)
        said, jws = declared(scene, material, party=scene.desk)
        with pytest.raises(SignatureRefused):
            consents.by_declaration(session, material, said, jws, by=by)
        for changes in ({"material_id": "mat_other"}, {"agreed_to": _other(role)}):
            said, jws = declared(scene, material, **changes)
            with pytest.raises(MaterialConsentRefused):
                consents.by_declaration(session, material, said, jws, by=by)
        said, jws = declared(scene, material)
        kept = consents.by_declaration(session, material, said, jws, by=by)
        assert consents.stands(session, material, [])
        kept.document = kept.document.replace("Pieter", "Johan")  # behind our back
        session.flush()
        assert not consents.stands(session, material, [])


class TestTheLinkOfWhoIsNotRegistered:
    def test_takes_the_word_back_once_and_tells_who_uploaded(self, session, scene, by, tmp_path):
        material = a_material(session, scene, by.api_key_id, "driving", directory=tmp_path)
        kept = consents.by_declaration(session, material, *declared(scene, material), by=by)
        _, generation = scene.ask(session, materials={"driving": material.id})
        link = consents.link_of(kept)
        assert consents.behind(session, link)[2].person == "Pieter of Delft"
        assert gateway.what_forbids(session, generation) == ""  # looking takes nothing back
        for _ in range(2):
            consents.withdraw_by_link(session, link)
        assert "consent" in gateway.what_forbids(session, generation)
        told = session.exec(select(Notice).where(Notice.kind == "material-withdrawn")).all()
        assert [each.organization_id for each in told] == [material.organization_id]

    def test_is_of_one_declaration_and_cannot_be_made_up(self, session, scene, by, tmp_path):
        material = a_material(session, scene, by.api_key_id, "voice", directory=tmp_path)
        kept = consents.by_declaration(session, material, *declared(scene, material), by=by)
        performers = consents.by_replica(session, material, scene.replica.id, by=by)
        assert consents.link_of(performers) is None  # they have an account, and a contract
        seal = consents.link_of(kept).partition(".")[2]
        for forged in (kept.id, f"{kept.id}.", f"{performers.id}.{seal}", f"{kept.id}.{seal}x"):
            with pytest.raises(ConsentLinkUnknown):
                consents.withdraw_by_link(session, forged)
        assert kept.withdrawn_at is None


def _other(role):  # type: ignore[no-untyped-def]
    return "lend the voice" if role == "driving" else "drive a replica"


class TestAReplica:
    def test_counts_where_the_scene_licenses_that_performer(self, session, scene, by, tmp_path):
        material = a_material(session, scene, by.api_key_id, "voice", directory=tmp_path)
        other = a_scene(session)
        consents.by_replica(session, material, other.replica.id, by=by)
        with pytest.raises(MaterialNotUsable, match="consent"):
            scene.ask(session, materials={"voice": material.id})
        consents.by_replica(session, material, scene.replica.id, by=by)
        _, generation = scene.ask(session, materials={"voice": material.id})
        # The production alone says whose voice it is: the performer's side hears it first.
        assert previews.wanted(session, generation, scene.contract)
        assert not previews.wanted(session, scene.ask(session)[1], scene.contract)
        with pytest.raises(ReplicaNotFound):
            consents.by_replica(session, material, "rep_none", by=by)
        assert len(session.exec(select(MaterialConsent)).all()) == 2

    def test_is_not_named_for_what_needs_none(self, session, scene, by, tmp_path):
        material = a_material(session, scene, by.api_key_id, directory=tmp_path)
        with pytest.raises(MaterialConsentRefused):
            consents.by_replica(session, material, scene.replica.id, by=by)
