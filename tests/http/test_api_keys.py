"""A key does what it was made for, until it ends, and no more."""

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from sqlmodel import select

from app import clock, config, db, rates
from app.access import ACTIONS, NAMED_ONLY, Rule
from app.identity import api_keys, authentication
from app.identity.errors import ApiKeyRefused, BeyondScope, NotAuthenticated
from app.identity.models import ApiKey, Organization
from app.identity.principal import UNLIMITED, Principal, Scope
from app.identity.service import create_organization
from app.twofold.models import TwofoldAct
from tests.http.house import assert_problem, question

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ALL = Scope.of(ACTIONS)


def later(monkeypatch, **by):
    at = clock.now() + timedelta(**by)
    monkeypatch.setattr(clock, "now", lambda: at)


class TestScope:
    @pytest.mark.parametrize(
        ("narrow", "wide", "is_within"),
        [
            (Scope(), Scope(), True),
            (Scope.of(["read"]), Scope(), True),
            (Scope(), Scope.of(["read"]), False),
            (Scope.of(["keys"]), Scope(), False),
            (Scope.of(["keys"]), ALL, True),
            (Scope(), ALL, True),
            (ALL, Scope(), False),
            (Scope.of(["read", "ask"]), Scope.of(["read"]), False),
            (Scope.of(projects=["A"]), Scope(), True),
            (Scope(), Scope.of(projects=["A"]), False),
            (Scope.of(projects=["A", "B"]), Scope.of(projects=["A"]), False),
            (Scope.of(contract_ids=[]), Scope.of(contract_ids=["con_1"]), True),
        ],
    )
    def test_is_within_another_where_it_allows_nothing_more(self, narrow, wide, is_within):
        assert narrow.is_within(wide) == is_within

    def test_without_limits_allows_all_but_what_wants_to_be_named(self):
        assert {each for each in ACTIONS if not UNLIMITED.allows(each)} == NAMED_ONLY

    @pytest.mark.parametrize(
        ("scope", "rule", "contract_id"),
        [
            (Scope.of(["ask"]), Rule(("organization",), "read"), None),
            (Scope.of(projects=["A"]), Rule(("organization",), "read"), None),
            (Scope.of(contract_ids=["con_1"]), Rule(("organization",), "read"), None),
            (Scope.of(contract_ids=["con_1"]), Rule(("licensee",), "read"), "con_2"),
            (Scope.of(projects=["A"]), Rule(("licensee",), "read", ("contract",)), "con_1"),
        ],
    )
    def test_what_is_not_known_to_be_within_is_refused(self, scope, rule, contract_id):
        with pytest.raises(BeyondScope):
            Principal("org_1", "production", "key_1", scope).insist(rule, contract_id=contract_id)

    def test_what_is_within_is_not(self):
        scope = Scope.of(["read"], None, ["con_1"])
        principal = Principal("org_1", "production", "key_1", scope)
        principal.insist(Rule(("licensee",), "read"), contract_id="con_1")
        principal.insist(Rule(("requester",), "read", ("contract",)))


def a_key(scope=UNLIMITED, **said):
    with db.writing() as session:
        organization = create_organization(session, "Nightglass", "production")
        return api_keys.create_api_key(session, organization, name="test", scope=scope, **said)


def holder_of(text):
    with db.reading() as session:
        return authentication.authenticate(session.connection(), text)


class TestKeepAKey:
    def test_its_limits_and_its_end_are_read_back(self, database, monkeypatch):
        scope = Scope.of(["read"], ["NIGHTGLASS"], [])
        key, text = a_key(scope, expires_at=clock.now() + timedelta(days=1))
        assert holder_of(text).scope == scope
        assert holder_of(a_key()[1]).scope == UNLIMITED
        with db.writing() as session:
            authentication.note_use(session, holder_of(text))
            authentication.note_use(session, holder_of(text))
        with db.reading() as session:
            assert api_keys.last_used_at(session, key) is not None
        later(monkeypatch, days=1)
        with pytest.raises(NotAuthenticated):
            holder_of(text)

    def test_a_replaced_one_works_until_the_overlap_is_over(self, database, monkeypatch):
        key, old = a_key(Scope.of(["read"]))
        secret = secrets.token_urlsafe(32)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        with db.writing() as session:
            key = api_keys.key_of(session, key.organization_id, key.id)
            new = api_keys.rotate(session, key, secret_sha256=digest, overlap=timedelta(hours=1))
            new_text = api_keys.text_of(new, secret)
            with pytest.raises(ApiKeyRefused, match="replaced"):
                api_keys.rotate(session, key, secret_sha256=digest, overlap=timedelta(0))
        assert holder_of(old).scope == holder_of(new_text).scope == Scope.of(["read"])
        later(monkeypatch, hours=1)
        assert holder_of(new_text).api_key_id == new.id
        with pytest.raises(NotAuthenticated):
            holder_of(old)

    @ONE_DATABASE
    def test_there_are_keys_that_cannot_be(self, database):
        with pytest.raises(ApiKeyRefused, match="god"):
            a_key(Scope.of(["god"]))

    @ONE_DATABASE
    def test_one_that_ended_is_neither_replaced_nor_counted(self, database, monkeypatch):
        key, _ = a_key(expires_at=clock.now() + timedelta(hours=1))
        digest = hashlib.sha256(b"mine").hexdigest()
        with db.writing() as session:
            key = session.get_one(ApiKey, key.id)
            api_keys.rotate(session, key, secret_sha256=digest, overlap=timedelta(hours=24))
            with pytest.raises(ApiKeyRefused, match="replaced"):
                api_keys.rotate(session, key, secret_sha256=digest, overlap=timedelta(hours=24))
        other, _ = a_key(expires_at=clock.now() + timedelta(minutes=1))
        lasting, _ = a_key()
        with db.writing() as session:
            lasting = session.get_one(ApiKey, lasting.id)
            new = api_keys.rotate(session, lasting, secret_sha256=digest, overlap=timedelta(0))
            assert api_keys.standing_keys(session, new.organization_id) == [new.id]
        later(monkeypatch, minutes=1)
        with db.writing() as session:
            other = session.get_one(ApiKey, other.id)
            with pytest.raises(ApiKeyRefused, match="expired"):
                api_keys.rotate(session, other, secret_sha256=digest, overlap=timedelta(0))

    @ONE_DATABASE
    def test_what_one_makes_ends_with_it(self, database):
        end = clock.now() + timedelta(hours=1)
        key, _ = a_key(expires_at=end)
        with db.reading() as session:
            assert api_keys.within_life(session, key.id, None) == end
            sooner = end - timedelta(minutes=1)
            assert api_keys.within_life(session, key.id, sooner) == sooner
            with pytest.raises(BeyondScope, match="ends at"):
                api_keys.within_life(session, key.id, end + timedelta(minutes=1))

    @ONE_DATABASE
    def test_one_that_lasts_as_long_as_the_calendar_is_replaced_by_such_a_one(
        self, database, monkeypatch
    ):
        last = datetime.max.replace(tzinfo=UTC)
        key, _ = a_key(expires_at=last)
        later(monkeypatch, hours=1)
        with db.writing() as session:
            key = session.get_one(ApiKey, key.id)
            new = api_keys.rotate(session, key, secret_sha256="6" * 64, overlap=timedelta(0))
            assert new.expires_at == last

    @ONE_DATABASE
    def test_none_takes_the_name_or_the_place_of_a_person_at_a_page(self, database):
        key, _ = a_key()
        with db.writing() as session:
            organization = session.get_one(Organization, key.organization_id)
            row = api_keys.row_at_pages(session, organization.id, "psn_1")
            assert api_keys.row_at_pages(session, organization.id, "psn_1").id == row.id
            with pytest.raises(ApiKeyRefused, match="stand for people"):
                api_keys.create_api_key(session, organization, name=row.name)
            digest = hashlib.sha256(b"mine").hexdigest()
            with pytest.raises(ApiKeyRefused, match="stand for people"):
                api_keys.rotate(session, row, secret_sha256=digest, overlap=timedelta(0))
            assert api_keys.standing_keys(session, organization.id) == [key.id]

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_two_first_acts_at_once_leave_one_row_of_a_person(self, database):
        key, _ = a_key()
        found = []

        def second():
            with db.writing() as session:
                found.append(api_keys.row_at_pages(session, key.organization_id, "psn_1").id)

        other = Thread(target=second)
        with db.writing() as session:
            first = api_keys.row_at_pages(session, key.organization_id, "psn_1").id
            other.start()
            other.join(timeout=0.5)  # time in which one that does not wait makes its own
        other.join()
        assert found == [first]

    @ONE_DATABASE
    def test_no_secret_is_stored(self, database):
        key, text = a_key()
        assert text.rpartition("_")[2] not in str(key.model_dump())
        assert len(text.removeprefix(f"ustk_{key.prefix}_")) == 43  # 256 bits, base64url


@ONE_DATABASE
class TestAskWithAKey:
    def key(self, house, scope, who="production"):
        with db.writing() as session:
            organization = session.get_one(Organization, getattr(house.scene, who).organization.id)
            key, text = api_keys.create_api_key(session, organization, name="test", scope=scope)
        house.keys[key.id] = {"Authorization": f"Bearer {text}"}
        return key.id

    def test_that_was_revoked_asks_no_more_what_would_be_decided(self, house):
        asker = self.key(house, Scope.of(["ask"]))
        uses = {"contract_id": house.scene.contract.id}
        assert house.post("/v1/simulations", asker, json=uses).status_code == 200
        with db.writing() as session:
            api_keys.revoke_api_key(session, session.get_one(ApiKey, asker))
        for _ in range(2):
            answer = house.post("/v1/simulations", asker, json=uses)
            assert_problem(answer, 401, "not-authenticated")

    def test_for_some_actions(self, house):
        reader = self.key(house, Scope.of(["read"]))
        assert house.get("/v1/contracts", reader).status_code == 200
        before = house.get("/v1/generations").json()
        assert_problem(house.ask(reader), 403, "beyond-scope")
        assert house.get("/v1/generations").json() == before

    def test_for_a_project(self, house):
        farm = self.key(house, Scope.of(None, ["NIGHTGLASS"]))
        mine = house.ask(farm).json()["id"]
        other = house.ask(project="OTHER")
        assert house.get(f"/v1/generations/{mine}", farm).status_code == 200
        asked = house.post("/v1/authorizations", farm, json=question(house, project="OTHER"))
        assert_problem(asked, 403, "beyond-scope")
        assert_problem(house.ask(farm, project="OTHER"), 403, "beyond-scope")
        assert_problem(house.get("/v1/generations", farm), 403, "beyond-scope")
        if other.status_code == 201:
            id_ = other.json()["id"]
            assert_problem(house.get(f"/v1/generations/{id_}", farm), 404, "generation-not-found")

    def test_for_a_contract(self, house):
        contract_id = house.scene.contract.id
        this = self.key(house, Scope.of(None, None, [contract_id]))
        another = self.key(house, Scope.of(None, None, ["con_another"]))
        mine = house.ask(this).json()["id"]
        assert house.get(f"/v1/generations/{mine}", this).status_code == 200
        assert house.get(f"/v1/contracts/{contract_id}", this).status_code == 200
        assert_problem(house.get(f"/v1/contracts/{contract_id}", another), 403, "beyond-scope")
        assert_problem(house.get(f"/v1/generations/{mine}", another), 404, "generation-not-found")
        assert_problem(house.ask(another), 403, "beyond-scope")
        assert len(house.get("/v1/generations").json()["items"]) == 1

    def test_no_key_makes_one_that_may_more(self, house):
        narrow = self.key(house, Scope.of(["keys", "read"]))
        said = {"name": "farm", "secret_sha256": "0" * 64}
        wide = house.post("/v1/api-keys", narrow, json=said | {"actions": ["read", "sign"]})
        assert_problem(wide, 403, "beyond-scope")
        plain = self.key(house, UNLIMITED)
        refusal = house.post("/v1/api-keys", plain, json=said | {"actions": ["read"]})
        assert_problem(refusal, 403, "beyond-scope")
        proposed = house.post("/v1/api-keys", narrow, json=said)  # of what it may but for keys
        assert (proposed.status_code, proposed.json()["state"]) == (201, "proposed")
        with db.reading() as session:
            act = session.get_one(TwofoldAct, proposed.json()["id"])
            assert act.asked["actions"] == ["read"]
            made = session.exec(select(ApiKey).where(ApiKey.prefix == act.asked["prefix"])).all()
        assert made == []  # two people make it: tests/people/test_twofold.py
        wider = self.key(house, ALL)
        for path in ("revocation", "rotation"):
            json = {"secret_sha256": "1" * 64} if path == "rotation" else None
            answer = house.post(f"/v1/api-keys/{wider}/{path}", narrow, json=json)
            assert_problem(answer, 403, "beyond-scope")

    def test_revoked_in_the_middle_of_a_stream_it_gets_nothing_more(self, house):
        streaming, revoked = self.key(house, UNLIMITED), Event()
        under_way = Event()

        def stream(_):
            found, asked_since = [], 0
            while asked_since < 5 and len(found) < 2000:  # some way past the revocation
                was_revoked = revoked.is_set()
                asked_since += was_revoked
                answer = house.post("/v1/authorizations", streaming, json=question(house))
                found.append((was_revoked, answer.status_code))
                under_way.set()
            return found

        with ThreadPoolExecutor(3) as threads:
            streams = threads.map(stream, range(3))
            under_way.wait(30)
            ended = house.post(f"/v1/api-keys/{streaming}/revocation")
            revoked.set()
            answers = [each for found in streams for each in found]
        assert ended.status_code == 201
        assert (False, 201) in answers
        assert {status for was_revoked, status in answers if was_revoked} == {401}
        assert {status for _, status in answers} == {201, 401}

    def test_its_last_use_is_listed(self, house):
        key = self.key(house, UNLIMITED)
        listed = {each["id"]: each for each in house.get("/v1/api-keys").json()["items"]}
        assert listed[key]["last_used_at"] is None
        house.get("/v1/contracts", key)
        listed = {each["id"]: each for each in house.get("/v1/api-keys").json()["items"]}
        assert listed[key]["last_used_at"] is not None

    def test_it_asks_only_so_often_whichever_process_it_asks(self, house, monkeypatch):
        monkeypatch.setattr(config.settings(), "rate_keys", "3/minute")
        for _ in range(3):
            rates._shares.clear()  # another process
            assert house.get("/v1/contracts").status_code == 200
        answer = house.get("/v1/contracts")
        problem = assert_problem(answer, 429, "too-many-requests")
        assert answer.headers["Retry-After"] == str(problem["retry_after_s"])
        assert house.get("/v1/contracts", "desk").status_code == 200
