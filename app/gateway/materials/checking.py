"""What must be known of a material before a scene may use it.

The worker's sweep searches for its faces among the performers who allow that: a hit opens a review,
and names nobody to whoever uploaded it. Before a scene's material is sent anywhere, its faces are
compared one to one with the licensed performers: a face that is clearly another's is refused.
"""

from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from app import clock, db, vault, vault_tokens
from app.gateway.inspect import OTHER_PEOPLE
from app.gateway.materials import consents, service
from app.gateway.materials.models import Material
from app.gateway.models import Generation, GenerationReplica
from app.gateway.reviews import service as reviews
from app.gateway.reviews import telling
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.registry import matching
from app.registry import service as registry
from app.registry.faces import OTHER_FACE_FROM, SAME_FACE_BELOW, distance

AT_ONCE = 20
SILENT_BELOW = 0.003  # the loudest sample of a recording, of 1: under this there is no voice in it
STRANGE_FRAMES = 1  # of a film: one frame alone may be a detector's mistake
MAY_SHOW = "a face in it may be that of somebody who is registered here"
IN_DOUBT = "its faces are not clearly those of the performers a scene licensed"


def check_waiting() -> None:
    """Check what was uploaded and nobody has checked yet, oldest first, each on its own.

    Raises MatcherUnavailable: what was not searched stays unchecked.
    """
    with db.reading() as session:
        waiting = session.exec(
            select(Material.id)
            .where(Material.state == "checking", col(Material.deleted_at).is_(None))
            .order_by(col(Material.id))
            .limit(AT_ONCE)
        ).all()
    for material_id in waiting:
        with db.writing() as session:
            templates = faces_of(session, session.get_one(Material, material_id))
        searched = matching.search(templates) if templates else matching.Searched([], 0)
        with db.writing() as session:
            material = session.get_one(
                Material, material_id, with_for_update=True, populate_existing=True
            )
            if material.state == "checking" and material.deleted_at is None:
                check(session, material, searched)


def check(session: Session, material: Material, searched: matching.Searched) -> None:
    """Say of a locked material whether scenes may use it."""
    named = {hit.performer_id for hits in searched.found for hit in hits}
    found = reviews.nearest(searched.found, but=(), allowed=matching.allow(session, named))
    material.state, material.reason, material.checked_at = "usable", "", clock.now()
    if material.role == "voice" and material.facts.get("peak", 0) < SILENT_BELOW:
        material.state, material.reason = "refused", "it holds no sound"
    elif found:
        material.state, material.reason = "review", MAY_SHOW
        faces = len(searched.found)
        review = reviews.open_review(session, material, [MAY_SHOW], faces=faces, matches=found)
        telling.tell_of_opening(session, review, material)
    session.add(material)
    session.flush()


def compare(
    session: Session, generation: Generation, issue: Callable[[], vault_tokens.Pass]
) -> str:
    """Say which material of a locked generation shows somebody else than it licensed, or nothing.

    Opens the licensed templates by a token, given by `issue` where there is anything to compare.
    Scenes declared to show others may; what a person looked at and let go is not asked again. A
    doubt opens a review of the material.
    """
    materials = service.of_generation(session, generation.id)
    looked_at = [
        material
        for role, material in materials.items()
        if (role in {"first_frame", "footage"} or _is_performers_driving(session, material))
        and material.faces_object_id is not None
        and not _let_go(session, material)
    ]
    permit = session.get_one(Decision, generation.decision_id)
    if not looked_at or OTHER_PEOPLE in (decisions.use_of(permit).tags or ()):
        return ""
    cast = select(GenerationReplica.replica_id).where(
        GenerationReplica.generation_id == generation.id
    )
    templates = registry.templates_of(session, session.exec(cast).all(), token=issue())
    for material in looked_at:
        word = judge(faces_of(session, material), templates, film=material.length_ms is not None)
        if word == "another":
            return (
                f"the material {material.id} shows a face that is none of the licensed performers: "
                "license who it is, declare the tag other_people, or use another"
            )
        if word == "doubtful":
            material.state, material.reason = "review", IN_DOUBT
            session.add(material)
            review = reviews.open_review(session, material, [IN_DOUBT])
            telling.tell_of_opening(session, review, material)
            return f"the material {material.id}: {IN_DOUBT}; the operator looks, then ask again"
    return ""


def judge(
    faces: Sequence[Sequence[float]], licensed: Sequence[Sequence[float]], *, film: bool
) -> str:
    """Say of faces whether they are the licensed performers': "theirs", "another", "doubtful".

    Pure. In a film one sampled face alone is no other person, and where somebody is clearly
    licensed what is unclear beside them is let pass.
    """
    distances = [min(distance(face, each) for each in licensed) for face in faces]
    others = sum(1 for far in distances if far >= OTHER_FACE_FROM)
    if others > (STRANGE_FRAMES if film else 0):
        return "another"
    unclear = [far for far in distances if far >= SAME_FACE_BELOW]
    clear = len(distances) - len(unclear)
    return "doubtful" if unclear and not (film and clear) else "theirs"


def faces_of(session: Session, material: Material) -> list[list[float]]:
    """Open the templates of the faces in a material; keep them in memory."""
    if material.faces_object_id is None or material.deleted_at is not None:
        return []
    packed = vault.open_bytes(
        session, material.faces_object_id, purpose="matching", subject_id=material.id
    )
    return matching.unpack(packed)


def _is_performers_driving(session: Session, material: Material) -> bool:
    return material.role == "driving" and consents.is_performers(session, material)


def _let_go(session: Session, material: Material) -> bool:
    review = reviews.of_material(session, material.id)
    return review is not None and review.outcome == "released"
