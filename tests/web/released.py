"""A film that is released and paid, without rendering one: what pages show, made in a moment."""

import hashlib
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app import clock
from app.gateway import workbench
from app.gateway.models import Generation
from tests.payments.stories import capture
from tests.scenes import Scene


def released(session: Session, scene: Scene, film: Path, **asked: Any) -> Generation:
    decision, generation = scene.ask(session, **asked)
    assert generation is not None, decision.codes
    capture(session, scene, generation)
    digest, key = workbench.keep(generation.id, "signed", film)
    assert digest == hashlib.sha256(film.read_bytes()).hexdigest()
    generation.state, generation.output_key, generation.output_sha256 = "released", key, digest
    generation.output_size_bytes = film.stat().st_size
    generation.released_at = clock.now()
    session.add(generation)
    session.flush()
    return generation
