"""Near-duplicates share one budget of questions: no oracle for wearing a mark down."""

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
