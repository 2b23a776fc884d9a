"""Takes of a shot: how many, at what price, what is chosen, and when drafts are gone."""

import json
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from sqlmodel import select

import watermark.video
from app import clock, db, keys, storage
from app.gateway import choosing, claims, handing_out, marking, pipeline, quoting, service, takes
from app.gateway.embedding import embed_picture
from app.gateway.errors import OutputNotReleased
from app.gateway.materials import consents
from app.gateway.materials import service as materials
from app.gateway.materials.errors import MaterialNotUsable
from app.gateway.materials.models import Material
from app.gateway.models import Generation
from app.gateway.slates import Slate
from app.identity import service as identity
from app.identity.principal import Principal
from app.ledger import service as ledger
from app.ledger.check import check
from app.ledger.models import Hold, RecordedUse
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.words.plain_language import sentences
from tests import scenes
from tests.gateway.materials.making import a_material
from tests.gateway.materials.test_materials import offer_everything
from tests.provenance import making

# 5 s at 12.50 EUR: 62.50; a draft a quarter of it, rounded up to 15.63.
WHOLE, DRAFT = 6250, 1563
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def scene(database):
    with db.writing() as session:
        return scenes.with_takes(session)


def ask(scene, shot="12A", **changes):
    with db.writing() as session:
        decision, generation = scene.ask(session, shot=shot, **changes)
        assert generation is not None, decision.codes
    return generation.id


def finish(generation_id, state="signed"):
    """Skip to the release: nothing is rendered here."""
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        generation.state, generation.output_sha256 = state, "0" * 64
        generation.output_key = f"generations/{generation_id}/signed.mp4"
        generation.rendered_key = generation.rendered_key or f"generations/{generation_id}/r.mp4"
    pipeline.release(generation_id)
    return generation_id


def choose(draft_id):
    with db.writing() as session:
        decision, generation = choosing.choose_take(session, session.get_one(Generation, draft_id))
        assert generation is not None, decision.codes
    return generation.id


def load(generation_id):
    with db.reading() as session:
        return session.get_one(Generation, generation_id)


def charged(scene):
    with db.reading() as session:
        found = ledger.balances(session, account="licensee:receivable")
        return found.get(("licensee:receivable", "EUR"), 0)


class TestFilm:
    @pytest.mark.slow
    @ONE_DATABASE
    def test_of_twelve_shots_with_five_takes_each_has_exact_books(self, scene):
        for number in range(12):
            drafts = [finish(ask(scene, f"{number}")) for _ in range(5)]
            finish(choose(drafts[number % 5]))
        # Of each shot five drafts, and the take at the whole price less half of what they cost.
        taken = WHOLE - 5 * DRAFT // 2
        assert 5 * DRAFT % 2 == 1  # 3907.5: half up, the price is 2342.5 and rounds to 2343
        assert charged(scene) == 12 * (5 * DRAFT + taken)
        with db.reading() as session:
            found = check(session)
            assert found.ok, found.first_difference
            assert found.events == 12 * 6
            used = ledger.used_and_unpaid(session.connection(), scene.contract.series_id)
        assert (used.seconds, used.renders) == (300, 60)  # what was rendered; nothing twice


class TestTake:
    def test_is_a_draft_at_its_price_for_nobody_to_distribute(self, scene):
        draft = load(finish(ask(scene)))
        assert (draft.state, draft.is_draft, draft.take) == ("released", True, 1)
        assert draft.released_at is None
        assert charged(scene) == DRAFT
        days = draft.delete_at - clock.now()
        assert timedelta(days=29) < days <= timedelta(days=30)

    @ONE_DATABASE
    def test_beyond_those_agreed_is_refused_and_one_that_failed_counts_for_none(self, scene):
        for _ in range(4):
            ask(scene)
        pipeline.give_up(ask(scene), "render")
        ask(scene)
        with pytest.raises(takes.TakesSpent, match="5 takes"):
            ask(scene)
        assert load(ask(scene, "12B")).take == 1

    @ONE_DATABASE
    def test_under_a_contract_that_agrees_none_is_refused(self, database):
        with db.writing() as session:
            scene = scenes.with_takes(session, None)
        with pytest.raises(takes.TakesNotAgreed, match="agrees no takes"):
            ask(scene)


class TestChoice:
    def test_is_made_of_the_drafts_rendering_once_at_the_price_less_the_credit(self, scene):
        first, second = finish(ask(scene)), finish(ask(scene))
        chosen = load(choose(second))
        assert (chosen.state, chosen.parent_id, chosen.relation) == ("rendered", second, "take")
        assert (chosen.is_draft, chosen.rendered_key) == (False, load(second).rendered_key)
        with pytest.raises(takes.TakeChosen, match="take 2 of shot 12A"):
            choose(first)
        with pytest.raises(takes.TakeChosen):
            ask(scene)
        finish(chosen.id)
        assert load(chosen.id).released_at is not None
        assert charged(scene) == 2 * DRAFT + WHOLE - DRAFT
        with db.reading() as session:
            assert check(session).ok
            uses = session.exec(select(RecordedUse).order_by(RecordedUse.number)).all()
            assert [use.length_us for use in uses] == [5_000_000, 5_000_000, 0]
            held = select(Hold.amount_minor).where(Hold.generation_id == chosen.id)
            assert session.exec(held).one() == WHOLE

    @ONE_DATABASE
    def test_that_failed_may_be_made_again(self, scene):
        draft = finish(ask(scene))
        pipeline.give_up(choose(draft), "sign")
        finish(choose(draft))
        assert charged(scene) == DRAFT + WHOLE - DRAFT // 2

    @ONE_DATABASE
    def test_of_what_is_no_finished_draft_is_refused(self, scene):
        under_way, whole = ask(scene), finish(ask(scene, shot=""))
        for generation_id in (under_way, whole):
            with pytest.raises(takes.TakeNotThere):
                choose(generation_id)

    @ONE_DATABASE
    def test_is_checked_by_the_ledger_from_the_events_alone(self, scene):
        finish(choose(finish(ask(scene))))
        with db.writing() as session:  # a planted fault: a draft that says it was none
            connection = session.connection()
            found = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.exec_driver_sql(found).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.exec_driver_sql(
                "UPDATE usage_event SET event = json_remove(event, '$.draft', '$.shot')"
                " WHERE number = 0"
            )
        with db.reading() as session:
            assert not check(session).ok

    @ONE_DATABASE
    def test_is_permitted_by_the_shots_contracts_alone(self, scene):
        draft = finish(ask(scene))
        with db.writing() as session:  # agreed later, and dearer: it counted no second of the draft
            other = scenes.offered(session, scene, lambda document: None)
            scenes.sign(session, other)
            contract = session.get_one(Contract, scene.contract.id)
            desk = scene.desk.organization
            key, _ = identity.create_api_key(session, desk, name="desk")
            contracts.withdraw_contract(session, contract, desk.id, api_key_id=key.id)
        with db.writing() as session:
            assert scene.ask(session)[1] is not None, "the other contract permits a film of its own"
            decision, chosen = choosing.choose_take(session, session.get_one(Generation, draft))
            assert (decision.outcome, chosen) == ("deny", None)
            assert decision.codes

    @ONE_DATABASE
    def test_uses_the_drafts_materials_and_asks_again_whether_it_may(
        self, scene, monkeypatch, tmp_path
    ):
        offer_everything(monkeypatch)
        monkeypatch.setattr(service, "SEEN_FIRST", {})  # the look before a release has its tests
        with db.writing() as session:
            owner = scene.production.organization
            key, _ = identity.create_api_key(session, owner, name="office")
            by = Principal(owner.id, "production", key.id)
            voice = a_material(session, scene, key.id, "voice", directory=tmp_path)
            consents.by_replica(session, voice, scene.replica.id, by=by)
        first = finish(ask(scene, materials={"voice": voice.id}))
        other = finish(ask(scene, "12B", materials={"voice": voice.id}))
        chosen = load(choose(first))
        with db.reading() as session:
            used = materials.of_generation(session, chosen.id)
            chosen.marked_key = "marked.mp4"
            said = claims.statement(session, chosen, None, None, None)
            assert {role: each.id for role, each in used.items()} == {"voice": voice.id}
            titles = [each["title"] for each in said.definition["ingredients"]]
            assert "Voice recording" in titles
        with db.writing() as session:
            consents.withdraw(session, session.get_one(Material, voice.id), by="operator")
        with pytest.raises(MaterialNotUsable, match="consent"):
            choose(other)
        pipeline.release(chosen.id)
        assert load(chosen.id).state != "released"


@ONE_DATABASE
class TestRetention:
    def test_deletes_drafts_once_their_days_are_over_unless_one_is_being_made_of_them(
        self, scene, monkeypatch
    ):
        draft, other = finish(ask(scene)), finish(ask(scene, "12B"))
        for generation_id in (draft, other):
            storage.put_new(f"generations/{generation_id}/signed.mp4", scenes.PORTRAIT)
        chosen = choose(draft)
        assert takes.delete_overdue() == 0
        later = timedelta(days=31)

        class Moved:
            @staticmethod
            def now(zone: tzinfo) -> datetime:
                return datetime.now(zone) + later

        monkeypatch.setattr(clock, "datetime", Moved)
        with db.reading() as session, pytest.raises(OutputNotReleased, match="kept until"):
            handing_out.check_handing_out(session, session.get_one(Generation, other))
        assert takes.delete_overdue() == 1
        assert not storage.exists(f"generations/{other}/signed.mp4")
        assert load(other).deleted_at is not None
        pipeline.give_up(chosen, "sign")
        assert takes.delete_overdue() == 1
        with pytest.raises(takes.TakeNotThere, match="deleted"):
            choose(draft)


@ONE_DATABASE
class TestLineage:
    def test_is_kept_and_everybody_in_the_parent_is_asked(self, scene):
        parent = finish(ask(scene, shot=""))
        child = load(ask(scene, shot="", parent=(parent, "remix")))
        assert (child.parent_id, child.relation) == (parent, "remix")

    def test_to_what_was_not_released_is_refused(self, scene):
        with pytest.raises(takes.ParentRefused):
            ask(scene, shot="", parent=(ask(scene, shot=""), "extend"))


@ONE_DATABASE
class TestQuote:
    def test_knows_takes(self, scene):
        generation_id = ask(scene)
        with db.reading() as session:
            permit = session.get_one(Decision, load(generation_id).decision_id)
            asked = service.use_of(permit)
            (priced,) = quoting.price_uses(
                session,
                scene.production.organization.id,
                [quoting.Planned(asked, Decimal(5), renders=12, takes=5)],
            )
            (spent,) = quoting.price_uses(
                session,
                scene.production.organization.id,
                [quoting.Planned(asked, Decimal(5), renders=1, takes=6)],
            )
        (part,) = priced.parts
        assert part.licensee_minor == 12 * (5 * DRAFT + WHOLE - 5 * DRAFT // 2)
        assert "5 takes" in spent.parts[0].unpriced


def test_the_contract_says_it_in_plain_words(session):
    document = scenes.with_takes(session).contract.document
    said = {pointer: sentence for sentence, pointer in sentences(json.loads(document))}
    assert "up to 5 takes" in said["/compensation/takes"]


class TestSlate:
    def test_is_burnt_into_every_frame(self):
        frame = av.VideoFrame.from_ndarray(np.full((360, 640, 3), 90, np.uint8), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.make_writable()
        Slate("DRAFT - shot 12A, take 3").draw(frame)
        luma = frame.to_ndarray()[:360]
        assert luma[2, 320] == 16  # the band
        assert luma[:32].max() == 235  # the words in it
        assert len(np.unique(luma[120:240])) > 1  # the large word

    def test_is_in_the_marked_film_from_first_to_last_and_the_mark_is_found_in_it(
        self, data_dir, tmp_path
    ):
        source, marked = making.make_media(tmp_path / "in.mp4"), tmp_path / "marked.mp4"
        payload, key = bytes(range(8)), keys.secret("watermark")
        by = "app.gateway.embedding:embed"
        marking.mark_output(source, marked, payload, key, by, slate="DRAFT - shot 12A, take 3")
        with av.open(str(marked)) as film:
            bands = [frame.to_ndarray(format="gray")[1].mean() for frame in film.decode(video=0)]
        assert max(bands) < 8  # plain footage is lighter
        assert [each.payload for each in watermark.video.detect(marked, key)] == [payload]

    def test_is_burnt_into_a_picture(self, tmp_path: Path):
        cv2.imwrite(str(tmp_path / "plain.png"), np.full((480, 640, 3), 90, np.uint8))
        files = {"source": str(tmp_path / "plain.png"), "target": str(tmp_path / "marked.png")}
        embed_picture(**files, payload_hex="00" * 8, watermark_key_hex="00" * 32, slate="DRAFT")
        marked = cv2.imread(files["target"])
        assert marked[4, 10].max() < 60
