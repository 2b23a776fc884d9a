"""Pages for anybody: no account, no cookie, no script; and nothing told that the API would not."""

import re

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app import config, db
from app.audit import desk
from app.audit.service import Verdict
from app.licensing.contracts import service as licensing
from app.publication import publish_log
from tests.http.browser import OURS, Browser, first_link
from tests.http.house import a_house
from tests.identity.authenticator import ORIGIN

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
HTML = {"Accept": "text/html,application/xhtml+xml"}
PAGES = ("/", "/verify", "/log", "/status", "/policies", "/learn", "/sign-in")
SCRIPT = "<script>alert(1)</script>"
UNKNOWN = {
    "sha256": "0" * 64,
    "credentials": "absent",
    "credential_codes": [],
    "whole_file": "not-on-record",
    "readable": False,
    "unreadable_reason": SCRIPT,
    "mark": "absent",
    "payloads": [],
    "timeline": None,
    "content": None,
    "license": None,
    "log": None,
    "disclosed": {"level": "license"},
    "manifest": None,
    "released_original": None,
}


@pytest.fixture
def pages(client, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    client.headers.update(HTML)
    return client


@pytest.fixture
def looked_at(monkeypatch):
    """What the desk was asked, without a sandbox: reading files has tests of its own."""
    asked = []

    def look_at(path, *, viewer, **_told):
        asked.append((path.read_bytes(), viewer))
        return Verdict("unreadable", f"This file says {SCRIPT}.", UNKNOWN, "Send it whole.")

    monkeypatch.setattr(desk, "look_at", look_at)
    return asked


def send(pages, name="film.mp4", content=b"bytes", headers=OURS):
    return pages.post("/verify", files={"file": (name, content)}, headers=headers)


class TestEveryPage:
    def test_runs_nothing_of_others_is_framed_by_nobody_and_weighs_little(self, pages):
        a_house(pages)
        publish_log()
        for path in PAGES:
            answer = pages.get(path)
            assert answer.status_code == 200, path
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert "http:" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert not re.search(
                r"<script(?![^>]*src=\"/static/)|\son\w+=|style=",
                re.sub(r"<pre.*?</pre>", "", answer.text, flags=re.DOTALL),
            ), path
            assert not re.search(r"(?:src|href|action)=\"(?!/|#)", answer.text), path
            sheet = pages.get("/static/look.css").content
            assert len(answer.content) + len(sheet) < 100_000

    def test_shows_pictures_by_a_list_and_no_other_file(self, pages):
        assert pages.get("/static/girl.webp").headers["content-type"] == "image/webp"
        for name in ("look.css.webp", "%2e%2e%2fpages.py.webp", "x.webp"):
            assert pages.get(f"/static/{name}").status_code == 404


class TestVerify:
    def test_asks_the_same_desk_as_the_api_and_says_the_same(self, pages, looked_at):
        answer = send(pages)
        assert answer.status_code == 200
        assert "This file cannot be read." in answer.text
        assert "Send it whole." in answer.text
        same = pages.post("/v1/verifications", files={"file": ("x", b"bytes")})
        assert same.json()["verdict"] == "unreadable"
        assert looked_at[0] == looked_at[1]

    def test_whoever_is_signed_in_looks_as_their_houses(self, pages, served, looked_at):
        scene = a_house(pages).scene
        griet = Browser(served)
        griet.join(first_link(scene.desk.organization))
        griet.client.post("/verify", files={"file": ("x", b"y")}, headers=OURS)
        assert looked_at[0][1].names == {scene.desk.organization.id}

    def test_shows_where_in_a_film_the_mark_is_as_a_picture_and_in_words(
        self, pages, looked_at, monkeypatch
    ):
        assert "Where in the film the mark is" not in send(pages).text
        spans = [
            {"payload": "00" * 8, "start_s": 0.0, "end_s": 2.0, "of_this_work": True},
            {"payload": "11" * 8, "start_s": 4.0, "end_s": 5.0, "of_this_work": False},
        ]
        film = {"length_s": 5.0, "told_s": 5.0, "spans": spans}
        monkeypatch.setitem(UNKNOWN, "timeline", film)
        text = send(pages).text
        assert "nothing is said" not in text
        for kind, count in (("ours", 2), ("absent", 2), ("other", 1), ("stripes", 1)):
            assert text.count(f'<rect class="{kind}"') == count
        said = re.findall(r"(\d:\d\d – \d:\d\d)</span> <span class=\"say \w+\">([^<]+)<", text)
        assert said == [
            ("0:00 – 0:02", "✓ the mark of this work"),
            ("0:02 – 0:04", "– no mark found"),
            ("0:04 – 0:05", "✕ another mark"),
        ]
        assert "style=" not in text
        monkeypatch.setitem(UNKNOWN, "timeline", film | {"length_s": 9.0})
        assert (
            "Strip and list end at 0:05: more marks were found than can be told" in send(pages).text
        )

    def test_what_a_stranger_named_or_wrote_is_text(self, pages, looked_at):
        answer = send(pages, name=f"{SCRIPT}.mp4")
        assert SCRIPT not in answer.text
        assert answer.text.count("&lt;script&gt;") >= 3

    def test_is_refused_in_words_and_reads_nothing_before(self, pages, looked_at, monkeypatch):
        monkeypatch.setattr(config.settings(), "verify_limit_bytes", 10)
        for answer, status, said in (
            (send(pages, headers=OURS | {"Origin": "https://evil.example"}), 403, "another place"),
            (send(pages, headers=OURS | {"Sec-Fetch-Site": "cross-site"}), 403, "another place"),
            (send(pages, headers={}), 403, "another place"),
            (send(pages, name="", content=b""), 422, "file"),
            (send(pages, content=b"x" * 100_000), 413, "larger"),
            (pages.post("/verify", content=b"x", headers=OURS), 422, "multipart"),
        ):
            assert answer.status_code in {status, 400}, answer.text
            assert said in answer.text
            assert answer.headers["content-type"].startswith("text/html")
        assert looked_at == []

    def test_asks_only_so_often_and_says_when_again(self, pages, looked_at, monkeypatch):
        monkeypatch.setattr(config.settings(), "rate_files", "1/minute")
        assert send(pages).status_code == 200
        refused = send(pages)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert "ask again in" in refused.text


class TestLog:
    def test_is_a_page_for_browsers_and_json_for_programs(self, pages):
        assert "The log is empty" in pages.get("/log").text
        a_house(pages)
        publish_log()
        page, said = pages.get("/log"), pages.get("/log", headers={"Accept": "*/*"})
        assert said.json()["size"] >= 1
        assert said.json()["root"] in page.text
        assert page.headers["vary"].startswith("Accept, ")
        assert said.headers["vary"] == "Accept"

    def test_says_what_it_holds_about_an_id_and_nothing_of_whom(self, pages):
        scene = a_house(pages).scene
        publish_log()
        page = pages.get(f"/log?about={scene.contract.id}").text
        assert page.count("A contract was signed by both sides") == 2
        assert "The Girl" not in page
        for nobody in ("con_NOBODY", SCRIPT, "x y", "%00"):
            found = pages.get("/log", params={"about": nobody})
            assert "Nothing is recorded" in found.text
            assert SCRIPT not in found.text

    def test_a_longer_list_takes_no_more_queries(self, pages):
        def counted(path):
            asked = []
            engine = db.engine()
            note = lambda *args: asked.append(args[2])  # noqa: E731
            sa.event.listen(engine, "before_cursor_execute", note)
            assert pages.get(path).status_code == 200
            sa.event.remove(engine, "before_cursor_execute", note)
            return len(asked)

        house = a_house(pages)
        publish_log()
        few = counted("/log")
        with db.writing() as session:
            for _ in range(5):
                house.scene.ask(session)
        publish_log()
        assert counted("/log") == few


class TestStatus:
    def test_says_what_stands_and_what_no_longer_does(self, pages):
        scene = a_house(pages).scene
        at = f"/status?about={scene.contract.id}"
        assert "This consent stands." in pages.get(at).text
        with db.writing() as session:
            contract = session.merge(scene.contract)
            licensing.withdraw_contract(session, contract, scene.desk.organization.id)
        assert "This consent was withdrawn." in pages.get(at).text

    def test_tells_of_nothing_that_is_not_public(self, pages):
        offered = a_house(pages, signed=False).scene.contract.id
        with db.writing() as session:
            generation = _unreleased(session, offered)
        for unknown in (offered, generation, "con_NOBODY", "gen_NOBODY", SCRIPT, "\x00"):
            page = pages.get("/status", params={"about": unknown}).text
            assert "Nothing public is known" in page
            assert SCRIPT not in page

    def test_says_when_the_log_waits_too_long(self, pages, monkeypatch):
        a_house(pages)
        publish_log()
        assert "all signed" in pages.get("/status").text
        a_house(pages)
        from app.web import public

        monkeypatch.setattr(public, "LATE", public.timedelta(0))
        assert "needs the operator" in pages.get("/status").text


def _unreleased(session: Session, _contract_id: str) -> str:
    from tests.scenes import a_scene

    scene = a_scene(session)
    _, generation = scene.ask(session)
    assert generation is not None
    return generation.id
