"""What every stage works with: a private directory, its generation under lock, its files."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from sqlmodel import Session

from app import db, storage, vault, vault_tokens
from app.config import settings
from app.errors import AppError
from app.gateway import outputs, service, vendor_copies
from app.gateway.errors import GeneratorUnavailable, JobLost, StageOvertaken
from app.gateway.generators import Connector, Generator, Phase, RenderJob, catalogue
from app.gateway.generators.errors import NotSubmitted, OrderRefused, VendorBusy, VendorSilent
from app.gateway.materials import service as materials
from app.gateway.models import Generation
from app.registry import service as registry

POLL_S = 0.2
SAY_EVERY_S = 1.0  # a render is asked more often than its progress is written down
RENDER_LIMIT_S = 3600  # a job that never ends would keep a worker, and its hold, for ever


def work_dir(worker_id: str = "") -> Path:
    """Where a worker, this one by default, keeps plaintext while it works; wiped when it starts."""
    return settings().data_dir / "work" / (worker_id or settings().worker_id)


@contextmanager
def at_work(generation_id: str) -> Iterator[Path]:
    """Lend a private directory for one stage; whatever is in it is gone afterwards."""
    work_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
    directory = Path(tempfile.mkdtemp(prefix=f"{generation_id}-", dir=work_dir()))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def load(generation_id: str) -> Generation:
    """Read a generation as it stands now."""
    with db.reading() as session:
        return session.get_one(Generation, generation_id)


def locked(session: Session, generation_id: str, *states: str) -> Generation:
    """Lock a generation that still stands where its stage found it.

    Raises StageOvertaken when another worker has moved it on: this one looks again, and the other
    one's work stands.
    """
    generation = session.get_one(
        Generation, generation_id, with_for_update=True, populate_existing=True
    )
    if states and generation.state not in states:
        raise StageOvertaken(f"{generation_id} is {generation.state} by now, not {states[-1]}")
    return generation


def token_for(session: Session, generation: Generation) -> vault_tokens.Pass:
    """Take the vault's token for one more attempt at a locked generation."""
    return vault_tokens.issue(session, job_id=generation.id, decision_id=generation.decision_id)


def job_of(
    session: Session, generation: Generation, directory: Path, *, opened: bool = True
) -> RenderJob:
    """Open the references for this attempt at the job, and only for it; each opening is on record.

    `generation` is locked: attempts are counted. Not `opened`: the references are counted, not
    there; whoever renders opens them where it is.
    """
    token = token_for(session, generation) if opened else None
    wants_portraits = "portrait" in catalogue.find(generation.generator)[1].reference_kinds
    references = []
    for member in service.cast_of(session, generation.id):
        for medium in registry.references_of(session, member.replica_id):
            path = directory / medium.id
            if opened and wants_portraits:  # else it is counted: the model is sent none
                vault.open_to(
                    session,
                    medium.vault_object_id,
                    path,
                    purpose="render",
                    subject_id=generation.id,
                    token=token,
                )
            references.append(path)
    given = (
        materials.open_for_render(session, generation.id, directory, token=token) if token else {}
    )
    width, height = generation.request["size"]
    return RenderJob(
        generation_id=generation.id,
        model=generation.generator,
        line=generation.line,
        length_s=generation.length_ms / 1000,
        width=width,
        height=height,
        references=tuple(references),
        **cast("Any", given),
    )


def open_footage(generation_id: str, directory: Path) -> Path | None:
    """Open the footage that a generation altered, to be named in its credentials; None: none was.

    By the token of one more attempt, on record like every opening.
    """
    with db.reading() as session:
        used = materials.of_generation(session, generation_id).get("footage")
    if used is None:
        return None
    path = directory / ("footage.mov" if used.media_type == "video/quicktime" else "footage.mp4")
    with db.writing() as session:
        token = token_for(session, locked(session, generation_id))
        vault.open_to(
            session,
            used.vault_object_id,
            path,
            purpose="render",
            subject_id=generation_id,
            token=token,
        )
    return path


def await_result(
    generator: Generator,
    reference: str,
    result: Path,
    *,
    say: Callable[[float | None], None] = lambda _: None,
) -> str:
    """Wait for the job to end and fetch its result; return why there is none, or nothing.

    `say` is told now and then how far the generator says it is.
    """
    deadline, said_at = time.monotonic() + RENDER_LIMIT_S, 0.0
    while time.monotonic() < deadline:
        status = generator.poll(reference)
        if status.phase is Phase.SUCCEEDED:
            generator.fetch(reference, result)
            return ""
        if status.phase in {Phase.FAILED, Phase.CANCELLED}:
            return status.detail or status.reason or "the generator gave no reason"
        if status.phase is Phase.UNKNOWN:
            raise JobLost(f"{reference}: {status.detail}")  # the stage is run again
        if time.monotonic() - said_at >= SAY_EVERY_S:
            say(status.progress)
            said_at = time.monotonic()
        time.sleep(POLL_S)
    generator.cancel(reference)
    return f"the generator did not finish within {RENDER_LIMIT_S} s"


def forget(generation: Generation) -> None:
    """Have the generator drop its copy: the quarantine has the result. Harmless to repeat."""
    with suppress(GeneratorUnavailable, VendorBusy, OrderRefused, VendorSilent, NotSubmitted):
        generator = catalogue.find(generation.generator)[0]
        if isinstance(generator, Connector) and generation.job_reference is None:
            return  # nothing was ordered, or nobody knows what it is called there
        gone = generator.forget(generation.job_reference or generation.id)
        if gone and isinstance(generator, Connector):
            vendor_copies.job_forgotten(generation.id)


def keep(generation_id: str, what: str, path: Path) -> tuple[str, str]:
    """Store a stage's file under a name of its content; return its SHA-256 and its key.

    A repeated stage whose bytes differ gets a key of its own: no half-done work is overwritten.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    key = f"generations/{generation_id}/{what}-{digest[:16]}{path.suffix}"
    storage.put_new(key, path)
    return digest, key


def fetch(key: str | None, to: Path) -> Path:
    """Bring an earlier stage's file into the private directory, with the suffix it was kept by."""
    if key is None:
        raise AppError("a stage has no input although its state says so; this is a defect")
    to = to.with_suffix(outputs.suffix_of(key))
    storage.fetch(key, to)
    return to
