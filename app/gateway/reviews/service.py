"""Open a review, answer it, and say what a hit in it is worth."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from app import clock
from app.errors import AppError, NotFound
from app.gateway.materials.models import Material
from app.gateway.models import FINAL, Generation
from app.gateway.reviews.models import Review, ReviewMatch
from app.registry import matching
from app.registry.faces import false_hits
from app.registry.matching import Match


class ReviewNotFound(NotFound):
    """No review has this id."""

    code = "review-not-found"


class ReviewAnswered(AppError):
    """The review was answered; the first answer stands."""

    status, code = 409, "review-answered"


class ReasonMissing(AppError):
    """A review is answered with a reason, which stays on record."""

    status, code = 422, "reason-missing"


@dataclass(frozen=True)
class Shown:
    """A review as whoever answers it sees it, with how much its hits prove at this moment."""

    review: Review
    matches: Sequence[ReviewMatch]
    templates: int
    false_hits: float


def nearest(
    found: Iterable[Sequence[Match]], *, but: Collection[str], allowed: Collection[str]
) -> dict[str, float]:
    """Return the nearest distance of each performer found, but for those who are licensed.

    `allowed` are those who allow a search in the transaction that acts.
    """
    distances: dict[str, float] = {}
    for hits in found:
        for hit in hits:
            if hit.performer_id not in but and hit.performer_id in allowed:
                known = distances.get(hit.performer_id, hit.distance)
                distances[hit.performer_id] = min(known, hit.distance)
    return distances


def open_review(
    session: Session,
    subject: Generation | Material,
    findings: Sequence[str],
    *,
    faces: int = 0,
    matches: dict[str, float] | None = None,
) -> Review:
    """Put a doubt on record: an output's once, a material's unless the same is still open."""
    is_output = isinstance(subject, Generation)
    waiting = None if is_output else of_material(session, subject.id)
    if waiting is not None and waiting.outcome == "open":
        return waiting
    review = Review(
        generation_id=subject.id if is_output else None,
        material_id=None if is_output else subject.id,
        findings=list(findings),
        faces=faces,
    )
    session.add(review)
    session.flush()
    for performer_id, distance in (matches or {}).items():
        session.add(
            ReviewMatch(
                review_id=review.id,
                performer_id=performer_id,
                distance_milli=round(distance * 1000),
            )
        )
    session.flush()
    return review


def of_generation(session: Session, generation_id: str) -> Review | None:
    """Return the review of an output, or None where nothing was in doubt."""
    return session.exec(select(Review).where(Review.generation_id == generation_id)).first()


def of_material(session: Session, material_id: str) -> Review | None:
    """Return the newest review of a material, or None."""
    theirs = select(Review).where(Review.material_id == material_id)
    return session.exec(theirs.order_by(col(Review.id).desc()).limit(1)).first()


def waits(session: Session, generation_id: str) -> bool:
    """Say whether an output waits for a person's answer."""
    review = of_generation(session, generation_id)
    return review is not None and review.outcome == "open"


def matched(session: Session, review: Review) -> Sequence[ReviewMatch]:
    """List whom a review may be about, nearest first."""
    theirs = select(ReviewMatch).where(ReviewMatch.review_id == review.id)
    return session.exec(
        theirs.order_by(col(ReviewMatch.distance_milli), col(ReviewMatch.performer_id))
    ).all()


def show(session: Session, review_id: str) -> Shown:
    """Return a review with what its hits are worth at the present number of templates.

    Raises ReviewNotFound.
    """
    review = session.get(Review, review_id)
    if review is None:
        raise ReviewNotFound(f"there is no review {review_id[:64]}")
    templates = sum(1 for _ in matching.searchable(session))
    return Shown(review, matched(session, review), templates, review.faces * false_hits(templates))


def waiting(session: Session, *, after: str = "", limit: int | None = None) -> Sequence[Review]:
    """List the reviews that nobody has answered and that still matter, oldest first."""
    found = (
        select(Review)
        .join(Generation, col(Generation.id) == col(Review.generation_id), isouter=True)
        .join(Material, col(Material.id) == col(Review.material_id), isouter=True)
        .where(
            Review.outcome == "open",
            col(Review.id) > after,
            col(Generation.id).is_(None) | col(Generation.state).not_in(FINAL),
            col(Material.deleted_at).is_(None),
        )
    )
    return session.exec(found.order_by(col(Review.id)).limit(limit)).all()


def settle(
    session: Session,
    review: Review,
    *,
    let_go: bool,
    answered_as: str,
    reason: str,
    organization_id: str | None = None,
) -> None:
    """Write an answer down, once."""
    review.outcome = "released" if let_go else "refused"
    review.answered_as, review.organization_id = answered_as, organization_id
    review.reason, review.answered_at = reason, clock.now()
    session.add(review)
    session.flush()
