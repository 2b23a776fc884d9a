"""How sure it is who consents: who vouches for a performer, and ink before a witness."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import clock, config
from app.demo.cast import register_party
from app.licensing.contracts import service as contracts
from app.licensing.contracts import signing
from app.licensing.errors import SignatureRefused
from app.licensing.mandates import service, vouching
from app.registry import identities
from app.registry.errors import ExternalIdRefused, IdentityRefused, PerformerUnknown
from app.registry.models_identity import ExternalId, IdentityProof
from tests.licensing.mandating import a_vouching, granted, ink_for
from tests.scenes import a_scene, offered, represent, sign

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def vouch(session, scene, by=None, **said):  # type: ignore[no-untyped-def]
    who = (by or scene.agency).organization.id
    performer = vouching.spoken_for(session, who, scene.performer.id)
    return vouching.vouch(session, performer, who, **a_vouching(scene, by, **said))


class TestIdentity:
    def test_outside_a_sandbox_nothing_is_made_before_somebody_vouched(self, session, monkeypatch):
        scene = a_scene(session)
        represent(session, scene, scene.agency.organization)
        assert scene.ask(session)[0].codes == []
        monkeypatch.setenv("UNDERSTUDY_INSTALLATION", "production")
        config.settings.cache_clear()
        assert scene.ask(session)[0].codes == ["IDENTITY_NOT_PROVEN"]
        vouch(session, scene)
        assert scene.ask(session)[0].codes == []
        vouching.take_back(session, scene.performer, scene.agency.organization.id)
        assert scene.ask(session)[0].codes == ["IDENTITY_NOT_PROVEN"]

    @ONE_DATABASE
    def test_a_contract_asks_for_more_and_a_row_of_nobodys_is_no_proof(self, session, monkeypatch):
        scene = offered(
            session,
            a_scene(session, signed=False),
            lambda said: said.update({"policy": {"performer_identity": "document"}}),
        )
        represent(session, scene, scene.agency.organization)
        sign(session, scene)
        vouch(session, scene)
        assert scene.ask(session)[0].codes == ["IDENTITY_NOT_PROVEN"]
        vouching.record_document(session, scene.performer, "KYC house, no. 123")
        assert scene.ask(session)[0].codes == []
        now = clock.now
        with monkeypatch.context() as patched:
            patched.setattr(clock, "now", lambda: now() + identities.LASTS)
            assert identities.level_of(session, scene.performer.id) == 0
        session.execute(sa.update(IdentityProof).values(level="document", reference="forged"))
        session.expire_all()
        assert identities.level_of(session, scene.performer.id) == 0

    @ONE_DATABASE
    def test_is_vouched_for_by_who_speaks_for_the_performer_and_signs(self, session, tmp_path):
        scene = a_scene(session)
        union = register_party(session, "Actors united", "union")
        for stranger in (scene.agency, union, scene.desk, scene.production):
            with pytest.raises(PerformerUnknown):
                vouch(session, scene, stranger)
        granted(session, scene, "union", tmp_path, union)
        assert vouch(session, scene, union).level == "vouched"
        with pytest.raises(IdentityRefused):
            vouch(session, scene, union, replica="rep_0")
        with pytest.raises(IdentityRefused):
            vouch(session, scene, union, says="Perhaps.")
        body = a_vouching(scene, scene.desk)  # another's signature
        with pytest.raises(SignatureRefused):
            vouching.vouch(session, scene.performer, union.organization.id, **body)
        with pytest.raises(IdentityRefused):
            vouching.record_document(session, scene.performer, "")
        with pytest.raises(IdentityRefused):
            identities.keep(
                session, scene.performer, scene.replica.id, "live", lasts=timedelta(days=-1)
            )

    @ONE_DATABASE
    def test_a_word_can_be_taken_back_when_the_mandate_is_over(self, session, tmp_path):
        scene = a_scene(session)
        union = register_party(session, "Actors united", "union")
        mandate = granted(session, scene, "union", tmp_path, union)
        proof = vouch(session, scene, union)
        service.revoke(session, mandate, by="operator")
        who = union.organization.id
        with pytest.raises(PerformerUnknown):
            vouch(session, scene, union)
        for stranger in (scene.production, scene.desk):
            with pytest.raises(PerformerUnknown):
                vouching.word_of(session, stranger.organization.id, scene.performer.id)
        vouching.take_back(session, vouching.word_of(session, who, scene.performer.id), who)
        assert proof.revoked_at is not None
        with pytest.raises(PerformerUnknown):  # nothing is left to take back
            vouching.word_of(session, who, scene.performer.id)

    @ONE_DATABASE
    def test_keeps_ids_of_other_houses_and_seals_a_membership(self, session):
        scene = a_scene(session)
        performer = scene.performer
        for kind, text in (
            ("isni", "0000 0001 2103 2683"),
            ("imdb", "nm0000001"),
            ("hand", "10.1234/ab-cd"),
            ("union", "SAG 12345678"),
        ):
            identities.keep_external_id(session, performer, kind, text)
        found = identities.external_ids_of(session, performer.id)
        assert found["isni"] == "0000000121032683"
        assert found["union"] == "SAG 12345678"
        assert "12345678" not in session.get_one(ExternalId, (performer.id, "union")).value
        for kind, text in (("isni", "0000 0001 2103 2684"), ("imdb", "tt0000001"), ("god", "1")):
            with pytest.raises(ExternalIdRefused):
                identities.keep_external_id(session, performer, kind, text)
        assert identities.is_isni("000000012146438X")
        identities.forget_external_ids(session, performer.id)
        assert identities.external_ids_of(session, performer.id) == {}


class TestInk:
    @ONE_DATABASE
    def test_in_a_role_that_does_not_exist_is_refused_in_every_state(self, session):
        scene = a_scene(session, signed=False)
        desk = scene.desk.organization.id
        body = ink_for(session, scene, role="x")
        contracts.withdraw_contract(session, scene.contract, desk)
        with pytest.raises(SignatureRefused, match="signed as"):
            contracts.sign_in_ink(session, scene.contract, desk, **body)

    def test_before_a_witness_signs_and_a_contract_may_refuse_it(self, session):
        for policy, codes in (({}, []), ({"ink": "refused"}, ["INK_NOT_ACCEPTED"])):
            scene = offered(
                session,
                a_scene(session, signed=False),
                lambda said, policy=policy: said.update({"policy": policy}),
            )
            desk = scene.desk.organization.id
            kept = contracts.sign_in_ink(session, scene.contract, desk, **ink_for(session, scene))
            by = scene.production
            contracts.sign_contract(
                session,
                scene.contract,
                by.organization.id,
                role="licensee",
                jws=by.sign(scene.contract, "licensee"),
            )
            assert scene.ask(session)[0].codes == codes
            said = signing.verified(signing.exported(session, scene.contract, kept))
            assert said["made_with"] == "ink, before a witness"

    @ONE_DATABASE
    def test_is_witnessed_by_no_party_and_nobodys_agent_and_is_about_this_document(
        self, session, tmp_path
    ):
        scene = a_scene(session, signed=False)
        represent(session, scene, scene.agency.organization)
        attorney = register_party(session, "An attorney", "agency")
        granted(session, scene, "attorney", tmp_path, attorney)
        desk = scene.desk.organization.id
        for witness in (scene.production, scene.desk, scene.agency, attorney):
            body = ink_for(session, scene, witness)
            with pytest.raises(SignatureRefused, match="witness"):
                contracts.sign_in_ink(session, scene.contract, desk, **body)
        for said in (
            {"contract_sha256": "0" * 64},
            {"paper_sha256": "0" * 64},
            {"organization": scene.agency.organization.id},
            {"role": "licensee"},
            {"extra": 1},
        ):
            body = ink_for(session, scene, **said)
            with pytest.raises(SignatureRefused):
                contracts.sign_in_ink(session, scene.contract, desk, **body)
        body = ink_for(session, scene)
        body["statement"] = body["statement"] | {"signer": "Somebody else"}
        with pytest.raises(SignatureRefused):
            contracts.sign_in_ink(session, scene.contract, desk, **body)
        with pytest.raises(SignatureRefused):  # an agent hands in nothing
            contracts.sign_in_ink(
                session, scene.contract, scene.agency.organization.id, **ink_for(session, scene)
            )
