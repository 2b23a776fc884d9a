"""Somebody new, from an empty installation to a first licensed film, through the pages alone.

    python -m tests.web.newcomer

takes a picture of every step for /learn and docs/learn, and writes docs/learn from the page's own
words. tests/web/test_newcomer.py goes the same way without pictures, and prints how long it takes.
"""

import io
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from app import config, language
from app.web import learning
from tests.web.serving import a_chromium, free_port

ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "samples" / "girl-with-a-pearl-earring.jpg"
STATIC = ROOT / "app" / "web" / "static"
LEARN = ROOT / "docs" / "learn"
SIZE = {"width": 840, "height": 630}
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
TERMS = {
    "One second costs": "12.50",
    "One use costs at least": "25.00",
    "The most that all": "1000",
}
LINE = "I hold the light."
PATIENCE_MS = 120_000
RENDER_MS = 600_000
Look = Callable[[str, Page], None]


@dataclass
class Diary:
    """How long each step took, in seconds of the wall's clock; waiting for the render apart."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    render_s: float = 0.0
    processors_s: float = 0.0  # of the server, its worker and the commands, the render included
    verdict: str = ""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.steps.append((title, time.monotonic() - begun))

    @property
    def whole_s(self) -> float:
        return sum(seconds for _title, seconds in self.steps)

    def as_text(self) -> str:
        lines = [f"{seconds:6.1f} s  {title}" for title, seconds in self.steps]
        return "\n".join(
            [
                *lines,
                f"{self.whole_s:6.1f} s  from an empty directory to the first licensed film",
                f"{self.render_s:6.1f} s  waited for the render besides, which does not count",
                f"{self.processors_s:6.1f} s  of processor time in all, the render included",
            ]
        )


def go(directory: Path, look: Look = lambda _name, _page: None) -> Diary:
    """Go the whole way in an installation of its own; `look` is shown what Learn shows."""
    diary = Diary()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    port = free_port()
    environment = _environment(directory, port)
    origin = environment["UNDERSTUDY_ORIGIN"]
    with diary.step("the operator makes an installation, two houses, two links, credit"):
        links = _opened(environment)
    with diary.step("it serves"):
        server = subprocess.Popen(_understudy("serve"), cwd=ROOT, env=environment)
        _wait_for(f"{origin.replace('localhost', '127.0.0.1')}/healthz", server)
    try:
        with a_chromium() as browser:
            pages = []
            for _ in links:
                context = browser.new_context(viewport=SIZE, locale="en-GB")
                context.set_default_timeout(PATIENCE_MS)
                pages.append(context.new_page())
                _give_authenticator(pages[-1])
            _go(diary, origin, links, pages, look, directory)
    finally:
        server.terminate()
        server.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    diary.processors_s = sum(
        getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime")
    )
    return diary


def _go(
    diary: Diary, origin: str, links: list[str], pages: list[Page], look: Look, directory: Path
) -> None:
    hers, his = pages
    hers.goto(origin)
    look("front", hers)
    with diary.step("the performer joins with a passkey"):
        _join(hers, links[0], "Griet", look)
    with diary.step("registers a likeness"):
        _enroll(hers, origin, look)
    hers.goto(f"{origin}/performer/limits")
    look("limits", hers)
    with diary.step("is found, writes terms and signs them"):
        _offer_terms(hers, origin, look)
    with diary.step("the production joins with a passkey"):
        _join(his, links[1], "Felix", lambda _name, _page: None)
    his.goto(f"{origin}/production")
    look("board", his)
    with diary.step("finds the performer, reads and signs"):
        _license(his, origin, look)
    with diary.step("prices a scene and asks for it"):
        _ask(his, look)
    begun = time.monotonic()
    expect(his.get_by_role("link", name="Download the signed file")).to_be_visible(
        timeout=RENDER_MS
    )
    diary.render_s = time.monotonic() - begun
    with diary.step("downloads the film, and has it verified"):
        diary.verdict = _check(his, origin, directory / "film.mp4", look)


def _environment(directory: Path, port: int) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("UNDERSTUDY_")}
    for name in config.ELSEWHERE:
        kept.pop(name, None)
    return kept | {
        "UNDERSTUDY_DATA_DIR": str(directory / "installation"),
        "UNDERSTUDY_PORT": str(port),
        "UNDERSTUDY_ORIGIN": f"http://localhost:{port}",
        "UNDERSTUDY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "UNDERSTUDY_LOG_LEVEL": "error",
    }


def _understudy(*words: str) -> list[str]:
    return [sys.executable, "-m", "app.cli", *words]


def _opened(environment: dict[str, str]) -> list[str]:
    """Do what the README tells the operator to; return the links for the two first people."""

    def say(*words: str) -> str:
        told = subprocess.run(
            _understudy(*words), cwd=ROOT, env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return told.stdout.split("\n", 1)[0].strip()

    say("setup")
    desk = say("organization", "create", "The Girl's desk", "--kind", "performer")
    production = say("organization", "create", "Nightglass Pictures", "--kind", "production")
    say("credit", "approve", production, "--amount", "1000.00")
    return [say("people", "invite", desk), say("people", "invite", production)]


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    while True:
        assert server.poll() is None, "the server ended before it answered"
        try:
            with urllib.request.urlopen(address):
                return
        except OSError:
            time.sleep(0.2)


def _give_authenticator(page: Page) -> None:
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


def _join(page: Page, link: str, name: str, look: Look) -> None:
    page.goto(link)
    look("join", page)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Make a passkey and join").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def _enroll(page: Page, origin: str, look: Look) -> None:
    page.goto(f"{origin}/performer")
    page.get_by_role("link", name="Register my likeness").click()
    expect(page.get_by_label("The portrait")).to_be_visible()
    look("enroll", page)
    page.get_by_label("Your name, as in the credits").fill("Griet of Delft")
    page.get_by_label("The portrait").set_input_files(PORTRAIT)
    page.get_by_label("It is my face").check()
    page.get_by_role("button", name="Register my likeness").click()
    page.wait_for_url(f"{origin}/performer")


def _offer_terms(page: Page, origin: str, look: Look) -> None:
    page.goto(f"{origin}/performer/catalogue")
    page.get_by_role("button", name="Let productions find me").click()
    page.get_by_label("Your date of birth").fill("1990-05-04")
    for label, said in TERMS.items():
        page.get_by_label(label).fill(said)
    page.get_by_label("Last day").fill((date.today() + timedelta(days=90)).isoformat())  # noqa: DTZ011
    page.get_by_label("Show me every film").uncheck()
    page.get_by_role("button", name="Show me this in plain words").click()
    sign = page.get_by_role("button", name="Sign with my passkey")
    expect(sign).to_be_visible()
    look("terms", page)
    sign.click()
    expect(sign).to_have_count(0)


def _license(page: Page, origin: str, look: Look) -> None:
    page.goto(f"{origin}/production/catalogue")
    page.locator('main a[href^="/production/catalogue/per_"]').first.click()
    page.locator('main a[href^="/production/offers/"]').first.click()
    look("offer", page)
    page.get_by_role("button", name="Sign with my passkey").click()
    page.wait_for_url("**/production/contracts/*/scene")


def _ask(page: Page, look: Look) -> None:
    page.get_by_label("The line, word for word").fill(LINE)
    page.get_by_label("Length in seconds").fill("3")
    project = page.get_by_label("Project")
    if not project.input_value() or project.input_value() == "*":
        project.fill("HARBOUR LIGHTS")
    page.get_by_role("button", name="Could we").click()
    expect(page.get_by_role("heading", name="Yes, you could.")).to_be_visible()
    look("scene", page)
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/production/films/gen_*")
    look("progress", page)


def _check(page: Page, origin: str, film: Path, look: Look) -> str:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the signed file").click()
    download.value.save_as(film)
    page.goto(f"{origin}/verify")
    look("verify", page)
    page.locator("input[type=file]").set_input_files(film)
    page.locator("main form button").first.click()
    expect(page.locator(".verdict")).to_be_visible()
    return page.locator("main h1").inner_text()


def file_of(code: str) -> str:
    """Return the name of Learn's page in docs/learn, in one of our languages."""
    return "README.md" if code == language.SOURCE else f"{code}.md"


def as_page(code: str) -> str:
    """Return what the page of Learn says as a page of docs/learn, in one of our languages."""
    said = language.translated
    with language.reading_in(code):
        lines = [f"# {said(learning.TITLE)}"]
        lines += ["", said(learning.LEAD), "", said(learning.SHORT), ""]
        for number, step in enumerate(learning.STEPS, 1):
            lines += [f"## {number}. {said(step.title)}", ""]
            lines += [f"{said(step.said)} {said(step.why)}", ""]
            if step.command:
                lines += ["```", " ".join(step.command), "```", ""]
            lines += [f"![{said(step.shows)}](../../app/web/static/learn-{step.picture}.webp)", ""]
        return "\n".join([*lines, said(learning.AFTER), ""])


def main() -> None:
    """Take the pictures of Learn, and write docs/learn."""

    def look(name: str, page: Page) -> None:
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.save(STATIC / f"learn-{name}.webp", quality=70, method=6)

    with tempfile.TemporaryDirectory() as directory:
        print(go(Path(directory), look).as_text())
    LEARN.mkdir(exist_ok=True)
    for code in language.LANGUAGES:
        (LEARN / file_of(code)).write_text(as_page(code), "utf-8")


if __name__ == "__main__":
    main()
