"""The operator's answer to a review: let it go on, or refuse it, with a reason, once."""

from sqlmodel import Session

from app.gateway import endings, previews
from app.gateway.materials.models import Material
from app.gateway.models import FINAL
from app.gateway.reviews import service as reviews
from app.gateway.reviews import telling
from app.gateway.reviews.models import Review
from app.gateway.reviews.service import ReasonMissing, ReviewAnswered, ReviewNotFound
from app.gateway.workbench import locked

OPERATOR = "operator"


def answer(session: Session, review_id: str, *, let_go: bool, reason: str) -> Review:
    """Answer as the operator. An output then goes on, as far as its contracts want no look of
    their own, or ends; a material may be used, or not.

    Raises ReviewNotFound, ReviewAnswered, ReasonMissing.
    """
    review = session.get(Review, review_id)
    if review is None:
        raise ReviewNotFound(f"there is no review {review_id[:64]}")
    if not reason.strip():
        raise ReasonMissing("say why: the answer to a review stays on record with its reason")
    why = reason.strip()
    if review.generation_id is not None:
        generation = locked(session, review.generation_id)
        _insist_open(session, review)
        if generation.state in FINAL:
            raise ReviewAnswered(f"{generation.id} is {generation.state}; nothing waits any more")
        reviews.settle(session, review, let_go=let_go, answered_as=OPERATOR, reason=why)
        if let_go:
            previews.let_go_of_doubts(session, generation)
        else:
            endings.end(session, generation, "refused", f"the operator looked: {why}")
        return review
    material = session.get_one(
        Material, review.material_id, with_for_update=True, populate_existing=True
    )
    _insist_open(session, review)
    reviews.settle(session, review, let_go=let_go, answered_as=OPERATOR, reason=why)
    material.state = "usable" if let_go else "refused"
    material.reason = "" if let_go else why
    telling.tell_of_answer(session, review, material)
    session.add(material)
    session.flush()
    return review


def _insist_open(session: Session, review: Review) -> None:
    session.refresh(review, with_for_update=True)
    if review.outcome != "open":
        raise ReviewAnswered(f"{review.id} was {review.outcome} by {review.answered_as}")
