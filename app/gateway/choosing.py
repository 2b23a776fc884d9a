"""Choose a take: the shot's full price once, less the credit for its drafts; nothing is rendered.

The chosen take is a generation of its own, made of the draft's rendering: it is decided, inspected,
marked, signed and released like any other, without the slate, and derives from the draft.
"""

from dataclasses import replace

from sqlmodel import Session

from app import clock
from app.gateway import holding, service, stops, takes
from app.gateway.generators import catalogue
from app.gateway.materials import service as materials
from app.gateway.models import Generation
from app.gateway.models_takes import Shot
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision


def choose_take(session: Session, draft: Generation) -> tuple[Decision, Generation | None]:
    """Decide again for a draft's scene, hold its price, and have the take released. One each shot.

    Only the shot's own contracts may permit it: they agreed the drafts, whose seconds were counted
    under them. A denial is an answer. Raises Stopped, TakeNotThere, TakeChosen, TakesNotAgreed,
    MaterialNotFound, MaterialNotUsable, BudgetExceeded, FundsLacking.
    """
    _check_is_there(draft)
    cast = service.cast_of(session, draft.id)
    performers = [member.performer_id for member in cast]
    stops.lock_shared(session)
    stops.check(session, model=draft.generator, performers=performers)
    use = replace(
        decisions.use_of(session.get_one(Decision, draft.decision_id)),
        at=clock.now(),
        idempotent_replay=True,  # its seconds were counted when it was rendered
    )
    under = session.get_one(Shot, draft.shot_id).series_ids  # a shot keeps its contracts
    judged = decisions.decide_use(session, use, generators=catalogue.TRAINS_ON_INPUTS, under=under)
    if judged.decision.outcome != "permit":
        return judged.decision, None
    shot = takes.shot_of(session, draft.shot_id or "")
    takes.check_open(session, shot)
    session.refresh(draft)
    _check_is_there(draft)
    used = materials.insist_usable(
        session,
        draft.organization_id,
        {role: each.id for role, each in materials.of_generation(session, draft.id).items()},
        performers=performers,
    )
    generation = Generation(
        organization_id=draft.organization_id,
        decision_id=judged.decision.id,
        generator=draft.generator,
        line=draft.line,
        length_ms=draft.length_ms,
        request=dict(draft.request),
        shot_id=shot.id,
        take=draft.take,
        parent_id=draft.id,
        relation=takes.TAKE,
        state="rendered",
        rendered_key=draft.rendered_key,
        rendered_sha256=draft.rendered_sha256,
    )
    members = [(member.replica_id, member.performer_id) for member in cast]
    holding.take_on(session, generation, judged, members, use)
    materials.use(session, generation.id, used)
    shot.chosen_id = generation.id
    session.add(shot)
    session.flush()
    return judged.decision, generation


def _check_is_there(draft: Generation) -> None:
    if not draft.is_draft:
        raise takes.TakeNotThere(f"{draft.id} is no draft: there is nothing to choose")
    if draft.state != "released":
        raise takes.TakeNotThere(f"{draft.id} is {draft.state}; choose it once it is released")
    if takes.is_gone(draft):
        raise takes.TakeNotThere(
            f"{draft.id} was to be kept until {draft.delete_at} and is deleted; make another take"
        )
