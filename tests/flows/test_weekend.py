"""A weekend film: two performers, twelve shots, five takes of each; licensed, chosen, cut, paid.

All of it at the pages, from two empty houses on. What the generator would render stands ready
(instant.py), and drafts skip to their release; each chosen take is examined, marked, signed and
released for real. The books are compared with a reckoning of this file's own.
"""

import re
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import count

import av
import pytest
from sqlmodel import select

from app import clock, config, db, publication
from app.gateway import pipeline, workbench
from app.gateway.models import Generation
from app.identity import service as identity
from app.ledger import service as ledger
from app.ledger.check import check
from app.registry import service as registry
from app.web import production
from tests.flows import instant
from tests.http.browser import OURS, Browser, first_link
from tests.identity.authenticator import ORIGIN
from tests.payments.stories import closed, told
from tests.scenes import PORTRAIT, grant_credit

SHOTS, TAKES, LENGTH_S = 12, 5, 2
RATES = {"Griet": Decimal("12.37"), "Tanneke": Decimal("9.99")}  # a second; each plays six shots
PROJECT = "A WEEKEND"
TERMS = {
    "born_on": "1990-05-04", "least": "5.00", "total": "5000", "currency": "EUR", "seconds": "100",
    "times": "1", "territories": "EU", "languages": "en", "generator": instant.MODEL,
    "tz": "Europe/Amsterdam", "takes": "true",
}  # fmt: skip
SCENE = {
    "length_s": str(LENGTH_S), "project": PROJECT, "purpose": "film_scene", "medium": "svod",
    "territories": "DE, FR", "language": "en", "generator": instant.MODEL,
}  # fmt: skip
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("flows"),
    pytest.mark.timeout(1200),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture
def served(database, application, instant_generator, seen, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    monkeypatch.setenv("UNDERSTUDY_RATE_PEOPLE", "")  # a weekend in a minute
    config.settings.cache_clear()
    monkeypatch.setattr(production, "SIZE", instant.SIZE)  # the free generator makes small films
    monkeypatch.setattr(registry, "inspect_portrait", lambda _path: seen)  # read once for all flows
    return application


def arrive(served, name, kind):
    with db.writing() as session:
        house = identity.create_organization(session, f"{name}'s house", kind)
        if kind == "production":
            grant_credit(session, house)
    browser = Browser(served)
    assert browser.join(first_link(house), name).status_code == 303
    return browser


def sent(answer):
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def sign(browser, path):
    browser.open(path)
    return browser.prove(path, browser.device.get(browser.options()))


def offers_terms(browser, name):
    """Register a likeness, be found, write terms and sign them: the performer's side of it all."""
    at = "/performer/enroll"
    browser.open(at)
    said = {"form_token": browser.value("form_token"), "once": browser.value("once")}
    said |= {"name": name, "mine": "yes"}
    files = {"portrait": ("me.jpg", PORTRAIT.read_bytes())}
    sent(browser.client.post(at, data=said, files=files, headers=OURS))
    browser.open("/performer/catalogue")
    performer_id = browser.value("performer_id")
    sent(browser.send("/performer/catalogue", performer_id=performer_id, listed="true", about=""))
    browser.open("/performer/catalogue")
    until = (clock.now() + timedelta(days=90)).date().isoformat()
    offer = sent(browser.send("/performer/offers", performer_id=performer_id, until=until,
                              rate=str(RATES[name]), **TERMS))  # fmt: skip
    sent(sign(browser, offer))
    return performer_id


def licenses(felix, performer_id):
    """Find a performer in the catalogue, and sign; return where their scenes are planned."""
    felix.open(f"/production/catalogue/{performer_id}")
    offer = re.search(r'href="(/production/offers/[^"]+)"', felix.page)[1]
    sign(felix, offer)
    felix.open(offer)
    return re.search(r'href="(/production/contracts/[^"]+/scene)"', felix.page)[1]


def asks(felix, at, shot, number):
    """Have a take priced, then ask for it; return its id and what the page said it costs."""
    felix.open(at)
    scene = {**SCENE, "shot": shot, "line": f"Line {shot}, take {number}."}
    once = felix.value("once")
    felix.page = felix.send(at, once=once, **scene).text
    assert "Yes, you could." in felix.page, felix.page
    price = re.search(r'<p class="sum">([\d.,]+)', felix.page)[1]
    made = felix.send(at, once=once, do="make", priced=felix.value("priced"), **scene)
    return sent(made).rsplit("/", 1)[1], Decimal(price)


def draft_is_there(generation_id, film):
    """Skip to a draft's release: its rendering is kept, nothing is rendered."""
    digest, key = workbench.keep(generation_id, "rendered", film)
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        generation.rendered_key = generation.output_key = key
        generation.rendered_sha256 = generation.output_sha256 = digest
        generation.state = "signed"
    pipeline.release(generation_id)


def chooses(felix, draft_id):
    """Choose a take at the page; have it made for real; return the chosen one's id."""
    felix.open("/production/films")
    sent(felix.send(f"/production/films/{draft_id}/selection"))
    with db.reading() as session:
        children = select(Generation.id).where(Generation.parent_id == draft_id)
        (chosen,) = session.exec(children).all()
    for stage in (pipeline.examine, pipeline.mark, pipeline.sign, pipeline.preview):
        assert stage(chosen), workbench.load(chosen).reason
    pipeline.release(chosen)
    return chosen


def downloads(felix, generation_id, to):
    link = sent(felix.client.get(f"/production/films/{generation_id}/download"))
    answer = felix.client.get(link)
    assert answer.status_code == 200, answer.text
    to.write_bytes(answer.content)
    return to


def verdict_of(browser, film):
    files = {"file": (film.name, film.read_bytes())}
    return browser.client.post("/verify", files=files, headers=OURS)


def cut(clips, to):
    """Cut the shots together, as an editor exports them: pictures anew, one after the other."""
    with av.open(str(to), "w") as film:
        stream = film.add_stream("libx264", rate=25, options={"crf": "20"})
        stream.width, stream.height = instant.SIZE
        stream.pix_fmt = "yuv420p"
        at = count()
        for clip in clips:
            with av.open(str(clip)) as shot:
                for frame in shot.decode(video=0):
                    still = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"))
                    still.pts = next(at)
                    film.mux(stream.encode(still))
        film.mux(stream.encode(None))
    return to


def cents(amount):
    return int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP))


def reckoned(rate):
    """Reckon what a shot costs, in cents: its drafts, and its take less half of what they cost."""
    whole = cents(rate * LENGTH_S)
    draft = cents(Decimal(whole) / 4 / 100)
    take = cents((Decimal(whole) - Decimal(TAKES * draft) / 2) / 100)
    return draft, TAKES * draft + take


def test_is_licensed_chosen_cut_verified_and_paid_at_the_pages(served, film, tmp_path):
    performers = {name: arrive(served, name, "performer") for name in RATES}
    felix = arrive(served, "Felix", "production")
    ids = {name: offers_terms(browser, name) for name, browser in performers.items()}
    scenes = {name: licenses(felix, id_) for name, id_ in ids.items()}
    chosen = []
    for shot in range(SHOTS):
        name = list(RATES)[shot % 2]
        drafts = []
        for take in range(1, TAKES + 1):
            draft_id, price = asks(felix, scenes[name], f"{shot + 1}", take)
            assert cents(price) == reckoned(RATES[name])[0]
            draft_is_there(draft_id, film)
            drafts.append(draft_id)
        chosen.append(chooses(felix, drafts[shot % TAKES]))
    clips = [downloads(felix, each, tmp_path / f"{n}.mp4") for n, each in enumerate(chosen)]
    publication.publish_log()

    # Verified: a shot as it was handed out, and a cut of the first two. Every shot has a mark of
    # its own, and in a cut of all twelve, looked at as one film, none is found: docs/pages.md.
    assert "This is the released file, unchanged." in verdict_of(Browser(served), clips[0]).text
    cut_together = verdict_of(Browser(served), cut(clips[:2], tmp_path / "film.mp4")).text
    assert "This comes from a released work." in cut_together

    # Paid: exactly what this file reckons, to each of the two, and nothing left over.
    with db.writing() as session:
        told(session, closed(session))
    with db.reading() as session:
        found = check(session)
        assert found.ok, found.first_difference
        assert found.events == SHOTS * (TAKES + 1)
        balances = {account: minor for (account, _), minor in ledger.balances(session).items()}
    each = {name: SHOTS // 2 * reckoned(rate)[1] for name, rate in RATES.items()}
    assert balances.pop("licensee:receivable") == sum(each.values())
    for name, id_ in ids.items():
        assert balances.pop(f"performer:{id_}:payable") == -each[name]
        page = performers[name].open("/performer/earnings").text
        assert f"{Decimal(each[name]) / 100:.2f}" in page.replace(",", "")
        assert "/performer/statements/" in page
    assert not any(balances.values()), balances
