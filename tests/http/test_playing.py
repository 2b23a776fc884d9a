"""Outputs play at their pages, in spans each checked anew; and are looked at before a release."""

import pytest

from app import clock, config, db
from app.gateway.models import Generation
from app.registry import service as registry
from tests.http.house import FILM, a_house, a_preview
from tests.http.test_performer_pages import SCRIPT, a_film, joined, sent, shown
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import refused
from tests.web.released import released

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
CONTENT = {"prohibited": ["nudity", "smoking"], "approval": [], "blocked_brand_categories": []}


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client, content=CONTENT)


@pytest.fixture
def griet(served, house):
    return joined(served, house.scene.desk.organization)


@pytest.fixture
def film(house, tmp_path):
    with db.writing() as session:
        return released(session, house.scene, a_film(tmp_path), line="I hold the light.").id


def put(generation_id, **fields):
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        for name, value in fields.items():
            setattr(generation, name, value)
        session.add(generation)


class TestPlaying:
    @pytest.mark.parametrize(
        ("wanted", "status", "said", "part"),
        [
            (None, 200, None, slice(None)),
            ("bytes=0-", 206, "bytes 0-2199/2200", slice(None)),
            ("bytes=100-199", 206, "bytes 100-199/2200", slice(100, 200)),
            ("bytes=2100-9999", 206, "bytes 2100-2199/2200", slice(2100, None)),
            ("bytes=-50", 206, "bytes 2150-2199/2200", slice(-50, None)),
            ("bytes=2200-", 416, "bytes */2200", slice(0)),
            ("bytes=0-1,5-6", 200, None, slice(None)),
            ("bytes=-", 200, None, slice(None)),
            ("seconds=1-2", 200, None, slice(None)),
        ],
    )
    def test_sends_the_span_a_player_asks_for(self, griet, film, wanted, status, said, part):
        at = f"/performer/work/{film}/film"
        answer = griet.client.get(at, headers={"Range": wanted} if wanted else {})
        whole = b"a film that was signed" * 100
        assert answer.status_code == status
        assert answer.headers.get("content-range") == said
        assert answer.content == whole[part]
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.headers["cache-control"] == "no-store"

    def test_stands_on_both_sides_pages_with_its_clauses_and_its_money(
        self, served, house, griet, film
    ):
        felix = joined(served, house.scene.production.organization, "Felix")
        for browser, at, src in (
            (griet, f"/performer/work/{film}", f"/performer/work/{film}/film"),
            (felix, f"/production/films/{film}", f"/production/films/{film}/play"),
        ):
            answer = browser.open(at)
            assert f'src="{src}#t=0.1"' in answer.text
            assert "/grant/territories" in answer.text
            assert "media-src 'self'" in answer.headers["content-security-policy"]
            assert browser.open(src).status_code == 200
        assert "62.50 EUR" in shown(felix, f"/production/films/{film}")
        assert "56.25 EUR" in shown(griet, f"/performer/work/{film}")

    def test_stops_between_two_spans_when_a_consent_is_paused(self, served, house, film):
        felix = joined(served, house.scene.production.organization, "Felix")
        at, span = f"/production/films/{film}/play", {"Range": "bytes=0-9"}
        assert felix.client.get(at, headers=span).status_code == 206
        with db.writing() as session:
            registry.pause(session, session.merge(house.scene.performer))
        refused(felix.client.get(at, headers=span), "output-not-released")
        page = shown(felix, f"/production/films/{film}")
        assert "<video" not in page
        assert "not handed out now" in page

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"state": "quarantined", "reason": SCRIPT}, "It was held back"),
            ({"state": "refused"}, "It was stopped before its release"),
            ({"state": "failed"}, "there is nothing to show"),
            ({"state": "rendering"}, "It is not finished."),
            ({"taken_down_at": "now"}, "the outcome of a case"),
            ({"delete_at": "now"}, "the file is deleted"),
        ],
    )
    def test_of_what_may_not_be_shown_says_why_and_plays_nothing(self, griet, film, fields, why):
        put(film, **{name: clock.now() if at == "now" else at for name, at in fields.items()})
        page = shown(griet, f"/performer/work/{film}")
        assert why in page
        assert SCRIPT not in page
        assert "<video" not in page
        refused(griet.open(f"/performer/work/{film}/film"), "output-not-released")


class TestLookingFirst:
    def test_lets_go_only_what_was_seen_whole_and_the_production_reads_it(self, house, griet):
        generation_id, preview_id = a_preview(house)
        assert "A film with you is finished." in shown(griet, "/performer")
        at, look = f"/performer/work/{generation_id}", f"/performer/previews/{preview_id}"
        shown(griet, at)
        refused(griet.send(look, answer="approved"), "preview-unseen")
        shown(griet, at)
        end = {"Range": f"bytes={len(FILM) // 2}-"}
        assert griet.client.get(f"{look}/film", headers=end).status_code == 206
        refused(griet.send(look, answer="approved"), "preview-unseen")  # half of it is not it
        assert "You have looked at it whole." not in shown(griet, at)
        assert griet.client.get(f"{look}/film").content == FILM
        assert "You have looked at it whole." in shown(griet, at)
        assert sent(griet, at, look, answer="approved") == at
        assert house.get(f"/v1/generations/{generation_id}").json()["state"] == "previewed"
        shown(griet, "/account")
        refused(griet.send(look, answer="rejected"), "preview-answered")

    def test_stops_what_shows_what_the_contract_never_allows_with_a_word(self, house, griet):
        generation_id, preview_id = a_preview(house)
        at, look = f"/performer/work/{generation_id}", f"/performer/previews/{preview_id}"
        griet.open(f"{look}/film")
        shown(griet, at)
        odd = griet.send(look, answer="rejected", seen="a crime nobody named")
        assert odd.status_code == 422
        assert sent(griet, at, look, answer="rejected", seen="smoking", reason="I smoke?") == at
        generation = house.get(f"/v1/generations/{generation_id}").json()
        assert generation["state"] == "refused"
        assert "I smoke?" in generation["reason"]

    def test_is_for_the_performers_side_alone(self, served, house):
        generation_id, preview_id = a_preview(house)
        felix = joined(served, house.scene.production.organization, "Felix")
        assert "/play" not in shown(felix, f"/production/films/{generation_id}")
        at = f"/production/films/{generation_id}/play"
        refused(felix.open(at), "output-not-released")
        refused(felix.open(f"/performer/previews/{preview_id}/film"), "not-allowed")
