"""In a real Chromium a performer records their voice on the page, hears it, and it is kept."""

import pytest
from playwright.sync_api import expect, sync_playwright

from app import config, db
from app.demo import doors
from app.gateway.generators.puppet import speech
from app.main import create_app
from app.registry.models_likeness import LikenessMedium
from tests.gateway.generators.test_recording import a_wav
from tests.people.visiting import everything
from tests.scenes import a_scene
from tests.web.serving import chromium_here, free_port, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("chromium"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
LIKENESS = "/performer/likeness"


@pytest.fixture
def desk(database, monkeypatch, tmp_path):
    """A server with a door to Griet's desk, where a voice comes out of her microphone."""
    port = free_port()
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", f"http://localhost:{port}")
    config.settings.cache_clear()
    with db.writing() as session:
        scene = a_scene(session)
        made = doors.make_doors(session, [("Griet", scene.desk.organization)])
    app = create_app()
    app.include_router(doors.router(made))
    sound = speech.speak("My voice is mine. I lend it when I say so, and I take it back.", 7.0,
                         tmp_path)  # fmt: skip
    voice = tmp_path / "voice.wav"
    voice.write_bytes(a_wav(sound.samples, sound.rate))
    with serving(app, port):
        yield f"http://localhost:{port}", made[0].token, voice


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "refused"])
def test_what_is_recorded_goes_the_way_of_any_file(desk, allowed):
    origin, token, voice = desk
    microphone = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}",
        *(["--use-fake-ui-for-media-stream"] if allowed else []),  # which says yes
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_here(), args=microphone)
        context = browser.new_context()
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(f"{origin}/demo/{token}")
        page.goto(f"{origin}{LIKENESS}")
        page.get_by_role("button", name="Record it here").click()
        if not allowed:
            expect(page.get_by_text("Your browser may not use the microphone")).to_be_visible()
            return
        page.get_by_role("button", name="Stop").wait_for()
        page.wait_for_timeout(6_000)  # it is listened to for at least four seconds
        page.get_by_role("button", name="Stop").click()
        heard = page.get_by_label("What you recorded")
        heard.wait_for()
        heard.evaluate("sound => sound.play()")  # the page's policy lets it be heard
        form = page.locator("form", has=page.locator("[data-records]"))
        form.locator("[name=mine]").check()
        form.get_by_role("button", name="Listen to it and keep it").click()
        page.get_by_text("Remove the recording of sentence 1").wait_for()
        (kept,) = [each for each in everything(LikenessMedium) if each.kind == "voice"]
        assert kept.media_type == "audio/webm"
        browser.close()
