"""Durable work: a named story of stages runs once per id, and goes on after a crash.

DBOS keeps which stages of which id are finished, in a system database of its own; what a stage did
is in our tables. Arguments and results are ids and words of state, never likeness or terms.
"""

import itertools
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing

import psycopg
import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSConfig, SetWorkflowID, StepOptions

from app.config import settings
from app.errors import Outage

Stage = Callable[[str], bool]  # takes the id; False ends the story here
GiveUp = Callable[[str, str], bool]  # takes the id and the name of the stage that kept failing
logger = structlog.get_logger()
QUEUE = "stories"
# A statement of ours goes to the driver itself, whose own error then says that nobody answers.
DOWN = (sa.exc.OperationalError, sqlite3.OperationalError, psycopg.OperationalError)
OUTAGE_S, OUTAGE_WAIT_S = 3600.0, 0.5  # how long a step waits for the database, and how at first
BROKEN_OFF = {"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
VERSION = "1"  # stories started by an older release are finished by a newer one


class StageFailed(Exception):
    """A try of a stage failed; the operator's log says why."""


def launch(name: str, stages: Sequence[Stage], give_up: GiveUp, *, at_once: int = 2) -> None:
    """Start this process as a worker for one story; stories it left unfinished go on at once.

    A stage that raises is tried again, four times in all; then `give_up` ends the story. While
    the database or what else it needs does not answer (`Outage`), nothing counts as a try: what was
    paid for is not given up for it.
    `settings().worker_id` must be the same after a restart, and different between workers.
    """
    DBOS(
        config=DBOSConfig(
            name="understudy",
            system_database_url=_system_database(),
            application_version=VERSION,
            executor_id=settings().worker_id,
            run_migrations=True,
            log_level="WARNING",
            notification_listener_polling_interval_sec=0.2,
        )
    )

    @DBOS.workflow(name=name, max_recovery_attempts=None)
    def story(subject_id: str) -> None:
        for stage in stages:
            options = StepOptions(
                name=stage.__name__, retries_allowed=True, max_attempts=4, interval_seconds=0.5
            )
            try:
                go_on = DBOS.run_step(options, _through_outages, stage, subject_id)
            except Exception:
                logger.exception("stage failed for good", stage=stage.__name__, subject=subject_id)
                go_on = DBOS.run_step(
                    {**options, "name": "give_up"},
                    _through_outages,
                    give_up,
                    subject_id,
                    stage.__name__,
                )
            if not go_on:
                return

    _stories[name] = story
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=at_once, polling_interval_sec=0.2)


def start(name: str, subject_id: str, *, chapter: str = "") -> None:
    """Put a story in the queue; a second start of the same id changes nothing.

    A `chapter` tells a story that had come to its end once more: after something was awaited that
    no worker can do. A story that broke off, because not even giving up succeeded, begins anew:
    its stages look at what is done already.
    """
    for life in itertools.count(1):
        story_id = ":".join([subject_id, *filter(None, [chapter]), *([str(life)] * (life > 1))])
        before = DBOS.get_workflow_status(story_id)
        if before is None or before.status not in BROKEN_OFF:
            break
    with SetWorkflowID(story_id):
        DBOS.enqueue_workflow(QUEUE, _stories[name], subject_id)


def take_over(worker_id: str) -> list[str]:
    """Put every story that a dead worker was telling back in the queue, for any live worker.

    Each goes on after its last finished stage. Return their ids. Whoever calls sees to it that
    nobody else does for the same worker: a story resumed twice would be told by two at once.
    """
    left = DBOS.list_workflows(
        executor_id=worker_id, status="PENDING", load_input=False, load_output=False
    )
    for story in left:
        DBOS.resume_workflow(story.workflow_id, queue_name=QUEUE)
    return [story.workflow_id for story in left]


def _through_outages(act: Callable[..., bool], *words: str) -> bool:
    """Run one step; while the database, or another thing it needs, is down: wait, run it again."""
    began, wait_s = time.monotonic(), OUTAGE_WAIT_S
    while True:
        try:
            return act(*words)
        except (*DOWN, Outage) as trouble:
            patience_s = trouble.patience_s if isinstance(trouble, Outage) else OUTAGE_S
            if time.monotonic() - began + wait_s > patience_s:
                raise
            what = trouble.detail if isinstance(trouble, Outage) else "the database does not answer"
            logger.warning("waiting", because=what, step=act.__name__, wait_s=wait_s)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, 30.0)
        except Exception as error:
            # DBOS keeps what a step raises; what went wrong may name a line, or somebody.
            logger.exception("a stage failed", stage=act.__name__, subject=words[0])
            raise StageFailed(f"{act.__name__}: {type(error).__name__}") from None


def stop() -> None:
    """Stop taking work; stages in progress are taken up again at the next launch."""
    DBOS.destroy(destroy_registry=True)
    _stories.clear()


_stories: dict[str, Callable[[str], None]] = {}


def _system_database() -> str:
    url = settings().database
    if not url.startswith("sqlite"):
        return url
    path = (settings().data_dir / "jobs.sqlite").absolute()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # stays in the file; DBOS does not set it
    return f"sqlite:///{path}"
