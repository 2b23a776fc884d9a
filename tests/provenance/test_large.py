"""A large film is signed and checked a piece at a time: memory does not grow with it."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.provenance import peaks


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_seven_hundred_megabytes_sign_within_640_of_memory_children_counted(data_dir, tmp_path):
    """The library holds up to 512 MB of a larger file; who holds the file itself is noticed."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.provenance.large_file", str(tmp_path), "700"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    said = json.loads(ran.stdout)
    assert said["by"] == ["c2pa-python", "understudy-hash"]
    assert said["peak_mib"]["together"] < 640


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="children are forked on Linux")
def test_what_a_child_held_is_counted_whether_it_is_gone_or_stays(data_dir):
    held = {child: children_mib(child) for child in ("none", "gone", "stays")}
    assert 0 < held["none"] < peaks.HELD_MIB
    for child in ("gone", "stays"):
        assert held[child] - held["none"] >= peaks.HELD_MIB * 0.9


def children_mib(child: str) -> int:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.provenance.peaks", child],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return int(ran.stdout)
