"""Renderers outside: a VFX house, a farm, a workstation takes one job, renders it, hands it in.

Nothing is sent to them: the job waits in a row until the organization's own client takes it
(app.gateway.rendering). The same job again is the same row. A story does not wait with it; it
rests, and goes on once something was handed in or the time is up.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sqlmodel import Session, select

from app import clock, db, storage
from app.config import settings
from app.gateway.generators import (
    UNATTESTED,
    Capability,
    JobStatus,
    Phase,
    RenderJob,
    ResultNotReady,
    mismatches,
)
from app.gateway.generators.errors import OrderRefused, VendorSilent
from app.gateway.models_render_jobs import RenderJobOutside

VENDOR = "renderer"
SIZES = frozenset(
    {(640, 360), (1280, 720), (1920, 1080), (3840, 2160), (720, 1280), (1080, 1920), (1080, 1080)}
)


class Outside:
    """The renderers that the operator named: `renderer/NAME`, each an organization's."""

    name = VENDOR
    idempotent = True
    rests = True
    poll_s = least_s = 0.0
    limit_s = keeps_s = 24 * 3600.0  # a hold lasts two days

    def configured(self) -> bool:
        """Say that a renderer needs no credentials of ours: it comes with a key of its own."""
        return True

    def capabilities(self) -> tuple[Capability, ...]:
        """List the renderers named here; what each can really do, its people know."""
        return tuple(_capability(model) for model in settings().renderer_organizations)

    def submit(self, job: RenderJob) -> str:
        """Put the job where its renderer looks; the same job again is the same one."""
        if found := mismatches(job, _capability(job.model)):
            raise OrderRefused(f"{job.model} does not do this: {'; '.join(found)}")
        organization_id = settings().renderer_organizations.get(job.model)
        if organization_id is None:
            raise OrderRefused(f"no renderer here is called {job.model}")
        with db.writing() as session:
            task = _task_for(session, job.generation_id)
            if task is None:
                due_at = clock.now() + timedelta(seconds=self.limit_s)
                task = RenderJobOutside(
                    generation_id=job.generation_id, organization_id=organization_id, due_at=due_at
                )
                session.add(task)
        return task.id

    def poll(self, reference: str) -> JobStatus:
        """Say whether something was handed in, or the time is up."""
        task = _load(reference)
        if task.state == "returned":
            return JobStatus(reference, Phase.SUCCEEDED)
        if task.state == "over" or clock.now() >= task.due_at:
            what = "took it and handed nothing in" if task.licenses else "never took it"
            detail = f"the renderer {what} by {task.due_at:%d %B %Y, %H:%M} UTC"
            return JobStatus(
                reference, Phase.FAILED, reason="renderer-late", detail=f"{detail}; ask again"
            )
        return JobStatus(reference, Phase.RUNNING)

    def fetch(self, reference: str, to: Path) -> None:
        """Write what was handed in."""
        task = _load(reference)
        if task.result_key is None:
            raise ResultNotReady(f"nothing was handed in for {reference}")
        storage.fetch(task.result_key, to)

    def cancel(self, reference: str) -> JobStatus:
        """Take the job back: its licence opens and hands in nothing from now on."""
        with db.writing() as session:
            task = session.get(RenderJobOutside, reference, with_for_update=True)
            if task is not None and task.state != "returned":
                task.state = "over"
                session.add(task)
        return JobStatus(reference, Phase.CANCELLED, detail="taken back")

    def forget(self, reference: str) -> bool:
        """Delete the copy that was handed in: the quarantine has it; and take back what was not."""
        with db.reading() as session:
            task = session.get(RenderJobOutside, reference)
        if task is None:
            return True
        if task.result_key is not None:
            storage.delete(task.result_key)
        else:
            self.cancel(reference)
        return True

    def find(self, job_id: str) -> str | None:
        """Return the row of a job, by the generation it is for."""
        with db.reading() as session:
            task = _task_for(session, job_id)
        return None if task is None else task.id

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> JobStatus | None:
        """A renderer hands in over the API; whatever says it is a webhook is not believed."""
        return None


def _task_for(session: Session, generation_id: str) -> RenderJobOutside | None:
    found = select(RenderJobOutside).where(RenderJobOutside.generation_id == generation_id)
    return session.exec(found.with_for_update()).one_or_none()


def _load(reference: str) -> RenderJobOutside:
    with db.reading() as session:
        task = session.get(RenderJobOutside, reference)
    if task is None:
        raise VendorSilent(f"no renderer has a job {reference[:64]}")
    return task


def _capability(model: str) -> Capability:
    return Capability(
        model=model,
        output="video",
        seconds=(1, 60),
        sizes=SIZES,
        references=(1, 8),
        line_limit=1000,
        audio=True,
        lip_sync=False,
        attestation=UNATTESTED,
        deletion="the renderer's own: a licence for one job, references that open for 60 s",
        license_notes=("Rendered outside by its own people; they are asked to keep nothing.",),
        evidence="the program's side is tested; what a renderer does is its own",
    )
