"""Whatever opens once opens once: each token of the house, tried a hundred times at the same time.

The list is in docs/people.md. A link that is harmless to repeat has one first moment, which stands.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import Session, select

from app import clock, db, vault_tokens
from app.errors import AppError
from app.gateway.materials import consents
from app.gateway.materials.models_consents import MaterialConsent
from app.identity import passkeys, people
from app.identity import service as identity
from app.identity.models_people import Membership, Person
from app.identity.models_providers import SignInProvider
from app.identity.principal import UNLIMITED, Principal
from app.notices import contacts
from app.notices.models import Contact, Notice
from app.recovery import codes
from app.recovery import service as recovery
from app.recovery.models import RecoveryCode
from app.studios import service as studios
from app.twofold import making
from app.twofold import service as twofold
from app.web.pages import site
from tests.gateway.materials.making import a_material, declared
from tests.identity.authenticator import Authenticator
from tests.people.arriving import joined
from tests.people.visiting import ONE_DATABASE, everything
from tests.scenes import Scene, a_scene

TIMES = 100
pytestmark = pytest.mark.slow
Attempt = Callable[[Session], object]


@dataclass(frozen=True)
class House:
    """Somebody at a performer's desk, and the scene that the desk is of."""

    scene: Scene
    person: Person


@pytest.fixture
def house(served) -> House:
    with db.writing() as session:
        scene = a_scene(session, signed=False)
    joined(served, scene.desk.organization, "Griet")
    with db.writing() as session:
        for each in session.exec(select(Membership)):
            each.created_at -= timedelta(days=8)
            session.add(each)
        person = session.exec(select(Person)).one()
    return House(scene, person)


def at_once(attempt: Attempt, times: int = TIMES) -> list[object]:
    """Try something many times, each in a transaction of its own; None where it was refused."""
    together = Barrier(times)

    def one(_: int) -> object:
        together.wait(60)
        try:
            with db.writing() as session:
                return attempt(session) or True
        except AppError:
            return None

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(one, range(times)))


def winners(attempt: Attempt, times: int = TIMES) -> int:
    return sum(each is not None for each in at_once(attempt, times))


def invitation(house: House, _tmp: Any) -> Attempt:
    with db.writing() as session:
        studio = identity.create_organization(session, "Studio", "production")
        secret = people.invite_first(session, studio)[1]

    def join(session: Session) -> object:
        person = session.get_one(Person, house.person.id)
        return people.join(session, people.invitation_of(session, secret, lock=True), person)

    return join


def recovery_code(house: House, _tmp: Any) -> Attempt:
    with db.writing() as session:
        text = codes.print_codes(session, session.get_one(Person, house.person.id))[0]
    return lambda session: recovery.begin_by_code(session, text)


def recovery_link(house: House, _tmp: Any) -> Attempt:
    """The last step: a passkey is made by whoever holds the link, in one browser after another."""
    with db.writing() as session:
        text = codes.print_codes(session, session.get_one(Person, house.person.id))[0]
        begun, secret = recovery.begin_by_code(session, text)
        begun.opens_at = clock.now() - timedelta(hours=1)
        recovery._keep_vouch(session, begun, house.person, "agent")
        asked = [
            passkeys.begin(session, "enroll", "binder", person_id=house.person.id)
            for _ in range(TIMES)
        ]
        options = [
            json.loads(passkeys.enrollment_options(site(), each, name="Griet")) for each in asked
        ]
    answers = [
        (each.id, json.dumps(Authenticator().create(option)))
        for each, option in zip(asked, options, strict=True)
    ]

    def complete(session: Session) -> object:
        ceremony_id, answer = answers.pop()
        found = recovery.recovery_behind(session, secret, lock=True)
        taken = passkeys.take(session, ceremony_id, "enroll", "binder")
        return recovery.complete(session, site(), found, taken, answer=answer)

    return complete


def challenge(purpose: str) -> Callable[[House, Any], Attempt]:
    """Of a sign-in, a confirmation, a signature under a contract, an offer, a mandate."""

    def asked(house: House, _tmp: Any) -> Attempt:
        with db.writing() as session:
            id_ = passkeys.begin(session, purpose, "binder", person_id=house.person.id).id
        return lambda session: passkeys.take(session, id_, purpose, "binder")

    return asked


def providers_state(house: House, _tmp: Any) -> Attempt:
    with db.writing() as session:
        studio = identity.create_organization(session, "Studio", "production")
        provider = SignInProvider(
            organization_id=studio.id,
            issuer="https://idp.example",
            client_id="c",
            client_auth="client_secret_basic",
            secret="",
            email_domain="",
            authorization_endpoint="https://idp.example/authorize",
            token_endpoint="https://idp.example/token",
            jwks_uri="https://idp.example/keys",
            names_itself=True,
            named_by=house.person.id,
        )
        session.add(provider)
        session.flush()
        question, cookie = studios.ask(session, provider, studios.SIGN_IN)
    return lambda session: studios.take(session, provider, cookie, question.state)


def render_token(_house: House, _tmp: Any) -> Attempt:
    with db.writing() as session:
        shown = vault_tokens.issue(session, job_id="gen_1", decision_id="dec_1")

    def spend(session: Session) -> object:
        return vault_tokens.spend(
            session, shown, object_id="vob_1", job_id="gen_1", opening_id="vop_1"
        )

    return spend


def agreement(house: House, _tmp: Any) -> Attempt:
    """The word that settles what takes two: a second time it is over."""
    desk = house.scene.desk.organization
    with db.writing() as session:
        kees = Person(name="Kees")
        session.add(kees)
        session.flush()
        by = session.get_one(Person, house.person.id)
        invited = people.invite(session, desk.id, by, role="performer")[0]
        people.join(session, invited, kees).created_at -= timedelta(days=8)
        key = identity.create_api_key(session, desk, name="k", scope=UNLIMITED)[0]
        act = making.propose_key(
            session,
            Principal(desk.id, desk.kind, key.id),
            name="farm",
            secret_sha256="0" * 64,
            scope=UNLIMITED,
            expires_at=None,
        )
        twofold.agree(session, act.id, house.person.id)

    def agree(session: Session) -> object:
        return making.put_in_force(session, twofold.agree(session, act.id, kees.id))

    return agree


ONCE: dict[str, Callable[[House, Any], Attempt]] = {
    "an invitation": invitation,
    "a printed recovery code": recovery_code,
    "a recovery's link": recovery_link,
    "a sign-in's challenge": challenge("sign-in"),
    "a confirmation's challenge": challenge("confirm"),
    "a signature's challenge": challenge("sign"),
    "a studio provider's state": providers_state,
    "a render's token": render_token,
    "a second person's word": agreement,
}


class TestEachToken:
    @pytest.mark.parametrize("token", ONCE)
    def test_of_a_hundred_at_once_one_wins(self, house, tmp_path, token):
        assert winners(ONCE[token](house, tmp_path)) == 1

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_one_that_is_looked_at_and_used_up_later_is_found(self, house, tmp_path, monkeypatch):
        # The planted fault: a code that is read without its lock, so that all see it unused.
        attempt, ours, together = recovery_code(house, tmp_path), codes.code_of, Barrier(2)

        def looked_at(session: Session, text: str, *, lock: bool = False) -> Any:
            found = ours(session, text)
            together.wait(60)
            return found

        monkeypatch.setattr(codes, "code_of", looked_at)
        assert winners(attempt, 2) == 2

    @ONE_DATABASE
    def test_one_that_is_never_used_up_is_found(self, house, tmp_path, monkeypatch):
        attempt = recovery_code(house, tmp_path)

        def never_used(session: Session, _text: str, *, lock: bool = False) -> RecoveryCode:
            return session.exec(select(RecoveryCode)).all()[0]  # the planted fault

        monkeypatch.setattr(codes, "code_of", never_used)
        assert winners(attempt, 8) == 8


class TestALinkThatIsHarmlessToRepeat:
    def test_confirms_an_address_once_and_for_all_who_open_it(self, house):
        with db.writing() as session:
            contact = Contact(person_id=house.person.id, channel="email", sealed="")
            session.add(contact)
            session.flush()
            link = contacts.link_of(contact).rpartition("/")[2]
        found = at_once(lambda session: contacts.confirm(session, link).verified_at)
        assert len(set(found)) == 1
        assert None not in found

    def test_takes_back_what_was_lent_at_one_first_moment_and_tells_once(self, house, tmp_path):
        production = house.scene.production.organization
        with db.writing() as session:
            key = identity.create_api_key(session, production, name="set")[0].id
            material = a_material(session, house.scene, key, "driving", directory=tmp_path)
            by = Principal(production.id, "production", key)
            kept = consents.by_declaration(
                session, material, *declared(house.scene, material), by=by
            )
            link, id_ = str(consents.link_of(kept)), kept.id

        def take_back(session: Session) -> object:
            consents.withdraw_by_link(session, link)
            return session.get_one(MaterialConsent, id_).withdrawn_at

        found = at_once(take_back)
        assert len(set(found)) == 1
        assert None not in found
        told = [each for each in everything(Notice) if each.kind == "material-withdrawn"]
        assert len(told) == 1
