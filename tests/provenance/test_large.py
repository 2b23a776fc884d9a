"""A large film is signed and checked a piece at a time: memory does not grow with it."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_megabytes_sign_within_four_hundred_of_memory(data_dir, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.provenance.large_file", str(tmp_path), "200"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    said = json.loads(ran.stdout)
    assert said["by"] == ["c2pa-python", "understudy-hash"]
    assert max(said["peak_mib"].values()) < 400
