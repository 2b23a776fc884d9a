"""A named verifier is shown more by a side's signature alone, until its end or its revocation."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey
from sqlmodel import select

from app import clock
from app.config import settings
from app.licensing.contracts import service as licensing
from app.licensing.disclosures import service
from app.licensing.disclosures.models import DisclosureGrant
from app.licensing.disclosures.on_record import agreed_of
from app.licensing.disclosures.proof import holder_of
from app.licensing.document.disclosure import Viewer, level_for
from app.licensing.errors import (
    AlreadySigned,
    DisclosureGrantInvalid,
    DisclosureGrantNotFound,
    DisclosureGrantRefused,
    SignatureRefused,
    VerifierProofRefused,
)
from app.licensing.mandates import service as mandates
from app.transparency import leaf
from app.transparency import service as transparency
from app.transparency.models import LogOutbox
from tests.licensing.disclosing import a_grant, a_proof
from tests.licensing.mandating import BORN_ON, granted, make_minor
from tests.licensing.mandating import holder_of as a_holder_of
from tests.scenes import Scene, a_scene, offered, sign

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
EITHER = {"granted_by": "either", "verifiers": "use"}


def a_scene_that_says(session, says):  # type: ignore[no-untyped-def]
    scene = offered(
        session,
        a_scene(session, signed=False),
        lambda document: document.update({"disclosure": says} if says else {}),
    )
    sign(session, scene)
    return scene


def grant(session, scene: Scene, side="performer", who="", level="use", **changes):  # type: ignore[no-untyped-def]
    body = a_grant(scene, side, who or scene.agency.organization.id, level)
    party = scene.desk if side == "performer" else scene.production
    return service.grant_disclosure(
        session, scene.contract, party.organization.id, **{**body, **changes}
    )


def seen(session, scene: Scene, who: str = "", at=None) -> str:  # type: ignore[no-untyped-def]
    at = at or clock.now()
    found = agreed_of(session, [scene.contract.series_id], at)
    viewer = Viewer(frozenset({who or scene.agency.organization.id}))
    return level_for([each.agreed for each in found], viewer, at)


class TestGrant:
    def test_shows_more_from_now_until_its_end_or_its_revocation(self, session):
        scene = a_scene_that_says(session, EITHER)
        assert seen(session, scene) == "license"
        made = grant(session, scene)
        assert seen(session, scene) == "use"
        assert seen(session, scene, who="org_other") == "license"
        assert seen(session, scene, at=made.ends_at) == "license"
        service.revoke_grant(session, made)
        assert seen(session, scene) == "license"
        first = made.revoked_at
        assert service.revoke_grant(session, made).revoked_at == first

    @ONE_DATABASE
    def test_of_a_silent_contract_takes_both_sides(self, session):
        scene = a_scene_that_says(session, None)
        grant(session, scene, "performer", level="terms")
        assert seen(session, scene) == "license"
        grant(session, scene, "licensee", level="credit")
        assert seen(session, scene) == "credit"

    @ONE_DATABASE
    def test_to_a_public_key_is_for_who_proves_to_hold_it(self, session):
        scene, key = a_scene_that_says(session, EITHER), ECKey.generate_key("P-256")
        grant(session, scene, who=key.as_dict(private=False))
        name = holder_of(a_proof(key), audience=settings().public_url, at=clock.now())
        assert seen(session, scene, who=name) == "use"
        other = a_proof(ECKey.generate_key("P-256"))
        name = holder_of(other, audience=settings().public_url, at=clock.now())
        assert seen(session, scene, who=name) == "license"

    @ONE_DATABASE
    def test_and_its_end_are_on_the_log_and_open_with_the_row_alone(self, session):
        made = grant(session, a_scene_that_says(session, EITHER))
        service.revoke_grant(session, made)
        rows = session.exec(select(LogOutbox).where(LogOutbox.subject_id == made.id)).all()
        assert sorted(row.kind for row in rows) == ["disclosure-granted", "disclosure-revoked"]
        for row in rows:
            opening = transparency.opening(session, row.id)
            payload = service.evidence(made)
            leaf.open_leaf(
                row.entry.encode(), made.id, payload, salt=bytes.fromhex(opening["salt"])
            )
            assert made.verifier not in row.entry

    @ONE_DATABASE
    @pytest.mark.parametrize(
        ("changed", "where"),
        [({"level": "license"}, "/level"), ({"until": "2027-01-01"}, "/until"),
         ({"verifier": {"role": "court"}}, "/verifier/organization"),
         ({"verifier": {"role": "friend", "organization": "x"}}, "/verifier/role"),
         ({"verifier": {"role": "court", "jwk": {"kty": "oct", "k": "AA"}}}, "/verifier/jwk"),
         ({"side": "agent"}, "/side"), ({"reason": "because"}, "/reason"), ({"v": 2}, "/v")],
    )  # fmt: skip
    def test_that_says_something_else_is_refused_with_a_pointer(self, session, changed, where):
        scene = a_scene_that_says(session, EITHER)
        body = a_grant(scene, "performer", "x")
        with pytest.raises(DisclosureGrantInvalid) as refused:
            grant(session, scene, **body | {"document": body["document"] | changed})
        assert [each["pointer"] for each in refused.value.extra["errors"]] == [where]

    @ONE_DATABASE
    def test_that_the_contract_does_not_allow_is_refused(self, session):
        scene = a_scene_that_says(session, {"granted_by": "performer", "verifiers": "use"})
        for side, level, why in (
            ("licensee", "use", "granted_by"), ("performer", "terms", "at most"),
        ):  # fmt: skip
            with pytest.raises(DisclosureGrantRefused, match=why):
                grant(session, scene, side, level=level)
        with pytest.raises(DisclosureGrantRefused, match="no organization"):
            grant(session, scene, who="org_nobody")
        for late in (clock.now(), clock.now() + timedelta(days=4000)):
            body = a_grant(scene, "performer", scene.agency.organization.id, until=late.isoformat())
            with pytest.raises(DisclosureGrantRefused, match="ten years"):
                grant(session, scene, **body)
        unsigned = a_scene(session, signed=False)
        with pytest.raises(DisclosureGrantRefused, match="not executed"):
            grant(session, unsigned)

    @ONE_DATABASE
    def test_takes_the_sides_own_signature_over_exactly_it(self, session):
        scene = a_scene_that_says(session, EITHER)
        body = a_grant(scene, "performer", scene.agency.organization.id)
        for document in (
            body["document"] | {"level": "credit"},
            body["document"] | {"side": "licensee"},
        ):
            with pytest.raises(SignatureRefused):
                grant(session, scene, document=document, jws=body["jws"])
        for organization in (scene.agency.organization, scene.production.organization):
            with pytest.raises(SignatureRefused):
                service.grant_disclosure(session, scene.contract, organization.id, **body)
        grant(session, scene, **body)
        with pytest.raises(AlreadySigned):
            grant(session, scene, **body)

    def test_a_row_that_nobody_signed_grants_nothing(self, session):
        scene = a_scene_that_says(session, EITHER)
        made = grant(session, scene, level="credit")
        opened = made.document.replace('"level":"credit"', '"level":"use"')
        session.execute(sa.update(DisclosureGrant).values(document=opened, level="use"))
        session.expire_all()
        assert seen(session, scene) == "license"

    @ONE_DATABASE
    def test_is_revoked_by_the_side_that_gave_it_alone(self, session):
        scene = a_scene_that_says(session, EITHER)
        made = grant(session, scene)
        assert service.grant_of(session, scene.desk.organization.id, made.id) is made
        for party in (scene.production, scene.agency):
            with pytest.raises(DisclosureGrantNotFound):
                service.grant_of(session, party.organization.id, made.id)

    @ONE_DATABASE
    def test_is_capped_by_what_the_contract_says_later(self, session):
        scene = a_scene_that_says(session, EITHER)
        grant(session, scene)
        document = json.loads(scene.contract.document) | {"disclosure": {"verifiers": "credit"}}
        amended = licensing.amend_contract(
            session, scene.contract, scene.production.organization.id, document
        )
        for party, role in ((scene.desk, "performer"), (scene.production, "licensee")):
            jws = party.sign(amended, role)
            licensing.sign_contract(session, amended, party.organization.id, role=role, jws=jws)
        assert seen(session, scene) == "license"  # and now it takes both


class TestProof:
    KEY = ECKey.generate_key("P-256")

    @pytest.mark.parametrize(
        ("changes", "why"),
        [({"aud": "https://elsewhere.example"}, "aud"), ({"lasts_s": 601}, "another time"),
         ({"lasts_s": -1}, "another time"), ({"exp": "soon"}, "sign aud"),
         ({"iat": None}, "sign aud")],
    )  # fmt: skip
    def test_for_another_place_or_time_is_refused(self, data_dir, changes, why):
        with pytest.raises(VerifierProofRefused, match=why):
            holder_of(a_proof(self.KEY, **changes), audience=settings().public_url, at=clock.now())

    def test_that_was_made_long_ago_or_is_none_is_refused(self, data_dir):
        old = a_proof(self.KEY, at=clock.now() - timedelta(minutes=11))
        text = a_proof(self.KEY)
        header, body, signature = text.split(".")
        none = [old, "", "a.b.c", "x" * 9999, f"{header}.{body}.", f"{header}.{body}A.{signature}"]
        for each in none:
            with pytest.raises(VerifierProofRefused):
                holder_of(each, audience=settings().public_url, at=clock.now())


class TestInThePerformersPlace:
    def test_a_guardian_grants_for_a_minor_while_their_mandate_stands(self, session, tmp_path):
        scene = a_scene(session, signed=False)
        scene = offered(
            session,
            scene,
            lambda said: (
                said.update(disclosure=EITHER) or said["performer"].update(dob=str(BORN_ON))
            ),
        )
        make_minor(session, scene)
        guardian = a_holder_of(session, "guardian")
        mandate = granted(session, scene, "guardian", tmp_path, guardian)
        for party, role in ((guardian, "guardian"), (scene.production, "licensee")):
            licensing.sign_contract(
                session,
                scene.contract,
                party.organization.id,
                role=role,
                jws=party.sign(scene.contract, role),
            )
        with pytest.raises(SignatureRefused, match="guardian"):
            grant(session, scene)  # the minor, at their own desk
        theirs = replace(scene, desk=guardian)
        made = grant(session, theirs)
        assert seen(session, scene) == "use"
        for party in (guardian, scene.desk):  # whoever stops it
            assert service.grant_of(session, party.organization.id, made.id) == made
        with pytest.raises(DisclosureGrantNotFound):
            service.grant_of(session, scene.production.organization.id, made.id)
        mandates.revoke(session, mandate, by=guardian.organization.id)
        assert seen(session, scene) == "license"

    @ONE_DATABASE
    def test_an_estate_grants_after_a_death_and_what_was_granted_before_goes_on(
        self, session, tmp_path
    ):
        scene = a_scene_that_says(session, EITHER)
        grant(session, scene).granted_at -= timedelta(days=5)  # the death was three days ago
        session.flush()
        estate = a_holder_of(session, "estate_rep")
        granted(session, scene, "estate_rep", tmp_path, estate)
        assert seen(session, scene) == "use"
        other = a_holder_of(session, "union").organization.id
        with pytest.raises(SignatureRefused, match="estate"):
            grant(session, scene, who=other)
        grant(session, replace(scene, desk=estate), who=other)
        assert seen(session, scene, who=other) == "use"
