"""The one list of pages in an installation of any size: its town, and as many more as are asked."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx import Response
from sqlmodel import Session, select
from starlette.testclient import TestClient

from app import clock, config, db
from app.gateway.models import Generation
from app.gateway.models_budgets import Budget
from app.gateway.models_previews import Preview
from app.gateway.models_vendor_copies import VendorCopy
from app.gateway.models_webhooks import Webhook, WebhookDelivery
from app.gateway.reviews.models import Review, ReviewMatch
from app.identity import sessions
from app.identity.models import ApiKey
from app.identity.models_people import Passkey, Person
from app.licensing.approvals.models import ApprovalRequest
from app.licensing.approvals.on_record import use_as_json
from app.licensing.contracts.models_status import StatusEntry
from app.licensing.decisions.models import Decision
from app.licensing.decisions.service import use_of
from app.notices.models import Contact, Notice, NoticeDelivery
from app.registry.models import Performer
from app.registry.models_resemblance import EnrollmentHold, EnrollmentMatch
from app.web.pages import SESSION_COOKIE
from tests import screens
from tests.many import Copies

# What is copied together, and which rows: people and houses stay, but where they are named here.
CONTRACTS = dict.fromkeys(
    (
        *("contract", "contract_event", "contract_signature", "contract_licensee"),
        *("contract_book", "status_entry"),
    ),
    "",
)
DONE = "state IN ('released', 'quarantined')"
OF_DONE = f"generation_id IN (SELECT id FROM generation WHERE {DONE})"
# A contract has one promise of each kind, however much is made under it.
NOT_OF_CONTRACTS = "subject_id NOT IN (SELECT id FROM contract)"
OUTPUTS = {
    **dict.fromkeys(
        (
            *("decision", "usage_event", "journal_entry", "posting", "entry_seal"),
            *("ledger_period_entry", "notice"),
        ),
        "",
    ),
    **dict.fromkeys(("generation_replica", "hold"), OF_DONE),
    "generation": DONE,
    "log_outbox": f"leaf_index IS NOT NULL AND {NOT_OF_CONTRACTS}",
    "log_leaf": f"outbox_id IN (SELECT id FROM log_outbox WHERE {NOT_OF_CONTRACTS})",
}
UNDER_WAY = {
    **dict.fromkeys(("generation_replica", "hold", "vendor_job"), f"NOT {OF_DONE}"),
    **dict.fromkeys(("preview", "review", "review_match"), ""),
    "generation": f"NOT {DONE} OR id IN (SELECT generation_id FROM preview UNION "
    "SELECT generation_id FROM review)",
}
OF_EACH = dict.fromkeys(
    (
        *("person_session", "passkey", "contact", "invitation", "api_key", "api_key_terms"),
        *("twofold_act", "standing_offer", "standing_offer_audience", "mandate", "budget"),
        *("roster_entry", "material", "strike_switch", "policy_publication", "agreement_keeper"),
        *("live_check", "recovery_code", "vendor_copy", "approval_request", "decision"),
        *("case_file", "case_event", "case_side", "ledger_period", "issued_statement"),
        *("notice_delivery", "webhook_delivery"),
    ),
    "",
)
MEMBERS = dict.fromkeys(("person", "passkey", "person_session", "invitation", "membership"), "")
PERFORMERS = (
    dict.fromkeys(
        (
            *("organization", "performer", "performer_listing", "replica", "reference_medium"),
            *("standing_offer", "standing_offer_audience", "enrollment_hold", "enrollment_match"),
        ),
        "",
    )
    | CONTRACTS
    | {"organization": "kind = 'performer'"}
)
GROUPS = {
    "contracts": CONTRACTS,
    "outputs": OUTPUTS,
    "under way": UNDER_WAY,
    "of each": OF_EACH,
    "members": MEMBERS,
    "performers": PERFORMERS,
}


def a_town(directory: Path) -> screens.Town:
    """Make the town of the pictures, with what else a page lists: asked, held, on its way."""
    town = screens.a_town(directory)
    with db.writing() as session:
        _more(session, town)
    return town


def _more(session: Session, town: screens.Town) -> None:
    scene, at = town.scene, clock.now()
    soon, house = at + timedelta(days=9), scene.production.organization.id
    for place, entry in enumerate(session.exec(select(StatusEntry)).all()):
        entry.list_index = place  # drawn anywhere in a list, so that copies might not fit behind
    griet = _person(session, town.doors[0])
    generations = list(session.exec(select(Generation)).all())
    released = [each for each in generations if each.state == "released"]
    decision = session.get_one(Decision, released[0].decision_id)
    held = released[1]
    held.state = "quarantined"
    performer = session.get_one(Performer, scene.performer.id)
    key = session.exec(select(ApiKey).where(ApiKey.organization_id == house)).first()
    hook = Webhook(organization_id=house, api_key_id=key.id, url="https://hooks.example/")
    contact = session.exec(select(Contact).where(Contact.person_id == griet.id)).first()
    notice = session.exec(select(Notice)).first()
    review = Review(generation_id=held.id, findings=["face-similar"], faces=1)
    hold = EnrollmentHold(performer_id=performer.id, templates=1, outcome="released",
                          answered_at=at, reason="A twin.")  # fmt: skip
    session.add_all((held, hook, review, hold))
    session.flush()
    session.add_all(
        (
            ApprovalRequest(
                contract_id=scene.contract.id, organization_id=house, decision_id=decision.id,
                kind="use", roles=["performer"], project="NIGHTGLASS", script_hash="",
                content_tags=[], use=use_as_json(use_of(decision)), answer_due_at=soon,
            ),
            Preview(generation_id=released[2].id, contract_id=scene.contract.id,
                    roles=["performer"], due_at=soon),
            ReviewMatch(review_id=review.id, performer_id=performer.id, distance_milli=400),
            EnrollmentMatch(hold_id=hold.id, performer_id=performer.id, distance_milli=400),
            VendorCopy(vendor="runway", kind="job", what="portraits inside an order",
                       performer_id=performer.id, contract_id=scene.contract.id,
                       generation_id=held.id, state="unconfirmed"),
            WebhookDelivery(webhook_id=hook.id, event_id=held.id, body="{}"),
            NoticeDelivery(notice_id=notice.id, contact_id=contact.id, message_id="a@b.example"),
            Budget(organization_id=house, project="NIGHTGLASS", currency="EUR", total_minor=9),
            Budget(organization_id=house, series_id=scene.contract.id, currency="EUR",
                   total_minor=9),
        )
    )  # fmt: skip


def _person(session: Session, door: Any) -> Person:
    passkey = session.get_one(Passkey, door.passkey_id)
    return session.get_one(Person, passkey.person_id)


def copies() -> dict[str, Callable[[int], None]]:
    """Remember what stands now; return what writes all of a group so often again."""
    with db.engine().connect() as connection:
        groups = {name: Copies(connection, tables) for name, tables in GROUPS.items()}

    def writes(group: Copies) -> Callable[[int], None]:
        def write(times: int) -> None:
            with db.engine().begin() as connection:
                group.write(connection, times)

        return write

    return {name: writes(group) for name, group in groups.items()}


def visits(app: FastAPI, town: screens.Town) -> Callable[..., Response]:
    """Return what opens a page by its name, or what it leads to, as whoever is there signed in."""
    who: dict[str, int | None] = {}
    now: int | None = None
    for name in town.paths:
        who[name] = now = screens.ENTERS.get(name, now)
    browsers = {number: _browser(app, town, number) for number in {*who.values()}}

    def visit(name: str, further: str = "") -> Response:
        return browsers[who[name]].get(further or town.paths[name])

    return visit


def _browser(app: FastAPI, town: screens.Town, number: int | None) -> TestClient:
    """Return a browser in which somebody of the town is signed in, or nobody."""
    browser = TestClient(app, base_url=config.settings().origin, follow_redirects=False)
    browser.headers["Accept"] = "text/html"
    if number is not None:
        with db.writing() as session:
            passkey = session.get_one(Passkey, town.doors[number].passkey_id)
            secret = sessions.sign_in(session, passkey, browser="")[1]
        browser.headers["Cookie"] = f"{SESSION_COOKIE}={secret}"
    return browser
