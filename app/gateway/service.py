"""Requests for generations: facts, decision and holds in one transaction; and who may read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from sqlmodel import Session, col, select

import app.gateway.webhooks  # noqa: F401  states are told in the flush that changes them
from app import clock
from app.errors import BadRequest
from app.gateway import holding, prompts, stops, takes
from app.gateway.errors import (
    GenerationNotFound,
    JobNotOffered,
    ReplicaNotFound,
)
from app.gateway.generators import Capability, RenderJob, catalogue, mismatches
from app.gateway.generators.fitting import unfit
from app.gateway.materials import consents
from app.gateway.materials import service as materials
from app.gateway.materials.models import Material
from app.gateway.models import FINAL, Generation, GenerationReplica
from app.gateway.models_render_jobs import RenderJobOutside
from app.gateway.models_vendor_jobs import VendorJob
from app.identity.principal import UNLIMITED, Scope
from app.ledger import service as ledger
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.decisions.gather import lock_contracts
from app.licensing.decisions.looking import look
from app.licensing.decisions.models import Decision
from app.licensing.decisions.service import use_of
from app.licensing.strikes import service as strikes
from app.registry.models import Replica

SEEN_FIRST = {  # materials after which the performer's side sees, or hears, what it became
    "footage": "footage that is altered",
    "voice": "a voice recording of which the production says whose it is",
}
CLOCKS_DIFFER = timedelta(minutes=1)  # of workers: what one calls late is late to all


@dataclass(frozen=True)
class Asked:
    """What a production asks for, as far as the gateway itself must understand it."""

    replicas: tuple[str, ...]
    generator: str
    line: str
    length_s: Decimal
    size: tuple[int, int]
    materials: Mapping[str, str] = field(default_factory=dict)  # by role, their ids
    shot: str = ""  # its name, where this is a take of one: a draft
    parent_id: str = ""  # the output this one derives from, and how
    relation: str = ""


def request_generation(
    session: Session, organization_id: str, asked: Asked, use: UseRequest
) -> tuple[Decision, Generation | None]:
    """Decide, and where it is a permit place the holds and create the generation. One transaction.

    A denial is an answer: the decision is recorded and returned without a generation. Raises
    ReplicaNotFound, GeneratorUnavailable, JobNotOffered, MaterialNotFound, Stopped before anything
    is decided; Stopped, LineRefused, MaterialNotUsable, JobNotOffered, BudgetExceeded,
    ParentRefused and, for a take, TakesNotAgreed, TakesSpent, TakeChosen and ShotDiffers after a
    permit, of which nothing is then kept.
    """
    stops.lock_shared(session)
    stops.check(session, model=asked.generator)
    replicas = [session.get(Replica, replica_id) for replica_id in asked.replicas]
    known = [replica for replica in replicas if replica is not None]
    if len(known) != len(replicas) or len(set(asked.replicas)) != len(replicas):
        raise ReplicaNotFound("a replica in this request is unknown, or named twice; check the ids")
    if asked.length_s * 1000 % 1:
        raise BadRequest(f"{asked.length_s} s is finer than a millisecond; give three decimals")
    capability = check_offered(asked)
    _check_alone(asked, capability, use)
    given = {
        role: materials.material_of(session, organization_id, material_id)
        for role, material_id in asked.materials.items()
    }
    _check_voice(session, given, use)
    performers = tuple(replica.performer_id for replica in known)
    if len(set(performers)) != len(performers):
        raise BadRequest("two of these replicas are of one performer; name one of them")
    use = decisions.with_performers(use, performers, requester_org=organization_id)
    spoken = prompts.tags_of(asked.line)
    use = replace(use, tags=tuple(dict.fromkeys((*(use.tags or ()), *spoken)))) if spoken else use
    # 1. Every performer in the scene, every contract, under their locks.
    judged = decisions.decide_use(session, use, generators=catalogue.TRAINS_ON_INPUTS)
    if judged.decision.outcome != "permit":
        return judged.decision, None
    stops.check(session, performers=performers)  # a stranger was told of no contract, no more
    look_first = prompts.check_line(session, asked.line, performers=performers)
    look_first = [
        *look_first,
        *(why for role, why in SEEN_FIRST.items() if role in asked.materials),
    ]
    used = materials.insist_usable(session, organization_id, asked.materials, performers=performers)
    if asked.parent_id:
        takes.parent_of(session, organization_id, asked.parent_id, performers=performers)
    if amiss := unfit(capability, length_s=float(asked.length_s), size=asked.size, given=used):
        raise JobNotOffered(f"{asked.generator} cannot use this: {'; '.join(amiss)}")
    # 2. The generation, and with it the holds: quota seconds and money, for all or for none.
    generation = Generation(
        organization_id=organization_id,
        decision_id=judged.decision.id,
        generator=asked.generator,
        line=asked.line,
        length_ms=int(asked.length_s * 1000),
        request={
            "size": list(asked.size),
            "output": capability.output,
            "languages": list(use.languages or ()),
            **({"look_first": look_first} if look_first else {}),
        },
    )
    if asked.shot and capability.output == "audio":
        raise JobNotOffered("a sound has no picture to slate: ask for it without a shot")
    if asked.shot:
        governing = [judged.contracts[performer] for performer in performers]
        shot, generation.take = takes.place(
            session,
            organization_id,
            project=use.project or "",
            name=asked.shot,
            contracts=governing,
        )
        generation.shot_id, generation.is_draft = shot.id, True
    if asked.parent_id:
        generation.parent_id, generation.relation = asked.parent_id, asked.relation
    cast = [(each.id, each.performer_id) for each in known]
    holding.take_on(session, generation, judged, cast, use)
    materials.use(session, generation.id, used)
    return judged.decision, generation


def _check_voice(session: Session, given: Mapping[str, Material], use: UseRequest) -> None:
    """Insist that a registered performer's own recording is asked for as their voice."""
    voice = given.get("voice")
    is_asked = "voice" in (use.modalities or ())
    if voice is not None and not is_asked and consents.is_performers(session, voice):
        raise JobNotOffered(
            f"{voice.id} is a performer's own voice, which their contract must license: add "
            '"voice" to "modalities"'
        )


def check_offered(asked: Asked) -> Capability:
    """Return what the model can do; refuse before money is held what it would refuse later.

    Raises GeneratorUnavailable, JobNotOffered.
    """
    capability = catalogue.available(asked.generator)
    job = RenderJob(
        generation_id="",
        model=asked.generator,
        line=asked.line,
        length_s=float(asked.length_s),
        width=asked.size[0],
        height=asked.size[1],
        references=tuple(Path(replica) for replica in asked.replicas),
        **cast("Any", {role: Path(id_) for role, id_ in asked.materials.items()}),
    )
    if found := mismatches(job, capability):
        raise JobNotOffered(f"{asked.generator} does not do this: {'; '.join(found)}")
    return capability


def _check_alone(asked: Asked, capability: Capability, use: UseRequest) -> None:
    """Insist that what is sound alone is asked for as a voice, and as no take of a shot."""
    if capability.output != "audio":
        return
    if tuple(use.modalities or ()) != ("voice",):
        raise JobNotOffered(
            f'{asked.generator} makes sound alone: say so with "modalities": ["voice"]'
        )
    if asked.shot:
        raise JobNotOffered("takes are of films and pictures; ask for a line without a shot")


def waiting(session: Session) -> Sequence[tuple[str, str]]:
    """List the generations with something to do, oldest first, and the chapter they are in.

    Those under way are listed too: the queue knows them, or has lost them and must take them up.
    What waits for a human has nothing to do; once it is previewed, an operator has found its job
    at the vendor's, the job has ended there, or a renderer outside has handed in or is late,
    another chapter begins.
    """
    settled = set(
        session.exec(select(VendorJob.generation_id).where(col(VendorJob.settled_at).is_not(None)))
    )
    handed_in = col(RenderJobOutside.returned_at).is_not(None)
    late = col(RenderJobOutside.due_at) <= clock.now() - CLOCKS_DIFFER
    outside = session.exec(
        select(RenderJobOutside.generation_id, RenderJobOutside.returned_at)
        .join(Generation, col(Generation.id) == col(RenderJobOutside.generation_id))
        .where(col(Generation.state).not_in(FINAL), handed_in | late)
    )
    chapters = {id_: "returned" if returned_at else "late" for id_, returned_at in outside}
    chapters.update(dict.fromkeys(settled, "settled"))
    woken = select(VendorJob.generation_id, VendorJob.wakes).where(
        VendorJob.state == "ordered", VendorJob.wakes > 0
    )
    chapters.update({id_: f"asked-{wakes}" for id_, wakes in session.exec(woken)})
    idle = col(Generation.state).in_({*FINAL, "awaiting-preview"})
    found = select(Generation.id, Generation.state).where(~idle).order_by(col(Generation.id))
    return [
        (id_, state if state == "previewed" else chapters.get(id_, ""))
        for id_, state in session.exec(found)
    ]


def generation_of(
    session: Session, organization_id: str, generation_id: str, *, scope: Scope = UNLIMITED
) -> Generation:
    """Return a generation of the caller's, within the limits of their key.

    Raises GenerationNotFound for all others alike.
    """
    generation = session.get(Generation, generation_id)
    if (
        generation is None
        or generation.organization_id != organization_id
        or not is_within(session, generation, scope)
    ):
        raise GenerationNotFound(f"no generation of yours has the id {generation_id[:64]}")
    return generation


def is_within(session: Session, generation: Generation, scope: Scope) -> bool:
    """Say whether a generation is of a project, and under contracts, that a key is for."""
    if scope.projects is not None:
        decision = session.get_one(Decision, generation.decision_id)
        if use_of(decision).project not in scope.projects:
            return False
    if scope.contract_ids is None:
        return True
    under = (
        select(Contract.series_id)
        .join(GenerationReplica, col(GenerationReplica.contract_id) == col(Contract.id))
        .where(GenerationReplica.generation_id == generation.id)
    )
    return set(session.exec(under)) <= scope.contract_ids


def generations_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Generation]:
    """List the caller's generations, newest first; `before` is the last id of the page before."""
    page = select(Generation).where(Generation.organization_id == organization_id)
    if before is not None:
        page = page.where(col(Generation.id) < before)
    return session.exec(page.order_by(col(Generation.id).desc()).limit(limit)).all()


def cast_of(session: Session, generation_id: str) -> Sequence[GenerationReplica]:
    """List who is in a generation, in the order of their contracts' ids (the order of locks)."""
    return session.exec(
        select(GenerationReplica)
        .where(GenerationReplica.generation_id == generation_id)
        .order_by(col(GenerationReplica.contract_id), col(GenerationReplica.replica_id))
    ).all()


def what_stops(session: Session, generation: Generation) -> str:
    """Say which stop of the operator's holds a generation up, or nothing."""
    performers = [member.performer_id for member in cast_of(session, generation.id)]
    return stops.what_stops(session, model=generation.generator, performers=performers)


def what_forbids(session: Session, generation: Generation) -> str:
    """Say why this would not be released as everything stands now, or nothing.

    Asked before a likeness leaves and before anything is bought. Holds, until the transaction ends,
    what a release holds: no stop, strike, pause or withdrawal slips in between. Whoever calls has
    locked the generation.
    """
    stops.lock_shared(session)
    if stopped := what_stops(session, generation):
        return stopped
    strikes.lock_shared(session)
    lock_contracts(session, [member.performer_id for member in cast_of(session, generation.id)])
    permit = session.get_one(Decision, generation.decision_id)
    use = decisions.release_of(permit, found_tags=generation.found_tags)
    answer = look(
        session,
        replace(use, at=clock.now()),
        generators=catalogue.TRAINS_ON_INPUTS,
        under=decisions.governed_by(permit),
        permitted_by=permit,
    ).answer
    if not answer.permitted:
        return ", ".join(answer.codes) or answer.outcome
    if not ledger.holds_stand(session, generation.id):
        return "its hold ran out; ask again"
    return materials.what_forbids(session, generation.id)


def contracts_of(session: Session, generation_id: str) -> list[Contract]:
    """List the contracts that permitted this generation, one per performer."""
    cast = cast_of(session, generation_id)
    return [session.get_one(Contract, member.contract_id) for member in cast]
