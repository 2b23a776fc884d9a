"""The marked preview: somebody of the performer's side looks before anything is released.

A contract that prohibits any content wants it, unless it waives it (`content.preview_waived`); so
does a line that asks for somebody's manner or voice (prompts.py).
Nobody lets go what they have not opened; silence refuses.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app import clock, keys
from app.config import settings
from app.gateway import endings
from app.gateway.errors import (
    LinkExpired,
    PreviewAnswered,
    PreviewNotFound,
    PreviewRefused,
    PreviewUnseen,
)
from app.gateway.models import Generation
from app.gateway.models_previews import Preview, PreviewLink
from app.gateway.reviews import service as reviews
from app.gateway.workbench import locked
from app.identity.models import Organization
from app.identity.principal import Principal
from app.ledger import service as ledger
from app.licensing.approvals.on_record import role_holders
from app.licensing.contracts.models import Contract
from app.licensing.deciding.governing import LICENSOR_ROLES
from app.licensing.document import contract as documents
from app.licensing.document.vocabulary import words
from app.notices import service as notices
from app.registry import mandates
from app.registry.models import Performer

STATES = ("waiting", "released", "refused", "timed-out")
SILENCE = "nobody of the performer's side answered the preview in time, and silence is a refusal"
RELEASE_TAKES = timedelta(hours=1)  # after the last moment to answer, the hold must still stand


@dataclass(frozen=True)
class Shown:
    """A preview with what it shows, and who may answer it in which role."""

    preview: Preview
    generation: Generation
    contract: Contract
    holders: dict[str, frozenset[str]]
    opened_by: frozenset[str]
    doubts: tuple[str, ...] = ()

    def state(self, at: datetime) -> str:
        """Say where it stands in one word of `STATES`."""
        if self.preview.outcome == "open":
            over = self.generation.state != "awaiting-preview" or self.preview.due_at <= at
            return "timed-out" if over else "waiting"
        return self.preview.outcome

    def roles_of(self, organization_id: str) -> list[str]:
        """Name the roles in which an organization may answer it."""
        return [
            role for role in self.preview.roles if organization_id in self.holders.get(role, ())
        ]

    @property
    def prohibited(self) -> list[str]:
        """What the contract never allows to be shown: what to look for."""
        return list(_terms(self.contract).grant.content.prohibited)


def wanted(session: Session, generation: Generation, contract: Contract) -> bool:
    """Say whether a human looks before a release: by contract, for the line, or for a doubt.

    A line that asks for somebody's manner or voice (`look_first`), and an output about which the
    inspection was in doubt, are looked at even where the contract waives the look.
    """
    return _wanted_anyhow(generation, contract) or reviews.waits(session, generation.id)


def let_go_of_doubts(session: Session, generation: Generation) -> None:
    """Ask nobody any more who was asked for a doubt alone, which the operator settled."""
    for preview in _of_generation(session, generation.id):
        contract = session.get_one(Contract, preview.contract_id)
        if preview.outcome == "open" and not _wanted_anyhow(generation, contract):
            preview.outcome, preview.role, preview.answered_at = "released", "operator", clock.now()
            session.add(preview)
    session.flush()
    _go_on(session, generation)


def _wanted_anyhow(generation: Generation, contract: Contract) -> bool:
    content = _terms(contract).grant.content
    by_contract = bool(content.prohibited) and not content.preview_waived
    return by_contract or bool(generation.request.get("look_first"))


def _go_on(session: Session, generation: Generation) -> None:
    """Have a generation go on to its release once everybody who was asked let it go."""
    asked = _of_generation(session, generation.id)
    if generation.state == "awaiting-preview" and all(p.outcome == "released" for p in asked):
        generation.state = "previewed"
        session.add(generation)
        session.flush()


def ask_for_previews(
    session: Session, generation: Generation, contracts: Sequence[Contract]
) -> list[Preview]:
    """Ask the performer's side of each contract that wants it, and keep the holds until then.

    The last moment to answer is the contract's `sla_hours` away, and never before the hold ends.
    """
    now, asked = clock.now(), []
    for contract in contracts:
        if not wanted(session, generation, contract):
            continue
        approvals = _terms(contract).approvals
        others = [role for role in approvals.required if role in {*LICENSOR_ROLES, "agent"}]
        due_at = ledger.keep_holds(
            session, generation.id, until=now + timedelta(hours=approvals.sla_hours) + RELEASE_TAKES
        )
        preview = Preview(
            generation_id=generation.id,
            contract_id=contract.id,
            roles=list(dict.fromkeys(("performer", *others))),
            created_at=now,
            due_at=due_at - RELEASE_TAKES,
        )
        session.add(preview)
        asked.append(preview)
        session.flush()
        _tell(session, preview, contract, asked_by=generation.organization_id)
    return asked


def _tell(session: Session, preview: Preview, contract: Contract, *, asked_by: str) -> None:
    """Tell who may answer that something waits for them; where nobody hears it, who asked."""
    performer = session.get_one(Performer, contract.performer_id)
    desk = session.get_one(Organization, performer.organization_id)
    holders = role_holders(session, performer, desk, contract.licensee_id, contract.series_id)
    asked = {each for role in preview.roles for each in holders.get(role, ())}
    for organization_id in sorted(asked):
        notices.tell(
            session,
            "preview-requested",
            preview.id,
            organization_id=organization_id,
            alarms_id=asked_by,
            due_at=preview.due_at,
        )


def issue_link(session: Session, principal: Principal, preview_id: str) -> PreviewLink:
    """Issue a link to the marked file for a minute. Raises PreviewNotFound, PreviewAnswered."""
    shown = preview_of(session, principal.organization_id, preview_id)
    _check_waiting(shown, clock.now())
    link = PreviewLink(
        preview_id=shown.preview.id,
        organization_id=principal.organization_id,
        api_key_id=principal.api_key_id,
        expires_at=clock.now() + timedelta(seconds=settings().download_link_s),
    )
    session.add(link)
    session.flush()
    return link


def address_of(link: PreviewLink) -> str:
    """Return the path that opens the preview until the link expires."""
    expiry = int(link.expires_at.timestamp())
    return f"/v1/downloads/previews/{link.id}?expires={expiry}&seal={_seal(link.id, expiry)}"


def open_link(session: Session, link_id: str, expires: int, seal: str) -> Generation:
    """Return what a link shows, while it waits for an answer. Raises LinkExpired."""
    fresh = int(clock.now().timestamp()) <= expires
    sealed = hmac.compare_digest(seal.encode(), _seal(link_id, expires).encode())
    link = session.get(PreviewLink, link_id) if fresh and sealed else None
    if link is None:
        raise LinkExpired("this link has expired or was altered; ask for a new one")
    preview = session.get_one(Preview, link.preview_id)
    generation = session.get_one(Generation, preview.generation_id)
    if generation.state != "awaiting-preview":
        raise LinkExpired(f"{preview.id} waits for no answer any more")
    return generation


def note_opened(session: Session, link_id: str) -> None:
    """Keep that the whole file was sent to whom the link was issued; the first moment stands."""
    link = session.get_one(PreviewLink, link_id)
    link.opened_at = link.opened_at or clock.now()
    session.add(link)
    session.flush()


def answer_preview(
    session: Session,
    principal: Principal,
    preview_id: str,
    *,
    role: str,
    let_go: bool,
    reason: str = "",
    content_tags: Sequence[str] = (),
) -> Preview:
    """Let the output go on to its release, or refuse it and end the generation. Once.

    Refusing wants no look: silence would refuse it too.
    The tags that were seen join those of the use: the release is decided with them. Raises
    PreviewNotFound, PreviewRefused, PreviewUnseen, PreviewAnswered.
    """
    known = preview_of(session, principal.organization_id, preview_id)
    locked(session, known.generation.id)
    shown, now = _show(session, known.preview), clock.now()
    preview, generation = shown.preview, shown.generation
    session.refresh(preview, with_for_update=True)
    _check_waiting(shown, now)
    if role not in shown.roles_of(principal.organization_id):
        raise PreviewRefused(
            f"your organization is not registered as {role[:64]} for this preview; it asks "
            f"{', '.join(preview.roles)}"
        )
    if let_go and principal.organization_id not in shown.opened_by:
        raise PreviewUnseen(
            f"your organization has not opened {preview.id} whole: a player that jumps about has "
            "not had all of it; look at it to its end, or open the file itself, which counts too"
        )
    preview.outcome = "released" if let_go else "refused"
    preview.role, preview.reason, preview.answered_at = role, reason, now
    preview.organization_id = principal.organization_id
    preview.api_key_id = principal.api_key_id
    preview.content_tags = words(content_tags)
    generation.found_tags = words([*generation.found_tags, *content_tags])
    session.add_all((preview, generation))
    session.flush()
    if not let_go:
        endings.end(session, generation, "refused", f"the {role} refused the preview: {reason}")
    else:
        _go_on(session, generation)
    doubt = reviews.of_generation(session, generation.id)
    if doubt is not None and doubt.outcome == "open" and generation.state != "awaiting-preview":
        reviews.settle(
            session,
            doubt,
            let_go=let_go,
            answered_as=role,
            reason=reason or "looked at in the preview",
            organization_id=principal.organization_id,
        )
    session.flush()
    return preview


def silent(session: Session) -> Sequence[str]:
    """List the generations whose preview nobody answered in time; asks without a lock."""
    late = (
        select(Generation.id)
        .join(Preview, col(Preview.generation_id) == col(Generation.id))
        .where(
            Generation.state == "awaiting-preview",
            Preview.outcome == "open",
            Preview.due_at <= clock.now(),
        )
    )
    return session.exec(late.distinct().order_by(col(Generation.id))).all()


def end_silent(session: Session, generation_id: str) -> None:
    """End a generation that waited for an answer in vain; one that goes on is left alone."""
    generation = locked(session, generation_id)
    late = [p for p in _of_generation(session, generation_id) if p.outcome == "open"]
    overdue = any(preview.due_at <= clock.now() for preview in late)
    if generation.state == "awaiting-preview" and overdue:
        endings.end(session, generation, "refused", SILENCE)


def preview_of(session: Session, organization_id: str, preview_id: str) -> Shown:
    """Return a preview that the caller's side is asked about. Raises PreviewNotFound for others."""
    mine = _asked_of(organization_id).where(Preview.id == preview_id)
    found = session.exec(mine).first()
    if found is None:
        raise PreviewNotFound(f"no preview of yours has the id {preview_id[:64]}")
    return _show(session, found)


def previews_of(
    session: Session,
    organization_id: str,
    *,
    waiting: bool = False,
    before: str | None = None,
    limit: int = 50,
) -> list[Shown]:
    """List the previews of the caller's performers, newest first; `before` continues a list."""
    page = _asked_of(organization_id)
    if waiting:
        page = page.join(Generation, col(Generation.id) == col(Preview.generation_id)).where(
            Preview.outcome == "open",
            Preview.due_at > clock.now(),
            Generation.state == "awaiting-preview",
        )
    if before is not None:
        page = page.where(col(Preview.id) < before)
    found = session.exec(page.order_by(col(Preview.id).desc()).limit(limit))
    return [_show(session, preview) for preview in found.all()]


@dataclass(frozen=True)
class Look:
    """A finished film that waits for somebody beside the performer to look at it."""

    preview: Preview
    generation: Generation
    name: str


def looks_of(session: Session, organization_id: str, *, limit: int = 25) -> list[Look]:
    """List what waits for a look that not the performer alone may take, what ends first at the top.

    One query. In which role the caller may answer is said by `preview_of`.
    """
    asked = _asked_of(organization_id).with_only_columns(Preview, Generation, col(Performer.name))
    page = asked.join(Generation, col(Generation.id) == col(Preview.generation_id)).where(
        col(Preview.outcome) == "open",
        col(Preview.due_at) > clock.now(),
        col(Generation.state) == "awaiting-preview",
    )
    found = session.execute(page.order_by(col(Preview.due_at)).limit(limit))
    return [Look(*row) for row in found if set(row[0].roles) != {"performer"}]


def previews_on(session: Session, organization_id: str, generation_id: str) -> list[Shown]:
    """List what the caller's side is asked about one output: one for each of its performers."""
    mine = _asked_of(organization_id).where(Preview.generation_id == generation_id)
    return [_show(session, each) for each in session.exec(mine.order_by(col(Preview.id))).all()]


def _asked_of(organization_id: str) -> SelectOfScalar[Preview]:
    return (
        select(Preview)
        .join(Contract, col(Contract.id) == col(Preview.contract_id))
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            or_(
                col(Performer.organization_id) == organization_id,
                col(Performer.agent_organization_id) == organization_id,
                mandates.held_by(organization_id, col(Performer.id), col(Contract.series_id)),
            )
        )
    )


def _show(session: Session, preview: Preview) -> Shown:
    contract = session.get_one(Contract, preview.contract_id)
    performer = session.get_one(Performer, contract.performer_id)
    desk = session.get_one(Organization, performer.organization_id)
    doubt = reviews.of_generation(session, preview.generation_id)
    opened = select(PreviewLink.organization_id).where(
        PreviewLink.preview_id == preview.id, col(PreviewLink.opened_at).is_not(None)
    )
    return Shown(
        preview,
        session.get_one(Generation, preview.generation_id),
        contract,
        role_holders(session, performer, desk, contract.licensee_id, contract.series_id),
        frozenset(session.exec(opened).all()),
        tuple(doubt.findings) if doubt is not None else (),
    )


def _of_generation(session: Session, generation_id: str) -> Sequence[Preview]:
    mine = select(Preview).where(Preview.generation_id == generation_id)
    return session.exec(mine.order_by(col(Preview.contract_id))).all()


def _check_waiting(shown: Shown, at: datetime) -> None:
    if shown.state(at) != "waiting":
        raise PreviewAnswered(
            f"{shown.preview.id} is {shown.state(at)}; the generation is {shown.generation.state}"
        )


def _terms(contract: Contract) -> documents.Contract:
    return documents.recorded(contract.document.encode())


def _seal(link_id: str, expiry: int) -> str:
    text = f"preview\n{link_id}\n{expiry}".encode()
    return hmac.new(keys.secret("link"), text, sha256).hexdigest()
