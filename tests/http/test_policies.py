"""The rules as public law, over HTTP: JSON, a page, earlier sets; and decisions explained."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlmodel import select

from app import db, language
from app.licensing.decisions import published, rulebook
from app.licensing.decisions.models_policies import PolicyPublication
from app.transparency.models import LogOutbox
from app.web.spoken import or_english
from tests.http.house import House, a_house, assert_problem

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class TestPublishedRules:
    def test_say_of_every_rule_what_where_from_and_what_next(self, client) -> None:
        answer = client.get("/v1/policies")
        said = answer.json()
        policies = rulebook.today()
        assert said["digest"] == policies.digest
        assert {rule["id"] for rule in said["rules"]} == policies.rules.keys()
        assert {pack["name"] for pack in said["packs"]} == policies.packs.keys()
        assert "not legal advice" in said["notice"]
        assert all("ot legal advice" in pack["notice"] for pack in said["packs"])
        dub = next(rule for rule in said["rules"] if rule["id"] == "DUBBING_NOT_CONSENTED")
        assert dub["source"].startswith("SAG-AFTRA 2026")
        assert dub["text"].startswith('@id("DUBBING_NOT_CONSENTED")')

    def test_are_not_sent_again_to_whoever_has_them(self, client) -> None:
        first = client.get("/v1/policies")
        assert first.headers["cache-control"] == "public, max-age=60"
        for known in (first.headers["etag"], f'W/{first.headers["etag"]}, "other"', "*"):
            again = client.get("/v1/policies", headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
        assert client.get("/v1/policies", headers={"If-None-Match": '"x"'}).status_code == 200

    def test_stay_readable_under_their_digest(self, client) -> None:
        digest = rulebook.today().digest
        answer = client.get(f"/v1/policies/{digest}")
        assert answer.json() == client.get("/v1/policies").json()
        assert "immutable" in answer.headers["cache-control"]
        for unknown in ("0" * 64, "../../keys/receipt", "x"):
            assert client.get(f"/v1/policies/{unknown}").status_code == 404

    def test_are_on_the_public_log_once_however_often_a_server_starts(self, client) -> None:
        with db.writing() as session:
            published.publish_today(session)
        with db.reading() as session:
            leaves = session.exec(select(LogOutbox).where(LogOutbox.kind == "policy-published"))
            assert [leaf.subject_id for leaf in leaves] == [rulebook.today().digest]
            assert len(session.exec(select(PolicyPublication)).all()) == 1


class TestPage:
    def test_shows_every_rule_and_every_pack_in_words(self, client) -> None:
        everybody, packs = client.get("/policies").text, rulebook.today().packs
        texts = {name: client.get("/policies", params={"pack": name}).text for name in packs}
        for rule in rulebook.today().rules.values():
            text = texts[rule.pack] if rule.pack else everybody
            assert f'id="{rule.id}"' in text
        for name, pack in packs.items():
            assert f"/policies?pack={name}" in everybody
            assert str(pack.first_day) in texts[name]
            assert texts[name].count("ot legal advice") > 1
        assert client.get("/policies?pack=none").status_code == 404

    def test_says_every_rule_in_the_readers_language_and_marks_what_stays_english(self, client):
        said = language.catalogue("es")
        spanish = {"accept-language": "es"}
        packs = rulebook.today().packs
        pages = {
            name: html.unescape(
                client.get("/policies", params={"pack": name}, headers=spanish).text
            )
            for name in ("", *packs)
        }
        for rule in rulebook.today().rules.values():
            for text in filter(None, (rule.summary, rule.next_step)):
                assert said.gettext(text) != text, rule.id
                assert said.gettext(text) in pages[rule.pack], rule.id
            assert f'<span lang="en">{rule.source}</span>' in pages[rule.pack], rule.id
        for name, pack in packs.items():
            assert pack.notice not in pages[name]
        with language.reading_in("es"):  # a rule of an operator's own
            assert or_english("A <rule>.") == '<span lang="en">A &lt;rule&gt;.</span>'

    def test_loads_nothing_but_its_own_style_and_runs_nothing(self, client) -> None:
        answer = client.get("/policies")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        text = answer.text
        assert "<script" not in text
        assert " style=" not in text
        assert "<style" not in text
        loaded = re.findall(r'(?:src="|<link[^>]+href=")([^"]+)"', text)
        assert loaded == ["/static/look.css"]
        assert client.get("/static/look.css").headers["content-type"].startswith("text/css")

    def test_is_well_formed_and_made_for_a_phone(self, client) -> None:
        class Balance(HTMLParser):
            open: list[str] = []  # noqa: RUF012

            def handle_starttag(self, tag: str, attrs: object) -> None:
                if tag not in {"meta", "link", "input", "br"}:
                    self.open.append(tag)

            def handle_endtag(self, tag: str) -> None:
                assert self.open.pop() == tag

        text = client.get("/policies").text
        page = Balance()
        page.feed(text.replace("<!doctype html>", ""))
        assert page.open == []
        assert 'name="viewport"' in text
        assert "prefers-color-scheme: dark" in client.get("/static/look.css").text

    def test_escapes_what_a_rule_says(self, client, tmp_path: Path, monkeypatch) -> None:
        from dataclasses import replace

        from app.web import policies as page

        today = rulebook.today()
        rule = replace(today.rules["BEFORE_TERM"], summary="<script>alert(1)</script>")
        odd = replace(today, rules=today.rules | {"BEFORE_TERM": rule})
        monkeypatch.setattr(page.rulebook, "today", lambda: odd)
        text = client.get("/policies").text
        assert "<script" not in text
        assert "&lt;script&gt;" in text


class TestExplanation:
    @pytest.fixture
    def house(self, client) -> House:
        return a_house(client)

    def _denied(self, house: House, who: str = "production", **changes: object) -> str:
        return str(house.ask(who, **changes).json()["decision_id"])

    def test_tells_the_asking_party_clause_rule_facts_and_what_would_help(self, house) -> None:
        denied = self._denied(house, territories=["JP"])
        said = house.get(f"/v1/decisions/{denied}/explanation").json()
        assert said["headline"] == "Not permitted."
        (reason,) = said["reasons"]
        assert reason["code"] == "TERRITORY_NOT_LICENSED"
        assert reason["clause"] == "/grant/territories"
        assert reason["sentence"]
        assert {"name": "territories", "value": "JP"} in reason["facts"]
        assert reason["next_step"].endswith(".")

    def test_tells_the_performers_side_of_the_contract_the_same(self, house) -> None:
        denied = self._denied(house, territories=["JP"])
        path = f"/v1/decisions/{denied}/explanation"
        assert house.get(path, "desk").json() == house.get(path).json()
        permitted = house.ask().json()["decision_id"]
        said = house.get(f"/v1/decisions/{permitted}/explanation", "desk").json()
        assert said["headline"] == "Permitted."
        assert "c2pa_sign" in said["obligations"]

    def test_tells_a_stranger_only_that_there_is_no_contract(self, house) -> None:
        denied = self._denied(house, "stranger", territories=["JP"])
        path = f"/v1/decisions/{denied}/explanation"
        said = house.get(path, "stranger")
        assert [reason["code"] for reason in said.json()["reasons"]] == ["CONTRACT_NOT_FOUND"]
        for secret in (house.scene.contract.id, "MISMATCH", "DE, FR", "Nightglass"):
            assert secret not in said.text
        assert_problem(house.get(path, "desk"), 404, "decision-not-found")
        assert_problem(house.get(path, "production"), 404, "decision-not-found")
