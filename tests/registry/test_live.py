"""A live check: five stills in an order nobody knew, of one face, that of the portrait, once."""

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlmodel import select

from app import clock, rates, sandbox
from app.identity import service as identity
from app.identity.principal import Principal
from app.registry import faces, identities, live, poses
from app.registry import service as registry
from app.registry.errors import LiveCheckNotFound, LiveCheckOver
from app.registry.models_identity import IdentityProof
from app.registry.models_live import LiveCheck, LiveStill
from app.vault import VaultOpening
from tests.licensing.mandating import granted, holder_of
from tests.registry.turning import face_in, flat, stills_of
from tests.scenes import a_scene

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SAMPLES = Path(__file__).parents[2] / "samples"
NEWTON, MONA_LISA = SAMPLES / "isaac-newton.jpg", SAMPLES / "mona-lisa.jpg"
TEMPLATE, ANOTHER = (0.1,) * 128, (0.2,) * 128  # 1.13 apart


def a_still(
    aside: float = 0.0, below: float = 0.9, eyes: float = 0.2, *, n: int = 0
) -> poses.Still:
    """What is seen of a face whose nose stands so against its eyes."""
    left, right, y = 0.5 - eyes / 2, 0.5 + eyes / 2, 0.4
    points = [(x + part, y) for x in (left, right) for part in (-0.02, 0.02)]
    nose = (0.5 + aside * eyes, y + below * eyes)
    return poses.Still(1, f"{(1 << 8 * (n + 1)) - 1:064x}", [*points, nose], TEMPLATE)


SEEN = {
    "straight": a_still(n=0),
    "left": a_still(0.12, n=1),
    "right": a_still(-0.12, n=2),
    "up": a_still(below=0.75, n=3),
    "closer": a_still(eyes=0.3, n=4),
}


def in_order(asked: list[str], **changes: poses.Still) -> list[poses.Still]:
    return [(SEEN | changes)[pose] for pose in asked]


def judged(**changes: poses.Still) -> list[str]:
    asked = list(poses.POSES)
    return poses.judge(asked, in_order(asked, **changes), [TEMPLATE])


class TestJudge:
    """Each line is one thing a thief, or a bad picture, changes; as asked it goes through."""

    def test_what_is_asked_for_goes_through(self):
        assert judged() == []

    @pytest.mark.parametrize(
        ("changed", "against"),
        [
            ({"left": SEEN["right"]}, "2 pose-left"),
            ({"left": a_still(0.05, n=1)}, "2 pose-left"),
            ({"right": a_still(0, n=2)}, "3 pose-right"),
            ({"up": a_still(n=3)}, "4 pose-up"),
            ({"closer": a_still(eyes=0.22, n=4)}, "5 pose-closer"),
            ({"left": replace(SEEN["left"], template=ANOTHER)}, "2 another-face"),
            ({"straight": replace(SEEN["straight"], faces=2)}, "1 several-faces"),
            ({"up": poses.Still(0, SEEN["up"].outline)}, "4 no-face"),
            ({"up": replace(SEEN["up"], outline=SEEN["left"].outline)}, "4 seen-before"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_what_is_not_is_said(self, changed, against):
        assert against in judged(**changed)

    def test_nothing_passes_without_a_portrait_or_with_a_still_too_few(self):
        asked = list(poses.POSES)
        assert poses.judge(asked, in_order(asked), []) == ["0 incomplete"]
        assert poses.judge(asked, in_order(asked)[:4], [TEMPLATE]) == ["0 incomplete"]

    def test_a_threshold_that_lets_everybody_through_is_found(self, monkeypatch):
        monkeypatch.setattr(faces, "SAME_FACE_BELOW", 9)
        assert judged(left=replace(SEEN["left"], template=ANOTHER)) == []

    def test_the_order_is_drawn_anew(self):
        assert len({tuple(poses.drawn()) for _ in range(40)}) > 10


@pytest.fixture
def scene(session):
    return a_scene(session, seen=_portrait(), signed=False)


def _portrait() -> registry.Portrait:
    return registry.Portrait("image/jpeg", 9, 9, 9, "ab" * 32, TEMPLATE)


def by_the_desk(session, scene) -> Principal:
    desk = scene.desk.organization
    return Principal(desk.id, desk.kind, identity.create_api_key(session, desk, name="x")[0].id)


def begun(session, scene) -> LiveCheck:
    return live.begin(session, scene.performer, by=by_the_desk(session, scene))


def marks(at: int = 0) -> list[bytes]:
    return [bytes([at, number]) * 16 for number in range(live.STILLS)]


def answered(session, check, *, at=None, of=0, **changes) -> LiveCheck:
    stills = in_order(check.poses, **changes)
    return live.answer(session, check, stills, marks(of), at=at or clock.now())


class TestCheckLive:
    def test_a_pass_proves_the_level_for_a_year_and_opens_the_portrait_on_record(
        self, session, scene
    ):
        check = answered(session, begun(session, scene))
        assert (check.outcome, check.reasons) == ("passed", [])
        (proof,) = identities.standing(session, scene.performer.id, clock.now())
        assert (proof.level, proof.reference) == ("live", check.id)
        assert proof.ends_at - proof.proven_at == timedelta(days=365)
        opened = session.exec(select(VaultOpening).where(VaultOpening.purpose == "live-check"))
        assert [each.subject_id for each in opened] == [check.id]

    @ONE_DATABASE
    def test_a_failure_proves_nothing_and_ends_the_check(self, session, scene):
        check = answered(session, begun(session, scene), left=SEEN["right"])
        assert check.outcome == "failed"
        with pytest.raises(LiveCheckOver):
            answered(session, check, of=1)
        assert session.exec(select(IdentityProof)).all() == []

    @ONE_DATABASE
    def test_five_minutes_are_five_minutes(self, session, scene):
        check = begun(session, scene)
        with pytest.raises(LiveCheckOver):
            answered(session, check, at=check.expires_at)
        assert answered(session, check, at=check.expires_at - timedelta(seconds=1)).outcome

    @ONE_DATABASE
    def test_a_still_that_was_sent_before_is_known_again_and_so_is_the_portrait(
        self, session, scene
    ):
        answered(session, begun(session, scene), left=SEEN["right"])
        again = answered(session, begun(session, scene))
        assert again.reasons == [f"{n} seen-before" for n in range(1, 6)]
        check = begun(session, scene)
        sent = [bytes.fromhex("ab" * 32), *marks(2)[1:]]
        done = live.answer(session, check, in_order(check.poses), sent, at=clock.now())
        assert done.reasons == ["1 seen-before"]
        twice = begun(session, scene)
        sent = [marks(3)[0], marks(3)[0], *marks(3)[2:]]
        done = live.answer(session, twice, in_order(twice.poses), sent, at=clock.now())
        assert done.reasons == ["2 seen-before"]
        assert len(session.exec(select(LiveStill)).all()) == 5 + 4 + 4

    @ONE_DATABASE
    def test_five_a_day_for_a_performer_and_none_of_them_a_recoverys(self, session, scene):
        for _ in range(live.A_DAY):
            live.begin(session, scene.performer, recovery_id="rcv_1")
        for _ in range(live.A_DAY):
            begun(session, scene)
        for asked in ({"by": by_the_desk(session, scene)}, {"recovery_id": "rcv_1"}):
            with pytest.raises(rates.TooManyRequests):
                live.begin(session, scene.performer, **asked)
        live.begin(session, scene.performer, recovery_id="rcv_2")

    @ONE_DATABASE
    def test_for_a_recovery_it_proves_nothing_else(self, session, scene):
        check = answered(session, live.begin(session, scene.performer, recovery_id="rcv_1"))
        assert check.outcome == "passed"
        assert live.passed_for(session, "rcv_1")
        assert not live.passed_for(session, "rcv_2")
        assert identities.level_of(session, scene.performer.id) == 0
        with pytest.raises(LiveCheckNotFound):
            live.check_of(session, scene.desk.organization.id, check.id)

    @ONE_DATABASE
    def test_a_row_written_behind_the_programs_back_proves_nothing(self, session, scene):
        answered(session, begun(session, scene))
        (proof,) = session.exec(select(IdentityProof)).all()
        proof.level = "document"
        session.add(proof)
        session.flush()
        assert identities.level_of(session, scene.performer.id) == 0

    @ONE_DATABASE
    def test_nobody_is_checked_live_after_their_death(self, session, scene, tmp_path):
        granted(session, scene, "estate_rep", tmp_path, holder_of(session, "estate_rep"))
        with pytest.raises(LiveCheckOver):
            begun(session, scene)


def written(pixels, path: Path) -> Path:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=92)
    path.write_bytes(data.getvalue())
    return path


def looked(of: dict[str, object], directory: Path) -> list[poses.Still]:
    paths = [written(pixels, directory / f"{name}.jpg") for name, pixels in of.items()]
    return live.look(paths)


class TestOnPaintedFaces:
    """Heads lifted out of paintings and turned, and flat prints of them (docs/faces.md)."""

    @pytest.mark.slow
    def test_a_head_that_turns_passes_and_another_persons_does_not(self, tmp_path):
        template, other = (faces.find_faces(str(each))["template"] for each in (NEWTON, MONA_LISA))
        sent = stills_of(face_in(NEWTON))
        seen = looked(sent, tmp_path)
        assert poses.judge(list(sent), seen, [template]) == []
        assert poses.judge(list(sent), seen, [other]) == [f"{n} another-face" for n in range(1, 6)]

    @pytest.mark.slow
    def test_a_flat_print_that_is_turned_does_not_pass(self, tmp_path):
        face = face_in(NEWTON)
        template = faces.find_faces(str(NEWTON))["template"]
        sent = stills_of(face) | {"left": flat(face, left=30), "right": flat(face, left=-30)}
        said = poses.judge(list(sent), looked(sent, tmp_path), [template])
        assert said == ["2 pose-left", "3 pose-right"]

    @ONE_DATABASE
    def test_a_file_that_is_no_picture_is_refused_in_the_sandbox(self, database, tmp_path):
        (path := tmp_path / "a.jpg").write_bytes(b"no picture")
        with pytest.raises(live.PICTURE_ERRORS):
            live.look([path])

    def test_what_the_reader_says_is_checked(self, monkeypatch, tmp_path):
        half = {"faces": 1, "outline": "0" * 64, "template": [0.1]}
        odd = {"faces": 1, "outline": "x"}
        for said in ({}, {"stills": []}, {"stills": [odd]}, {"stills": [half]}):
            monkeypatch.setattr(sandbox, "run", lambda *_, said=said, **__: said)
            with pytest.raises(sandbox.SandboxCrashed):
                live.look([tmp_path])
