"""A real worker process that may die at one commit: `dying_worker.py [STAGE COMMIT]`.

Somebody of the performer's side opens every preview and lets it go; that is a commit like another.
It writes down every commit of every stage: what another process sees before it, and what must be
durable after it. With arguments it is killed (SIGKILL) right after that commit; without, it lives
until every generation has ended.
"""

import functools
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session, func, select

from app import commits, db, jobs, marks, publication
from app.gateway import pipeline, previews
from app.gateway.models import FINAL, Generation
from app.gateway.models_previews import Preview
from app.identity import service as identity
from app.identity.models import Organization
from app.identity.principal import Principal
from app.licensing.contracts.models import Contract
from app.registry.models import Performer
from app.transparency.models import LogOutbox
from app.transparency.sequencer import newest_checkpoint
from app.worker import Worker
from tests.flows import instant
from tests.flows.durable import contents

NOTES = Path(os.environ["NOTES"])
target = tuple(sys.argv[1:3])
here_and_now = threading.local()  # which stage this thread is in; the sweeper is in none
plain_writing = db.writing
T = TypeVar("T")


@contextmanager
def writing() -> Iterator[Session]:
    stage = getattr(here_and_now, "stage", None)
    if stage is None:
        with plain_writing() as session:
            yield session
        return
    # Counted for each function that commits: what was done before it died is not done again.
    asking = sys._getframe(2).f_code.co_name  # this generator, its `__enter__`, and who asked
    here_and_now.commits[asking] += 1
    at = {"stage": stage, "commit": f"{asking} {here_and_now.commits[asking]}"}
    with plain_writing() as session:
        yield session
        session.flush()
        marks.write_out(session.connection())  # as the commit would: it is part of what is promised
        with db.reading() as other:
            seen_before = contents(other)
        with NOTES.open("a") as notes:
            note = {**at, "without": seen_before, "promised": contents(session)}
            notes.write(json.dumps(note) + "\n")
    if target == (at["stage"], at["commit"]):
        os.kill(os.getpid(), signal.SIGKILL)


def enter(stage: str | None) -> None:
    here_and_now.stage, here_and_now.commits = stage, Counter()


def run(_queue: commits.CommitQueue, unit: commits.Unit[T]) -> T:
    with writing() as session:
        return unit(session)


def counted(stage: jobs.Stage) -> jobs.Stage:
    @functools.wraps(stage)
    def run(generation_id: str) -> bool:
        enter(stage.__name__)
        try:
            return stage(generation_id)
        finally:
            enter(None)

    return run


def somebody_answers() -> None:
    """Open what waits to be seen, and let it go: two commits, as over HTTP."""
    with db.reading() as session:
        waiting = session.exec(
            select(Preview.id, Performer.organization_id)
            .join(Generation, Generation.id == Preview.generation_id)
            .join(Contract, Contract.id == Preview.contract_id)
            .join(Performer, Performer.id == Contract.performer_id)
            .where(Preview.outcome == "open", Generation.state == "awaiting-preview")
        ).all()
    for preview_id, organization_id in waiting:
        enter("somebody_answers")
        with db.writing() as session:
            organization = session.get_one(Organization, organization_id)
            key, _ = identity.create_api_key(session, organization, name="test")
            who = Principal(organization.id, organization.kind, key.id)
            link = previews.issue_link(session, who, preview_id)
            previews.note_opened(session, link.id)
        with db.writing() as session:
            previews.answer_preview(session, who, preview_id, role="performer", let_go=True)
        enter(None)


def main() -> None:
    instant.install()
    pipeline.STAGES = tuple(counted(stage) for stage in pipeline.STAGES)
    db.writing = writing
    commits.CommitQueue.run = run  # a release is a commit like another
    publication.publish_waiting = lambda: None  # the stage alone publishes here
    worker = Worker()
    worker.start()
    while True:
        with db.reading() as session:
            states = set(session.exec(select(Generation.state)).all())
            promised = session.exec(select(func.count()).select_from(LogOutbox)).one()
            newest = newest_checkpoint(session)
            if states <= FINAL and newest is not None and newest.size == promised:
                break
        somebody_answers()
        time.sleep(0.1)
    worker.stop()


main()
