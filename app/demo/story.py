"""The demo, told once: enroll, sign, ask, render, verify, refuse. Everything in it is real."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from PIL import Image

from app import clock, db, installation, logs, publication, storage
from app.audit import desk
from app.audit.service import Verdict
from app.demo import cast, damage, screen, sheet
from app.errors import AppError
from app.gateway import progress
from app.gateway import service as gateway
from app.gateway.generators.local import MODEL
from app.gateway.models import FINAL, Generation
from app.identity import service as identity
from app.ledger import service as ledger
from app.ledger.check import check
from app.ledger.receivables.credit import approve_credit
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions.models import Decision
from app.licensing.document.example import DOCUMENT
from app.licensing.strikes import service as strikes
from app.registry import service as registry
from app.registry.models import Performer
from app.worker import Worker

LENGTH_S = Decimal(5)
CREDIT_MINOR = 100_000  # 1,000.00 EUR, as `understudy credit approve` would grant
CORES = 2  # media are read in processes of their own; this many at a time
FILES = {
    "original": "1-original.mp4",
    "reencoded": "2-reencoded.mp4",
    "tampered": "3-one-byte-changed.mp4",
}
TITLES = {
    "original": "As released",
    "reencoded": "Remuxed, re-encoded, rescaled",
    "tampered": "As released, one byte changed",
}
PROMISED = {"original": "intact", "reencoded": "recovered", "tampered": "altered"}


@dataclass
class Play:
    """What the demo has made so far."""

    out: Path
    line: str
    say: screen.Screen
    started: float = field(default_factory=time.monotonic)
    performers: list[Performer] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)


def play(*, portrait: Path | None, line: str, out: Path, quiet: bool) -> dict[str, Any]:
    """Play the demo and return its summary; `kept` says whether every promise was kept."""
    say = screen.Screen(quiet=quiet)
    it = Play(out, line, say)
    with say.step("An installation of its own: keys, certificates, database"):
        logs.configure(out / "demo.log")
        installation.prepare()
    with say.step("Three performers are enrolled; pictures without one face are refused"):
        desks, production, agency = _register_parties()
        _enroll(it, desks, portrait)
    with say.step("Performer and production sign a contract, each with their own key"):
        contract = _contract(it, desks[0], production, agency)
    with say.step("The production asks; the policies decide"):
        decision, generation = _ask(it, production)
        if generation is None:
            raise AppError(f"the demo's own request was denied: {decision.codes}")
    say.decision(decision, contract)
    with _worker(), say.progress("Rendered, inspected, marked, signed, paid, released") as show:
        generation = _wait(generation.id, show)
    if generation.state != "released":
        raise AppError(f"the generation ended {generation.state}: {generation.reason}")
    with say.step("The auditor looks at three files"):
        _audit(it, generation)
    with say.step("What is not permitted is refused, with its reasons"):
        _refusals(it, production, desks[0], contract)
    with say.step("A new contract stands, and a request waits"):
        _leave_open(it, desks, production, agency)
    with say.step("The books and the log are checked from their own records"):
        balanced, log_verified = _check()
    summary = _summary(it, balanced, log_verified)
    _draw(it)
    names = {it.performers[0].id: it.performers[0].name, agency.organization.id: agency.name}
    say.end(summary, it.verdicts, _money(contract, names), _files(it))
    return summary


def _register_parties() -> tuple[list[cast.Party], cast.Party, cast.Party]:
    with db.writing() as session:
        desks = [
            cast.register_party(session, f"{name}, performer", "performer")
            for name, _ in cast.PERFORMERS
        ]
        production = cast.register_party(session, "Nightglass Pictures", "production")
        agency = cast.register_party(session, "Delft Talent Agency", "agency")
        union = identity.create_organization(session, "Guild of Painted Players", "union")
        strikes.name_keeper(session, DOCUMENT["governing"], union)
        approve_credit(
            session,
            production.organization.id,
            currency="EUR",
            amount_minor=CREDIT_MINOR,
            note="the demo's production pays later",
        )
    return desks, production, agency


def _enroll(it: Play, desks: list[cast.Party], portrait: Path | None) -> None:
    pictures = [cast.SAMPLES / file for _, file in cast.PERFORMERS]
    if portrait is not None:
        pictures[0] = portrait
    with ThreadPoolExecutor(CORES) as pool:
        looks = list(pool.map(registry.inspect_portrait, pictures))
    for party, (name, _), picture, seen in zip(
        desks, cast.PERFORMERS, pictures, looks, strict=True
    ):
        shown = portrait.stem if portrait is not None and picture is portrait else name
        with db.writing() as session:
            it.performers.append(
                registry.enroll(
                    session,
                    organization_id=party.organization.id,
                    name=shown,
                    portrait=picture,
                    inspected=seen,
                )
            )
    for case, picture in _unusable_pictures(it.out):
        try:
            registry.inspect_portrait(picture)
        except AppError as refusal:
            it.refusals.append({"case": case, "codes": [refusal.code]})
            it.say.note(f"{case}: {refusal.detail}")
        picture.unlink()


def _unusable_pictures(out: Path) -> Iterator[tuple[str, Path]]:
    """Make the two pictures that must be refused: a wall, and two people."""
    first, second = (Image.open(cast.SAMPLES / file) for _, file in cast.PERFORMERS[:2])
    wall = first.crop((0, 0, first.width // 6, first.height // 6)).resize((640, 480))
    wall.convert("RGB").save(out / "no-face.jpg")
    yield "a picture without a face", out / "no-face.jpg"
    pair = Image.new("RGB", (1600, 1000))
    for left, picture in ((0, first), (800, second)):
        picture.thumbnail((800, 1000))
        pair.paste(picture, (left, 0))
    pair.save(out / "two-faces.jpg")
    yield "a picture with two faces", out / "two-faces.jpg"


def _contract(it: Play, desk: cast.Party, production: cast.Party, agency: cast.Party) -> Contract:
    performer = it.performers[0]
    document = cast.contract_document(
        performer.id, performer.name, production.organization.id, agency.organization.id
    )
    with db.writing() as session:
        contract = licensing.offer_contract(session, production.organization.id, document)
        for party, role in ((desk, "performer"), (production, "licensee")):
            licensing.sign_contract(
                session,
                contract,
                party.organization.id,
                role=role,
                jws=party.sign(contract, role),
            )
    return contract


def _ask(it: Play, production: cast.Party, **changes: Any) -> tuple[Decision, Generation | None]:
    """Ask for the scene, as the production would; `changes` are the cases that are refused."""
    terms: dict[str, Any] = {"territories": ("DE", "FR"), "tags": (), **changes}
    with db.writing() as session:
        replica = registry.replicas_of(session, it.performers[0].id)[0]
        asked = gateway.Asked((replica.id,), MODEL, it.line, LENGTH_S, (1280, 720))
        use = UseRequest(
            action="generate",
            requester_org=production.organization.id,
            performers=(),
            at=clock.now(),
            project="NIGHTGLASS",
            purpose="film_scene",
            medium="svod",
            languages=("en",),
            modalities=("face", "voice"),
            generator=MODEL,
            seconds=LENGTH_S,
            **terms,
        )
        return gateway.request_generation(session, production.organization.id, asked, use)


@contextmanager
def _worker() -> Iterator[None]:
    worker = Worker()
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def _wait(generation_id: str, show: Callable[[str, str], None]) -> Generation:
    while True:
        with db.reading() as session:
            generation = session.get_one(Generation, generation_id)
        show(generation.state, progress.in_words(generation))
        if generation.state in FINAL:
            return generation
        time.sleep(0.2)


def _audit(it: Play, generation: Generation) -> None:
    files = _files(it)
    storage.fetch(generation.output_key or "", files["original"])
    damage.reencode(files["original"], files["reencoded"])
    damage.flip_byte(files["original"], files["tampered"])
    with ThreadPoolExecutor(CORES) as pool:
        for name, verdict in zip(files, pool.map(desk.look_at, files.values()), strict=True):
            it.verdicts[name] = verdict
            it.say.note(f"{TITLES[name]}: {verdict.verdict}")


def _refusals(it: Play, production: cast.Party, desk: cast.Party, contract: Contract) -> None:
    def refuse(case: str, **changes: Any) -> None:
        decision, _ = _ask(it, production, **changes)
        it.refusals.append({"case": case, "codes": decision.codes})
        it.say.note(f"{case}: {', '.join(decision.codes) or decision.outcome}")

    refuse("a territory outside the grant", territories=("DE", "US"))
    refuse("a prohibited content tag", tags=("smoking",))
    with db.writing() as session:
        merged = session.merge(contract)
        licensing.withdraw_contract(session, merged, desk.organization.id)
    refuse("a generation after consent was withdrawn")


def _leave_open(
    it: Play, desks: list[cast.Party], production: cast.Party, agency: cast.Party
) -> None:
    """Leave something to do to whoever goes on from here: a contract, and an offer unanswered."""
    _contract(it, desks[0], production, agency)
    asked = cast.contract_document(
        it.performers[1].id, it.performers[1].name, production.organization.id,
        agency.organization.id,
    )  # fmt: skip
    asked["grant"]["projects"] = ["HARBOUR LIGHTS"]
    with db.writing() as session:
        licensing.offer_contract(session, production.organization.id, asked)


def _check() -> tuple[bool, bool]:
    """Say whether the books and the log hold, each reckoned again from its own records."""
    publication.publish_log()
    with db.reading() as session:
        books = check(session)
    return books.ok, publication.check_log().holds


def _money(contract: Contract, names: dict[str, str]) -> list[tuple[str, int, str]]:
    """List what the contract's accounts hold, with names for ids: (account, minor units, code)."""
    with db.reading() as session:
        balances = ledger.balances(session, contract_id=contract.id)
    rows = []
    for (account, currency), amount_minor in balances.items():
        words = [names.get(part, part) for part in account.split(":")]
        rows.append((" ".join(words), amount_minor, currency))
    return rows


def _summary(it: Play, balanced: bool, log_verified: bool) -> dict[str, Any]:
    verdicts = {name: verdict.verdict for name, verdict in it.verdicts.items()}
    refused = all(refusal["codes"] for refusal in it.refusals) and len(it.refusals) == 5
    return {
        "output": str(_files(it)["original"]),
        "verdicts": verdicts,
        "refusals": it.refusals,
        "ledger_balanced": balanced,
        "log_verified": log_verified,
        "elapsed_s": round(time.monotonic() - it.started, 1),
        "kept": verdicts == PROMISED and refused and balanced and log_verified,
    }


def _draw(it: Play) -> None:
    rows = [
        sheet.Row(TITLES[name], verdict.verdict, verdict.sentence, _files(it)[name])
        for name, verdict in it.verdicts.items()
    ]
    when = clock.now().strftime("%d %B %Y")
    sheet.draw(
        rows,
        it.out / "contact-sheet.png",
        heading=f"{it.performers[0].name}, by contract",
        below=f"A digital replica rendered, marked, signed and verified on {when}",
    )


def _files(it: Play) -> dict[str, Path]:
    return {name: it.out / file for name, file in FILES.items()}
