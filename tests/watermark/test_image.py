import cv2
import numpy as np
import pytest

from tests.watermark import unmarked
from tests.watermark.clips import KEY, OTHER_KEY, PAYLOAD, jpeg
from tests.watermark.unmarked import NAMES
from watermark import demodulate, fold, image, mask, payload, reading, track
from watermark import tile as tiles
from watermark.errors import BadPayload, MediaTooLarge, UnsuitableMedia


@pytest.fixture(scope="module")
def portraits():
    return dict(zip(NAMES, unmarked.portraits(), strict=True))


@pytest.fixture(scope="module")
def marked(portraits):
    return {name: image.embed(picture, PAYLOAD, KEY) for name, picture in portraits.items()}


def resized(picture, scale):
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def rotated(picture, degrees):
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(picture, turn, (width, height))


def middle(picture, share):
    height, width = picture.shape[:2]
    rows, columns = int(height * share**0.5), int(width * share**0.5)
    top, left = (height - rows) // 3, (width - columns) // 2
    return picture[top : top + rows, left : left + columns]


def similarity(before, after):
    """Mean structural similarity of luma, with the constants of its authors."""
    a, b = (cv2.cvtColor(x, cv2.COLOR_BGR2GRAY).astype(float) for x in (before, after))

    def mean(x):
        return cv2.GaussianBlur(x, (11, 11), 1.5)

    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    luminance = (2 * ma * mb + 6.5025) / (ma * ma + mb * mb + 6.5025)
    return float((luminance * (2 * both + 58.5225) / (va + vb + 58.5225))[5:-5, 5:-5].mean())


def tilted(picture):
    height, width = picture.shape[:2]
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    moved = corners + np.float32([[0.02, 0.02], [-0.006, 0.01], [0, 0], [0, -0.004]]) * [
        [width, height]
    ]
    matrix = cv2.getPerspectiveTransform(corners, np.float32(moved))
    return cv2.warpPerspective(picture, matrix, (width, height))


def average_of_tiles(picture):
    """What anyone can estimate without the key: the mean of all tiles, laid over the grid."""
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    flat = mask.residual(luma.astype(np.uint8))
    height, width = luma.shape
    side = height / image.tile_grid(height, width)[0]
    rows, columns = int(height / side), int(width / side)
    size = round(side)
    tiles = [
        cv2.getRectSubPix(flat, (size, size), ((c + 0.5) * side - 0.5, (r + 0.5) * side - 0.5))
        for r in range(rows)
        for c in range(columns)
    ]
    mean = np.tile(np.mean(tiles, 0), (rows + 1, columns + 1))
    return cv2.resize(mean, None, fx=side / size, fy=side / size)[:height, :width]


def forged(picture, estimate, strength=6.0):
    change = estimate * (strength / estimate.std())
    return np.clip(picture + change[..., None], 0, 255).astype(np.uint8)


CHANGES = {
    "nothing": lambda p: p,
    "JPEG 50": lambda p: jpeg(p, 50),
    "half size": lambda p: resized(p, 0.5),
    "half the area cropped, JPEG 70": lambda p: jpeg(middle(p, 0.5), 70),
    "mirrored": lambda p: p[:, ::-1],
    "upside down": lambda p: p[::-1, ::-1],
    "on its side": np.rot90,
    "inverted": lambda p: 255 - p,
    "turned by 5 degrees": lambda p: rotated(p, 5),
    "gray": lambda p: cv2.cvtColor(cv2.cvtColor(p, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR),
    "stretched": lambda p: cv2.resize(p, None, fx=0.8, fy=1, interpolation=cv2.INTER_AREA),
    "a quarter of the area": lambda p: middle(p, 0.25),
    "seen from the side": tilted,
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 1.5),
}


class TestSample:
    def test_takes_the_harmonics_that_fold_takes(self):
        pattern = tiles.of_key(KEY)
        seen = np.random.default_rng(3).normal(0, 1, (200, 320)).astype(np.float32)
        view = np.array([[4.1 / 200, 3e-4, 0.1], [-4e-4, 4 / 200, 0.3], [1e-5, -2e-5, 1.0]])
        whole = demodulate.pick(fold.fold(seen, view).harmonics, pattern.pilots)
        some = fold.sample(seen, view, pattern.pilots)
        assert np.allclose(some.values, whole, atol=1e-5)


class TestEmbed:
    @pytest.mark.parametrize("name", NAMES)
    def test_changes_too_little_to_see(self, portraits, marked, name):
        difference = portraits[name].astype(float) - marked[name]
        assert 10 * np.log10(255**2 / np.mean(difference**2)) >= 43.0
        assert similarity(portraits[name], marked[name]) >= 0.99
        assert 0 < np.abs(difference).max() <= 40

    def test_leaves_its_input_alone(self, portraits):
        before = portraits["isaac-newton"].copy()
        image.embed(before, PAYLOAD, KEY)
        assert np.array_equal(before, portraits["isaac-newton"])

    def test_gives_the_same_bytes_each_time(self, portraits, marked):
        again = image.embed(portraits["isaac-newton"], PAYLOAD, KEY)
        assert np.array_equal(again, marked["isaac-newton"])


class TestDetect:
    @pytest.mark.parametrize("change", CHANGES)
    def test_reads_the_payload_after(self, marked, change):
        picture = np.ascontiguousarray(CHANGES[change](marked["girl-with-a-pearl-earring"]))
        found = image.detect(picture, KEY)
        assert found is not None
        assert found.payload == PAYLOAD
        assert found.false_positive_log10 <= -9

    @pytest.mark.parametrize("name", NAMES)
    def test_reads_every_portrait_after_jpeg_50(self, marked, name):
        found = image.detect(jpeg(marked[name], 50), KEY)
        assert found is not None
        assert found.payload == PAYLOAD

    def test_reads_large_pictures_marked_when_they_had_five_tiles(self, portraits, monkeypatch):
        monkeypatch.setattr(tiles, "grid", lambda h, w, **_: (5 * h / min(h, w), 5 * w / min(h, w)))
        older = image.embed(portraits["isaac-newton"], PAYLOAD, KEY)
        monkeypatch.undo()
        for picture in (older, middle(older, 0.5)):
            found = image.detect(np.ascontiguousarray(picture), KEY)
            assert found is not None
            assert found.payload == PAYLOAD

    def test_reads_a_small_thumbnail(self, marked):
        small = marked["girl-with-a-pearl-earring"]
        found = image.detect(jpeg(resized(small, 0.4), 60), KEY)
        assert found is not None
        assert found.payload == PAYLOAD

    def test_says_where_in_a_larger_picture_the_mark_is(self, marked):
        page = np.full((1400, 1500, 3), 245, np.uint8)
        page[200:1147, 500:1300] = marked["girl-with-a-pearl-earring"]
        found = image.detect(page, KEY)
        assert found is not None
        left, top, width, height = found.region
        assert abs(left - 500) < 100
        assert abs(top - 200) < 100
        assert abs(left + width - 1300) < 100
        assert abs(top + height - 1147) < 100

    @pytest.mark.parametrize("name", NAMES[2:])
    def test_finds_nothing_without_a_mark_or_with_another_key(self, portraits, marked, name):
        assert image.detect(portraits[name], KEY) is None
        assert image.detect(marked[name], OTHER_KEY) is None

    def test_would_find_marks_everywhere_if_the_tag_were_not_checked(self, portraits, monkeypatch):
        """What is not decoded for want of pilots saves time: it is not what holds marks back."""
        monkeypatch.setattr(track, "_told", lambda *_: True)
        monkeypatch.setattr(payload, "tag_matches", lambda *_: True)
        assert image.detect(portraits["isaac-newton"], KEY) is not None

    def test_tries_older_keys_where_newer_ones_find_nothing_and_counts_for_all(self, marked):
        once = image.detect(marked["isaac-newton"], KEY)
        found = image.detect(marked["isaac-newton"], OTHER_KEY, KEY)
        assert (found.payload, found.key_index, found.region) == (PAYLOAD, 1, once.region)
        assert once.key_index == 0
        assert once.false_positive_log10 + 1 < found.false_positive_log10 <= -9

    @pytest.mark.parametrize("keys", [(), (KEY, KEY), tuple(bytes([n]) * 16 for n in range(4))])
    def test_refuses_no_key_one_twice_and_more_than_three(self, marked, keys):
        with pytest.raises(BadPayload):
            image.detect(marked["isaac-newton"], *keys)

    def test_stops_decoding_at_the_limit_that_bounds_false_positives(
        self, marked, portraits, monkeypatch
    ):
        monkeypatch.setattr(track, "_told", lambda *_: True)
        residual = mask.residual(cv2.cvtColor(marked["isaac-newton"], cv2.COLOR_BGR2GRAY))
        assert reading.Reader(KEY, image.TRIES, limit=0).read(residual) is None
        assert reading.Reader(KEY, image.TRIES).read(residual) is not None
        unmarked = mask.residual(cv2.cvtColor(portraits["isaac-newton"], cv2.COLOR_BGR2GRAY))
        reader = reading.Reader(KEY, (100, 100), limit=150)
        assert reader.read(unmarked) is None
        assert reader.attempts == 150

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(100))
    def test_finds_nothing_in_these_five_of_five_hundred_crops_and_noises(self, portraits, seed):
        assert unmarked.search(seed, 5, list(portraits.values())).found == 0

    @pytest.mark.exhaustive
    @pytest.mark.parametrize("seed", range(1000, 1000 + unmarked.RUNS))
    def test_finds_nothing_in_these_hundred_of_ten_thousand_and_their_tags_are_right_by_chance(
        self, portraits, seed
    ):
        seen = unmarked.search(seed, unmarked.PIECES, list(portraits.values()))
        assert seen.found == 0
        assert abs(seen.mean() - 24) < 5 * (12 / seen.messages()) ** 0.5
        assert max(seen.agreeing) < 46  # of 48: one message in 10^11 has more


class TestCopying:
    """Averaging the tiles of one marked picture, without the key, and pasting what that gives."""

    def forge(self, portraits):
        marked = image.embed(portraits["isaac-newton"], PAYLOAD, KEY)
        target = cv2.resize(portraits["mona-lisa"], marked.shape[1::-1])
        return image.detect(forged(target, average_of_tiles(marked)), KEY)

    def test_the_average_of_the_tiles_forges_nothing(self, portraits):
        assert self.forge(portraits) is None

    def test_and_would_if_all_tiles_had_one_sign(self, portraits, monkeypatch):
        tiles.of_key.cache_clear()
        alike = np.ones((tiles.SIGNS, tiles.SIGNS), np.float32)
        monkeypatch.setattr(tiles, "_balanced_signs", lambda _: alike)
        try:
            found = self.forge(portraits)
        finally:
            tiles.of_key.cache_clear()
        assert found is not None
        assert found.payload == PAYLOAD


HOSTILE = {
    "no pixels": (np.zeros((0, 0, 3), np.uint8), UnsuitableMedia),
    "one pixel": (np.zeros((1, 1, 3), np.uint8), UnsuitableMedia),
    "a line": (np.zeros((1, 5000, 3), np.uint8), UnsuitableMedia),
    "no colors": (np.zeros((100, 100), np.uint8), UnsuitableMedia),
    "floats": (np.zeros((100, 100, 3), np.float32), UnsuitableMedia),
    "not an array": ("picture", UnsuitableMedia),
    # one byte seen as 30000 x 30000 pixels: the size is refused before it is touched
    "900 megapixels": (
        np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (30000, 30000, 3)),
        MediaTooLarge,
    ),
}


class TestHostilePictures:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_are_refused_by_name(self, name):
        picture, error = HOSTILE[name]
        with pytest.raises(error):
            image.embed(picture, PAYLOAD, KEY)
        with pytest.raises(error):
            image.detect(picture, KEY)

    @pytest.mark.parametrize("value", [0, 127, 255])
    def test_of_one_color_are_marked_and_searched_without_a_crash(self, value):
        flat = np.full((96, 2000, 3), value, np.uint8)
        assert image.embed(flat, PAYLOAD, KEY).shape == flat.shape
        assert image.detect(flat, KEY) is None
