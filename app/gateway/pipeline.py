"""One generation, from permit to release. Read this top to bottom; docs/generation.md tells it.

Steps 1 and 2 (facts, decision, holds) are `service.request_generation`: when a generation gets
here it is permitted, its money and seconds are held, and nothing has left the house. Every stage
below commits on its own and may be run again by another worker at any point: it looks at the state
first, and does what is still to be done. A stage returns False where the story ends.
"""

from pathlib import Path

import structlog
from sqlmodel import Session

from app import clock, commits, db, publication
from app.gateway import (
    buying,
    claims,
    costs,
    endings,
    holding,
    inspect,
    marking,
    outputs,
    previews,
    progress,
    service,
    stops,
    takes,
    telling,
)
from app.gateway.generators import Connector, Generator, RenderJob, catalogue
from app.gateway.generators.errors import OrderRefused
from app.gateway.materials import checking
from app.gateway.materials import service as materials
from app.gateway.models import FINAL, Generation
from app.gateway.reviews import recognition
from app.gateway.workbench import (
    at_work,
    await_result,
    fetch,
    forget,
    job_of,
    keep,
    load,
    locked,
    open_footage,
    token_for,
)
from app.ledger import service as ledger
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.licensing.errors import StandingOfferSpent
from app.licensing.standing import acceptance
from app.provenance import service as provenance
from app.provenance.desk import desk
from app.provenance.errors import ReleaseGateClosed
from app.registry import matching
from app.registry import service as registry
from app.transparency import service as transparency
from app.twofold import epochs

logger = structlog.get_logger()
# --- 3. The intent is committed, then the generator is called, outside any transaction. ---


def render(generation_id: str) -> bool:
    """Have the generator render, and put its result in quarantine."""
    generation = load(generation_id)
    if generation.state not in {"held", "submitting", "rendering"}:
        forget(generation)
        return generation.state not in FINAL
    generator = catalogue.find(generation.generator)[0]
    with at_work(generation_id) as directory:
        with db.writing() as session:
            intent = locked(session, generation_id, "held", "submitting", "rendering")
            # A vendor's order that is under way is its own story: see `buying`.
            is_vendors = isinstance(generator, Connector)
            is_new = intent.state == "held" or (intent.state == "submitting" and not is_vendors)
            forbidden = service.what_forbids(session, intent) if is_new else ""
            if is_new and not forbidden:
                forbidden = checking.compare(session, intent, lambda: token_for(session, intent))
            if forbidden:
                endings.end(session, intent, "refused", forbidden)
            else:
                intent.state = "submitting" if is_new else intent.state
                opened = not isinstance(generator, Connector) or buying.needs_likeness(
                    session, generator, generation_id
                )
                job = job_of(session, intent, directory, opened=opened)
        if forbidden:
            forget(generation)
            return False
        try:
            reference = _submit(generator, job)
        except OrderRefused as refusal:
            return _end(generation_id, "failed", refusal.detail)
        if reference is None:
            return False  # nobody can tell whether it runs: it rests until a person settles it
        with db.writing() as session:
            sent = locked(session, generation_id, "submitting", "rendering")
            sent.state, sent.job_reference = "rendering", reference
        result = directory / "rendered.mp4"
        why = _collect(generator, generation_id, reference, result)
        if why is None:
            return False  # it goes on elsewhere; the story is taken up once something is known
        if why:
            ended = _end(generation_id, "failed", why)
            forget(sent)
            return ended
        result = outputs.kind_of(generation).named(result)
        digest, key = keep(generation_id, "rendered", result)
    with db.writing() as session:
        rendered = locked(session, generation_id, "rendering")
        rendered.state = "rendered"
        rendered.rendered_key, rendered.rendered_sha256 = key, digest
    forget(rendered)
    return True


# --- 4. The result is inspected in a sandboxed process. ---


def examine(generation_id: str) -> bool:
    """Look at what came back before anything is made of it."""
    generation = load(generation_id)
    if generation.state != "rendered":
        return generation.state not in FINAL
    with at_work(generation_id) as directory:
        path = fetch(generation.rendered_key, directory / "rendered")
        kind = outputs.kind_of(generation)
        with db.writing() as session:
            looked_at = locked(session, generation_id, "rendered")
            replicas = [member.replica_id for member in service.cast_of(session, generation_id)]
            use = decisions.use_of(session.get_one(Decision, looked_at.decision_id))
            declared = inspect.OTHER_PEOPLE in (use.tags or ())
            templates = []
            if kind.shows:
                token = token_for(session, looked_at)
                templates = registry.templates_of(session, replicas, token=token)
        facts, strange = inspect.look(path, templates, by=kind.looked_at_by)
    length_s = generation.length_ms / 1000
    if kind.shows:
        findings = inspect.check_output(
            facts,
            length_s=length_s if kind.lasts else None,
            size=tuple(generation.request["size"]),
            others_may_appear=declared,
        )
    else:
        findings = inspect.check_sound(facts, longest_s=length_s)
    if kind.lasts:
        licensed = "voice" in (use.modalities or ())
        wanted = licensed and catalogue.makes_sound(generation.generator)
        findings += inspect.check_voice(
            facts, wanted=wanted, licensed=licensed, others_may_speak=declared
        )
    if any(finding.code not in inspect.DOUBTS for finding in findings):
        return _end(generation_id, "quarantined", "; ".join(findings))
    searched = matching.search(strange) if strange else matching.Searched([], 0)
    with db.writing() as session:
        examined = locked(session, generation_id, "rendered")
        if not recognition.may_go_on(
            session, examined, searched, findings, film=facts.frames_sampled > 1
        ):
            return False
        examined.state, examined.output_facts = "inspected", facts.model_dump(mode="json")
        examined.found_tags = inspect.content_tags(facts, people=len(replicas))
    return True


# --- 5. The watermark: the payload is the output's random 64-bit id. ---


def mark(generation_id: str) -> bool:
    """Embed the payload in the picture, or in every frame and the sound."""
    generation = load(generation_id)
    if generation.state != "inspected":
        return generation.state not in FINAL
    with at_work(generation_id) as directory:
        source = fetch(generation.rendered_key, directory / "rendered")
        kind, payload = outputs.kind_of(generation), bytes.fromhex(generation.payload_hex)
        marked = kind.marked(source)
        with db.reading() as session:
            secret, slate = epochs.secret(session), takes.slate_of(session, generation)
        marking.mark_output(source, marked, payload, secret, kind.marked_by, slate=slate)
        _, key = keep(generation_id, "marked", marked)
    with db.writing() as session:
        done = locked(session, generation_id, "inspected")
        done.state, done.marked_key = "marked", key
    return True


# --- 6. The credentials: hard binding over the marked bytes, soft binding names the payload. ---


def sign(generation_id: str) -> bool:
    """Sign the marked file, read it back as a stranger would, and keep its manifest.

    What does not verify then stays in quarantine, with the reason.
    """
    generation = load(generation_id)
    if generation.state != "marked":
        return generation.state not in FINAL
    with at_work(generation_id) as directory:
        source = fetch(generation.marked_key, directory / "marked")
        rendered = fetch(generation.rendered_key, directory / "rendered")
        signed = source.with_stem("signed")
        footage = open_footage(generation_id, directory)
        with db.reading() as session:
            private = claims.private_words(session, generation)
            generators_own = provenance.with_credentials(rendered, desk=desk(), private=private)
            parent = claims.parent_of(session, generation, directory)
            altered = (
                provenance.altered_footage(footage, desk=desk(), private=private)
                if footage
                else None
            )
            statement = claims.statement(session, generation, generators_own, parent, altered)
        try:
            output = provenance.sign_output(
                source, signed, statement, desk=desk(), whose=generation.organization_id
            )
        except ReleaseGateClosed as closed:  # the same file would be refused again
            logger.error("the release gate is closed", subject=generation_id, reason=closed.detail)
            return _end(generation_id, "quarantined", closed.detail)
        digest, key = keep(generation_id, "signed", signed)
    with db.writing() as session:
        done = locked(session, generation_id, "marked")
        provenance.register(session, output)
        done.state, done.output_key, done.output_sha256 = "signed", key, digest
        done.output_size_bytes = output.file.size_bytes
    return True


# --- 7. Where a contract wants it, somebody of the performer's side looks first. ---


def preview(generation_id: str) -> bool:
    """Ask for a look at the marked file, and stop here until there is an answer.

    The answer, a transaction of its own (`previews.answer_preview`), has the story taken up again.
    """
    generation = load(generation_id)
    if generation.state != "signed":
        return generation.state not in {*FINAL, "awaiting-preview"}
    with db.writing() as session:
        signed = locked(session, generation_id, "signed")
        if not ledger.holds_stand(session, generation_id):
            return True  # nobody need look at what the release will refuse
        if previews.ask_for_previews(session, signed, service.contracts_of(session, generation_id)):
            signed.state = "awaiting-preview"
    return signed.state == "signed"


# --- 8. One transaction, under the lock a withdrawal takes: decide again, then release or void. ---


def release(generation_id: str) -> bool:
    """Decide with today's withdrawals, pauses and strikes; then pay and release, or void."""

    def decide_and_settle(session: Session) -> str:
        generation = locked(session, generation_id)
        if generation.state not in {"signed", "previewed"}:
            return ""  # done before
        stops.lock_shared(session)
        seen = generation.state == "previewed" or not any(
            previews.wanted(session, generation, contract)
            for contract in service.contracts_of(session, generation_id)
        )
        decision = decisions.decide_release(
            session,
            generation.decision_id,
            generators=catalogue.TRAINS_ON_INPUTS,
            found_tags=generation.found_tags,
        )
        stopped = _what_stops(session, generation, decision, seen=seen)
        if not stopped:
            _pay(session, generation)
            generation.state = "released"
            if generation.is_draft:  # for the production to choose from; nothing is released by it
                contracts = service.contracts_of(session, generation_id)
                generation.delete_at = clock.now() + takes.days_kept(contracts)
            else:
                generation.released_at = clock.now()
                sha256 = {"sha256": generation.output_sha256}
                transparency.record(session, "output-released", generation_id, sha256)
                telling.tell_of_release(session, generation)
        else:
            generation.state = "refused"
            generation.reason = stopped
            stands = ledger.holds_stand(session, generation_id)
            ledger.void_hold(session, generation_id, reason=generation.reason)
            if costs.is_stopped(decision, holds_stand=stands):
                costs.settle_stopped(session, generation, reason=stopped)
                telling.tell_of_stop(session, generation)
        return generation.state

    if ended := commits.queue().run(decide_and_settle):
        endings.ENDED.labels(ended).inc()
        logger.info("generation ended", generation=generation_id, state=ended)
    return load(generation_id).state in {"released", "refused"}  # what was decided is published


# --- 9. The outbox goes into the log. ---


def publish(generation_id: str) -> bool:
    """Sequence what was written above into the public log."""
    publication.publish_log()
    logger.info("logged", generation=generation_id)
    return True


STAGES = (render, examine, mark, sign, preview, release, publish)


def give_up(generation_id: str, stage: str) -> bool:
    """End a generation whose stage kept failing: nothing is released, nothing is charged."""
    reason = f"{stage} failed four times; the operator's log says why"
    ended = _end(generation_id, "failed", reason)
    forget(load(generation_id))
    return ended


def notices() -> tuple[str, ...]:
    """What must be said aloud where this worker starts."""
    return catalogue.notices()


def _submit(generator: Generator, job: RenderJob) -> str | None:
    """Have the job started: once where it costs money; elsewhere the same id is the same job."""
    if isinstance(generator, Connector):
        return buying.buy(generator, job)
    return generator.submit(job)


def _collect(generator: Generator, generation_id: str, reference: str, result: Path) -> str | None:
    """Fetch the result; return why there is none, or nothing. None: no worker waits for it."""
    if isinstance(generator, Connector):
        return buying.collect(generator, generation_id, reference, result)
    return await_result(
        generator, reference, result, say=lambda share: progress.keep(generation_id, share)
    )


def _what_stops(session: Session, generation: Generation, decision: Decision, *, seen: bool) -> str:
    """Say why this may not be released, or nothing: a stop, the rules, its hold, its offer."""
    if stopped := service.what_stops(session, generation):
        return stopped
    if decision.outcome != "permit":
        return ", ".join(decision.codes) or decision.outcome
    if not seen:
        return "the performer's side has not looked at it; ask again"
    if not ledger.holds_stand(session, generation.id):
        return "its hold ran out; ask again"
    if unusable := materials.what_forbids(session, generation.id):
        return unusable
    permit = session.get_one(Decision, generation.decision_id)
    event = holding.usage_event(generation, decisions.use_of(permit))
    for contract in service.contracts_of(session, generation.id):
        terms, book = decisions.compensation_of(contract), contract.series_id
        due = ledger.quote_use(session, book, terms=terms, event=event).licensee_minor
        if due <= ledger.open_hold(session, generation.id, book).amount_minor:
            continue
        try:  # a dearer tier must not take a standing offer beyond its cap
            acceptance.check_fees(session, contract, fees_minor=due, generation_id=generation.id)
        except StandingOfferSpent as spent:
            return spent.detail
    return ""


def _pay(session: Session, generation: Generation) -> None:
    """Turn every hold of this generation into a journal entry, which has its leaf in the log."""
    permit = session.get_one(Decision, generation.decision_id)
    event = holding.usage_event(generation, decisions.use_of(permit))
    for contract in service.contracts_of(session, generation.id):
        terms = decisions.compensation_of(contract)
        # Uses captured since the permit may have reached a dearer tier that both sides agreed.
        book = contract.series_id  # all versions of a contract share its books
        ledger.raise_hold(session, generation.id, book, terms=terms, event=event)
        ledger.capture_hold(session, generation.id, book, terms=terms, event=event)


def _end(generation_id: str, state: str, reason: str) -> bool:
    """Stop the story: nothing is released, the holds are voided, the reason stays."""
    with db.writing() as session:
        generation = locked(session, generation_id)
        if generation.state not in FINAL:
            endings.end(session, generation, state, reason)
    return False
