"""Portals in a real Chromium: without a script, by keyboard alone, all from one origin."""

import pytest
from playwright.sync_api import expect

from app import config, db
from app.demo import doors
from app.main import create_app
from tests.scenes import a_scene
from tests.web.serving import a_chromium, free_port, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("chromium"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture
def town(database, monkeypatch):
    """A served installation with a performer and a production in it, and doors to both."""
    port = free_port()
    origin = f"http://localhost:{port}"
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", origin)
    config.settings.cache_clear()
    with db.writing() as session:
        scene = a_scene(session)
        houses = [("Griet", scene.desk.organization), ("Felix", scene.production.organization)]
        griet, felix = doors.make_doors(session, houses)
    app = create_app()
    app.include_router(doors.router([griet, felix]))
    with serving(app, port), a_chromium() as browser:
        yield browser, origin, griet.token, felix.token


def a_page(browser, asked, **options):
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, java_script_enabled=False, **options
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    return page


def press(page, name):
    """Go to a button or a link with the keyboard alone, and press it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and focused.inner_text(timeout=5_000).strip() == name:
            page.keyboard.press("Enter")
            return
    pytest.fail(f"the keyboard does not reach {name!r}")


def test_a_pause_by_keyboard_without_a_script_is_seen_by_the_production(town):
    browser, origin, griet, felix = town
    asked: list[str] = []
    hers, his = a_page(browser, asked), a_page(browser, asked, color_scheme="dark")
    his.goto(f"{origin}/demo/{felix}")
    expect(his.get_by_text("✓ usable")).to_be_visible()
    hers.goto(f"{origin}/demo/{griet}")
    expect(hers.get_by_role("heading", name="Nothing is asked of you today.")).to_be_visible()
    press(hers, "Pause everything")
    expect(hers.get_by_role("heading", name="Everything is paused.")).to_be_visible()
    his.reload()
    expect(his.get_by_text("The performer has paused everything.")).to_be_visible()
    press(hers, "Allow work again")
    expect(hers.get_by_role("heading", name="Nothing is asked of you today.")).to_be_visible()
    his.reload()
    expect(his.get_by_text("✓ usable")).to_be_visible()
    press(his, "Plan a scene")
    his.get_by_label("The line, word for word").fill("I hold the light.")
    his.get_by_role("button", name="Could we").click()
    expect(his.get_by_role("heading", name="Yes, you could.")).to_be_visible()
    his.get_by_role("button", name="Make it").click()
    expect(his.get_by_text("Waits for a worker of this installation.")).to_be_visible()
    hers.goto(f"{origin}/performer")
    expect(hers.get_by_text("I hold the light.")).to_be_visible()
    assert all(url.startswith(origin) for url in asked), asked
