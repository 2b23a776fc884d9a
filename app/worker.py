"""The worker: takes permitted generations through the pipeline, and goes on after a crash."""

import shutil
import threading
from contextlib import suppress

import structlog

from app import db, jobs
from app.config import settings
from app.gateway import pipeline
from app.gateway import service as gateway

STORY = "generation"
SWEEP_S = 0.5
logger = structlog.get_logger()


class Worker:
    """One worker in this process: `start`, and at the end `stop`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)

    def start(self) -> None:
        """Take up what an earlier life of this worker left, then whatever is permitted."""
        shutil.rmtree(pipeline.work_dir(), ignore_errors=True)  # plaintext a crash left behind
        for notice in pipeline.notices():
            logger.warning(notice)
        jobs.launch(STORY, pipeline.STAGES, pipeline.give_up)
        self._sweeper.start()
        logger.info("worker started", worker=settings().worker_id)

    def stop(self) -> None:
        """Take no more work; what is in progress goes on at the next start."""
        self._stopping.set()
        self._sweeper.join(timeout=5)
        jobs.stop()

    def _sweep(self) -> None:
        """Queue every generation that was permitted and that no worker has heard of yet.

        The database says what is to be done: a crash between permit and queue loses nothing.
        """
        queued: set[str] = set()
        while not self._stopping.wait(SWEEP_S):
            with suppress(Exception), db.reading() as session:
                for generation_id in gateway.waiting(session):
                    if generation_id not in queued:
                        jobs.start(STORY, generation_id)
                        queued.add(generation_id)


def run() -> None:
    """Run a worker until the process is told to end."""
    worker = Worker()
    worker.start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        worker.stop()
