"""In a real Chromium a performer records their voice on the page, hears it, and it is kept."""

from contextlib import contextmanager

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
OPENED = """
window.opened = [];
const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (ask) navigator.mediaDevices.getUserMedia = async (what) => {
  const stream = await ask(what);
  window.opened.push(stream);
  return stream;
};
"""
TRACKS = "opened.flatMap((stream) => stream.getTracks()).map((track) => track.readyState)"


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


@contextmanager
def at_their_likeness(desk, *, allowed=True):
    """Griet's page of her likeness, in a browser that lets her microphone be used, or doesn't."""
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
        page.add_init_script(OPENED)
        page.clock.install()
        page.goto(f"{origin}/demo/{token}")
        page.goto(f"{origin}{LIKENESS}")
        yield page
        browser.close()


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "refused"])
def test_what_is_recorded_goes_the_way_of_any_file(desk, allowed):
    with at_their_likeness(desk, allowed=allowed) as page:
        page.get_by_role("button", name="Record it here").click()
        if not allowed:
            expect(page.get_by_text("Your browser may not use the microphone")).to_be_visible()
            expect(page.get_by_role("button", name="Record it here")).to_be_enabled()
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


def test_each_recording_has_its_own_time_and_one_microphone(desk):
    """A timer left over, a second click and a page that is left: none outlives its recording."""
    with at_their_likeness(desk) as page:
        start = page.get_by_role("button", name="Record it here")
        stop = page.get_by_role("button", name="Stop")
        most_s = int(page.locator("[data-records]").get_attribute("data-most-s"))
        start.evaluate("button => (button.click(), button.click())")
        stop.click()
        start.wait_for()
        assert page.evaluate(TRACKS) == ["ended"]
        page.clock.fast_forward((most_s - 10) * 1000)
        start.click()
        stop.wait_for()
        page.clock.fast_forward(20_000)  # past the end the first one would have had
        page.wait_for_timeout(300)
        expect(stop).to_be_visible()
        page.clock.fast_forward(most_s * 1000)
        start.wait_for()
        start.click()
        stop.wait_for()
        assert page.evaluate(TRACKS) == ["ended", "ended", "live"]
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        assert page.evaluate(TRACKS) == ["ended"] * 3
