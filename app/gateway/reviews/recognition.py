"""Is somebody in an output who is registered here and not licensed? Then it goes nowhere."""

from collections.abc import Sequence

from sqlmodel import Session

from app.gateway import endings, inspect, service
from app.gateway.materials import checking
from app.gateway.models import Generation
from app.gateway.reviews import service as reviews
from app.registry import matching


def may_go_on(
    session: Session,
    generation: Generation,
    searched: matching.Searched,
    findings: Sequence[inspect.Finding],
    *,
    film: bool,
) -> bool:
    """Say whether an output may go on: not with the face of a registered performer not licensed.

    Such a face in more than one frame of a film, or in a picture, quarantines it; what else is in
    doubt is looked at before the release. Nobody is named to the production.
    """
    cast = {member.performer_id for member in service.cast_of(session, generation.id)}
    named = {hit.performer_id for hits in searched.found for hit in hits}
    allowed = matching.allow(session, named - cast)
    found = reviews.nearest(searched.found, but=cast, allowed=allowed)
    frames = max(
        (sum(any(hit.performer_id == who for hit in hits) for hits in searched.found)
         for who in found),
        default=0,
    )  # fmt: skip
    said = [*findings, *([checking.MAY_SHOW] if found else [])]
    if not said:
        return True
    review = reviews.open_review(
        session, generation, said, faces=len(searched.found), matches=found
    )
    if frames <= (inspect.STRANGE_FRAMES if film else 0):
        return True
    why = "registered-performer: a face is that of somebody registered here who is not licensed"
    reviews.settle(session, review, let_go=False, answered_as="gate", reason=why)
    endings.end(session, generation, "quarantined", why)
    return False
