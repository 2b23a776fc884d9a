"""A server killed under load: whatever it acknowledged is on disk, and nothing half."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from app import db, installation
from app.licensing.decisions.models import Decision
from app.transparency.models import LogOutbox
from tests.bench.load import Measured, load
from tests.bench.population import a_population
from tests.bench.serving import a_server

pytestmark = [pytest.mark.xdist_group("flows"), pytest.mark.slow]


def killed_under_load(*faults: str) -> list[str]:
    """Return the decisions that were acknowledged before the server was killed."""
    installation.prepare()
    asked = a_population(1)
    measured: list[Measured] = []
    with a_server(*faults) as served:
        job = served.job(asked, "/v1/authorizations", lasts_s=90, connections=16, keeps=True)
        loading = threading.Thread(target=lambda: measured.append(load(job)))
        loading.start()
        wait_for(60)
        os.kill(served.pid, signal.SIGKILL)
        loading.join(120)
    assert measured, "the load did not end with the server"
    return measured[0].answers


def wait_for(decisions: int) -> None:
    """Wait until so many are on disk: the load is then in full swing, however slow the machine."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        with db.reading() as session:
            if session.exec(select(func.count(col(Decision.id)))).one() >= decisions:
                return
        time.sleep(0.05)
    raise AssertionError(f"{decisions} decisions took more than a minute")


def assert_every_one_is_kept(acknowledged: list[str]) -> None:
    db.engine().dispose()
    with db.reading() as session:
        kept = set(session.exec(select(Decision.id)))
        promised = set(
            session.exec(select(LogOutbox.subject_id).where(LogOutbox.kind == "decision"))
        )
    assert len(acknowledged) > 20, "the server was killed before it had answered anything"
    assert set(acknowledged) <= kept, "an acknowledged decision is lost"
    assert kept == promised, "a decision is kept without its leaf, or a leaf without its decision"


@pytest.fixture
def served_here(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")


class TestKill:
    def test_loses_nothing_that_was_acknowledged(self, served_here: None) -> None:
        assert_every_one_is_kept(killed_under_load())

    def test_acknowledging_before_the_commit_is_found(self, served_here: None) -> None:
        with pytest.raises(AssertionError, match="lost"):
            assert_every_one_is_kept(killed_under_load("hasty"))
