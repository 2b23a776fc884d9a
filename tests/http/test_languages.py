"""A page is in the language its reader chose, or asks for; programs are answered in English."""

import pytest

from app import config
from app.web.pages import LANGUAGE_COOKIE
from tests.http.browser import OURS
from tests.http.test_public_pages import HTML
from tests.identity.authenticator import ORIGIN

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
SPANISH = {"Accept-Language": "es-AR,es;q=0.9,en;q=0.1"}


@pytest.fixture
def pages(client, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    client.headers.update(HTML)
    client.base_url = ORIGIN
    client.follow_redirects = False
    return client


def choose(pages, language="es", back="/verify", headers=OURS):
    return pages.post("/language", data={"language": language, "back": back}, headers=headers)


class TestThePage:
    @pytest.mark.parametrize("path", ["/", "/verify", "/policies", "/log"])
    def test_is_in_the_language_that_is_asked_for_and_says_so(self, pages, path):
        for asked, language, word in (({}, "en", "Sign in"), (SPANISH, "es", "Entrar")):
            page = pages.get(path, headers=asked)
            assert f'<html lang="{language}">' in page.text
            assert word in page.text
            assert page.headers["content-language"] == language
            assert {"Accept-Language", "Cookie"} <= set(page.headers["vary"].split(", "))

    def test_is_in_the_language_that_was_chosen_whatever_is_asked_for(self, pages):
        answer = choose(pages)
        assert (answer.status_code, answer.headers["location"]) == (303, "/verify")
        assert "Entrar" in pages.get("/verify").text
        choose(pages, "en")
        assert "Sign in" in pages.get("/verify", headers=SPANISH).text

    def test_of_a_refusal_says_its_kind_in_the_readers_language(self, pages):
        page = pages.get("/contacts/unknown", headers=SPANISH)
        assert page.status_code == 404
        assert "No ha funcionado." in page.text

    def test_keeps_another_readers_language_apart(self, pages):
        assert 'lang="es"' in pages.get("/", headers=SPANISH).text
        assert 'lang="en"' in pages.get("/").text


class TestTheChoice:
    @pytest.mark.parametrize(
        "back",
        [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nX: y",
            "",
            "/é",
            "/a\\b",
        ],
    )
    def test_leads_nowhere_else(self, pages, back):
        assert choose(pages, back=back).headers["location"] == "/"

    def test_is_made_on_a_page_of_ours_only(self, pages):
        for headers in ({"Origin": "https://evil.example"}, {}, {"Sec-Fetch-Site": "cross-site"}):
            answer = choose(pages, headers=headers)
            assert answer.status_code == 403
            assert LANGUAGE_COOKIE not in answer.headers.get("set-cookie", "")

    def test_is_of_a_language_there_is(self, pages):
        assert choose(pages, "xx").status_code == 422


def test_programs_are_answered_in_english(pages):
    pages.headers["Accept"] = "application/json"
    refused = pages.get("/v1/outputs/gen_x/license", headers=SPANISH)
    assert refused.json() == pages.get("/v1/outputs/gen_x/license").json()
