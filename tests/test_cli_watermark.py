"""`understudy watermark` marks files by hand and says which marks are where."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app import keys, sandbox
from app.cli import app
from app.provenance import marks
from tests.watermark.clips import KEY, OTHER_KEY, PAYLOAD, talking, write_film

HEX = PAYLOAD.hex()


def say(*words):
    return CliRunner().invoke(app, ["watermark", *(str(word) for word in words)])


@pytest.fixture(scope="module")
def key_files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    for name, key in (("own", KEY), ("other", OTHER_KEY), ("short", b"short")):
        (directory / name).write_bytes(key)
    return directory


@pytest.fixture
def own(key_files):
    return ["--key-file", str(key_files / "own")]


@pytest.fixture(scope="module")
def portrait(samples, tmp_path_factory):
    """A portrait with a transparent corner."""
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    with Image.open(samples / "mona-lisa.jpg") as picture:
        small = picture.resize((640, round(640 * picture.height / picture.width)))
    small.putalpha(255)
    small.putpixel((0, 0), (0, 0, 0, 7))
    small.save(path)
    return path


class TestPictures:
    def test_are_marked_and_read_with_the_installations_own_key(self, data_dir, portrait, tmp_path):
        out = tmp_path / "marked.png"
        made = say("embed", portrait, "--out", out, "--json")
        assert made.exit_code == 0, made.output
        read = say("detect", out, "--json")
        assert read.exit_code == 0, read.output
        (mark,) = json.loads(read.output)["pictures"]
        assert mark["payload"] == json.loads(made.output)["payload"]
        assert mark["false_positive_log10"] <= -9
        with Image.open(out) as marked:
            assert marked.getpixel((0, 0))[3] == 7

    def test_of_an_older_epoch_are_found_and_new_ones_are_marked_with_the_newest(
        self, data_dir, portrait, tmp_path
    ):
        for name in ("old.png", "new.png"):
            assert say("embed", portrait, "--out", tmp_path / name).exit_code == 0
            keys.begin_epoch("watermark")
        epochs = [
            json.loads(say("detect", tmp_path / name, "--json").output)["pictures"][0]["epoch"]
            for name in ("old.png", "new.png")
        ]
        assert epochs == [1, 2]
        assert "(epoch 1; by chance" in say("detect", tmp_path / "old.png").output
        keys.begin_epoch("watermark")
        assert say("detect", tmp_path / "old.png").exit_code == 1

    def test_without_a_mark_of_this_key_end_with_status_1(
        self, data_dir, key_files, own, portrait, tmp_path
    ):
        out = tmp_path / "marked.jpg"
        flat = tmp_path / "flat.png"
        with Image.open(portrait) as picture:
            picture.convert("RGB").save(flat)
        assert HEX in say("embed", flat, "--out", out, "--payload", HEX, *own).output
        assert HEX in say("detect", out, *own).output
        answer = say("detect", out, "--key-file", key_files / "other")
        assert (answer.exit_code, "no mark" in answer.output) == (1, True)


class TestFilmsAndSound:
    def test_of_a_film_the_timeline_and_the_sound_are_told(self, data_dir, own, samples, tmp_path):
        import cv2

        portrait = cv2.imread(str(samples / "girl-with-a-pearl-earring.jpg"))
        film = write_film(tmp_path / "film.mp4", talking(portrait, 72, (640, 360)), sound_s=3)
        out = tmp_path / "marked.mp4"
        assert say("embed", film, "--out", out, "--payload", HEX, *own).exit_code == 0
        found = json.loads(say("detect", out, "--json", *own).output)
        (seen,), (heard,) = found["pictures"], found["sound"]
        assert seen["payload"] == heard["payload"] == HEX
        assert seen["start_s"] <= 0.5
        assert seen["end_s"] >= 2.5

    def test_files_of_sound_are_marked_in_the_format_asked_for(self, data_dir, own, tmp_path):
        from scipy.io import wavfile

        noise = np.random.default_rng(4).normal(0, 0.1, (48_000 * 9, 2)).cumsum(0) * 0.02
        wavfile.write(tmp_path / "a.wav", 48_000, noise.clip(-0.9, 0.9).astype(np.float32))
        out = tmp_path / "marked.flac"
        made = say("embed", tmp_path / "a.wav", "--out", out, "--payload", HEX, *own)
        assert made.exit_code == 0, made.output
        (mark,) = json.loads(say("detect", out, "--json", *own).output)["sound"]
        assert mark["payload"] == HEX


def enormous_png(path):
    """A header that promises 30 000 x 30 000 pixels, and nothing behind it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0" * 64)


class TestRefusals:
    def test_of_hostile_files_are_named_with_status_2_and_leave_nothing(
        self, data_dir, own, portrait, tmp_path
    ):
        made = tmp_path / "made"
        made.mkdir()
        cases = {
            "text.png": "watermark-unreadable-media",
            "truncated.png": "watermark-unreadable-media",
            "enormous.png": "watermark-media-too-large",
            "tiny.png": "watermark-unsuitable-media",
        }
        (tmp_path / "text.png").write_bytes(b"no picture")
        content = portrait.read_bytes()
        (tmp_path / "truncated.png").write_bytes(content[: len(content) // 2])
        enormous_png(tmp_path / "enormous.png")
        Image.new("RGB", (1, 1)).save(tmp_path / "tiny.png")
        for name, code in cases.items():
            answer = say("embed", tmp_path / name, "--out", made / name, *own)
            assert (answer.exit_code, code in answer.output) == (2, True), answer.output
        answer = say("detect", tmp_path / "enormous.png", *own)
        assert (answer.exit_code, "too-large" in answer.output) == (2, True), answer.output
        assert not list(made.iterdir())

    @pytest.mark.parametrize("left", ["link", "directory", "nothing"])
    def test_of_what_a_child_that_was_taken_over_leaves_in_place_of_a_file(
        self, left, portrait, tmp_path, monkeypatch
    ):
        secret, out = tmp_path / "secret.png", tmp_path / "out.png"
        secret.write_bytes(b"somebody else's")

        def taken_over(_function, args, **_):
            written = Path(args["target"])
            if left == "link":
                written.symlink_to(secret)
            elif left == "directory":
                written.mkdir()
            return {"medium": "image"}

        monkeypatch.setattr(sandbox, "run", taken_over)
        with pytest.raises(sandbox.SandboxCrashed, match="has written none"):
            marks.embed(portrait, out, PAYLOAD, KEY)
        assert [path for path in tmp_path.iterdir() if path.is_file()] == [secret]
        assert not list(tmp_path.glob(".*.part"))

    def test_of_keys_payloads_and_names_say_what_to_do(
        self, data_dir, key_files, own, portrait, tmp_path
    ):
        out = tmp_path / "out.png"
        short = say("embed", portrait, "--out", out, "--key-file", key_files / "short")
        assert (short.exit_code, "watermark-bad-payload" in short.output) == (2, True)
        assert say("embed", portrait, "--out", out, "--payload", "12", *own).exit_code == 2
        assert say("embed", portrait, "--out", portrait, *own).exit_code == 2
        unknown = say("embed", portrait, "--out", tmp_path / "out.nosuch", *own)
        assert (unknown.exit_code, "watermark-unsupported" in unknown.output) == (2, True)
        assert not list(tmp_path.glob("*out*"))
