"""Neither server nor worker opens media itself, and nothing that could is loaded there."""

import json
import subprocess
import sys

import pytest

from app import sandbox
from tests.provenance import making


@pytest.mark.slow
def test_server_and_worker_load_no_reader_of_media_and_open_none(data_dir, tmp_path):
    src = making.make_media(tmp_path / "in.jpg")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.media_readers", str(src)],
        cwd=sandbox.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        "before": [],
        "after": [],
        "opened": [],
        "careless": ["c2pa"],  # the planted fault: one that is opened there is seen
        "carelessly opened": ["imread"],
    }
