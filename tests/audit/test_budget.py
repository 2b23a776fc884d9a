"""Near-duplicates share one budget of questions: no oracle for wearing a mark down."""

import base64
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import clock, config
from app.audit import api_soft_bindings, budget, desk, recovery
from app.provenance import fingerprint as prints
from app.provenance import verify


@pytest.fixture(autouse=True)
def rate(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings(), "rate_alike", "3/hour;5/day")


def a_picture(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (12, 16)).astype(np.uint8)
    return cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC)


def asked(folder: Path, luma: np.ndarray, name: str) -> bool:
    path = folder / name
    path.write_bytes(luma.tobytes())
    details = [prints.picture_details(luma)]
    seen = prints.fingerprint("image", [prints.picture_hash(luma)], details, "")
    return budget.may_tell(seen, path)


def noisy(luma: np.ndarray, seed: int) -> np.ndarray:
    grain = np.random.default_rng(seed).normal(0, 3, luma.shape)
    return np.clip(luma + grain, 0, 255).astype(np.uint8)


def scenes(seed: int, count: int) -> list[str | None]:
    """Hashes of pictures that have nothing to do with each other."""
    rows = np.random.default_rng(seed).bytes(32 * count)
    return [rows[at : at + 32].hex() for at in range(0, len(rows), 32)]


def words(seed: int, count: int) -> bytes:
    return np.random.default_rng(seed).integers(1, 1 << 32, count, np.uint32).tobytes()


def asked_film(
    folder: Path, hashes: Sequence[str | None], sound: bytes = b"", medium: str = "video"
) -> bool:
    path = folder / "film"
    path.write_bytes(repr((hashes, sound, medium)).encode())
    text = base64.b64encode(sound).decode()
    return budget.may_tell(prints.fingerprint(medium, list(hashes), [], text), path)


class TestFilmsAndSound:
    def test_a_film_whose_opening_was_changed_is_the_same(self, tmp_path):
        film = scenes(1, 240)
        told = [asked_film(tmp_path, scenes(k, 9) + film[9:]) for k in range(2, 7)]
        assert told == [True, True, True, False, False]
        assert not asked_film(tmp_path, film[120:] + film[:120])
        assert asked_film(tmp_path, scenes(9, 240))

    def test_a_film_shortened_or_made_much_longer_is_the_same(self, tmp_path):
        film = scenes(1, 60)
        told = [asked_film(tmp_path, film), asked_film(tmp_path, film[7:])]
        told += [asked_film(tmp_path, scenes(2, 180) + film), asked_film(tmp_path, film[20:])]
        assert told == [True, True, True, False]

    def test_a_mixture_spends_from_all_it_is_made_of(self, tmp_path):
        one, two = scenes(1, 40), scenes(2, 40)
        assert all(asked_film(tmp_path, film) for film in (one, one[1:], two))
        assert asked_film(tmp_path, [*one[2:]])
        assert not asked_film(tmp_path, two[:20] + one[:20])
        assert asked_film(tmp_path, two[1:])

    @pytest.mark.parametrize("medium", ["image", "video", "audio"])
    def test_what_cannot_be_told_apart_is_one_content(self, tmp_path, medium):
        told = [asked_film(tmp_path, [None] * k, b"", medium) for k in range(1, 6)]
        assert told == [True, True, True, False, False]
        assert asked_film(tmp_path, scenes(1, 1), words(1, 200), medium)

    def test_a_picture_put_in_does_not_hide_what_is_heard(self, tmp_path):
        sound = words(1, 400)
        told = [asked_film(tmp_path, [None] * 9 + scenes(k, 1), sound) for k in range(5)]
        assert told == [True, True, True, False, False]

    def test_sound_whose_opening_was_changed_or_is_silent_is_the_same(self, tmp_path):
        sound = words(1, 1000)
        starts = [sound[:800], words(2, 200), bytes(80) + sound[:800], words(3, 200), bytes(8)]
        told = [asked_film(tmp_path, [], start + sound[800:], "audio") for start in starts]
        assert told == [True, True, True, False, False]
        assert asked_film(tmp_path, [], words(4, 1000), "audio")

    def test_keeps_little_of_a_long_sound(self):
        short = budget._short(prints.fingerprint("audio", [], [], base64.b64encode(
            words(1, 2570)).decode()))  # fmt: skip
        assert sum(len(piece) for piece in short.sound) <= 512


class TestComparing:
    def test_holds_nobody_up(self, tmp_path, data_dir, monkeypatch):
        def alike(*prints_: object) -> bool:
            with sqlite3.connect(data_dir / budget.FILE, timeout=0, isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("COMMIT")
            return compare(*prints_)

        compare = budget._is_alike
        assert asked_film(tmp_path, scenes(1, 9))
        monkeypatch.setattr(budget, "_is_alike", alike)
        assert asked_film(tmp_path, scenes(2, 9))

    def test_counts_what_came_while_it_compared(self, tmp_path, monkeypatch):
        def alike(*prints_: object) -> bool:
            monkeypatch.setattr(budget, "_is_alike", compare)
            meanwhile.extend(asked_film(tmp_path, film[k:]) for k in range(1, 4))
            return compare(*prints_)

        compare, film, meanwhile = budget._is_alike, scenes(1, 20), []
        assert asked_film(tmp_path, scenes(2, 9))
        monkeypatch.setattr(budget, "_is_alike", alike)
        assert not asked_film(tmp_path, film)
        assert meanwhile == [True, True, True]


class TestMayTell:
    def test_counts_slightly_different_files_of_one_content_together(self, tmp_path):
        told = [asked(tmp_path, noisy(a_picture(1), k), f"{k}") for k in range(5)]
        assert told == [True, True, True, False, False]
        assert asked(tmp_path, a_picture(2), "another")

    def test_costs_nothing_for_the_same_bytes(self, tmp_path):
        assert all(asked(tmp_path, a_picture(1), f"{k}") for k in range(10))
        assert asked(tmp_path, noisy(a_picture(1), 1), "another")

    def test_every_window_counts_and_ends(self, tmp_path, monkeypatch):
        began = clock.now()
        told = []
        for hour in (0, 2, 4):
            monkeypatch.setattr(clock, "now", lambda h=hour: began + timedelta(hours=h))
            told += [asked(tmp_path, noisy(a_picture(1), 10 * hour + k), "f") for k in range(4)]
        assert told == [True, True, True, False, True, True, False, False] + [False] * 4
        monkeypatch.setattr(clock, "now", lambda: began + timedelta(hours=25))
        assert asked(tmp_path, noisy(a_picture(1), 99), "f")

    def test_a_flood_of_other_contents_frees_no_busy_one(self, tmp_path, monkeypatch):
        monkeypatch.setattr(budget, "CONTENTS_MOST", 4)
        for k in range(3):
            asked(tmp_path, noisy(a_picture(1), k), "f")
        assert all(asked(tmp_path, a_picture(seed), "f") for seed in range(10, 20))
        assert not asked(tmp_path, noisy(a_picture(1), 4), "f")

    def test_tells_nothing_where_questions_cannot_be_counted(self, tmp_path, data_dir):
        (data_dir / budget.FILE).write_bytes(b"no database" * 100)
        assert not asked(tmp_path, a_picture(1), "f")

    def test_without_a_rate_anything_is_told(self, tmp_path, monkeypatch):
        monkeypatch.setattr(config.settings(), "rate_alike", "")
        assert all(asked(tmp_path, noisy(a_picture(1), k), "f") for k in range(9))


class TestTold:
    def test_withholds_the_mark_and_nothing_else(self):
        seen = verify.Content.model_validate(
            {"readable": True, "medium": "image", "searched": True,
             "marks": [{"payload": "00" * 8, "false_positive_log10": -12.0}]}
        )  # fmt: skip
        kept = verify.told(seen, Path("f"), lambda *_: False)
        assert (kept.marks, kept.searched, kept.medium) == ([], False, "image")
        assert verify.told(seen, Path("f"), verify.freely) == seen


class TestStrangersWays:
    """Each passes the budget on; without it, strangers would be told freely."""

    def test_an_upload(self, monkeypatch):
        seen = {}
        monkeypatch.setattr(desk, "look_at", lambda _path, **options: seen.update(options))
        desk.look_at_upload(BytesIO(b"x"))
        assert seen["may_tell"] is budget.may_tell

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_recovery_by_content(self, database, monkeypatch):
        seen = {}
        monkeypatch.setattr(
            recovery, "by_content", lambda *_, **options: seen.update(options) or []
        )
        app = FastAPI()
        app.include_router(api_soft_bindings.router)
        client, picture = TestClient(app), cv2.imencode(".jpg", a_picture(1))[1].tobytes()
        paths = [route.path for route in api_soft_bindings.router.routes]
        (path,) = [path for path in paths if path.endswith("/matches/byContent")]
        answer = client.post(path, content=picture, headers={"content-type": "image/jpeg"})
        assert answer.status_code == 200
        assert seen["may_tell"] is budget.may_tell
