"""`kill -9` at every step of the sequencer: the next run completes, nothing is lost or doubled."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import select

from app.config import settings
from app.transparency.errors import LogForked
from app.transparency.models import LogLeaf
from tests.transparency.conftest import ORIGIN
from tests.transparency.test_sequencer import assert_public, assert_sound

PROGRAM = Path(__file__).parent / "killed_sequencer.py"
ROOT = PROGRAM.parent.parent.parent


class TestRecoverFromKill:
    def test_at_every_step_nothing_is_lost_doubled_or_forked(self, log_rows, run, look, signer):
        recorded, died_at = log_rows(254), set()
        for step in range(40):
            recorded += log_rows(2)
            killed = sequence_and_die_at(step)
            if killed.returncode == 0:
                break
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            died_at.add(re.sub(r"[0-9.p/]+$", "", killed.stdout.splitlines()[-1]))
            assert_public(signer.key)  # even before anybody recovers
            if step % 3:  # else the next child finds the wreck as it is
                assert run().size == len(recorded)
        else:
            pytest.fail("the sequencer never finished")
        assert run().size == len(recorded)
        leaves = look.exec(select(LogLeaf).order_by(LogLeaf.leaf_index)).all()
        assert sorted(leaf.outbox_id for leaf in leaves) == sorted(recorded)
        assert_sound(look, signer.key)
        assert died_at >= {
            f"{moment} {what}"
            for moment in ("before", "after")
            for what in (
                "a commit",
                "writing log/tile/entries",
                "writing log/tile",
                "writing log/checkpoints",
            )
        }

    def test_leaves_that_were_signed_for_but_not_committed_would_not_recover(self, log_rows, run):
        # The planted fault: assignment shares the transaction of the checkpoint.
        log_rows(3)
        for step in range(40):
            killed = sequence_and_die_at(step, "one-transaction")
            if killed.stdout.splitlines()[-1].startswith("after writing log/checkpoints"):
                break
        with pytest.raises(LogForked):
            run()


def sequence_and_die_at(step: int, *faults: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "UNDERSTUDY_DATA_DIR": str(settings().data_dir),
        "UNDERSTUDY_DATABASE_URL": settings().database_url,
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
    }
    return subprocess.run(
        [sys.executable, str(PROGRAM), ORIGIN, str(step), *faults],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
