"""Every command of docs/verify-without-us.md is run as it stands there, on things whole or hurt."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app import clock, db
from app.audit.bundle import container
from app.licensing.status import consent_status
from tests.audit.bundle import house
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "verify-without-us.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n# needs: ([^\n]+)\n(.*?)```", PAGE, re.DOTALL)
SCRIPTS = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL)


def absent(needs: str) -> list[str]:
    """Name what a block needs and this machine has not: programs, or libraries."""
    return [
        need
        for need in needs.split()
        if shutil.which(need) is None and importlib.util.find_spec(need) is None
    ]


def run(block: str, where):
    """Run a block with this environment's Python, outside the repository: nothing of ours helps."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=where,
        env={"PATH": path, "LANG": "C.UTF-8", "HOME": str(where), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def desk(made, tmp_path):
    """A stranger's directory: film, bundle, a status, and the anchors from elsewhere."""
    made.file(tmp_path / "film.mp4")
    shutil.copy(made.bundles[0], tmp_path / "bundle.zip")
    held = house.members(made.bundles[0])
    for name, member in (
        ("claim-root.pem", container.CLAIM_ROOT),
        ("time-roots.pem", container.TIME_ROOTS),
        ("keys.json", container.KEYS),
        ("log.key", container.LOG_KEY),
    ):
        (tmp_path / name).write_bytes(held[member])
    for name, text in SCRIPTS:
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def status(made, at_home):
    """The contract's own status, of this minute."""
    with db.reading() as session:
        return consent_status.status_of(session, made.scene.contract.series_id, clock.now()).text


def test_no_block_runs_anything_of_ours():
    assert len(BLOCKS) == PAGE.count("```sh\n") >= 10
    assert [name for name, _ in SCRIPTS] == ["check_jws.py", "check_log.py"]
    everything = "".join(text for _, text in (*BLOCKS, *SCRIPTS))
    assert not re.search(r"\bunderstudy (?!-)|from app|import app", everything)


def test_every_command_of_the_page_works(desk, made, status):
    (desk / "status.jws").write_text(status)
    skipped = []
    for needs, block in BLOCKS:
        if lacking := absent(needs):
            skipped.append(f"{', '.join(lacking)} not here")
            continue
        ran = run(block, desk)
        assert ran.returncode == 0, (block, ran.stdout, ran.stderr)
    if skipped:
        pytest.skip(f"not everything could be tried: {skipped}")


# What is broken, and a word of the one block that must notice.
BROKEN = {
    "bundle/contracts.json": "sha256sum --check",
    "film.mp4": "read_c2pa.py film.mp4",
    "bundle/certificates/signed.cbor": "openssl dgst",
    "bundle/certificates/stamped.cbor": "openssl ts",
    "bundle/certificates/ocsp-now.der": "openssl ocsp",
    "bundle/decision/permit.jws": "decision/permit.jws",
    "bundle/license.jws": "check_jws.py bundle/license.jws",
    "status.jws": "check_jws.py status.jws",
    "bundle/log/released.json": "check_log.py bundle/log",
}


def test_every_command_notices_what_is_broken(desk, status):
    (desk / "status.jws").write_text(status)
    shutil.unpack_archive(desk / "bundle.zip", desk / "bundle")
    for name, word in BROKEN.items():
        whole = (desk / name).read_bytes()
        (block,) = [text for needs, text in BLOCKS if word in text and not absent(needs)] or [None]
        if block is None:
            continue  # the other test says aloud what is absent
        assert run(block, desk).returncode == 0, name
        # Much of a small film is padding of its manifest, which no credentials cover.
        at = whole.index(b"mdat") + 60 if name == "film.mp4" else len(whole) // 2
        (desk / name).write_bytes(house.flipped(whole, at))
        assert run(block, desk).returncode != 0, name
        (desk / name).write_bytes(whole)


def test_a_block_that_needs_what_is_absent_is_skipped_aloud():
    assert absent("python3 no-such-tool cryptography") == ["no-such-tool"]
