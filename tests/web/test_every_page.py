"""Every page of the one list, in a real Chromium: for every eye, every hand, and every line.

axe-core finds nothing on it, by day and by night, on a phone and on a desk; whatever can be done
there is reached by keyboard, and shows it; it asks nothing of another origin; it weighs little.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response

from app import config
from app.audit import desk
from app.audit.service import Verdict
from app.demo import doors
from app.main import create_app, operations_of
from app.web import pages
from tests import screens
from tests.http.test_public_pages import UNKNOWN
from tests.web.serving import a_chromium, free_port, serving
from tests.web.ways import STEPS, stay

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("chromium"),
]
MOST_BYTES = 100_000
MEDIA = {"image", "media", "font"}
# All of axe's rules, those it leaves out by itself too; what a color scheme changes, by night.
WHOLE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
BY_NIGHT = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
# Addresses that give a file, a stream or a way on, and no page to look at.
NO_PAGES = (
    r"/static/.*|.*/film|.*/play|.*\.{kind}|.*/download|.*/clearance|.*/events|.*\.zip|.*\.csv|.*\.pdf|.*/photo|.*/portrait|.*/still|.*/sound|"
    r"/sign-in/studio/{\w+}/back|/contracts/{\w+}/signatures/{\w+}"
)
# Whatever takes a finger or a key; and why it cannot be used, or does not show that it would be.
BY_KEYBOARD = """() => {
  const acts = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';
  const wrong = [];
  for (const each of document.querySelectorAll(acts)) {
    if (each.disabled || !each.checkVisibility()) continue;
    const said = each.outerHTML.slice(0, 100);
    if (each.tabIndex !== 0) wrong.push('not in the order of tabs: ' + said);
    each.focus();
    if (document.activeElement !== each) { wrong.push('takes no focus: ' + said); continue; }
    const look = getComputedStyle(each);
    const shown = look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2;
    if (!shown) wrong.push('shows no focus: ' + said);
  }
  return wrong;
}"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_page_is_for_every_eye_and_hand_and_stays_here(database, monkeypatch, tmp_path):
    looked_at = Verdict("unreadable", "This file is cut short.", UNKNOWN, "Send it whole.")
    origin, made, paths, app = a_served_town(monkeypatch, tmp_path)
    missing = unlisted(app, paths.values())
    app.include_router(doors.router(made))
    templates = pages.templates()
    drawn, draw = set[str](), templates.get_template
    monkeypatch.setattr(
        templates, "get_template", lambda name, *more: drawn.add(name) or draw(name, *more)
    )
    wrong: list[str] = []
    monkeypatch.setattr(desk, "look_at", lambda *_, **__: looked_at)  # no sandbox
    with serving(app, int(origin.rpartition(":")[2])), a_chromium() as browser:
        context = browser.new_context()
        context.set_default_timeout(120_000)
        page = context.new_page()
        answers: list[Response] = []
        page.on("response", lambda each: answers.append(each))  # noqa: PLW0108 - not a built-in
        page.on("request", lambda each: _stays(each.url, origin) or wrong.append(each.url))
        for name, path in paths.items():
            if name in screens.ENTERS:
                page.goto(f"{origin}/demo/{made[screens.ENTERS[name]].token}")
            answers.clear()
            answer = page.goto(origin + path)
            assert answer is not None
            weight = sum(len(each.body()) for each in answers if _is_page(each))
            if answer.status != (404 if name == "refused" else 200) or weight > MOST_BYTES:
                wrong.append(f"{name}: {answer.status}, {weight} bytes")
            STEPS.get(name, stay)(page)
            wrong += [f"{name}: {each}" for each in violations(page)]
            wrong += [f"{name}: {each}" for each in unreached(page)]
        context.close()
    assert wrong == []
    assert missing == []
    whole = {each for each in templates.list_templates() if not each.startswith("_")}
    assert whole - drawn == set()


def test_what_is_wrong_with_a_page_is_found():
    """Planted: a picture without words, grey on grey by night alone, small targets on a desk."""
    fine = (
        "<!doctype html><html lang=en><title>A</title><style>:root { color-scheme: light dark; }"
        "a { color: inherit; } a:focus { outline: 3px solid red; } %s</style>"
        "<main><h1>A page</h1>%s</main>"
    )
    planted = {
        "image-alt": ("", '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'),
        "label": ("", "<input>"),
        "heading-order": ("", "<h4>Deep</h4>"),
        "color-contrast, 360, dark": (
            "@media (prefers-color-scheme: dark) { p { color: #555; background: #444; } }",
            "<p>Hard to read</p>",
        ),
        "target-size, 1440": (
            "@media (min-width: 60rem) { button { font: 8px/1 serif; padding: 0; border: 0; } }",
            "<button>a</button><button>b</button>",
        ),
    }
    with a_chromium() as browser:
        page = browser.new_page()
        page.set_content(fine % ("", "<p>Easy to read <a href=/>and to follow</a></p>"))
        assert [*violations(page), *unreached(page)] == []
        for what, (style, body) in planted.items():
            page.set_content(fine % (style, body))
            assert any(each.startswith(what) for each in violations(page)), what
        for style, body in (
            ("a:focus { outline: 0 }", "<a href=/>unseen</a>"),
            ("", "<button tabindex=-1>never</button>"),
            ("", "<div inert><a href=/>shut off</a></div>"),
        ):
            page.set_content(fine % (style, body))
            assert unreached(page), body
    assert not _stays("https://cdn.example/x.js", "http://localhost:1")


def a_served_town(monkeypatch, directory):
    port = free_port()
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", f"http://localhost:{port}")
    for kind in ("LOOKUPS", "FILES", "ALIKE"):  # all from one address, at once
        monkeypatch.setenv(f"UNDERSTUDY_RATE_{kind}", "")
    config.settings.cache_clear()
    town = screens.a_town(directory)
    return f"http://localhost:{port}", town.doors, town.paths, create_app()


def unlisted(app: Any, paths: Any) -> list[str]:
    """Name the addresses of pages that the one list leaves out: whoever adds a page adds it."""
    gets = [each.path for each in operations_of(app) if each.is_page and each.verb == "GET"]
    return [
        route
        for route in gets
        if not re.fullmatch(NO_PAGES, route)
        and not any(re.fullmatch(re.sub(r"{\w+}", "[^/?]+", route) + r"(\?.*)?", p) for p in paths)
    ]


def violations(page: Page) -> Iterator[str]:
    """Yield what axe-core finds at both widths, by day and by night."""
    page.evaluate(Axe().axe_script)
    for width in screens.WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for scheme, asked in (("light", WHOLE), ("dark", BY_NIGHT)):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("asked => axe.run(document, asked)", asked)
            for each in found["violations"]:
                for node in each["nodes"]:
                    yield f"{each['id']}, {width}, {scheme}: {node['html'][:150]}"
    page.emulate_media(color_scheme="light")


def unreached(page: Page) -> list[str]:
    """Say what on a page the keyboard does not reach, or does not show that it reached."""
    page.keyboard.press("Tab")  # from now on a focus is to be seen
    found: list[str] = page.evaluate(BY_KEYBOARD)
    return found


def _stays(url: str, origin: str) -> bool:
    return url.startswith((f"{origin}/", "data:"))


def _is_page(answer: Response) -> bool:
    return answer.request.resource_type not in MEDIA and answer.status == 200
