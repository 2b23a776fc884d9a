"""What every answer says to browsers, whoever asked for what, and however it ended."""

import asyncio

import pytest

from app import config, headers
from app.web import pages
from tests.http.browser import Browser

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SAID = {name.lower(): value for name, value in headers.UNLESS_SAID.items()}


def said_by(answer, *but):
    return {name: answer.headers.get(name) for name in SAID if name not in but}


def unless(*but):
    return {name: value for name, value in SAID.items() if name not in but}


def over(origin, monkeypatch):
    """Ask one thing of a server at this origin, and return the names and values it answers."""
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", origin)
    config.settings.cache_clear()
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    asyncio.run(headers.Headers(app)({"type": "http", "path": "/"}, None, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@ONE_DATABASE
class TestEveryAnswer:
    def test_of_the_api_runs_nothing_is_kept_by_nobody_and_is_what_it_says(self, client, house):
        key = house.keys["production"]
        for answer in (
            client.get("/healthz"),
            client.get("/v1/contracts", headers=key),
            client.get("/v1/contracts"),  # no key
            client.get("/v1/contracts/con_x", headers=key),
            client.post("/v1/contracts", headers=key, content=b"{"),
            client.get("/nothing/of/the/kind"),
            client.delete("/healthz"),
        ):
            assert said_by(answer) == SAID

    def test_to_a_defect_too(self, client, monkeypatch):
        def fails(*_, **__):
            raise ZeroDivisionError

        monkeypatch.setattr("app.main.generate_latest", fails)
        answer = client.get("/metrics")
        assert answer.status_code == 500
        assert said_by(answer) == SAID

    def test_of_pages_runs_one_script_of_ours(self, client):
        for path in ("/", "/sign-in", "/verify", "/account", "/join/x"):
            answer = client.get(path, follow_redirects=False)
            assert said_by(answer, "content-security-policy") == unless("content-security-policy")
            assert answer.headers["content-security-policy"] == headers.PAGES, path

    def test_what_may_be_kept_says_so_itself(self, client):
        answer = client.get("/static/look.css")
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert said_by(answer, "cache-control") == unless("cache-control")

    def test_only_the_description_runs_a_script_within_the_page(self, client):
        for path in headers.DESCRIBED_AT:
            policy = client.get(path).headers["content-security-policy"]
            assert "unsafe-inline" in policy
            assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in headers.PAGES + headers.NOTHING_RUNS

    def test_cookies_are_small_and_no_answer_lets_another_origin_read(self, served):
        browser = Browser(served)
        answer = browser.open("/sign-in")
        for line in answer.headers.get_list("set-cookie"):
            assert len(line) < 4096
        assert pages.BROWSER_COOKIE in str(answer.headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


class TestHsts:
    def test_is_said_where_people_come_by_https_and_nowhere_else(self, monkeypatch):
        said = over("https://understudy.example", monkeypatch)
        assert said["strict-transport-security"] == headers.HSTS
        seconds = int(headers.HSTS.partition(";")[0].removeprefix("max-age="))
        assert seconds >= 365 * 86400
        assert "strict-transport-security" not in over("http://localhost:8420", monkeypatch)
