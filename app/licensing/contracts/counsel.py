"""Counsel without an account: a link to one negotiation, opened by its secret alone."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select

from app import clock, keys
from app.identity.errors import IdempotencyKeyReused
from app.licensing.contracts import acts, life, service
from app.licensing.contracts.life import State
from app.licensing.contracts.models import Contract
from app.licensing.contracts.models_counsel import CounselComment, CounselLink
from app.licensing.document import contract as documents
from app.licensing.errors import (
    CounselLimitReached,
    CounselLinkNotFound,
    CounselLinkRefused,
    NegotiationOver,
    PointerUnknown,
)
from app.registry.models import Performer

STANDS_FOR = timedelta(days=14)  # unless its maker says otherwise
LONGEST = timedelta(days=90)
MAX_LINKS = 50  # of one contract
MAX_COMMENTS = 200  # through one link
OPEN = (State.DRAFT, *life.ON_THE_TABLE)


def make_link(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    counsel: str,
    shared: bool = False,
    expires_at: datetime | None = None,
    api_key_id: str | None = None,
) -> CounselLink:
    """Make a link to the negotiation a document belongs to, for the side that asks.

    `secret_of` tells its secret. Raises CounselLinkRefused, CounselLimitReached.
    """
    acts.lock(session, contract)
    at = clock.now()
    if life.state_of(contract, at=at) not in OPEN:
        raise CounselLinkRefused(
            f"version {contract.version} of {contract.series_id} is no longer negotiated; "
            "make a link to what is on the table"
        )
    ends_at = expires_at or at + STANDS_FOR
    if not at < ends_at <= at + LONGEST:
        raise CounselLinkRefused(f"a link stands for up to {LONGEST.days} days from now")
    made = select(sa.func.count(col(CounselLink.id))).where(
        CounselLink.series_id == contract.series_id
    )
    if session.exec(made).one() >= MAX_LINKS:
        raise CounselLimitReached(
            f"{contract.series_id} has had {MAX_LINKS} links, the most it may"
        )
    link = CounselLink(
        series_id=contract.series_id,
        version=contract.version,
        side=_side_of(session, contract, organization_id),
        shared=shared,
        counsel=counsel,
        secret_sha256="",
        organization_id=organization_id,
        api_key_id=api_key_id,
        created_at=at,
        expires_at=ends_at,
    )
    link.secret_sha256 = _hash(secret_of(link.id))
    session.add(link)
    session.flush()
    return link


def secret_of(link_id: str) -> str:
    """Return what opens a link: nobody without this installation's key can make it."""
    seal = hmac.new(keys.secret("link"), f"counsel\n{link_id}".encode(), "sha256")
    return f"ustc_{seal.hexdigest()}"


def revoke_link(session: Session, link: CounselLink) -> CounselLink:
    """Close a link at once; the first moment stands, and what was commented stays."""
    session.refresh(link, with_for_update=True)
    link.revoked_at = link.revoked_at or clock.now()
    session.add(link)
    session.flush()
    return link


def link_of(session: Session, organization_id: str, link_id: str) -> CounselLink:
    """Return a link of the caller's side. Raises CounselLinkNotFound for all others alike."""
    link = session.get(CounselLink, link_id)
    if link is not None:
        contract = session.get_one(Contract, link.series_id)
        if link.side in _sides(session, contract, organization_id):
            return link
    raise CounselLinkNotFound(f"no link of yours has the id {link_id[:64]}")


def links_of(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[CounselLink]:
    """List the links the caller's side has made to a contract, newest first."""
    page = select(CounselLink).where(
        CounselLink.series_id == contract.series_id,
        col(CounselLink.side).in_(_sides(session, contract, organization_id)),
    )
    if before is not None:
        page = page.where(col(CounselLink.id) < before)
    return session.exec(page.order_by(col(CounselLink.id).desc()).limit(limit)).all()


def open_link(session: Session, secret: str) -> CounselLink:
    """Return the link a secret opens now. Raises CounselLinkNotFound, without saying why."""
    known = select(CounselLink).where(CounselLink.secret_sha256 == _hash(secret))
    link = session.exec(known).first()
    if link is None or link.revoked_at is not None or link.expires_at <= clock.now():
        raise CounselLinkNotFound(
            "this link is unknown, has expired or was revoked; ask who sent it for a new one"
        )
    return link


def rounds_seen(session: Session, link: CounselLink) -> list[Contract]:
    """List the documents a link shows, oldest first: of one version, as its side may see them."""
    theirs = select(Contract).where(
        Contract.series_id == link.series_id,
        Contract.version == link.version,
        or_(col(Contract.offered_at).is_not(None), Contract.author_side == link.side),
    )
    return list(session.exec(theirs.order_by(col(Contract.round))).all())


def comment(
    session: Session,
    link: CounselLink,
    *,
    round_: int,
    pointer: str,
    text: str,
    idempotency_key: str,
    request_sha256: str,
) -> CounselComment:
    """Keep what counsel says of one field of one round; once per link and key.

    Raises IdempotencyKeyReused, NegotiationOver, PointerUnknown, CounselLimitReached.
    """
    session.refresh(link, with_for_update=True)
    same = select(CounselComment).where(
        CounselComment.link_id == link.id, CounselComment.idempotency_key == idempotency_key
    )
    said = session.exec(same).first()
    if said is not None:
        if said.request_sha256 != request_sha256:
            raise IdempotencyKeyReused(
                "this Idempotency-Key was used with another comment; take a new one"
            )
        return said
    rounds = rounds_seen(session, link)
    if not rounds or life.state_of(rounds[-1], at=clock.now()) not in OPEN:
        raise NegotiationOver("this version is no longer negotiated; it can only be read")
    about = next((each for each in rounds if each.round == round_), None)
    if about is None:
        raise PointerUnknown(f"this negotiation shows no round {round_}")
    terms = documents.recorded(about.document.encode())
    if not _names_a_field(terms.model_dump(mode="json"), pointer):
        raise PointerUnknown(f"round {round_} has no field {pointer[:200]!r}; see RFC 6901")
    count = select(sa.func.count(col(CounselComment.id))).where(CounselComment.link_id == link.id)
    if session.exec(count).one() >= MAX_COMMENTS:
        raise CounselLimitReached(f"through one link {MAX_COMMENTS} comments are taken, no more")
    made = CounselComment(
        link_id=link.id,
        contract_id=about.id,
        pointer=pointer,
        text=text,
        idempotency_key=idempotency_key,
        request_sha256=request_sha256,
    )
    session.add(made)
    session.flush()
    return made


Said = tuple[CounselComment, CounselLink, Contract]


def comments_through(session: Session, link: CounselLink) -> Sequence[Said]:
    """List what was said through a link, oldest first."""
    return _said(session, CounselComment.link_id == link.id, oldest_first=True)


def comments_on(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Said]:
    """List what counsel said of a contract, newest first: to the caller's side, or to both."""
    sides = _sides(session, contract, organization_id)
    visible = [
        CounselLink.series_id == contract.series_id,
        or_(col(CounselLink.shared), col(CounselLink.side).in_(sides)),
        or_(col(Contract.offered_at).is_not(None), col(Contract.author_side).in_(sides)),
    ]
    if before is not None:
        visible.append(col(CounselComment.id) < before)
    return _said(session, *visible, limit=limit)


def _said(
    session: Session, *conditions: Any, limit: int = MAX_COMMENTS, oldest_first: bool = False
) -> Sequence[Said]:
    by_id = col(CounselComment.id)
    found = session.exec(
        select(CounselComment, CounselLink, Contract)
        .join(CounselLink, col(CounselLink.id) == col(CounselComment.link_id))
        .join(Contract, col(Contract.id) == col(CounselComment.contract_id))
        .where(*conditions)
        .order_by(by_id.asc() if oldest_first else by_id.desc())
        .limit(limit)
    ).all()
    return list(found)


def _sides(session: Session, contract: Contract, organization_id: str) -> list[str]:
    performer = session.get_one(Performer, contract.performer_id)
    actors = acts.actors_of(
        session, performer, contract.licensee_id, organization_id, contract_id=contract.series_id
    )
    return [life.side_of(actor) for actor in actors]


def _side_of(session: Session, contract: Contract, organization_id: str) -> str:
    sides = _sides(session, contract, organization_id)
    if not sides or not service.documents_of(session, organization_id, contract.series_id):
        raise CounselLinkRefused("you are neither party of this contract")
    return sides[0]


def _names_a_field(document: Any, pointer: str) -> bool:
    """Whether a JSON pointer (RFC 6901) leads anywhere in a document; empty: to all of it."""
    if pointer and not pointer.startswith("/"):
        return False
    place = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict) and name in place:
            place = place[name]
        elif isinstance(place, list) and name.isascii() and name.isdigit():
            if len(name) > 6 or int(name) >= len(place):
                return False
            place = place[int(name)]
        else:
            return False
    return True


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
