"""Likeness survives what files go through, and strangers stay strangers."""

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from app.provenance import content
from app.provenance import fingerprint as prints
from tests.provenance import making

NAMES = ("girl-with-a-pearl-earring", "mona-lisa", "isaac-newton", "vincent-van-gogh")


@pytest.fixture(scope="module")
def paintings(samples):
    pictures = {}
    for name in NAMES:
        luma = cv2.imread(str(samples / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE)
        scale = min(1.0, 800 / max(luma.shape))
        pictures[name] = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return pictures


def of_picture(luma):
    return prints.fingerprint(
        "image", [prints.picture_hash(luma)], [prints.picture_details(luma)], ""
    )


def recompressed(luma, quality=60):
    return cv2.imdecode(cv2.imencode(".jpg", luma, [1, quality])[1], 0)


def cropped(luma, share):
    height, width = (round(side * share) for side in luma.shape)
    top, left = (luma.shape[0] - height) // 3, (luma.shape[1] - width) // 2
    return luma[top : top + height, left : left + width]


def inset(luma, share):
    back = np.zeros((900, 900), np.uint8)
    width = round(900 * share)
    small = cv2.resize(luma, (width, width * luma.shape[0] // luma.shape[1]))[:880]
    back[10 : 10 + small.shape[0], 10 : 10 + width] = small
    return back


CHANGES = {
    "recompressed": lambda luma: recompressed(luma, 20),
    "smaller": lambda luma: recompressed(cv2.resize(luma, None, fx=0.3, fy=0.3), 60),
    "brighter": lambda luma: cv2.convertScaleAbs(luma, alpha=1.2, beta=20),
    "blurred": lambda luma: cv2.GaussianBlur(luma, (0, 0), 3),
    "mirrored": lambda luma: luma[:, ::-1].copy(),
    "cropped to 0.8": lambda luma: recompressed(cropped(luma, 0.8)),
    "cropped to 0.5": lambda luma: recompressed(cropped(luma, 0.5)),
    "letterboxed": lambda luma: cv2.copyMakeBorder(luma, 120, 120, 0, 0, cv2.BORDER_CONSTANT),
    "inset": lambda luma: recompressed(inset(luma, 0.5)),
}


class TestAgreement:
    @pytest.mark.parametrize("change", CHANGES)
    def test_a_changed_copy_is_the_same_content(self, change, paintings):
        for luma in paintings.values():
            agreed = prints.agreement(of_picture(luma), of_picture(CHANGES[change](luma)))
            assert agreed.content == "same", agreed

    @pytest.mark.parametrize("change", ["recompressed", "cropped to 0.8", "cropped to 0.5"])
    def test_another_painting_is_other_content(self, change, paintings):
        for one in NAMES:
            for other in NAMES:
                if one != other:
                    seen = of_picture(CHANGES[change](paintings[other]))
                    agreed = prints.agreement(of_picture(paintings[one]), seen)
                    assert agreed.content == "other", (one, other, agreed)

    def test_a_plain_surface_convicts_nobody(self, paintings):
        plain = np.full((400, 400), 90, np.uint8)
        soft = cv2.GaussianBlur(cv2.resize(making.a_picture(), (400, 400))[..., 0], (0, 0), 30)
        for luma in (plain, soft):
            agreed = prints.agreement(of_picture(paintings[NAMES[0]]), of_picture(luma))
            assert agreed.content == "unsure"

    def test_alike_pictures_with_another_voice_are_not_the_same_content(self, paintings):
        film = {
            "medium": "video",
            "hashes": [prints.picture_hash(paintings[NAMES[0]])],
            "details": [],
        }
        one, other = (
            prints.fingerprint(**film, sound=prints.sound_words(making.a_voice(seed)))
            for seed in (1, 2)
        )
        assert prints.agreement(one, one).content == "same"
        assert prints.agreement(one, other).content == "unsure"
        muted = prints.fingerprint(**film, sound="")
        assert prints.agreement(one, muted).content == "same"


class TestSimilarityOfFilms:
    def test_finds_an_excerpt_at_its_place(self):
        hashes = [prints.picture_hash(making.a_picture(seed=n)[..., 0]) for n in range(20)]
        whole = prints.fingerprint("video", hashes, [], "")
        part = prints.fingerprint("video", hashes[7:13], [], "")
        backwards = prints.fingerprint("video", hashes[::-1], [], "")
        assert prints.similarity(whole, part) == 1.0
        assert prints.similarity(whole, backwards) < prints.UNLIKE

    def test_unknown_frames_are_not_counted_as_likeness(self):
        black = prints.fingerprint("video", [None] * 8, [], "")
        assert prints.similarity(black, black) == 0.0


class TestSimilarityOfSound:
    @pytest.mark.parametrize("kind", ["mp3", "m4a"])
    def test_a_compressed_excerpt_is_alike_and_another_voice_is_not(self, kind, tmp_path):
        voices = [making.a_voice(seed) for seed in (1, 2)]
        whole = prints.fingerprint("audio", [], [], prints.sound_words(voices[0]))
        path = tmp_path / f"cut.{kind}"
        making.encode_audio(path, voices[0][12_345:], prints.SOUND_RATE, 44100)
        seen = content.read_content(path=str(path), watermark_keys_hex={})["fingerprint"]
        assert prints.agreement(whole, seen).content == "same"
        stranger = prints.fingerprint("audio", [], [], prints.sound_words(voices[1]))
        assert prints.agreement(stranger, seen).content == "other"

    def test_silence_is_like_nothing(self):
        silent = prints.fingerprint("audio", [], [], prints.sound_words(np.zeros(80_000)))
        assert prints.agreement(silent, silent).content == "unsure"


class TestFingerprint:
    def test_survives_its_own_check(self, paintings):
        made = of_picture(paintings[NAMES[0]])
        assert prints.Fingerprint.model_validate(made).model_dump(mode="json") == made

    @pytest.mark.parametrize(
        "planted",
        [
            {"hashes": ["zz" * 32]},
            {"hashes": ["00" * 32] * 2000},
            {"medium": "smell"},
            {"sound": "AAA="},
            {"sound": "not base64!"},
            {"details": [{"points": [[1, 2]], "descriptors": ""}]},
            {"details": [{"points": [[-1, 2]], "descriptors": "A" * 43 + "="}]},
        ],
    )
    def test_what_a_captured_child_might_send_is_refused(self, planted, paintings):
        made = of_picture(paintings[NAMES[0]])
        with pytest.raises(ValidationError):
            prints.Fingerprint.model_validate(made | planted)
