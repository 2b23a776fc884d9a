"""The local generator: a still portrait made to speak on this machine, an honest puppet.

It speaks a line itself, or is driven by a voice recording that the scene may use (`materials`).
Each render is a process of its own (puppet/render.py), with the doors of the sandbox shut before it
opens portrait and recording: a crash or a kill of it takes nothing along, and dlib and OpenCV are
never loaded here. All state is in the work folder, one folder a generation, so any worker can take
over: a lock that lives as long as the render says whether one is running, a file that appears whole
is the result.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from app import sandbox
from app.gateway.generators import (
    NEVER_LEFT,
    Capability,
    JobStatus,
    NotSubmitted,
    Phase,
    RenderJob,
    ResultNotReady,
    mismatches,
)
from app.gateway.generators.puppet.folder import (
    FILM,
    claim_folder,
    count_start,
    ended,
    lock_folder,
    mark_cancelled,
    outcome,
    progress,
    remove_leftovers,
    write_failure,
)
from app.gateway.generators.puppet.speech import LINE_LIMIT, Unspeakable, check_line, library

MODEL = "local/puppet-1"
FOLLOWS_WORDS = library() is not None
NO_LIBRARY = (
    "The espeak-ng library of the espeakng-loader wheel is not here: mouths follow loudness, not "
    "words. Run `make setup` on a platform that the wheel is made for."
)
LICENSE_NOTES = (
    "dlib's 68-point landmark model is for non-commercial use.",
    "Video is encoded with x264, in the PyAV wheel: GPL.",
    "Speech is made by espeak-ng, in a process of its own: GPL.",
    *(() if FOLLOWS_WORDS else (NO_LIBRARY,)),
)
LICENSE_NOTICE = (
    "The local generator is a stand-in for demonstrations and tests: a puppet with a robotic, "
    "generic voice. " + " ".join(LICENSE_NOTES)
)
RECORDING_NOTE = (
    "With a voice recording the clip sounds like it and lasts as long; the mouth then follows its "
    "loudness, and the line only says what is spoken."
)
CAPABILITY = Capability(
    model=MODEL,
    output="video",
    seconds=(2.0, 10.0),
    sizes=frozenset({(1280, 720)}),
    references=(1, 1),
    line_limit=LINE_LIMIT,
    audio=True,
    lip_sync=FOLLOWS_WORDS,
    takes=("voice",),
    follows=("voice",),
    license_notes=(*LICENSE_NOTES, RECORDING_NOTE),
    attestation=NEVER_LEFT,
    evidence="renders here; the demo and the tests run it",
)
MOST_STARTS = 5  # a render that keeps dying is given up
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class LocalGenerator:
    """Renders in child processes under `work_dir`; `enabled=False` switches it off."""

    name = "local"

    def __init__(self, work_dir: Path, *, enabled: bool = True) -> None:
        self._work_dir = work_dir
        self._enabled = enabled
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._guard = threading.Lock()

    def capabilities(self) -> tuple[Capability, ...]:
        """The one puppet, or nothing while switched off."""
        return (CAPABILITY,) if self._enabled else ()

    def submit(self, job: RenderJob) -> str:
        """Start rendering `job` unless its generation is already rendered, failed or under way.

        Returns the reference for poll, fetch and cancel: the generation's id. Submitting again
        is always safe, from any process, also after a crash. Raises NotSubmitted when the job is
        not one this generator does, or the id was used for another job.
        """
        self._check(job)
        digest = _digest(job)
        folder = self._work_dir / job.generation_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock_folder(folder, patience_s=0.2) as lock:
            claim_folder(folder, digest)
            if lock is None or ended(folder):
                return job.generation_id
            if count_start(folder) > MOST_STARTS:
                detail = f"The render died {MOST_STARTS} times. Ask the operator to look into it."
                write_failure(folder, "render-crashed", detail)
                return job.generation_id
            remove_leftovers(folder)
            child = _spawn(folder, job, lock)
        with self._guard:
            self._children[job.generation_id] = child
        return job.generation_id

    def poll(self, reference: str) -> JobStatus:
        """What is known about the job now; UNKNOWN when no render runs and none has ended.

        UNKNOWN is final only until the job is submitted again, which is safe.
        """
        folder = self._folder(reference)
        self._reap(reference)
        if folder is None or not folder.is_dir():
            detail = "Nothing is known under this reference. Submit the job."
            return JobStatus(reference, Phase.UNKNOWN, detail=detail)
        with lock_folder(folder) as lock:  # first, for a render may end between two looks
            idle = lock is not None
        status = outcome(reference, folder)
        if status is not None:
            return status
        if idle:
            detail = "The render stopped without an answer. Submit the job again: it is safe."
            return JobStatus(reference, Phase.UNKNOWN, detail=detail)
        return JobStatus(reference, Phase.RUNNING, progress=progress(folder))

    def fetch(self, reference: str, to: Path) -> None:
        """Write the finished clip to `to`, whole or not at all; raises ResultNotReady."""
        status = self.poll(reference)
        if status.phase is not Phase.SUCCEEDED:
            raise ResultNotReady(
                f"{reference} is {status.phase.value}. {status.detail}".rstrip()
                or "Poll until it has succeeded."
            )
        draft = to.with_name(f".{to.name}.{os.getpid()}.part")
        try:
            shutil.copyfile(self._work_dir / reference / FILM, draft)
            draft.replace(to)
        finally:
            draft.unlink(missing_ok=True)

    def cancel(self, reference: str) -> JobStatus:
        """Stop a render that has not ended, whoever started it; an ended one stays as it is."""
        folder = self._folder(reference)
        if folder is not None and folder.is_dir() and not ended(folder):
            mark_cancelled(folder)
            with self._guard:
                child = self._children.get(reference)
            if child is not None and child.stdin is not None:
                child.stdin.close()  # it leaves at once; another worker's within a second
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(5)
        return self.poll(reference)

    def forget(self, reference: str) -> bool:
        """Delete what is kept of a job, its clip too; False while a render still has to stop.

        A job forgotten can be rendered again under its old id.
        """
        folder = self._folder(reference)
        if folder is None or not folder.is_dir():
            return True
        self.cancel(reference)
        with lock_folder(folder, patience_s=0.2) as lock:
            if lock is not None:
                shutil.rmtree(folder)
        return not folder.exists()

    def _check(self, job: RenderJob) -> None:
        if not self._enabled:
            raise NotSubmitted(
                "The local generator is switched off here. Ask for another model, or switch it on.",
                reason="generator-off",
            )
        if job.model != MODEL:
            raise NotSubmitted(f"The local generator has no model {job.model!r}, only {MODEL}.")
        if not _ID.fullmatch(job.generation_id):
            raise NotSubmitted("The generation id has characters that no id of ours has.")
        found = mismatches(job, CAPABILITY)
        if found:
            raise NotSubmitted(f"{MODEL} cannot do this: {'; '.join(found)}.")
        try:
            check_line(job.line)
        except Unspeakable as refusal:
            raise NotSubmitted(refusal.detail, reason=refusal.reason) from refusal

    def _folder(self, reference: str) -> Path | None:
        return self._work_dir / reference if _ID.fullmatch(reference) else None

    def _reap(self, reference: str) -> None:
        """Let go of a child that has ended."""
        with self._guard:
            child = self._children.get(reference)
            if child is not None and child.poll() is not None:
                if child.stdin is not None:
                    child.stdin.close()
                del self._children[reference]


def _digest(job: RenderJob) -> str:
    """Names everything that decides the clip, without keeping line, portrait or recording."""
    digest = hashlib.sha256()
    wanted = [job.model, job.line, job.length_s, job.width, job.height]
    digest.update(json.dumps(wanted).encode())
    try:
        for given in (*job.references, *([job.voice] if job.voice else [])):
            with given.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise NotSubmitted("The portrait or recording cannot be read. Give it again.") from error
    return digest.hexdigest()


def _spawn(folder: Path, job: RenderJob, lock: int) -> subprocess.Popen[bytes]:
    """Start the render. It holds the lock, sees none of our secrets, and leaves when we do."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    order = {
        "portrait": str(job.references[0].absolute()),
        "line": job.line,
        "length_s": job.length_s,
        "width": job.width,
        "height": job.height,
        "insists": sandbox.insists(),
        "recording": str(job.voice.absolute()) if job.voice else "",
    }
    module = "app.gateway.generators.puppet.render"
    with (folder / "progress").open("wb") as output, (folder / "errors").open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(folder.absolute())],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            cwd=folder,
            env=environment,
            pass_fds=(lock,),
            start_new_session=True,
        )
    if child.stdin is None:  # never: it was asked for above
        raise NotSubmitted("The render process did not start.")
    try:
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError as error:
        child.wait()
        raise NotSubmitted("The render process ended before it took the job.") from error
    return child
