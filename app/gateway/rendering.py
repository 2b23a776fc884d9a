"""What a renderer outside may do: see its jobs, take one, open its references, hand in a film.

Taking a job gives a licence for this job alone. A later one ends it. References open for 60 s, each
opening is on record in the vault, and everything that stops a use stops them as well.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sqlmodel import Session, col, select

from app import clock, keys, vault
from app.gateway import service, stops, vendor_copies
from app.gateway.errors import (
    LinkExpired,
    RenderJobNotFound,
    RenderJobOver,
    RenderLicenseRefused,
)
from app.gateway.models import Generation
from app.gateway.models_render_jobs import RenderJobOutside
from app.gateway.workbench import token_for
from app.registry import service as registry

REFERENCE_LASTS = timedelta(seconds=60)


@dataclass(frozen=True)
class Taken:
    """A job in a renderer's hands: its licence, and links that open for a minute."""

    task: RenderJobOutside
    generation: Generation
    license: str
    references: tuple[str, ...]


def jobs_of(
    session: Session, organization_id: str
) -> Sequence[tuple[RenderJobOutside, Generation]]:
    """List a renderer's jobs that wait or were taken and not handed in, oldest first."""
    found = (
        select(RenderJobOutside, Generation)
        .join(Generation, col(Generation.id) == col(RenderJobOutside.generation_id))
        .where(
            RenderJobOutside.organization_id == organization_id,
            col(RenderJobOutside.state).in_(("waiting", "taken")),
        )
        .order_by(col(RenderJobOutside.id))
    )
    return session.exec(found).all()


def take(session: Session, organization_id: str, job_id: str) -> Taken:
    """Take a job, again where it was taken before: the licence of before is over then.

    Raises RenderJobNotFound, RenderJobOver.
    """
    task, generation = _locked(session, organization_id, job_id)
    _check_going_on(session, task, generation)
    _check_consent(session, generation)
    task.state, task.taken_at, task.licenses = "taken", clock.now(), task.licenses + 1
    session.add(task)
    expires = int((clock.now() + REFERENCE_LASTS).timestamp())
    links = tuple(
        f"/v1/downloads/references/{task.id}?medium={medium_id}&expires={expires}"
        f"&seal={_seal('reference', task, medium_id, str(expires))}"
        for medium_id in _media_of(session, generation)
    )
    return Taken(task, generation, _seal("license", task), links)


def open_reference(
    session: Session, job_id: str, medium_id: str, *, expires: int, seal: str
) -> tuple[bytes, str]:
    """Return a portrait and its media type, on record. Raises LinkExpired, RenderJobOver."""
    found = check_link(session, job_id, medium_id, expires=expires, seal=seal)
    task, generation = _locked(session, found.organization_id, job_id)
    check_link(session, job_id, medium_id, expires=expires, seal=seal)  # none was issued meanwhile
    media = _media_of(session, generation)
    if medium_id not in media:
        raise LinkExpired("this portrait is no longer there; take the job again")
    _check_going_on(session, task, generation)
    _check_consent(session, generation)
    owner_id = session.get_one(vault.VaultObject, media[medium_id][0]).owner_id
    for member in service.cast_of(session, generation.id):
        if member.performer_id == owner_id:
            vendor_copies.sent(
                session,
                vendor=generation.generator,
                kind="reference",
                what="a portrait, opened by a renderer for one job",
                performer_id=owner_id,
                contract_id=member.contract_id,
                generation_id=generation.id,
                reference=task.id,
            )
    picture = vault.open_bytes(
        session,
        media[medium_id][0],
        purpose="render",
        subject_id=generation.id,
        token=token_for(session, generation),
    )
    return picture, media[medium_id][1]


def key_of_film(generation_id: str, digest: bytes) -> str:
    """Name what is handed in by its content; it counts once it is put down."""
    return f"generations/{generation_id}/handed-in-{digest.hex()[:16]}.mp4"


def check_link(
    session: Session, job_id: str, medium_id: str, *, expires: int, seal: str
) -> RenderJobOutside:
    """Return the job of a link that is ours and has not expired. Raises LinkExpired."""
    task = session.get(RenderJobOutside, job_id)
    if task is not None and int(clock.now().timestamp()) <= expires:
        wanted = _seal("reference", task, medium_id, str(expires))
        if hmac.compare_digest(seal.encode(), wanted.encode()):
            return task
    raise LinkExpired("this link has expired or was altered; take the job again")


def may_hand_in(task: RenderJobOutside, shown: str) -> bool:
    """Say whether a film is to be stored, before it is: for this licence, while the job goes on.

    Whether it counts is for `hand_in` to say, under its locks.
    """
    is_open = task.state in {"waiting", "taken"} and clock.now() < task.due_at
    return is_open and _is_license(task, shown)


def hand_in(
    session: Session, organization_id: str, job_id: str, *, shown: str, key: str, digest: bytes
) -> RenderJobOutside:
    """Put down what a renderer returns; a worker inspects it like any other generator's.

    Raises RenderJobNotFound, RenderJobOver, RenderLicenseRefused.
    """
    task, generation = _locked(session, organization_id, job_id)
    _check_going_on(session, task, generation)
    if not _is_license(task, shown):
        raise RenderLicenseRefused("this licence is for another job, or a later one ended it")
    task.state, task.returned_at = "returned", clock.now()
    task.result_key, task.result_sha256 = key, digest.hex()
    session.add(task)
    return task


def job_of(session: Session, organization_id: str, job_id: str) -> RenderJobOutside:
    """Return a job of this organization's. Raises RenderJobNotFound for all others alike."""
    task = session.get(RenderJobOutside, job_id)
    if task is None or task.organization_id != organization_id:
        raise RenderJobNotFound(f"no job of yours has the id {job_id[:64]}")
    return task


def _locked(
    session: Session, organization_id: str, job_id: str
) -> tuple[RenderJobOutside, Generation]:
    """Lock the generation first, as everywhere, then the job."""
    task = job_of(session, organization_id, job_id)
    generation = session.get_one(
        Generation, task.generation_id, with_for_update=True, populate_existing=True
    )
    session.refresh(task, with_for_update=True)
    return task, generation


def _is_license(task: RenderJobOutside, shown: str) -> bool:
    wanted = _seal("license", task)
    return task.licenses > 0 and hmac.compare_digest(shown.encode(), wanted.encode())


def _check_going_on(session: Session, task: RenderJobOutside, generation: Generation) -> None:
    """Do nothing while the job may be worked on. Raises RenderJobOver, and says why."""
    if task.state not in {"waiting", "taken"}:
        raise RenderJobOver(f"{task.id} is {task.state}; there is nothing more to do for it")
    if clock.now() >= task.due_at:
        raise RenderJobOver(f"{task.id} was due at {task.due_at:%H:%M} UTC; it is too late")
    if generation.state != "rendering":
        raise RenderJobOver(f"the generation is {generation.state}; nothing of it is rendered now")
    stops.lock_shared(session)
    if stopped := service.what_stops(session, generation):
        raise RenderJobOver(stopped)


def _check_consent(session: Session, generation: Generation) -> None:
    """Do nothing where this would be released now; a likeness opens for nothing else."""
    if service.what_forbids(session, generation):
        raise RenderJobOver("by its contract as it stands now this would not be released; stop")


def _media_of(session: Session, generation: Generation) -> dict[str, tuple[str, str]]:
    """Name the portraits of a generation's cast: medium to vault object and media type."""
    return {
        medium.id: (medium.vault_object_id, medium.media_type)
        for member in service.cast_of(session, generation.id)
        for medium in registry.references_of(session, member.replica_id)
    }


def _seal(what: str, task: RenderJobOutside, *more: str) -> str:
    text = "\n".join(("render-job", what, task.id, str(task.licenses), *more))
    return hmac.new(keys.secret("link"), text.encode(), sha256).hexdigest()
