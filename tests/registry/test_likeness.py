"""Photos beside the portrait: what is wrong is said at once; what is kept can be taken back."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageFilter
from sqlmodel import select

from app import vault
from app.identity import service as identity
from app.identity.principal import Principal
from app.registry import faces, likeness, photos
from app.registry import service as registry
from app.registry.errors import MediumNotFound, PhotoRefused
from app.vault import VaultOpening
from tests.registry.giving import GOOD, POINTS, SEEN, a_photo, aimed, small_face
from tests.registry.turning import face_in, turned
from tests.scenes import PORTRAIT, a_scene

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
KNOWN = likeness.Known((0.1,) * 128, POINTS)
ANOTHER = (0.2,) * 128  # 1.13 apart


def against(pose, photo, known=KNOWN):
    return likeness.what_is_wrong(pose, photo, known)


ALL_AT_ONCE = ["another-face", "too-bright", "pose-straight"]


class TestJudge:
    """Each line is one thing that a bad photo, or another person, changes."""

    @pytest.mark.parametrize("pose", photos.POSES)
    def test_a_good_photo_goes_through(self, pose):
        assert against(pose, SEEN[pose]) == []

    @pytest.mark.parametrize(
        ("photo", "said"),
        [
            (aimed(light=0.12, contrast=0.05), ["too-dark"]),
            (aimed(light=0.12, contrast=0.12, sharpness=0.05), []),  # dark skin, well lit
            (aimed(glare=0.2), ["too-bright"]),
            (aimed(sharpness=0.01), ["blurred"]),
            (aimed(face_width=120), ["too-small"]),
            (aimed(template=ANOTHER), ["another-face"]),
            (aimed(0.3), ["pose-straight"]),
            (aimed(faces=2), ["several-faces"]),
            (aimed(faces=0), ["no-face"]),
            (
                aimed(0.3, glare=0.2, template=ANOTHER),
                ["another-face", "too-bright", "pose-straight"],
            ),
        ],
        ids=lambda value: str(value)[-40:],
    )
    def test_all_that_is_to_be_done_better_is_said(self, photo, said):
        assert against("straight", photo) == said

    def test_a_shadow_over_half_a_face_is_said(self):
        assert against("straight", replace(GOOD, aside=0.4)) == ["uneven-light"]

    @pytest.mark.parametrize("pose", ["left", "right", "up"])
    def test_a_head_that_did_not_turn_as_asked_is_said(self, pose):
        assert against(pose, SEEN["straight"]) == [f"pose-{pose}"]

    def test_a_turn_is_seen_against_the_straight_photo_alone(self):
        assert against("left", SEEN["left"], likeness.Known((0.1,) * 128, None)) == [
            "straight-first"
        ]

    def test_a_threshold_that_lets_everybody_through_is_found(self, monkeypatch):
        monkeypatch.setattr(faces, "SAME_FACE_BELOW", 9)
        assert against("straight", aimed(template=ANOTHER)) == []


@pytest.mark.usefixtures("data_dir")
class TestLook:
    """What the sandbox measures, on the sample portrait: as it is, and made worse."""

    @pytest.fixture
    def girl(self):
        with Image.open(PORTRAIT) as picture:
            picture.thumbnail((600, 600))
            return picture.convert("RGB")

    def look(self, picture, tmp_path) -> photos.Photo:
        path = tmp_path / "photo"
        picture.save(path, "JPEG", quality=92)
        return likeness.look_at_photo(path)

    def test_a_portrait_a_blurred_one_and_a_dark_one(self, girl, tmp_path):
        portrait = likeness.Known(small_face().template, None)
        good = self.look(girl, tmp_path)
        assert against("straight", good, portrait) == []
        with Image.open(io.BytesIO(good.still)) as still:
            assert max(still.size) == photos.STILL_SIDE
            assert not still.getexif()
        blurred = self.look(girl.filter(ImageFilter.GaussianBlur(2.5)), tmp_path)
        assert "blurred" in against("straight", blurred, portrait)
        dark = self.look(ImageEnhance.Brightness(girl).enhance(0.25), tmp_path)
        assert "too-dark" in against("straight", dark, portrait)

    @pytest.mark.slow
    def test_a_head_that_turns_and_another_face(self, tmp_path):
        newton = face_in(Path(PORTRAIT).parent / "isaac-newton.jpg")
        straight, left = (
            self.look(Image.fromarray(turned(newton, left=degrees)), tmp_path)
            for degrees in (0, 25)
        )
        known = likeness.Known(straight.template, straight.points)
        assert against("left", left, known) == []
        assert against("right", left, known) == ["pose-right"]
        anothers = likeness.Known(small_face().template, straight.points)
        assert against("left", left, anothers) == ["another-face"]


@pytest.fixture
def scene(session):
    return a_scene(session, signed=False)


@pytest.fixture
def by(session, scene) -> Principal:
    desk = scene.desk.organization
    return Principal(desk.id, desk.kind, identity.create_api_key(session, desk, name="x")[0].id)


class TestKeep:
    def test_a_turned_one_is_held_against_the_straight_one_and_openings_stand_after_a_refusal(
        self, session, scene, by, tmp_path
    ):
        a_photo(session, scene, by=by)
        a_photo(session, scene, "left", by=by)
        said = likeness.keep_photo(
            session, scene.performer, "right", tmp_path / "never-read", SEEN["left"], by=by
        )
        assert isinstance(said, PhotoRefused)
        assert said.extra == {"reasons": ["pose-right"]}
        opened = session.exec(select(VaultOpening).where(VaultOpening.purpose == "enrollment"))
        # The portrait's measure each time; the straight photo's from the second time on.
        assert [each.subject_id for each in opened] == [scene.performer.id] * 5

    @ONE_DATABASE
    def test_one_photo_for_each_pose_and_the_one_before_opens_no_more(self, session, scene, by):
        before, after = (a_photo(session, scene, by=by) for _ in range(2))
        turned_left = a_photo(session, scene, "left", by=by)
        assert likeness.kept_of(session, scene.performer.id) == [after, turned_left]
        assert (before.removed_by_id, before.removed_key_id) == (by.organization_id, by.api_key_id)
        assert likeness.open_medium(session, after, viewer_id="psn_1").endswith(b"as sent")
        assert likeness.opened_times(session, [after, turned_left])[after.id] == 2
        for object_id in before.object_ids:
            with pytest.raises(vault.VaultObjectAltered):
                vault.open_bytes(session, object_id, purpose="export", subject_id="x")
        with pytest.raises(MediumNotFound):
            likeness.open_medium(session, before, viewer_id="psn_1")

    @ONE_DATABASE
    def test_nothing_is_rendered_from_them_and_no_render_is_compared_with_them(
        self, session, scene, by
    ):
        a_photo(session, scene, by=by)
        assert len(registry.references_of(session, scene.replica.id)) == 1

    @ONE_DATABASE
    def test_an_erasure_takes_them_too(self, session, scene, by):
        photo = a_photo(session, scene, by=by)
        vault.erase_owner(session, scene.performer.id)
        with pytest.raises(vault.LikenessErased):
            likeness.open_medium(session, photo, viewer_id="psn_1")
        with pytest.raises(vault.LikenessErased):
            a_photo(session, scene, by=by)
