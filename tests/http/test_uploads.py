"""Whatever bytes are sent: a named refusal or `unreadable`, and nothing of them stays."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from app import config, sandbox
from app.provenance import pki
from tests.http.house import House, assert_problem, rows
from tests.registry import pictures

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
FIELDS = {"/v1/performers": "portrait", "/v1/verifications": "file"}
MULTIPART = {"content-type": "multipart/form-data; boundary=edge"}


def a_film() -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w") as film:
            stream = film.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            for _ in range(5):
                picture = Image.new("RGB", (160, 120), "gray")
                film.mux(stream.encode(av.VideoFrame.from_image(picture)))
            film.mux(stream.encode(None))
        return Path(file.name).read_bytes()


def a_png() -> bytes:
    return pictures.saved(pictures.girl(64), "PNG")


# What is sent, under which name, and the code an enrollment is refused with.
HOSTILE: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "zero-length": ("a.jpg", "image-empty", lambda: b""),
    "one byte": ("a.jpg", "image-not-supported", lambda: b"\0"),
    "a text called jpg": ("a.jpg", "image-not-supported", lambda: b"I am no picture. " * 99),
    "a truncated JPEG": (
        "a.jpg",
        "image-damaged",
        lambda: pictures.half(pictures.saved(pictures.girl())),
    ),
    "a truncated PNG": ("a.png", "image-damaged", lambda: pictures.half(a_png())),
    "a truncated film": ("a.mp4", "image-not-supported", lambda: pictures.half(a_film())),
    "a PNG called film": ("a.mp4", "no-face-found", a_png),
    "20 000 x 20 000 pixels": (
        "a.png",
        "image-too-large",
        lambda: pictures.claiming(20_000, 20_000),
    ),
}


# What the auditor can still look at: half a JPEG shows half the picture.
READABLE = {"a PNG called film", "a truncated JPEG"}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process, and what it starts, puts what is temporary."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def desk(house: House, temporary: Path) -> House:
    pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
    return house


def _send(house: House, path: str, content: bytes, name: str = "a.jpg", **more: Any):  # type: ignore[no-untyped-def]
    files = {FIELDS[path]: (name, content)}
    return house.post(path, "desk", data={"name": "Griet"}, files=files, **more)


class TestHostileFiles:
    @pytest.mark.parametrize("case", HOSTILE)
    def test_are_refused_by_name_and_leave_nothing(self, desk, temporary, case):
        name, code, make = HOSTILE[case]
        content, before = make(), rows()
        answer = _send(desk, "/v1/performers", content, name)
        assert 400 <= answer.status_code < 500
        assert_problem(answer, answer.status_code, code)
        assert rows() == before
        assert list(temporary.iterdir()) == []

    @pytest.mark.parametrize("case", HOSTILE)
    def test_are_called_what_they_are_by_the_auditor(self, desk, temporary, case):
        name, _, make = HOSTILE[case]
        answer = _send(desk, "/v1/verifications", make(), name)
        assert answer.status_code == 200
        readable = case in READABLE
        assert answer.json()["verdict"] == ("not-ours" if readable else "unreadable"), answer.text
        assert list(temporary.iterdir()) == []

    def test_what_stays_behind_would_be_found(self, desk, temporary, monkeypatch):
        class Kept(tempfile.TemporaryDirectory):  # type: ignore[type-arg]
            def cleanup(self) -> None:
                self._finalizer.detach()  # type: ignore[attr-defined]

        monkeypatch.setattr(sandbox.tempfile, "TemporaryDirectory", Kept)
        assert _send(desk, "/v1/performers", b"").status_code == 422
        assert list(temporary.iterdir()) != []


@pytest.mark.parametrize("path", FIELDS)
class TestForms:
    def test_without_the_file_they_are_refused_and_say_which_field(self, desk, path):
        for files in ({"other": b"x"}, {"name": (None, "Griet")}):
            answer = desk.post(path, "desk", files=files)
            problem = assert_problem(answer, 400, "file-missing")
            assert problem["errors"][0]["pointer"] == f"/body/{FIELDS[path]}"
        answer = desk.post(path, "desk", files={FIELDS[path]: (None, "a text, no file")})
        assert_problem(answer, 400, "file-missing")

    def test_with_two_files_they_are_refused(self, desk, path, temporary):
        two = [(FIELDS[path], ("a.jpg", b"x")), (FIELDS[path], ("b.jpg", b"y"))]
        answer = desk.post(path, "desk", data={"name": "Griet"}, files=two)
        assert_problem(answer, 400, "upload-malformed")
        assert list(temporary.iterdir()) == []

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("application/json", b"{}"),
            ("image/jpeg", b"\xff\xd8\xff"),
            ("multipart/form-data", b"no boundary"),
            ("multipart/form-data; boundary=edge", b"no form"),
            ("multipart/form-data; boundary=edge", b"--edge\r\nContent-Disp"),
            ("multipart/form-data; boundary=" + "x" * 5000, b""),
            ("multipart/form-data; boundary=edge", b"--edge\r\nA: b\r\n\r\nx\r\n--edge--\r\n"),
        ],
    )
    def test_of_another_kind_are_refused(self, desk, path, kind, body):
        headers = desk.keys["desk"] | {"Idempotency-Key": "k", "Content-Type": kind}
        answer = desk.client.post(path, headers=headers, content=body)
        assert answer.status_code == 400
        assert_problem(answer, 400, answer.json()["code"])

    def test_beyond_the_limit_are_not_read_on_whatever_their_headers_say(
        self, desk, path, temporary, monkeypatch
    ):
        for setting in ("UPLOAD", "VERIFY"):
            monkeypatch.setenv(f"UNDERSTUDY_{setting}_LIMIT_BYTES", "100000")
        config.settings.cache_clear()
        answer = _send(desk, path, bytes(100_001 + (64 << 10)))
        assert answer.status_code == 413
        headers = desk.keys["desk"] | {"Idempotency-Key": "k"} | MULTIPART
        head = f'--edge\r\nContent-Disposition: form-data; name="{FIELDS[path]}"; filename="f"\r\n'
        chunks = iter([head.encode() + b"\r\n", *[bytes(50_000)] * 5, b"\r\n--edge--\r\n"])
        answer = desk.client.post(path, headers=headers, content=chunks)
        assert_problem(answer, 413, answer.json()["code"])
        assert list(temporary.iterdir()) == []


class TestStrangersUploads:
    @pytest.mark.parametrize("authorization", [None, b"Bearer ustk_0000_unknown"])
    def test_are_refused_before_a_byte_is_read(self, served, house, authorization):
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            raise AssertionError("the body of somebody unknown was read")

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [
            (b"content-type", MULTIPART["content-type"].encode()),
            (b"idempotency-key", b"k"),
        ]
        if authorization:
            headers.append((b"authorization", authorization))
        scope = {
            "type": "http", "method": "POST", "path": "/v1/performers", "raw_path": b"",
            "query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http",
            "server": ("test", 80), "client": ("test", 1), "root_path": "",
        }  # fmt: skip
        asyncio.run(served(scope, receive, send))
        assert sent[0]["status"] == 401
