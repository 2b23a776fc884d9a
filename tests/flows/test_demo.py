"""The demo keeps every promise it makes, on a face of the user's own as well."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.xdist_group("flows"), pytest.mark.timeout(600)]


def _demo(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--out", str(out), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


class TestDemo:
    @pytest.mark.slow
    def test_keeps_its_promises_and_says_so_in_json(self, tmp_path: Path) -> None:
        said = _demo(tmp_path, "--json", "--line", "A short line.")
        assert said.returncode == 0, said.stderr[-2000:]
        summary = json.loads(said.stdout)
        assert summary["verdicts"] == {
            "original": "intact",
            "reencoded": "recovered",
            "tampered": "altered",
        }
        codes = {refusal["case"]: refusal["codes"] for refusal in summary["refusals"]}
        assert codes["a territory outside the grant"] == ["TERRITORY_NOT_LICENSED"]
        assert codes["a prohibited content tag"] == ["CONTENT_PROHIBITED"]
        assert codes["a generation after consent was withdrawn"] == ["REVOKED"]
        assert codes["a picture without a face"] == ["no-face-found"]
        assert codes["a picture with two faces"] == ["several-faces-found"]
        assert summary["ledger_balanced"] is True
        assert summary["log_verified"] is True
        assert summary["elapsed_s"] > 0
        with av.open(summary["output"]) as film:
            assert 4 <= float(film.duration or 0) / av.time_base <= 6
            assert film.streams.video[0].codec_context.height == 720
            assert film.streams.audio
        self._no_likeness_is_left_in_the_clear(tmp_path)
        self._verify_says_the_same(tmp_path)

    def _no_likeness_is_left_in_the_clear(self, out: Path) -> None:
        needle = (ROOT / "samples" / "girl-with-a-pearl-earring.jpg").read_bytes()[5000:5064]
        files = [path for path in (out / "installation").rglob("*") if path.is_file()]
        assert len(files) > 20
        assert not [path for path in files if needle in path.read_bytes()]

    def _verify_says_the_same(self, out: Path) -> None:
        for file, verdict in (("1-original.mp4", "intact"), ("2-reencoded.mp4", "recovered")):
            said = subprocess.run(
                [sys.executable, "-m", "app.cli", "verify", str(out / file), "--json"],
                cwd=ROOT,
                env={"UNDERSTUDY_DATA_DIR": str(out / "installation"), "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
                check=True,
            )
            found = json.loads(said.stdout)
            assert found["verdict"] == verdict
            assert found["findings"]["license"] == {"when_made": "licensed", "now": "not-licensed"}

    def test_a_portrait_without_a_face_is_refused_and_nothing_is_half_done(
        self, tmp_path: Path
    ) -> None:
        blank = tmp_path / "blank.png"
        from PIL import Image

        Image.new("RGB", (400, 400), "gray").save(blank)
        said = _demo(tmp_path / "out", "--portrait", str(blank))
        assert said.returncode == 1
        assert "no-face-found" in said.stderr
        assert "Traceback" not in said.stderr
