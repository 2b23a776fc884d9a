"""The union's desk: two people call a strike, and a production feels it; each is told its own."""

import hashlib
import io
import zipfile
from datetime import timedelta

import pytest
from sqlmodel import select

from app import clock, config, db, language
from app.identity import api_keys
from app.identity.models import ApiKey, Organization
from app.identity.models_people import Membership
from app.identity.principal import Principal
from app.ids import new_id
from app.licensing.errors import MandateRefused, SecondKeyNeeded, SignatureRefused
from app.licensing.mandates import declaring
from app.licensing.strikes import service as strikes
from app.licensing.strikes.models import StrikeSwitch
from app.registry import mandates
from app.registry.models_mandates import Mandate, MandateDeclaration
from app.transparency.models import LogOutbox
from app.web import union_estates
from tests.http.browser import OURS
from tests.http.house import a_house, an_api_key
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN
from tests.licensing import mandating, unions
from tests.notices.test_telling import told as heard
from tests.payments.stories import a_story, closed, told
from tests.people.test_twofold import invited
from tests.people.visiting import everything, later, refused
from tests.scenes import a_scene

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
STRIKE = {"agreement": unions.AGREEMENT, "act": "suspend"}


@pytest.fixture
def served_here(served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return served


@pytest.fixture
def union(served_here):
    with db.writing() as session:
        people = unions.a_union(session)
        return session.get_one(Organization, people[0].organization_id)


@pytest.fixture
def officers(served_here, union, monkeypatch):
    """Two officers who have been members for more than a week, with passkeys used just now."""
    clara = joined(served_here, union, "Clara")
    milo = invited(clara, union, role="union_officer", name="Milo")
    later(monkeypatch, days=8)
    for each in (clara, milo):
        assert each.sign_in().status_code == 303
    return clara, milo


def waits(page):
    return page.partition("/union/strikes/")[2][:30]


class TestStrike:
    def test_two_people_call_it_and_the_production_is_refused(self, officers, union):
        clara, milo = officers
        with db.writing() as session:
            scene = unions.a_scene_under(session)
            assert scene.ask(session)[0].outcome == "permit"
        shown(clara, "/union")
        assert clara.send("/union/strikes", **STRIKE).status_code == 303
        page = shown(clara, "/union")
        assert "A strike waits for a second person." in page
        assert "Somebody else confirms this" in page
        with db.writing() as session:
            assert scene.ask(session)[0].outcome == "permit"
        strike = waits(shown(milo, "/union"))
        refused(clara.send(f"/union/strikes/{strike}/confirmation"), "second-key-needed")
        assert milo.send(f"/union/strikes/{strike}/confirmation").status_code == 303
        assert "On strike: " in shown(clara, "/union")
        with db.writing() as session:
            decision, _ = scene.ask(session)
            assert decision.outcome == "deny"
        assert "NIGHTGLASS" in shown(milo, "/union/findings")
        shown(milo, "/union")
        milo.send("/union/strikes", **STRIKE | {"act": "lift"})
        clara.send(f"/union/strikes/{waits(shown(clara, '/union'))}/confirmation")
        with db.writing() as session:
            assert scene.ask(session)[0].outcome == "permit"

    def test_one_person_with_two_rows_is_one(self, officers, union):
        clara, _ = officers
        shown(clara, "/union")
        clara.send("/union/strikes", **STRIKE)
        with db.writing() as session:  # as two first acts at once left them before
            switch = session.exec(select(StrikeSwitch)).one()
            row = session.get_one(ApiKey, switch.proposed_by)
            twin = ApiKey(
                organization_id=union.id, name=row.name, prefix="0f0f0f0f", secret_sha256="0" * 64
            )
            session.add(twin)
            session.flush()
            theirs = Principal(union.id, "union", twin.id)
            with pytest.raises(SecondKeyNeeded):
                strikes.confirm_switch(session, theirs, switch.id)

    def test_the_word_of_who_left_since_does_not_count(self, officers, union):
        clara, milo = officers
        shown(milo, "/union")
        milo.send("/union/strikes", **STRIKE)
        shown(clara, "/union")
        with db.writing() as session:
            switch = session.exec(select(StrikeSwitch)).one()
            name = session.get_one(ApiKey, switch.proposed_by).name
            theirs = Membership.person_id == name.removesuffix(api_keys.AT_A_PAGE)
            left = session.exec(select(Membership).where(theirs)).one()
            left.ended_at = clock.now()
        refused(clara.send(f"/union/strikes/{switch.id}/confirmation"), "proposal-lapsed")

    def test_a_key_and_a_person_are_not_two(self, officers, union, client):
        clara, _ = officers
        with db.writing() as session:
            key = an_api_key(session, union)
        headers = key | {"Idempotency-Key": "one"}
        proposed = client.post("/v1/strikes", json=STRIKE, headers=headers).json()["id"]
        shown(clara, "/union")
        refused(clara.send(f"/union/strikes/{proposed}/confirmation"), "second-key-needed")
        clara.send("/union/strikes", **STRIKE)
        strike = next(
            each["id"]
            for each in client.get("/v1/strikes", headers=key).json()["items"]
            if each["id"] != proposed
        )
        answer = client.post(
            f"/v1/strikes/{strike}/confirmation", headers=key | {"Idempotency-Key": "two"}
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "second-key-needed")

    def test_who_came_this_week_or_looks_only_does_not_count(self, served_here, union, monkeypatch):
        clara = joined(served_here, union, "Clara")
        auditor = invited(clara, union, role="auditor", name="Nils")
        shown(clara, "/union")
        refused(clara.send("/union/strikes", **STRIKE), "member-too-new")
        assert "Propose" not in shown(auditor, "/union")
        shown(auditor, "/account")
        refused(auditor.send("/union/strikes", **STRIKE), "not-allowed")
        later(monkeypatch, days=8)
        clara.sign_in()
        later(monkeypatch, minutes=6)
        shown(clara, "/union")
        assert clara.send("/union/strikes", **STRIKE).headers["location"] == "/confirm"

    def test_begins_by_the_clock_that_the_form_named(self, officers):
        clara, milo = officers
        shown(clara, "/account")
        clara.send("/account/zone", zone="America/Los_Angeles")
        assert "From when on (Los Angeles time)" in shown(clara, "/union")
        at = (clock.now() + timedelta(days=9)).replace(second=0, microsecond=0)
        here = language.local(at, clara.value("zone"))
        fields = STRIKE | {"at": f"{here:%Y-%m-%dT%H:%M}", "zone": clara.value("zone")}
        assert clara.send("/union/strikes", **fields).status_code == 303
        assert f", {here:%H:%M} Los Angeles time" in shown(clara, "/union")
        assert f", {at:%H:%M} UTC" in shown(milo, "/union")
        with db.reading() as session:
            assert session.exec(select(StrikeSwitch)).one().takes_effect_at == at

    def test_no_day_gone_by_and_no_day_there_is_not(self, officers):
        clara, _ = officers
        shown(clara, "/union")
        for at in ("2020-01-01T00:00", "2027-02-31T00:00", "0001-01-01T00:00"):
            refused(clara.send("/union/strikes", **STRIKE, at=at), "strike-instant-refused")

    def test_no_hour_that_clocks_leap_over(self, officers):
        clara, _ = officers
        shown(clara, "/union")
        fields = STRIKE | {"at": "2027-03-28T02:30", "zone": "Europe/Amsterdam"}
        answer = clara.send("/union/strikes", **fields)
        refused(answer, "strike-instant-refused")
        assert "there is no 02:30 in Amsterdam time then" in answer.text
        assert everything(StrikeSwitch) == []


class TestWhatItIsTold:
    def test_reports_with_days_and_evidence_are_there_to_take_away(self, served_here):
        with db.writing() as session:
            story = a_story(session)
            story.use(session)
            report = told(session, closed(session))["usage"]
        clara = joined(served_here, story.union, "Clara")
        page = shown(clara, "/union/reports")
        assert "The Girl" in page
        assert "Nightglass Pictures" in page
        for kind in ("pdf", "csv", "json"):
            assert clara.open(f"/union/reports/{report.id}.{kind}").status_code == 200
        answer = clara.client.get("/union/evidence.zip")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert archive.read(f"usage/{report.id}.json").decode() == report.document
        for what in ("denials", "overrides", "breaches"):
            assert clara.open(f"/union/findings?what={what}").status_code == 200

    def test_other_houses_are_not_let_in_by_page_or_key(self, client, served_here, union):
        house = a_house(client)
        griet = joined(served_here, house.scene.desk.organization)
        for path in ("", "/reports", "/findings", "/evidence.zip"):
            refused(griet.open(f"/union{path}"), "not-allowed")
        for path in ("denials", "overrides", "retention-breaches", "evidence"):
            assert house.get(f"/v1/union/{path}").json()["code"] == "not-a-union"
            with db.writing() as session:
                key = an_api_key(session, union)
            assert client.get(f"/v1/union/{path}", headers=key).status_code == 200


DEATH, SEARCH = b"%PDF death", b"%PDF search" + bytes(200_000)  # as long as a scan is


def read_estate(browser, performer_id, *, death=DEATH, search=SEARCH, **said):
    shown(browser, "/union/estates")
    fields = {
        "form_token": browser.value("form_token"),
        "performer": performer_id,
        "died_on": str(clock.now().date() - timedelta(days=30)),
        "until": str(clock.now().date() + timedelta(days=300)),
        **said,
    }
    answer = browser.client.post(
        "/union/estates/read",
        data=fields,
        files={"death": ("death.pdf", death), "search": ("search.pdf", search)},
        headers=OURS,
    )
    browser.page = answer.text
    return answer


class TestEstates:
    @pytest.fixture
    def scene(self, union):
        with db.writing() as session:
            return unions.a_scene_under(session)

    @pytest.fixture
    def clara(self, served_here, union):
        return joined(served_here, union, "Clara")

    @pytest.fixture
    def papers(self, tmp_path):
        paths = [tmp_path / "death.pdf", tmp_path / "search.pdf"]
        for path, said in zip(paths, (DEATH, SEARCH), strict=True):
            path.write_bytes(said)
        return paths

    def declared(self, clara, scene):
        page = read_estate(clara, scene.performer.id).text
        assert "and we found no estate of theirs" in page
        assert hashlib.sha256(SEARCH).hexdigest() in page
        assert clara.prove("/union/estates", clara.device.get(clara.options())).status_code == 303
        return everything(MandateDeclaration)[-1]

    def test_the_performers_side_hears_of_it_before_it_counts(self, clara, scene):
        self.declared(clara, scene)
        with db.reading() as session:
            assert heard(session, scene.desk.organization)[-1] == "death-declared"

    def test_it_counts_once_the_operator_saw_the_papers_and_is_ended_at_once(
        self, clara, union, scene, papers
    ):
        assert "/union/estates" in shown(clara, "/union")
        declared = self.declared(clara, scene)
        assert "? waits for the operator" in shown(clara, "/union/estates")
        assert everything(Mandate) == []
        with db.writing() as session, pytest.raises(MandateRefused):
            declaring.file(session, declared.id, papers[:1])
        with db.writing() as session:
            made = declaring.file(session, declared.id, papers)
        with db.writing() as session, pytest.raises(MandateRefused):
            declaring.file(session, declared.id, papers)
        with db.reading() as session:
            performer_id = scene.performer.id
            assert mandates.roles_of(session, performer_id, union.id) == ["union_for_estate"]
            assert mandates.is_dead(session, performer_id)
            kinds = {each.kind for each in session.exec(select(LogOutbox))}
        assert "mandate-granted" in kinds
        assert "✓ stands" in shown(clara, "/union/estates")
        assert clara.send(f"/mandates/{made.id}/end").status_code == 303
        with db.reading() as session:
            assert mandates.roles_of(session, performer_id, union.id) == []

    def test_what_was_taken_back_or_altered_is_not_filed(self, clara, scene, papers):
        declared = self.declared(clara, scene)
        with db.writing() as session:
            row = session.get_one(MandateDeclaration, declared.id)
            kept, row.document = row.document, row.document.replace('"sign",', "")
        with db.writing() as session, pytest.raises(SignatureRefused):
            declaring.file(session, declared.id, papers)
        with db.writing() as session:
            session.get_one(MandateDeclaration, declared.id).document = kept
        shown(clara, "/union/estates")
        assert clara.send(f"/union/estates/{declared.id}/retraction").status_code == 303
        with db.writing() as session, pytest.raises(MandateRefused):
            declaring.file(session, declared.id, papers)
        assert everything(Mandate) == []

    def test_what_waits_is_shown_however_much_was_taken_back_since(self, clara, scene, monkeypatch):
        declared = self.declared(clara, scene)
        with db.writing() as session:
            row = session.get_one(MandateDeclaration, declared.id).model_dump()
            for number in range(2):
                another = {"id": new_id("mdc"), "document_sha256": str(number)}
                session.add(MandateDeclaration(**row | another | {"ended_at": clock.now()}))
        monkeypatch.setattr(union_estates, "PER_PAGE", 1)
        assert declared.id in shown(clara, "/union/estates")

    def test_what_could_not_be_filed_is_refused_before_anybody_signs(
        self, clara, scene, tmp_path, served_here
    ):
        one = scene.performer.id
        with db.writing() as session:
            stranger = a_scene(session).performer.id  # under no agreement of theirs
        for performer_id in (stranger, "per_0"):
            refused(read_estate(clara, performer_id), "mandate-refused")
        for said in (
            {"death": b""},
            {"died_on": ""},
            {"died_on": str(clock.now().date() + timedelta(days=9))},
            {"until": "2020-01-01"},
            {"until": str(clock.now().date() + timedelta(days=5000))},
        ):
            refused(read_estate(clara, one, **said), "mandate-refused")
        refused(read_estate(clara, one, form_token="0" * 64), "form-refused")
        with db.writing() as session:
            estate = mandating.holder_of(session, "estate_rep")
            mandating.granted(session, scene, "estate_rep", tmp_path, estate)
        refused(
            read_estate(clara, one, died_on=str(clock.now().date() - timedelta(days=3))),
            "mandate-refused",
        )
        assert everything(MandateDeclaration) == []
