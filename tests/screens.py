"""Take a picture of every page, at 360 and 1440 pixels, by day and some by night: docs/screens/.

    python -m tests.screens [--out DIRECTORY] [--only PAGE ...]

The installation is made for it, in a temporary directory, in a year of its own: two performers
painted long ago, one production, films that nobody rendered.
"""

import argparse
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
WIDTHS = (360, 1440)
BY_NIGHT = ("front", "performer", "ratification")
# At which page which door is gone through, to stay signed in from there on.
ENTERS = {
    "performer": 0,
    "board": 1,
    "union": 2,
    "operator": 5,
    "requests": 3,
    "confirm": 0,
    "budgets": 1,
    "vouch": 3,
    "ratification": 4,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screens")
    parser.add_argument("--only", nargs="*", default=[], help="these pages alone, by name")
    asked = parser.parse_args()
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        _point_at(Path(directory))
        from tests.web.serving import free_port

        port = free_port()
        os.environ["UNDERSTUDY_ORIGIN"] = f"http://localhost:{port}"
        _shoot(out, port, Path(directory), only=asked.only)


def _point_at(directory: Path) -> None:
    os.environ["UNDERSTUDY_DATA_DIR"] = str(directory / "installation")
    os.environ["UNDERSTUDY_WORKER_IN_PROCESS"] = "false"
    os.environ["UNDERSTUDY_LOG_LEVEL"] = "error"
    for kind in ("LOOKUPS", "FILES", "ALIKE"):  # all from one address, at once
        os.environ[f"UNDERSTUDY_RATE_{kind}"] = ""


def _shoot(out: Path, port: int, directory: Path, *, only: list[str]) -> None:
    from app import installation
    from app.demo import doors
    from app.main import create_app
    from tests.web.serving import a_chromium, serving
    from tests.web.ways import STEPS, stay

    installation.prepare()
    _, _, made, paths = a_town(directory)
    app = create_app()
    app.include_router(doors.router(made))
    origin = f"http://localhost:{port}"
    with serving(app, port), a_chromium() as browser:
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": 800}, color_scheme=scheme
                )
                context.set_default_timeout(60_000)
                page = context.new_page()
                for name, path in paths.items():
                    if scheme == "dark" and name not in BY_NIGHT:
                        continue
                    if name in ENTERS:
                        page.goto(f"{origin}/demo/{made[ENTERS[name]].token}")
                    if only and name not in only:
                        continue
                    page.goto(origin + path)
                    STEPS.get(name, stay)(page)
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, f"{path} is {wide} pixels wide at {width}"
                    end = "" if scheme == "light" else "-dark"
                    _keep(page.screenshot(full_page=True), out / f"{name}-{width}{end}.webp")
                context.close()


class Town(NamedTuple):
    """Half a year of an installation, doors to its people, and every page of it.

    `paths` is the one list of pages: by name, in the order they are opened. At a page that ENTERS
    names, the browser is signed in as somebody else; what STEPS names by it is done there first.
    """

    scene: Any
    union: Any
    doors: list[Any]
    paths: dict[str, str]


def a_town(directory: Path) -> Town:
    """Make people, and half a year of theirs, in a database that is empty."""
    from app import db, publication
    from app.demo import doors
    from tests.web import ways

    scene, union, paths = _populate(directory)
    with _days_ago(100), db.writing() as session:
        grown = ways.of_age(session, directory)
    publication.publish_log()
    with db.writing() as session:
        houses = [
            ("Griet", scene.desk.organization),
            ("Felix", scene.production.organization),
            ("Clara", union),
            ("Olga", scene.agency.organization),
            ("Jan", grown.desk.organization),
        ]
        made = [*doors.make_doors(session, houses), doors.make_operator(session)]
        paths = ways.add_ways(session, scene, made, paths)
        paths["ratification"] = f"/contracts/{grown.contract.series_id}/ratification"
    return Town(scene, union, made, paths)


def _keep(png: bytes, to: Path) -> None:
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    longest = picture.crop((0, 0, picture.width, min(picture.height, 2400)))
    longest.save(to, quality=70, method=6)


@contextmanager
def _days_ago(days: float) -> Iterator[None]:
    from app import clock

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) - timedelta(days=days)

    clock.datetime = Earlier  # type: ignore[misc]
    try:
        yield
    finally:
        clock.datetime = datetime  # type: ignore[misc]


def _populate(directory: Path) -> tuple[Any, Any, dict[str, str]]:
    """Tell half a year: a contract, films, money, a closed period, and a request that waits."""
    from app import db
    from app.cases import opening
    from app.gateway.models_vendor_jobs import VendorJob
    from app.identity.principal import Principal
    from app.licensing.strikes import service as strikes
    from tests.payments.stories import closed, told
    from tests.scenes import a_scene, offered, represent
    from tests.web import ways
    from tests.web.released import released

    film = directory / "film.mp4"
    _film(film)
    lines = {
        140: "The harbour is quiet tonight.",
        111: "I kept your letter.",
        80: "You came back in the rain.",
        33: "Turn the lamp down, please.",
        1: "I hold the light a little longer, and then I let it go.",
    }
    with _days_ago(150), db.writing() as session:
        union, people = _a_union(session)
        scene = a_scene(session, quota={"max_seconds": 400})
        represent(session, scene, scene.agency.organization)
    for days, line in lines.items():
        with _days_ago(days), db.writing() as session:
            generation = released(session, scene, film, line=line, length_s="6")
    with _days_ago(20), db.writing() as session:
        told(session, closed(session))
    with _days_ago(12), db.writing() as session:
        paid_out = ways.paid_out(session, scene, union)
    with _days_ago(2), db.writing() as session:
        case = opening.open_case(
            session,
            opening.Complaint(
                "beyond-consent", "takedown", "This ran as an advertisement in Japan.",
                generation_id=generation.id, hold_payouts=True,
            ),
            Principal(scene.desk.organization.id, "performer", _a_key(session, scene)),
        )  # fmt: skip
    with db.writing() as session:
        offer = _in_the_catalogue(session, scene)
        _, waiting = scene.ask(session, line="Whose shadow is that?", length_s="4")
        waiting.state, waiting.progress_percent = "rendering", 40
        scene.ask(session, line="Now with toothpaste.", purpose="advertising")
        _, lost = scene.ask(session, line="Who is there?", length_s="4")
        lost.state = "submitting"
        why = "the connection broke while the reply was on its way"
        job = {"vendor": "runway", "model": "runway/gen4_turbo", "state": "unknown", "detail": why}
        session.add_all((lost, VendorJob(generation_id=lost.id, **job)))
        strikes.propose_switch(session, people[0], agreement="HOUSE-2026", act="suspend")
        asked = offered(
            session,
            scene,
            lambda document: document["grant"].update(
                projects=["HARBOUR LIGHTS"], media=["theatrical", "svod", "broadcast"]
            ),
        )
        lent = _lent(session, scene, directory)
        look = ways.to_look_at(session, scene)
    return (
        scene,
        union,
        {
            "front": "/",
            "verify": "/verify",
            "log": "/log",
            "rules": "/policies",
            "status": f"/status?about={scene.contract.id}",
            "sign-in": "/sign-in",
            "performer": "/performer",
            "request": f"/performer/requests/{asked.contract.id}",
            "counter": f"/performer/requests/{asked.contract.id}/counter",
            "limits": "/performer/limits",
            "work": "/performer/work",
            "output": f"/performer/work/{generation.id}",
            "earnings": "/performer/earnings",
            "payouts": "/performer/payouts",
            "contracts": "/performer/contracts",
            "withdrawal": f"/performer/contracts/{scene.contract.id}/withdrawal",
            "disclosure": f"/contracts/{scene.contract.id}/disclosure",
            "listing": "/performer/catalogue",
            "terms": f"/performer/offers/{offer.id}",
            "identity": "/performer/identity",
            "likeness": "/performer/likeness",
            "data": "/performer/data",
            "cases": "/cases",
            "case-new": f"/cases/new?output={generation.id}",
            "obligations": "/obligations",
            "obligations-lasting": "/obligations?state=lasting",
            "mandates": "/mandates",
            "notices": "/notices",
            "account": "/account",
            "board": "/production",
            "scene": f"/production/contracts/{scene.contract.id}/scene",
            "films": "/production/films",
            "film": f"/production/films/{generation.id}",
            "progress": f"/production/films/{waiting.id}",
            "catalogue": "/production/catalogue",
            "listed": f"/production/catalogue/{scene.performer.id}",
            "offer": f"/production/offers/{offer.id}",
            "case": f"/cases/{case.id}",
            "lent": f"/lent/{lent}",
            "union": "/union",
            "union-estates": "/union/estates",
            "union-reports": "/union/reports",
            "union-findings": "/union/findings",
            "operator": "/operator",
            "operators": "/operator/members",
            "operator-payouts": "/operator/payouts",
            "operator-payouts-plan": "/operator/payouts",
            "operator-payouts-order": f"/operator/payouts/{paid_out}",
            "requests": "/agency",
            "roster": "/agency/roster",
            "import": "/agency/import",
            "agency-statements": "/agency/statements",
            "look": f"/agency/previews/{look}",
        },
    )


def _a_union(session: Any) -> tuple[Any, Any]:
    """Have a union keep the agreement that the scene's contract is under."""
    from app.identity.models import Organization
    from tests.licensing import unions

    people = unions.a_union(session, "HOUSE-2026")
    return session.get_one(Organization, people[0].organization_id), people


def _lent(session: Any, scene: Any, directory: Path) -> str:
    """Have the production declare whose performance drives; return what the person's link holds."""
    from app.gateway.materials import consents
    from app.identity import service as identity
    from app.identity.principal import Principal
    from tests.gateway.materials.making import a_material, declared

    house = scene.production.organization
    key = identity.create_api_key(session, house, name="set")[0].id
    material = a_material(session, scene, key, "driving", directory=directory)
    by = Principal(house.id, "production", key)
    kept = consents.by_declaration(session, material, *declared(scene, material), by=by)
    return consents.link_of(kept) or ""


def _in_the_catalogue(session: Any, scene: Any) -> Any:
    """Have the performer be found, with terms that they signed in advance."""
    from app.identity.principal import Principal
    from app.registry import listing
    from app.registry.models import Performer
    from tests.licensing.standing_offers import an_open_offer

    listing.choose_listing(
        session,
        session.get_one(Performer, scene.performer.id),
        listed=True,
        about="Quiet parts, period dress, Dutch and English. I like to see the script first.",
        by=Principal(scene.desk.organization.id, "performer", _a_key(session, scene)),
    )
    return an_open_offer(
        session,
        scene,
        lambda document: document["terms"]["grant"].update(projects=["*"]),
    )


def _a_key(session: Any, scene: Any) -> str:
    from app.identity import service as identity

    return identity.create_api_key(session, scene.desk.organization, name="desk")[0].id


def _film(to: Path) -> None:
    """Make three seconds of a painted portrait, slowly nearing."""
    import av
    from PIL import Image

    portrait = Image.open(ROOT / "samples" / "girl-with-a-pearl-earring.jpg").convert("RGB")
    with av.open(str(to), "w", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(36):
            wide = 760 - 4 * number
            box = (
                20 + 2 * number,
                140 + number,
                20 + 2 * number + wide,
                140 + number + wide * 9 // 16,
            )
            still = portrait.crop(box).resize((640, 360), Image.Resampling.LANCZOS)
            film.mux(stream.encode(av.VideoFrame.from_image(still)))
        film.mux(stream.encode(None))


if __name__ == "__main__":
    main()
