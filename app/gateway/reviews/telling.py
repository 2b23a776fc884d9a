"""Who hears of a review of a material, when it is opened and when it is answered: both sides.

Whoever uploaded it, and the houses, with their agents, of the performers it may show: those a
search hit, who allowed it, or else those whom its scenes license. Nobody is named to the other.
"""

from sqlmodel import Session, col, select

from app.gateway.materials.models import GenerationMaterial, Material
from app.gateway.models import GenerationReplica
from app.gateway.reviews import service as reviews
from app.gateway.reviews.models import Review
from app.notices import service as notices
from app.registry.models import Performer


def tell_of_opening(session: Session, review: Review, material: Material) -> None:
    """Tell both sides that a material waits for a person, once."""
    _tell(session, review, material, "held")


def tell_of_answer(session: Session, review: Review, material: Material) -> None:
    """Tell both sides that a person has looked."""
    _tell(session, review, material, "answered")


def _tell(session: Session, review: Review, material: Material, what: str) -> None:
    sides = {material.organization_id: f"material-{what}"}
    for performer in _shown(session, review, material):
        for house in (performer.organization_id, performer.agent_organization_id):
            if house is not None:
                sides.setdefault(house, f"likeness-{what}")
    for house, kind in sides.items():
        about = material.id if house == material.organization_id else review.id
        once = f"{what}:{review.id}:{house}"
        notices.tell(session, kind, about, organization_id=house, once=once)


def _shown(session: Session, review: Review, material: Material) -> list[Performer]:
    ids = {match.performer_id for match in reviews.matched(session, review)} or set(
        session.exec(
            select(GenerationReplica.performer_id)
            .join(
                GenerationMaterial,
                col(GenerationMaterial.generation_id) == col(GenerationReplica.generation_id),
            )
            .where(GenerationMaterial.material_id == material.id)
        )
    )
    return [session.get_one(Performer, id_) for id_ in sorted(ids)]
