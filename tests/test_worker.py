"""One name, one worker: two under the same name would take each other's work apart."""

from pathlib import Path

import pytest

from app import worker
from app.gateway import workbench


class TestWorkerName:
    def test_is_held_by_one_process_at_a_time_and_free_again_after_it(self, data_dir: Path) -> None:
        held = worker._claim_name()
        work = workbench.work_dir() / "gen_1"
        work.mkdir(parents=True)
        with pytest.raises(worker.WorkerNameTaken):
            worker.Worker().start()
        assert work.exists()  # the other one's plaintext was not wiped under its hands
        held.close()
        worker._claim_name().close()
