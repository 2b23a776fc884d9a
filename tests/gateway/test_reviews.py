"""What the gate is in doubt about waits for a person, and nobody who uploaded it learns a name."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app import db
from app.gateway import inspect, pipeline, previews
from app.gateway import service as gateway
from app.gateway.materials import checking, service
from app.gateway.materials.errors import MaterialNotUsable
from app.gateway.materials.models import Material
from app.gateway.models import Generation
from app.gateway.models_previews import Preview
from app.gateway.reviews import answering, recognition
from app.gateway.reviews import service as reviews
from app.gateway.reviews.models import Review
from app.gateway.workbench import token_for
from app.identity.models import ApiKey
from app.identity.principal import Principal
from app.ledger.models import Hold
from app.notices.models import Notice
from app.registry import matching
from app.registry.matching import Match, Searched
from app.registry.models import Performer
from tests import scenes
from tests.gateway.materials.making import a_material

MINE, SOMEBODYS, UNCLEAR = (0.1,) * 128, (0.4,) * 128, (0.145,) * 128
ANOTHER = inspect.Finding("another-face", "2 sampled frames show another face")


def put(scene, state="rendered", **asked):  # type: ignore[no-untyped-def]
    with db.writing() as session:
        decision, generation = scene.ask(session, **asked)
        assert generation is not None, decision.codes
        generation.state, generation.output_sha256 = state, "0" * 64
        return generation.id


@pytest.fixture
def scene(database):  # type: ignore[no-untyped-def]
    with db.writing() as session:
        scene = scenes.a_scene(session, quota={"max_seconds": 1000})
        scenes.an_api_key(session, scene.production.organization)
        return scene


@pytest.fixture
def somebody(scene):  # type: ignore[no-untyped-def]
    """Somebody else who is registered and allows a search; their performer's id."""
    with db.writing() as session:
        seen = replace(scenes.a_portrait_seen(), template=SOMEBODYS)
        other = scenes.a_scene(session, seen=seen, signed=False)
        scenes.an_api_key(session, other.desk.organization)
        mine = select(ApiKey.id).where(ApiKey.organization_id == other.desk.organization.id)
        by = Principal(other.desk.organization.id, "performer", session.exec(mine).one())
        performer = session.get_one(Performer, other.performer.id)
        matching.choose(session, performer, allowed=True, by=by)
        return performer.id


def recognize(generation_id, searched, findings=(), *, film=True):  # type: ignore[no-untyped-def]
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        return recognition.may_go_on(session, generation, searched, findings, film=film)


def state_of(generation_id):  # type: ignore[no-untyped-def]
    with db.reading() as session:
        generation = session.get_one(Generation, generation_id)
        holds = session.exec(select(Hold).where(Hold.generation_id == generation_id)).all()
        return generation.state, {hold.state for hold in holds}


class TestAnOutput:
    def test_with_the_face_of_a_registered_performer_not_licensed_is_quarantined_unnamed(
        self, scene, somebody
    ):
        generation_id = put(scene)
        twice = Searched([[Match(somebody, 0.3)], [Match(somebody, 0.2)]], 1)
        assert recognize(generation_id, twice) is False
        assert state_of(generation_id) == ("quarantined", {"voided"})
        with db.reading() as session:
            reason = session.get_one(Generation, generation_id).reason
            assert somebody not in reason
            review = reviews.of_generation(session, generation_id)
            assert (review.outcome, review.answered_as) == ("refused", "gate")
            (match,) = reviews.matched(session, review)
            assert (match.performer_id, match.distance_milli) == (somebody, 200)

    def test_passes_where_it_shows_the_licensed_or_who_allows_no_search(self, scene, somebody):
        generation_id = put(scene)
        licensed = scene.performer.id
        assert recognize(generation_id, Searched([[Match(licensed, 0.1)]] * 3, 1))
        with db.writing() as session:
            session.get_one(Performer, somebody)
            newest = matching.choice_of(session, somebody)
            by = Principal(newest.organization_id, "performer", newest.api_key_id)
            performer = session.get_one(Performer, somebody)
            matching.choose(session, performer, allowed=False, by=by)
        assert recognize(generation_id, Searched([[Match(somebody, 0.1)]] * 3, 1))
        with db.reading() as session:
            assert reviews.of_generation(session, generation_id) is None

    def test_in_doubt_is_looked_at_by_the_performers_side_and_not_released_before(self, scene):
        generation_id = put(scene)
        assert recognize(generation_id, Searched([], 0), [ANOTHER])
        with db.writing() as session:
            session.get_one(Generation, generation_id).state = "signed"
        assert pipeline.preview(generation_id) is False
        with db.reading() as session:
            preview = session.exec(select(Preview)).one()
            shown = previews.preview_of(session, scene.desk.organization.id, preview.id)
            assert shown.doubts == (str(ANOTHER),)

    def test_in_doubt_skips_no_look_by_going_straight_to_its_release(self, scene):
        generation_id = put(scene)
        assert recognize(generation_id, Searched([], 0), [ANOTHER])
        with db.writing() as session:
            session.get_one(Generation, generation_id).state = "signed"
        pipeline.release(generation_id)
        assert state_of(generation_id)[0] == "refused"

    @pytest.mark.parametrize("early", [True, False])
    def test_goes_on_when_the_operator_lets_it(self, scene, early):
        generation_id = put(scene)
        assert recognize(generation_id, Searched([], 0), [ANOTHER])
        with db.writing() as session:
            session.get_one(Generation, generation_id).state = "signed"
        if not early:
            assert pipeline.preview(generation_id) is False
        with db.writing() as session:
            (review,) = reviews.waiting(session)
            with pytest.raises(reviews.ReasonMissing):
                answering.answer(session, review.id, let_go=True, reason=" ")
            answering.answer(session, review.id, let_go=True, reason="it is her in profile")
            assert reviews.waiting(session) == []
        if early:
            assert pipeline.preview(generation_id) is True
        assert state_of(generation_id)[0] == ("signed" if early else "previewed")
        with db.writing() as session, pytest.raises(reviews.ReviewAnswered):
            answering.answer(session, review.id, let_go=False, reason="again")

    def test_refused_by_the_operator_ends_and_costs_nothing(self, scene):
        generation_id = put(scene)
        assert recognize(generation_id, Searched([], 0), [ANOTHER])
        with db.writing() as session:
            (review,) = reviews.waiting(session)
            answering.answer(session, review.id, let_go=False, reason="somebody else")
        assert state_of(generation_id) == ("refused", {"voided"})

    def test_of_a_contract_that_wants_a_look_is_not_let_go_by_the_operator_alone(self, database):
        content = {
            "prohibited": ["nudity"],
            "approval": [],
            "blocked_brand_categories": [],
            "preview_waived": False,
        }
        with db.writing() as session:
            scene = scenes.a_scene(session, quota={"max_seconds": 1000}, content=content)
        generation_id = put(scene)
        assert recognize(generation_id, Searched([], 0), [ANOTHER])
        with db.writing() as session:
            session.get_one(Generation, generation_id).state = "signed"
        assert pipeline.preview(generation_id) is False
        with db.writing() as session:
            (review,) = reviews.waiting(session)
            answering.answer(session, review.id, let_go=True, reason="it is her")
        assert state_of(generation_id)[0] == "awaiting-preview"


def _told(session):  # type: ignore[no-untyped-def]
    """Who was told what of materials under review."""
    kinds = ("material-%", "likeness-%")
    found = select(Notice).where(sa.or_(*(col(Notice.kind).like(kind) for kind in kinds)))
    return {(each.kind, each.organization_id) for each in session.exec(found)}


class TestAMaterial:
    def sent(self, scene, tmp_path, faces, **more):  # type: ignore[no-untyped-def]
        with db.writing() as session:
            theirs = select(ApiKey.id).where(
                ApiKey.organization_id == scene.production.organization.id
            )
            key_id = session.exec(theirs).first()
            return a_material(
                session, scene, key_id, directory=tmp_path, templates=faces, **more
            ).id

    def checked(self, monkeypatch, *found):  # type: ignore[no-untyped-def]
        monkeypatch.setattr(
            matching, "search", lambda _, **__: Searched([list(hits) for hits in found], 1)
        )
        checking.check_waiting()

    def test_that_may_show_somebody_registered_waits_and_names_nobody(
        self, scene, somebody, tmp_path, monkeypatch
    ):
        material_id = self.sent(scene, tmp_path, [SOMEBODYS], state="checking")
        self.checked(monkeypatch, [Match(somebody, 0.1)])
        with db.writing() as session:
            material = session.get_one(Material, material_id)
            assert (material.state, somebody in material.reason) == ("review", False)
            with pytest.raises(MaterialNotUsable) as refused:
                service.insist_usable(
                    session,
                    material.organization_id,
                    {"first_frame": material_id},
                    performers=[scene.performer.id],
                )
            assert somebody not in refused.value.detail
            # ... but whoever licensed them may use it, and is compared one to one.
            service.insist_usable(
                session,
                material.organization_id,
                {"first_frame": material_id},
                performers=[somebody],
            )
            (review,) = reviews.waiting(session)
            shown = reviews.show(session, review.id)
            assert [match.performer_id for match in shown.matches] == [somebody]
            assert (shown.templates, shown.false_hits > 0) == (1, True)
            theirs = session.get_one(Performer, somebody).organization_id
            ours = material.organization_id
            assert _told(session) == {("material-held", ours), ("likeness-held", theirs)}
            answering.answer(session, review.id, let_go=True, reason="a lookalike")
            assert session.get_one(Material, material_id).state == "usable"
            answered = {("material-answered", ours), ("likeness-answered", theirs)}
            assert _told(session) - answered == {("material-held", ours), ("likeness-held", theirs)}

    def test_is_usable_where_nobody_is_found_and_unchecked_where_nobody_searched(
        self, scene, tmp_path, monkeypatch
    ):
        material_id = self.sent(scene, tmp_path, [MINE], state="checking")

        def out(*_args, **_more):  # type: ignore[no-untyped-def]
            raise matching.MatcherUnavailable("out")

        monkeypatch.setattr(matching, "search", out)
        with pytest.raises(matching.MatcherUnavailable):
            checking.check_waiting()
        with db.reading() as session:
            assert session.get_one(Material, material_id).state == "checking"
        self.checked(monkeypatch, [])
        with db.reading() as session:
            assert session.get_one(Material, material_id).state == "usable"

    @pytest.mark.parametrize(
        ("faces", "tags", "word"),
        [
            ([MINE], (), ""),
            ([SOMEBODYS], (), "none of the licensed"),
            ([SOMEBODYS], ("other_people",), ""),
            ([UNCLEAR], (), "the operator looks"),
        ],
    )
    def test_is_compared_with_the_licensed_before_it_leaves(
        self, scene, tmp_path, monkeypatch, faces, tags, word
    ):
        from tests.gateway.materials.test_materials import offer_everything

        offer_everything(monkeypatch)
        material_id = self.sent(scene, tmp_path, faces)
        generation_id = put(scene, "held", materials={"first_frame": material_id}, tags=tags)
        with db.writing() as session:
            generation = session.get_one(Generation, generation_id)
            assert gateway.what_forbids(session, generation) == ""
            said = checking.compare(session, generation, lambda: token_for(session, generation))
            assert word in said
            assert bool(said) == bool(word)
            in_doubt = word == "the operator looks"
            assert (session.exec(select(Review)).first() is not None) == in_doubt
            assert (session.get_one(Material, material_id).state == "review") == in_doubt
            ours, theirs = generation.organization_id, scene.performer.organization_id
            both = {("material-held", ours), ("likeness-held", theirs)}
            assert _told(session) == (both if in_doubt else set())


def test_faces_of_a_film_are_judged_by_more_than_one_frame():
    assert checking.judge([MINE, SOMEBODYS], [MINE], film=True) == "theirs"
    assert checking.judge([MINE, SOMEBODYS, SOMEBODYS], [MINE], film=True) == "another"
    assert checking.judge([MINE, SOMEBODYS], [MINE], film=False) == "another"
    assert checking.judge([MINE, UNCLEAR], [MINE], film=True) == "theirs"
    assert checking.judge([UNCLEAR], [MINE], film=True) == "doubtful"
