"""Lists that were short once go on at a further page, and every line of them is on one of these."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlmodel import select

from app import clock, db
from app.identity import people, sessions
from app.identity.models import Organization
from app.identity.models_people import Passkey, Person, PersonSession
from app.licensing.decisions.models_policies import PolicyPublication
from app.licensing.strikes.models import AgreementKeeper
from app.provenance import certificate_files
from app.web import operator, union
from app.web.people import PER_PAGE
from tests.http.browser import Browser
from tests.licensing import unions
from tests.people.arriving import an_operator, joined
from tests.people.visiting import ONE_DATABASE

pytestmark = ONE_DATABASE
MANY = 2 * PER_PAGE + 3


def lines(browser: Browser, path: str, link: str, line: str) -> list[str]:
    """Read a list from page to page by its own link, whose address has `link` in it."""
    found, seen = [], set()
    while path:
        assert path not in seen
        seen.add(path)
        page = browser.open(path)
        assert page.status_code == 200, page.text
        found += re.findall(line, page.text)
        more = re.search(rf'href="({re.escape(link)}[^"]*)"', page.text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) > 1
    return found


def a_certificate(name: str, *, days: int) -> SimpleNamespace:
    ends = SimpleNamespace(not_valid_after_utc=clock.now() + timedelta(days=days))
    return SimpleNamespace(name=name, certificate=ends, revocation=None)


def test_sessions(griet: Browser) -> None:
    with db.writing() as session:
        passkey = session.exec(select(Passkey)).one()
        for number in range(MANY):
            sessions.sign_in(session, passkey, browser=f"Browser {number}")
        over = session.exec(select(PersonSession)).all()[5]
        over.seen_at = clock.now() - timedelta(hours=3)
        wanted = {each.id for each in session.exec(select(PersonSession))} - {over.id}
    found = lines(
        griet, "/account", "/account?of=sessions&amp;after=", "/account/sessions/([^/]+)/end"
    )
    assert len(found) == len(set(found)) == MANY - 1
    assert set(found) < wanted  # all but the one in which this is read
    assert len(wanted) == MANY


@pytest.mark.parametrize("path", ["/account", "/production/members"])
def test_invitations(served, scene, path: str) -> None:
    house = scene.production.organization
    felix = joined(served, house, "Felix")
    with db.writing() as session:
        person = session.exec(select(Person).where(Person.name == "Felix")).one()
        for _ in range(MANY):
            people.invite(session, house.id, person, role="production_member")
    which = f"house={house.id}&amp;" if path == "/account" else ""
    further = f"{path}?{which}of=invitations&amp;after="
    found = lines(felix, path, further, "/invitations/([^/]+)/retraction")
    assert len(found) == len(set(found)) == MANY


def test_certificates_and_rules(served, monkeypatch: pytest.MonkeyPatch) -> None:
    olga = an_operator(served)
    monkeypatch.setattr(operator, "MOST", 2)
    issued = [a_certificate(f"claim-{number}", days=90 - number) for number in range(5)]
    over = a_certificate("claim-over", days=-1)
    monkeypatch.setattr(certificate_files, "every", lambda _directory: [*issued, over])
    ends = r'<tr><td>([^<]+)</td><td class="when"'
    keys = lines(olga, "/operator", "/operator?of=keys&amp;after=", ends)
    assert keys == [f"claim-{number}" for number in (4, 3, 2, 1, 0)]  # the next to end first
    with db.writing() as session:
        for number in range(5):
            at = clock.now() - timedelta(days=number // 2)  # two at one instant
            session.add(PolicyPublication(digest=f"{number:064x}", published_at=at))
        wanted = {each.digest for each in session.exec(select(PolicyPublication))}
    sets = lines(olga, "/operator", "/operator?of=sets&amp;after=", '"hash">([0-9a-f]{64})<')
    assert len(sets) == len(set(sets)) == len(wanted)
    assert set(sets) == wanted


def test_agreements_and_a_strike_on_any_of_them(served, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.writing() as session:
        (first, *_) = unions.a_union(session)
        house = session.get_one(Organization, first.organization_id)
        for number in range(4):
            session.add(AgreementKeeper(agreement=f"Agreement {number}", organization_id=house.id))
    clara = joined(served, house, "Clara")
    monkeypatch.setattr(union, "PER_PAGE", 2)
    found = lines(clara, "/union", "/union?start=", 'name="agreement" value="([^"]+)"')
    assert found == sorted({unions.AGREEMENT, *(f"Agreement {number}" for number in range(4))})
