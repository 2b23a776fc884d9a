"""Pages with an id in their address: a stranger is told of a thing of others what they are told of
none. Taken from the routes themselves: a new page is asked, or the test says which id it lacks."""

import re
from datetime import timedelta

import pytest
from sqlmodel import select

from app import access, clock, config, db
from app.identity import api_keys
from app.identity import service as identity
from app.identity.models import ORGANIZATION_KINDS
from app.identity.models_people import Invitation, Membership, Passkey, PersonSession
from app.identity.models_providers import SignInProvider
from app.ledger.models_payouts import PayoutOrder
from app.licensing.approvals.models import ApprovalRequest
from app.main import operations_of
from app.notices.models import Contact
from app.recovery.models import Recovery
from app.registry.imports.models import RosterEntry
from app.registry.models_mandates import MandateDeclaration
from app.twofold.models import TwofoldAct
from app.web import performer_work
from tests.http.browser import Browser
from tests.http.house import a_house
from tests.http.things import things_of, unknown_like
from tests.identity.authenticator import ORIGIN
from tests.people.arriving import joined

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
FIELDS = {
    "role": "auditor", "name": "A", "device": "B", "ceremony": "cer_1", "answer": "approved",
    "note": "x", "confirm": "x", "line": "A line.", "length_s": "5", "project": "P",
    "purpose": "film_scene", "medium": "svod", "territories": "DE", "language": "en",
    "issuer": "https://idp.example", "client_id": "c", "secret": "s",
    "generator": "local/puppet-1", "once": "0123456789ab", "do": "try", "priced": "",
}  # fmt: skip
SECRETS = re.compile(r"(value|data-options|href|action)=\"[^\"]*\"")  # challenges differ each time


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client)


def theirs(house, served):
    """An id of the house, or of Griet who sits in it, for every name that addresses have."""
    things = things_of(house)
    joined(served, house.scene.desk.organization, "Griet")
    with db.writing() as session:
        (griet,) = session.exec(select(Membership)).all()
        at = clock.now()
        contact = Contact(person_id=griet.person_id, channel="email", sealed="x")
        recovery = Recovery(
            person_id=griet.person_id,
            way="codes",
            opens_at=at + timedelta(days=3),
            expires_at=at + timedelta(days=9),
        )
        invitation = Invitation(
            organization_id=griet.organization_id,
            role="auditor",
            is_admin=False,
            invited_by=griet.person_id,
            secret_sha256="0" * 64,
            expires_at=at + timedelta(days=7),
        )
        act = TwofoldAct(
            organization_id=griet.organization_id,
            kind="payout-details",
            subject_id=griet.organization_id,
            asked={"from_at": None},
            lapses_at=at + timedelta(days=7),
        )
        provider = SignInProvider(
            organization_id=griet.organization_id,
            issuer="https://idp.example",
            client_id="c",
            client_auth="client_secret_basic",
            secret="",
            email_domain="",
            authorization_endpoint="https://idp.example/authorize",
            token_endpoint="https://idp.example/token",
            jwks_uri="https://idp.example/keys",
            names_itself=True,
            named_by=griet.person_id,
        )
        agency_id = house.scene.agency.organization.id
        entry = RosterEntry(
            organization_id=agency_id,
            api_key_id=api_keys.row_at_pages(session, agency_id, griet.person_id).id,
            reference="K-9",
            name="A",
            address="x",
            photo="p",
            expires_at=at + timedelta(days=7),
        )
        declared = MandateDeclaration(
            organization_id=agency_id,
            performer_id=house.scene.performer.id,
            document="{}",
            document_sha256="0" * 64,
            signature="{}",
            signing_key_id=house.scene.desk.registered.id,
        )
        session.add_all((contact, recovery, invitation, act, provider, entry, declared))
        return {
            **things,
            "organization_id": griet.organization_id,
            "membership_id": griet.id,
            "invitation_id": invitation.id,
            "contact_id": contact.id,
            "entry_id": entry.id,
            "declaration_id": declared.id,
            "act_id": act.id,
            "order_id": session.exec(select(PayoutOrder.id)).first(),
            "provider_id": provider.id,
            "recovery_id": recovery.id,
            "passkey_id": session.exec(select(Passkey.id)).one(),
            "session_id": session.exec(select(PersonSession.id)).one(),
            "request_id": session.exec(select(ApprovalRequest.id)).first(),
        }


def told(browser: Browser, verb: str, path: str, id_: str) -> tuple[int, str, str]:
    answer = browser.open(path) if verb == "GET" else browser.send(path, **FIELDS)
    text = SECRETS.sub("", answer.text.replace(id_, "ID"))
    return answer.status_code, answer.headers.get("location", "").replace(id_, "ID"), text


def of_every_kind(served) -> dict[str, Browser]:
    """Somebody who is not signed in, and the first administrator of a house of every kind."""
    strangers = {"nobody": Browser(served)}
    with db.writing() as session:
        houses = {
            kind: identity.create_organization(session, "S", kind) for kind in ORGANIZATION_KINDS
        }
    for kind, other in houses.items():
        strangers[kind] = joined(served, other, "Jan")
    return strangers


def wronged(served, ids, strangers) -> list[str]:
    """Ask every page with an id as everybody who has no business there; say which tell of it."""
    for browser in strangers.values():
        browser.open("/sign-in")  # for a form of this visit
    found, asked = [], 0
    for each in operations_of(served):
        name = each.path.partition("{")[2].partition("}")[0]
        if not each.is_page or not name or set(each.rule.who) <= access.OPEN:
            continue
        asked += 1
        for who, browser in strangers.items():
            said = []
            for id_ in (ids[name], unknown_like(ids[name])):
                path = each.path.replace(f"{{{name}}}", id_)
                path = path.replace("{role}", "performer").replace("{kind}", "pdf")
                page, (status, *rest) = browser.page, told(browser, each.verb, path, id_)
                browser.page = page
                assert status < 500, (path, who)
                said.append((status, *rest))
            if said[0] != said[1]:
                found.append(f"{each.verb} {each.path} tells {who}")
            if said[0][0] < 300:
                found.append(f"{each.verb} {each.path} lets {who} in")
    assert asked > 15
    return found


@ONE_DATABASE
class TestEveryPage:
    def test_tells_strangers_of_others_things_what_it_tells_of_none(self, served, house):
        assert wronged(served, theirs(house, served), of_every_kind(served)) == []

    @pytest.mark.slow
    def test_one_that_shows_them_is_found(self, served, house, monkeypatch):
        ids = theirs(house, served)
        monkeypatch.setattr(performer_work, "_ids", lambda _: [house.scene.performer.id])
        found = wronged(served, ids, of_every_kind(served))
        assert any("/performer/work/" in each for each in found)
