"""What must be known of a material before a scene may use it. The worker's sweep asks this."""

from sqlmodel import Session, col, select

from app import clock, db
from app.gateway.materials.models import Material

AT_ONCE = 20


def check_waiting() -> None:
    """Check what was uploaded and nobody has checked yet, oldest first, each on its own."""
    with db.reading() as session:
        waiting = session.exec(
            select(Material.id)
            .where(Material.state == "checking")
            .order_by(col(Material.id))
            .limit(AT_ONCE)
        ).all()
    for material_id in waiting:
        with db.writing() as session:
            material = session.get_one(Material, material_id, with_for_update=True)
            if material.state == "checking":
                check(session, material)


def check(session: Session, material: Material) -> None:
    """Say of a locked material whether scenes may use it."""
    material.state, material.reason = "usable", ""
    material.checked_at = clock.now()
    session.add(material)
    session.flush()
