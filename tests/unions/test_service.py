"""What a union learns is of work under its agreements, by the signed words, and of nothing else."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app import clock
from app.gateway.models import GenerationReplica
from app.gateway.models_vendor_copies import VendorCopy
from app.gateway.reviews.models import Review
from app.identity import service as identity
from app.identity.models import Organization
from app.ids import new_id
from app.licensing.contracts import service as licensing
from app.registry.models import Replica
from app.unions import evidence, service
from app.unions.errors import NotAUnion
from app.unions.scope import union_of
from tests.licensing import approving, unions
from tests.payments.stories import a_story, closed, told
from tests.scenes import a_scene, offered, sign


@pytest.fixture
def union(session):
    people = unions.a_union(session)
    return session.get_one(Organization, people[0].organization_id)


@pytest.fixture
def scene(session, union):
    return unions.a_scene_under(session)


class TestDenials:
    def test_say_whose_use_was_refused_by_which_rule_and_no_line(self, session, union, scene):
        refused, _ = scene.ask(session, purpose="advertising", line="A secret line.")
        scene.ask(session)
        (one,) = service.denials(session, union)
        assert (one.decision_id, one.performer_ids) == (refused.id, (scene.performer.id,))
        assert "PURPOSE_NOT_LICENSED" in one.codes
        assert "secret" not in str(one)

    def test_of_contracts_under_no_agreement_or_anothers_nothing_is_said(self, session, union):
        other = a_scene(session, signed=False)
        named = offered(  # a project called like the agreement is under no agreement
            session, other, lambda it: it["grant"].update(projects=[unions.AGREEMENT, "NIGHTGLASS"])
        )
        sign(session, named)
        named.ask(session, purpose="advertising")
        assert service.denials(session, union) == []
        stranger = identity.create_organization(session, "Others united", "union")
        under = unions.a_scene_under(session)
        under.ask(session, purpose="advertising")
        assert service.denials(session, stranger) == []
        assert len(service.denials(session, union)) == 1

    def test_after_a_withdrawal_nothing_new_is_said(self, session, union, scene):
        before, _ = scene.ask(session, purpose="advertising")
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        scene.ask(session, purpose="advertising", line="Another line.")
        (one,) = service.denials(session, union)
        assert one.decision_id == before.id

    def test_one_because_the_term_was_over_is_said_and_no_other_after_the_end(
        self, session, union, scene, monkeypatch
    ):
        late = scene.contract.ends_at - clock.now() + timedelta(days=1)
        with approving.later(monkeypatch, seconds=late.total_seconds()):
            ended, _ = scene.ask(session)
            assert service.ENDED in ended.codes
            (one,) = service.denials(session, union)
            assert (one.decision_id, one.performer_ids) == (ended.id, (scene.performer.id,))
            ended.codes = ["REPLICA_PAUSED"]  # of a use that nothing of this contract was asked for
            session.flush()
            assert service.denials(session, union) == []

    def test_by_its_own_id_a_union_is_known_as_who_represents(self, session, union):
        def represented(document):
            document["representation"]["union"] = union.id

        scene = offered(session, a_scene(session, signed=False), represented)
        sign(session, scene)
        scene.ask(session, purpose="advertising")
        assert len(service.denials(session, union)) == 1

    def test_are_paged_and_take_no_more_questions(self, session, union, scene):
        for number in range(4):
            scene.ask(session, purpose="advertising", line=f"Line {number}.")
        first = service.denials(session, union, limit=3)
        rest = service.denials(session, union, before=first[-1].decision_id, limit=3)
        assert len({each.decision_id for each in [*first, *rest]}) == 4
        assert asked(session, lambda: service.denials(session, union, limit=1)) == asked(
            session, lambda: service.denials(session, union, limit=4)
        )


class TestOverrides:
    def test_name_what_a_person_let_go_on_and_why(self, session, union, scene):
        _, generation = scene.ask(session)
        review = Review(
            generation_id=generation.id,
            findings=["more-faces"],
            faces=1,
            outcome="released",
            answered_as="operator",
            reason="The second face is a poster.",
            answered_at=clock.now(),
        )
        session.add(review)
        session.flush()
        (one,) = service.overrides(session, union)
        assert (one.generation_id, one.reason) == (generation.id, "The second face is a poster.")
        review.outcome = "refused"
        session.flush()
        assert service.overrides(session, union) == []


class TestBreaches:
    def test_a_draft_past_its_day_is_one_until_it_is_gone(self, session, union, scene):
        _, draft = scene.ask(session)
        draft.is_draft, draft.delete_at = True, clock.now() + timedelta(hours=1)
        session.flush()
        assert service.breaches(session, union) == []
        draft.delete_at = clock.now() - timedelta(hours=1)
        session.flush()
        (one,) = service.breaches(session, union)
        assert (one.what, one.key, one.contract_id) == ("draft", draft.id, scene.contract.id)
        draft.deleted_at = clock.now()
        session.flush()
        assert service.breaches(session, union) == []

    def test_of_one_draft_with_two_replicas_no_page_loses_one(self, session, union, scene):
        _, draft = scene.ask(session)
        draft.is_draft, draft.delete_at = True, clock.now() - timedelta(hours=1)
        member = session.exec(
            select(GenerationReplica).where(GenerationReplica.generation_id == draft.id)
        ).one()
        replica = session.get_one(Replica, member.replica_id)
        other = Replica(**replica.model_dump() | {"id": new_id("rep"), "version": 2})
        session.add(other)
        session.flush()
        session.add(GenerationReplica(**member.model_dump() | {"replica_id": other.id}))
        session.flush()
        (first,) = service.breaches(session, union, limit=1)
        (second,) = service.breaches(session, union, after=first.place, limit=1)
        assert [first.place, second.place] == sorted(
            f"{draft.id}:{each.id}" for each in (replica, other)
        )
        assert service.breaches(session, union, after=second.place, limit=1) == []

    def test_a_copy_at_a_vendor_is_one_past_its_day_or_after_a_withdrawal(
        self, session, union, scene, monkeypatch
    ):
        copy = VendorCopy(
            vendor="runway",
            kind="job",
            what="portraits",
            performer_id=scene.performer.id,
            contract_id=scene.contract.id,
        )
        session.add(copy)
        session.flush()
        assert service.breaches(session, union) == []
        late = scene.contract.ends_at - clock.now() + timedelta(days=91)
        with approving.later(monkeypatch, seconds=late.total_seconds()):
            (one,) = service.breaches(session, union)
            assert (one.what, one.where) == ("vendor-copy", "runway")
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        (one,) = service.breaches(session, union)
        assert one.due_at == scene.contract.withdrawn_at
        copy.state, copy.confirmed_at = "deleted", clock.now()
        session.flush()
        assert service.breaches(session, union) == []


class TestEvidence:
    def test_every_file_has_its_hash_and_a_change_shows(self, session):
        story = a_story(session)
        story.use(session)
        report = told(session, closed(session))["usage"]
        story.scene.ask(session, purpose="advertising")
        packed = evidence.evidence(session, story.union)
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(files["manifest.json"])
        listed = {each["path"]: each["sha256"] for each in manifest["files"]}
        assert set(listed) == set(files) - {"manifest.json", "SHA256SUMS"}
        for path, digest in listed.items():
            assert hashlib.sha256(files[path]).hexdigest() == digest
        assert listed[f"usage/{report.id}.json"] == report.document_sha256
        sums = dict(
            reversed(line.split("  ")) for line in files["SHA256SUMS"].decode().splitlines()
        )
        assert sums["manifest.json"] == hashlib.sha256(files["manifest.json"]).hexdigest()
        (denial,) = json.loads(files["denials.json"])
        assert denial["codes"]
        assert denial["receipt"]
        assert manifest["complete"] == dict.fromkeys(
            ("breaches", "denials", "overrides", "strikes", "usage"), True
        )

    def test_is_for_unions(self, session, scene):
        with pytest.raises(NotAUnion):
            union_of(session, scene.production.organization.id)


def asked(session, act):
    """Count the statements that an act sends."""
    said = []

    def note(_connection, _cursor, statement, *_):
        said.append(statement)

    sa.event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        act()
    finally:
        sa.event.remove(session.get_bind(), "before_cursor_execute", note)
    return len(said)
