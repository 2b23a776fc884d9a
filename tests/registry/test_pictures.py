"""Every picture the world may send is read in the sandbox: a face, or a refusal by name."""

import threading
from pathlib import Path

import pytest

from app import sandbox
from app.errors import AppError
from app.registry import faces, service
from tests.registry import pictures


@pytest.fixture(autouse=True)
def _settings(data_dir: Path) -> None:
    """Reading a picture asks the settings whether an open sandbox is accepted."""


def inspect(content: bytes, tmp_path: Path) -> service.Portrait:
    path = tmp_path / "upload.jpg"
    path.write_bytes(content)
    return service.inspect_portrait(path)


class TestRefuse:
    @pytest.mark.parametrize("name", pictures.HOSTILE)
    def test_a_picture_that_is_no_portrait_by_its_own_code(self, tmp_path, name):
        code, make = pictures.HOSTILE[name]
        with pytest.raises(AppError) as refusal:
            inspect(make(), tmp_path)
        assert refusal.value.code == code
        assert 400 <= refusal.value.status < 500
        assert len(refusal.value.detail) > 20

    def test_two_faces_with_their_number_and_what_to_do(self, tmp_path):
        with pytest.raises(service.SeveralFacesFound, match="crop it") as refusal:
            inspect(pictures.two_faces(), tmp_path)
        assert refusal.value.extra == {"count": 2}

    def test_a_huge_picture_by_its_header_without_decoding_it(self, tmp_path, monkeypatch):
        """The planted fault: without the look at the header it would be decoded."""
        monkeypatch.setattr(faces, "MAX_PIXELS", 10**9)
        path = tmp_path / "huge.png"
        path.write_bytes(pictures.claiming(20_000, 20_000))
        assert faces._open(path).size == (20_000, 20_000)
        monkeypatch.undo()
        with pytest.raises(faces.ImageTooLarge, match="20000 x 20000"):
            faces._open(path)

    @pytest.mark.parametrize("at", range(0, 4000, 250))
    def test_a_damaged_picture_never_breaks_the_caller(self, tmp_path, at):
        """Bytes overwritten anywhere: a portrait still, or a refusal by name."""
        content = bytearray(pictures.saved(pictures.girl(200), "WEBP"))
        content[at : at + 8] = b"\xff\x00\xff\xda\xff\xd9\x00\x00"
        path = tmp_path / "damaged.webp"
        path.write_bytes(content)
        try:
            found = faces.find_faces(str(path))["width"]
        except AppError as error:
            found = error.code
        assert found == 200 or str(found).startswith("image-")


class TestAccept:
    @pytest.mark.parametrize(
        ("make", "media_type"),
        [
            (lambda: pictures.saved(pictures.girl()), "image/jpeg"),
            (lambda: pictures.saved(pictures.girl(), "PNG"), "image/png"),
            (lambda: pictures.saved(pictures.girl(), "WEBP"), "image/webp"),
            (lambda: pictures.saved(pictures.girl().convert("CMYK")), "image/jpeg"),
            (lambda: pictures.saved(pictures.girl().convert("L")), "image/jpeg"),
            (lambda: pictures.saved(pictures.girl().quantize(), "PNG"), "image/png"),
            (pictures.with_alpha, "image/png"),
            (pictures.multi_picture_jpeg, "image/jpeg"),
        ],
        ids="JPEG PNG WebP CMYK gray palette alpha phone".split(),
    )
    def test_an_honest_portrait_by_its_bytes_whatever_its_name_says(
        self, tmp_path, make, media_type
    ):
        seen = inspect(make(), tmp_path)
        assert (seen.media_type, seen.width, seen.height) == (media_type, 400, 474)
        assert len(seen.template) == faces.TEMPLATE_LENGTH

    def test_a_picture_lying_on_its_side_as_its_exif_says(self, tmp_path):
        upright = inspect(pictures.saved(pictures.girl(), quality=95), tmp_path)
        turned = inspect(pictures.turned_on_its_side(pictures.girl()), tmp_path)
        assert (turned.width, turned.height) == (400, 474)
        assert faces.distance(upright.template, turned.template) < 0.2

    def test_fifty_megapixels_within_the_memory_it_is_given(self, tmp_path):
        picture = pictures.girl(6490)
        assert 49_500_000 < picture.width * picture.height <= faces.MAX_PIXELS
        for kind, options in (("JPEG", {}), ("WEBP", {"method": 0})):
            assert inspect(pictures.saved(picture, kind, **options), tmp_path).width == 6490


class TestIsolation:
    def test_neither_dlib_nor_pillow_is_ever_imported_by_the_server(self, tmp_path):
        """Asked of a fresh process: the tests themselves make pictures with Pillow."""
        import subprocess
        import sys

        program = (
            "import sys\nfrom app.registry import service, faces\nfrom pathlib import Path\n"
            f"service.inspect_portrait(Path({str(pictures.GIRL)!r}))\n"
            "loaded = {'dlib', 'PIL', 'cv2', 'numpy', 'face_recognition'} & set(sys.modules)\n"
            "sys.exit(' '.join(loaded) or 0)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=sandbox.ROOT, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr.decode()) == (0, "")

    def test_an_answer_that_makes_no_sense_is_not_believed(self, tmp_path, monkeypatch):
        """The child read untrusted bytes; whoever took it over may answer anything."""
        good = {"media_type": "image/jpeg", "width": 9, "height": 9, "faces": [{"box": [0] * 4}]}
        for lie in (
            {},
            good | {"media_type": "text/html"},
            good | {"width": -1},
            good | {"template": [0.1] * 127},
            good | {"template": [float("nan")] * 128},
            good | {"faces": "many"},
        ):
            monkeypatch.setattr(sandbox, "run", lambda *a, lie=lie, **o: lie)
            with pytest.raises(sandbox.SandboxCrashed, match="sensible"):
                inspect(b"x", tmp_path)

    def test_two_uploads_at_once_do_not_meet(self, tmp_path):
        seen: dict[str, service.Portrait] = {}

        def read(name: str) -> None:
            seen[name] = service.inspect_portrait(pictures.SAMPLES / f"{name}.jpg")

        names = ("isaac-newton", "vincent-van-gogh")
        threads = [threading.Thread(target=read, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen["isaac-newton"].width == 500
        assert seen["vincent-van-gogh"].width == 678
