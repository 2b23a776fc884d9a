"""A generation at a vendor's fake, as far as its rendering: what it came to, in one line."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, select

from app import clock, db
from app.gateway import pipeline, resting
from app.gateway.generators import Capability, Connector, catalogue, credentials
from app.gateway.generators.errors import VendorBusy
from app.gateway.materials import consents
from app.gateway.models import Generation
from app.gateway.models_vendor_jobs import VendorJob
from app.identity.models import ApiKey
from app.identity.principal import Principal
from app.ledger.models import Hold, JournalEntry
from tests import scenes
from tests.gateway.materials.making import a_material, declared
from tests.providers.running import Fake

PROVIDERS = Path(__file__).parents[2] / "providers"
SAMPLE = (PROVIDERS / "sample.mp4").read_bytes()
VOICE = (PROVIDERS / "sample.mp3").read_bytes()


@dataclass(frozen=True)
class Came:
    """What a generation came to: its state, its job's, its hold's, jobs billed, the words."""

    state: str
    job: str
    hold: str
    paid: int
    reason: str


def offer(monkeypatch, connector: Connector) -> None:
    """Offer one vendor, at its fake."""
    monkeypatch.setattr(catalogue, "offered", lambda: (connector,))


def asked(scene: scenes.Scene, model: str, line: str, **changes) -> str:
    """Have a generation permitted and held."""
    with db.writing() as session:
        decision, generation = scene.ask(session, generator=model, line=line, **changes)
        assert generation is not None, decision.codes
    return generation.id


def rendered(generation_id: str, pauses: list[float]) -> None:
    """Do as a worker does: the stage again while the vendor is busy, rounds while it renders."""
    while True:
        try:
            pipeline.render(generation_id)
        except VendorBusy:
            pauses.append(60.0)
            continue
        if not at_rest(generation_id):
            return
        while (wait := at_rest(generation_id)) is not None:
            pauses.append(max(0.0, (wait - clock.now()).total_seconds()))
            resting.look_in(generation_id)


def at_rest(generation_id: str) -> datetime | None:
    """Say when the vendor is asked about a resting job, if it rests."""
    with db.reading() as session:
        job = session.get(VendorJob, generation_id)
    return None if job is None else job.poll_at


def came(generation_id: str, fake: Fake, word: str) -> Came:
    """Say what a generation came to."""
    with db.reading() as session:
        generation = session.get_one(Generation, generation_id)
        job = session.get(VendorJob, generation_id)
        hold = session.exec(select(Hold).where(Hold.generation_id == generation_id)).one()
        assert session.exec(select(JournalEntry)).all() == []  # nothing is charged by a rendering
    states = generation.state, "" if job is None else job.state, hold.state
    return Came(*states, fake.paid(word), generation.reason)


def told(
    scene: scenes.Scene,
    fake: Fake,
    pauses: list[float],
    capability: Capability,
    word: str,
    **more: Any,
) -> Came:
    """Tell the story of one fault: asked, rendered, and the stage once more as after a crash."""
    line = f"{word} I hold the light."
    generation_id = asked(scene, capability.model, line, **example_of(capability), **more)
    rendered(generation_id, pauses)
    rendered(generation_id, pauses)
    return came(generation_id, fake, word)


def example_of(capability: Capability) -> dict[str, Any]:
    """Return a length, a size and modalities that a model takes."""
    lengths = capability.lengths_s or (min(capability.seconds[1], 10),)
    return {
        "length_s": f"{max(lengths):g}",
        "size": min(capability.sizes, default=(1280, 720)),
        "modalities": ("voice",) if capability.output == "audio" else ("face",),
    }


def materials_for(
    session: Session,
    scene: scenes.Scene,
    capability: Capability,
    directory: Path,
    **changes: Any,
) -> dict[str, str]:
    """Have the production send the materials that a model needs, as long and as large as asked.

    As in the example (`example_of`), with changes.
    """
    if not capability.needs:
        return {}
    scenes.an_api_key(session, scene.production.organization)
    owner = scene.production.organization.id
    key_id = session.exec(select(ApiKey.id).where(ApiKey.organization_id == owner)).first() or ""
    by = Principal(owner, "production", key_id)
    example = example_of(capability) | changes
    contents = {"voice": VOICE, "first_frame": scenes.PORTRAIT.read_bytes()}
    found = {}
    for role in capability.needs:
        material = a_material(
            session,
            scene,
            key_id,
            role,  # type: ignore[arg-type]
            content=contents.get(role, SAMPLE),
            directory=directory,
            length_ms=int(float(example["length_s"]) * 1000),
            width=example["size"][0],
            height=example["size"][1],
        )
        if role in consents.NEEDED:  # whose performance or voice it is has agreed
            signed = declared(scene, material)
            consents.by_declaration(session, material, *signed, by=by)
        found[role] = material.id
    return found


def a_scene(session: Session, capability: Capability) -> scenes.Scene:
    """Sign a contract for one model, paid by the render."""
    scene = scenes.a_scene(session, generator=capability.model, signed=False)

    def change(document: dict[str, Any]) -> None:
        document["grant"] |= {"generators": [capability.model], "quota": {"max_seconds": 1000}}
        document["compensation"] |= {"model": "per_render", "rate_minor": "2500"}

    changed = scenes.offered(session, scene, change)
    scenes.sign(session, changed)
    return changed


def configure(vendor: str, key: str, **more: str) -> None:
    """Give a vendor's credentials, as the operator does."""
    with db.writing() as session:
        credentials.keep(session, vendor, {"api_key": key, **more})


def unconfigure(vendor: str) -> None:
    """Take a vendor's credentials away."""
    with db.writing() as session:
        credentials.drop(session, vendor)
