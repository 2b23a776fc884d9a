"""Ways to pages that nothing on record leads to: links that somebody was sent, forms pressed once.

Part of the one list of pages in tests/screens.py.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from sqlmodel import Session

from app import clock, vault, vault_text
from app.cases import opening
from app.demo.doors import Door
from app.gateway.models_previews import Preview
from app.identity import api_keys, people
from app.identity import service as identity
from app.identity.models_people import Passkey, Person
from app.identity.models_providers import SignInProvider
from app.identity.principal import Principal
from app.licensing.contracts import service as contracts
from app.licensing.mandates import service as mandates
from app.notices import links
from app.notices.models import Contact
from app.recovery import codes
from app.recovery import service as recovery
from app.registry import live, lives
from app.registry.imports.models import RosterEntry
from app.registry.imports.service import LINK
from app.registry.models import Performer
from app.twofold import rotation
from tests.licensing.mandating import granted, holder_of
from tests.payments.payouts import Payee, an_order
from tests.payments.stories import Story
from tests.scenes import a_scene, offered

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "girl-with-a-pearl-earring.jpg"


def add_ways(
    session: Session, scene: Any, doors: Sequence[Door], paths: dict[str, str]
) -> dict[str, str]:
    """Return these pages with those of links for strangers before them, and of forms after."""
    griet, felix = (
        session.get_one(Person, session.get_one(Passkey, door.passkey_id).person_id)
        for door in doors[:2]
    )
    house, output = scene.production.organization, paths["case-new"].partition("=")[2]
    invitation = people.invite(session, house.id, felix, role="auditor")[1]
    waiting, verified = (
        Contact(
            person_id=griet.id,
            channel="email",
            sealed=vault_text.seal_text(griet.id, "email", f"griet@{host}.example"),
            verified_at=verified_at,
        )
        for host, verified_at in (("home", None), ("work", clock.now()))
    )
    begun, way_in = recovery.begin_by_code(session, codes.print_codes(session, griet)[0])
    check = recovery.begin_live_check(session, begun)
    desk = scene.desk.organization
    key_at_the_desk = identity.create_api_key(session, desk, name="desk")[0].id
    hers = live.begin(
        session,
        session.get_one(Performer, scene.performer.id),
        by=Principal(desk.id, "performer", key_at_the_desk),
    )
    provider = _provider(house.id, felix)
    asked, unwilling = (
        RosterEntry(
            organization_id=scene.agency.organization.id,
            api_key_id=key_at_the_desk,
            reference=f"A-{number}",
            name="Johanna",
            address="x",
            photo="johanna.jpg",
            state="invited",
            expires_at=clock.now() + timedelta(days=14),
        )
        for number in range(2)
    )
    complaint = opening.Complaint("beyond-consent", "takedown", "That is me.", generation_id=output)
    case = secrets.token_urlsafe(32)
    opening.open_for_visitor(session, complaint, secret=case)
    key, _ = identity.create_api_key(session, house, name="edit suite")
    act = rotation.propose_rotation(
        session,
        Principal(house.id, "production", key.id, api_keys.scope_of(session, key)),
        key,
        secret_sha256=hashlib.sha256(b"new").hexdigest(),
        overlap=timedelta(hours=24),
    )
    session.add_all((waiting, verified, provider, asked, unwilling))
    session.flush()
    for each in (asked, unwilling):
        each.portrait_object_id = vault.seal(session, each.id, "portrait", SAMPLE).id
        each.media_type = "image/jpeg"
    session.flush()
    mandate = (
        f"/mandates/new?performer={scene.performer.id}&holder={scene.agency.organization.id}"
        f"&role=agent&acts=negotiate&contract=&until={clock.now() + timedelta(days=90):%Y-%m-%d}"
    )
    disclosure = (
        f"{paths['disclosure']}?verifier={scene.agency.organization.id}&role=court&level=use"
        f"&until={clock.now() + timedelta(days=90):%Y-%m-%d}"
    )
    return {
        "verdict": "/verify",
        "refused": "/contacts/unknown",
        "join": f"/join/{invitation}",
        "contact": f"/contacts/{links.sealed('confirm', waiting.id)}",
        "learn": "/learn",
        "stop": "/pause",
        "stop-by-mail": f"/pause/{links.sealed('pause', verified.id)}",
        "recover": "/recover",
        "recovery": f"/recovery/{way_in}",
        "recovery-check": f"/recovery/{way_in}/checks/{check.id}",
        "studio": f"/sign-in/studio/{provider.id}",
        "enrollment": f"/enrollments/{links.sealed(LINK, asked.id)}",
        "enrollment-refused": f"/enrollments/{links.sealed(LINK, unwilling.id)}",
        "case-by-link": f"/cases/link/{case}",
        **paths,
        "confirm": "/confirm",
        "enroll": "/performer/enroll",
        "passkey-new": "/account/passkeys/new",
        "recovery-account": "/account/recovery",
        "recovery-codes": "/account/recovery",
        "live-check": f"/performer/identity/checks/{hers.id}",
        "mandate-new": "/mandates/new",
        "mandate-sign": mandate,
        "disclosure-sign": disclosure,
        "sign": paths["request"].replace("/performer/requests/", "/contracts/") + "/sign",
        "invited": "/account",
        "budgets": "/production/budgets",
        "keys": "/production/keys",
        "members": "/production/members",
        "key-made": "/production/keys",
        "two-people": "/account/two-people",
        "two-people-act": f"/account/two-people/{act.id}",
        "studio-sign-in": "/account/studio-sign-in",
        "vouch": f"/recoveries/{begun.id}/vouch",
        "vouched": f"/recoveries/{begun.id}/vouch",
    }


def of_age(session: Session, directory: Path) -> Any:
    """Have a guardian sign for a minor who has their 18th birthday this month."""
    today = datetime.now(UTC).date()
    born_on = date(today.year - 18, today.month, 1)
    scene = a_scene(session, signed=False)
    contracts.retract_offer(session, scene.contract, scene.production.organization.id)
    scene.desk.organization.name = "Jan van Delft, performer"
    session.get_one(Performer, scene.performer.id).name = "Jan van Delft"
    scene = offered(
        session,
        scene,
        lambda document: document["performer"].update(dob=str(born_on), name="Jan van Delft"),
    )
    lives.record_birth(session, mandates.lock(session, scene.performer.id), born_on)
    guardian = holder_of(session, "guardian")
    guardian.organization.name = "Maria van Delft, his mother"
    session.add_all((scene.desk.organization, guardian.organization))
    granted(session, scene, "guardian", directory, guardian)
    for party, role in ((scene.production, "licensee"), (guardian, "guardian")):
        by, jws = party.organization.id, party.sign(scene.contract, role)
        contracts.sign_contract(session, scene.contract, by, role=role, jws=jws)
    return scene


def paid_out(session: Session, scene: Any, union: Any) -> str:
    """Order what is owed to the performer, at an account they named; return the order's id."""
    Payee(Story(scene, union)).names(session)
    return an_order(session, name="2026-11").order.id


def to_look_at(session: Session, scene: Any) -> str:
    """Have a film wait for a look by the performer or their agent; return the preview's id."""
    _, film = scene.ask(session, line="Do you see me?", length_s="4")
    film.state, film.length_ms = "awaiting-preview", 4000
    preview = Preview(
        generation_id=film.id,
        contract_id=scene.contract.id,
        roles=["performer", "agent"],
        due_at=clock.now() + timedelta(days=2),
    )
    session.add_all((film, preview))
    return preview.id


def _provider(organization_id: str, by: Person) -> SignInProvider:
    return SignInProvider(
        organization_id=organization_id,
        issuer="https://id.nightglass.example",
        client_id="understudy",
        client_auth="client_secret_basic",
        secret="x",
        email_domain="nightglass.example",
        authorization_endpoint="https://id.nightglass.example/authorize",
        token_endpoint="https://id.nightglass.example/token",
        jwks_uri="https://id.nightglass.example/keys",
        names_itself=True,
        named_by=by.id,
    )


def stay(page: Page) -> None:
    """Look at the page as it was opened."""


def _ask_for_a_price(page: Page) -> None:
    page.get_by_label("The line, word for word").fill("Whose shadow is that?")
    page.get_by_role("button", name="Could we").click()
    page.get_by_role("heading", name="Yes, you could.").wait_for()


def _show_a_file(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(SAMPLE)
    page.get_by_role("button", name="Look at it").click()
    page.locator(".verdict").wait_for(timeout=120_000)


def _make_a_key(page: Page) -> None:
    page.get_by_label("What is it for?").fill("Edit suite")
    page.get_by_role("button", name="Ask for this key").click()
    page.get_by_role("heading", name="Copy this now").wait_for()


def _pressing(name: str) -> Callable[[Page], None]:
    """Press a button, where it still stands: some things are done once."""

    def press(page: Page) -> None:
        button = page.get_by_role("button", name=name)
        if button.count():
            button.first.click()
            page.wait_for_load_state()

    return press


# What is done at a page, by its name, before it is looked at.
STEPS: dict[str, Callable[[Page], None]] = {
    "scene": _ask_for_a_price,
    "verdict": _show_a_file,
    "operator-payouts-plan": _pressing("See what can be paid"),
    "recovery-codes": _pressing("Make eight new ones"),
    "invited": _pressing("Make a link"),
    "key-made": _make_a_key,
    "vouched": _pressing("Yes, it is"),
    "enrollment-refused": _pressing("✕ No: destroy the photo"),
}
