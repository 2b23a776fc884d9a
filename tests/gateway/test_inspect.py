"""Nothing a generator returns is believed: it is decoded, measured, and its faces are compared."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from app import sandbox
from app.gateway.inspect import OutputFacts, SampledFace, check_output, inspect_output
from app.registry import service as registry
from tests.gateway import videos
from tests.gateway.videos import film, scene


@pytest.fixture(autouse=True)
def _settings(data_dir: Path) -> None:
    """Reading a file asks the settings whether an open sandbox is accepted."""


@pytest.fixture(scope="module")
def newton() -> tuple[float, ...]:
    return registry.inspect_portrait(videos.SAMPLES / "isaac-newton.jpg").template


def inspected(content: bytes, tmp_path: Path, *templates: tuple[float, ...]) -> OutputFacts:
    path = tmp_path / "rendered.mp4"
    path.write_bytes(content)
    return inspect_output(path, templates)


class TestInspectOutput:
    @pytest.mark.parametrize(
        ("container", "codec"), [("mp4", "libx264"), ("webm", "libvpx"), ("mov", "libx265")]
    )
    def test_reports_what_was_decoded(self, tmp_path, container, codec):
        content = film([scene("isaac-newton")] * 20, container=container, codec=codec)
        facts = inspected(content, tmp_path)
        assert facts.unreadable == ""
        assert facts.duration_s == pytest.approx(2, abs=0.11)
        assert (facts.width, facts.height, facts.frame_count) == (640, 480, 20)
        assert facts.size_bytes == len(content)
        assert facts.video_codec in {"h264", "vp8", "hevc"}
        assert facts.frames_sampled >= 8
        assert len(facts.faces) >= 8

    def test_names_the_sound_and_every_stream(self, tmp_path):
        facts = inspected(film([scene("isaac-newton")] * 10, sound=True), tmp_path)
        assert facts.audio_codec == "aac"
        assert facts.streams == ["video h264", "audio aac"]

    def test_a_licensed_face_is_near_and_another_far(self, tmp_path, newton):
        near = inspected(film([scene("isaac-newton")] * 5), tmp_path, newton)
        far = inspected(film([scene("vincent-van-gogh")] * 5), tmp_path, newton)
        assert max(face.distance or 0 for face in near.faces) < 0.45
        assert min(face.distance or 0 for face in far.faces) > 0.55

    def test_of_several_performers_the_nearest_counts(self, tmp_path, newton):
        van_gogh = registry.inspect_portrait(videos.SAMPLES / "vincent-van-gogh.jpg").template
        both = scene("isaac-newton", "vincent-van-gogh", size=(1280, 720))
        facts = inspected(film([both] * 5), tmp_path, newton, van_gogh)
        assert len(facts.faces) == 2 * facts.frames_sampled
        assert max(face.distance or 0 for face in facts.faces) < 0.45

    def test_no_template_of_a_face_is_kept(self, tmp_path, newton):
        facts = inspected(film([scene("isaac-newton")] * 5), tmp_path, newton)
        assert "template" not in facts.model_dump_json()
        assert len(facts.model_dump_json()) < 3000

    @pytest.mark.parametrize("name", videos.UNREADABLE)
    def test_a_file_that_is_no_video_is_a_fact_and_no_error(self, tmp_path, name):
        facts = inspected(videos.UNREADABLE[name](), tmp_path)
        assert facts.unreadable in {"not-a-video", "damaged"}
        assert check_output(facts, length_s=1)[0].code == facts.unreadable

    def test_a_length_the_header_only_claims_is_not_believed(self, tmp_path):
        """The planted fault: the duration fields of a one-second file multiplied by ten."""
        content = film([scene("isaac-newton")] * 10)
        at = content.index(b"mvhd") + 4 + 16  # version, flags, created, modified, timescale
        claimed = int.from_bytes(content[at : at + 4], "big")
        lying = content[:at] + (claimed * 10).to_bytes(4, "big") + content[at + 4 :]
        assert lying != content
        facts = inspected(lying, tmp_path)
        assert facts.duration_s == pytest.approx(1, abs=0.11)
        assert facts.frames_sampled >= 8

    @pytest.mark.parametrize("at", range(5, 95, 15))
    def test_damage_in_the_middle_never_breaks_the_caller(self, tmp_path, at):
        content = bytearray(film([scene("isaac-newton")] * 10))
        start = len(content) * at // 100
        content[start : start + 400] = b"\xff\x00\xa5\x5a" * 100
        facts = inspected(bytes(content), tmp_path)
        assert facts.unreadable or facts.frame_count <= 10

    def test_frames_larger_than_are_read_are_refused(self, tmp_path):
        facts = inspected(film([Image.new("RGB", (4096, 2304))]), tmp_path)
        assert facts.unreadable == "too-large"

    def test_a_reader_that_breaks_or_lies_is_a_fact_too(self, tmp_path, monkeypatch):
        path = tmp_path / "rendered.mp4"
        path.write_bytes(b"anything")

        def crash(*args: object, **options: object) -> dict[str, object]:
            raise sandbox.SandboxTimeout("took too long")

        monkeypatch.setattr(sandbox, "run", crash)
        assert inspect_output(path).unreadable == "sandbox-timeout"
        for lie in ({"duration_s": float("inf")}, {"frame_count": -1}, {"described": [{}]}):
            monkeypatch.setattr(sandbox, "run", lambda *a, lie=lie, **o: lie)
            assert inspect_output(path).unreadable == "sandbox-crashed"


def facts_of(**changed: object) -> OutputFacts:
    face = SampledFace(at_s=0, box=(0, 0, 9, 9), distance=0.3)
    good = {"duration_s": 5.0, "width": 1280, "height": 720, "frame_count": 120, "faces": [face]}
    return OutputFacts(**(good | {"frames_sampled": 12} | changed))


def faces_at(*distances: float) -> list[SampledFace]:
    return [SampledFace(at_s=n, box=(0, 0, 9, 9), distance=d) for n, d in enumerate(distances)]


class TestCheckOutput:
    def test_finds_nothing_wrong_with_what_was_asked_for(self):
        assert check_output(facts_of(), length_s=5, size=(1280, 720)) == []

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"unreadable": "not-a-video"}, "not-a-video"),
            ({"frame_count": 0}, "no-frames"),
            ({"duration_s": 4.74}, "not-the-length"),
            ({"duration_s": 5.26}, "not-the-length"),
            ({"width": 640}, "not-the-size"),
            ({"faces": []}, "no-face"),
            (
                {"faces": [SampledFace(at_s=0, box=(0, 0, 9, 9), distance=0.45)]},
                "not-the-performer",
            ),
            ({"faces": faces_at(0.2, 0.7, 0.3, 0.6)}, "another-face"),
        ],
    )
    def test_names_what_is_wrong(self, changed, code):
        (finding,) = check_output(facts_of(**changed), length_s=5, size=(1280, 720))
        assert finding.code == code
        assert finding.startswith(f"{code}: ")

    @pytest.mark.parametrize("duration_s", [4.76, 5.0, 5.24])
    def test_a_quarter_of_a_second_either_way_is_what_was_asked_for(self, duration_s):
        assert check_output(facts_of(duration_s=duration_s), length_s=5) == []

    def test_names_everything_that_is_wrong_at_once(self):
        wrong = facts_of(duration_s=1, width=1, faces=[])
        codes = [finding.code for finding in check_output(wrong, length_s=5, size=(1280, 720))]
        assert codes == ["not-the-length", "not-the-size", "no-face"]

    def test_one_odd_sighting_is_not_another_face_and_declared_others_may_appear(self):
        once, often = facts_of(faces=faces_at(0.2, 0.7)), facts_of(faces=faces_at(0.2, 0.7, 0.7))
        assert check_output(once, length_s=5) == []
        assert check_output(often, length_s=5, others_may_appear=True) == []

    def test_the_mona_lisa_does_not_pass_for_the_girl_with_a_pearl_earring(self, tmp_path):
        """The two that lie 0.53 to 0.57 apart, under the customary threshold of 0.6."""
        girl, lisa = "girl-with-a-pearl-earring", "mona-lisa"
        licensed = registry.inspect_portrait(videos.SAMPLES / f"{girl}.jpg").template
        both = scene(girl, lisa, size=(1280, 720))
        found = [
            check_output(inspected(film([picture] * 5), tmp_path, licensed), length_s=0.5)
            for picture in (scene(girl), scene(lisa), both)
        ]
        assert [[finding.code for finding in findings] for findings in found] == [
            [],
            ["not-the-performer"],
            ["another-face"],
        ]

    def test_a_face_without_a_template_to_compare_says_nothing_about_who_it_is(self):
        unknown = SampledFace(at_s=0, box=(0, 0, 9, 9), distance=None)
        assert check_output(facts_of(faces=[unknown]), length_s=5) == []

    def test_a_video_without_a_frame_is_refused(self, tmp_path):
        facts = inspected(videos.without_frames(), tmp_path)
        assert facts.frame_count == 0
        assert check_output(facts, length_s=1)[0].code in {"no-frames", "not-a-video", "damaged"}

    def test_a_video_without_a_face_is_refused(self, tmp_path):
        facts = inspected(film([Image.new("RGB", (640, 480), "gray")] * 10), tmp_path)
        assert [finding.code for finding in check_output(facts, length_s=1)] == ["no-face"]


def test_neither_pyav_nor_dlib_is_ever_imported_by_the_worker():
    """Asked of a fresh process: the tests themselves make videos with PyAV."""
    program = (
        "import sys\nfrom app.gateway.inspect import inspect_output\nfrom pathlib import Path\n"
        "assert inspect_output(Path('pyproject.toml')).unreadable == 'not-a-video'\n"
        "sys.exit(' '.join({'av', 'dlib', 'PIL', 'cv2', 'numpy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=sandbox.ROOT, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
