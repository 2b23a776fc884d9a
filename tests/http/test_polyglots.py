"""A file that is two things at once is taken for what it shows, never run and never passed on."""

import io
import zipfile

import pytest
from PIL import Image

from app import config, db, headers
from app.gateway import outputs
from app.provenance.media import sniff
from app.registry import faces, portraits
from app.registry.errors import ImageDamaged, ImageNotSupported
from tests.http.house import a_house
from tests.http.test_performer_pages import joined
from tests.identity.authenticator import ORIGIN
from tests.provenance import making
from tests.web.released import released

SCRIPT = b"<script>alert(1)</script>"
PAGE = b"<!doctype html>" + SCRIPT


def a_jpeg():
    with io.BytesIO() as written:
        Image.new("RGB", (200, 200), "white").save(written, "JPEG", comment=SCRIPT)
        return written.getvalue()


def a_zip():
    with io.BytesIO() as written:
        with zipfile.ZipFile(written, "w") as packed:
            packed.writestr("index.html", PAGE)
        return written.getvalue()


class TestPictures:
    @pytest.mark.parametrize(
        "hostile",
        [
            PAGE + a_jpeg(),
            b"GIF89a/*" + SCRIPT + b"*/=1;" + a_jpeg(),
            b"%PDF-1.7\n" + a_jpeg(),
            a_zip() + a_jpeg(),
            b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>",
            b"\xff\xd8\xff\xe0" + PAGE,
        ],
        ids=["page", "gif and script", "pdf", "zip", "svg", "page as jpeg"],
    )
    def test_that_begin_as_something_else_are_refused(self, hostile, tmp_path):
        path = tmp_path / "portrait.jpg"
        path.write_bytes(hostile)
        with pytest.raises((ImageNotSupported, ImageDamaged)):
            faces.find_faces(str(path))

    @pytest.mark.parametrize("behind", [PAGE, a_zip()], ids=["page", "zip"])
    def test_with_something_behind_them_are_passed_on_without_it(self, behind, tmp_path):
        """Phones write more behind a picture, so it is read; what is shown is made anew."""
        path = tmp_path / "portrait.jpg"
        path.write_bytes(a_jpeg() + behind)
        assert SCRIPT in path.read_bytes()
        still = portraits.make_still(path)
        assert Image.open(io.BytesIO(still)).size == (200, 200)
        assert SCRIPT not in still
        assert b"index.html" not in still


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.xdist_group("http")
def test_a_film_that_is_a_page_as_well_is_sent_as_a_film_in_which_nothing_runs(
    client, served, monkeypatch, tmp_path
):
    """A box that nobody reads holds a page: as a film it plays, as a page nobody opens it."""
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    house = a_house(client)
    film = making.make_media(tmp_path / "film.mp4")
    with film.open("ab") as file:
        file.write((len(PAGE) + 8).to_bytes(4, "big") + b"free" + PAGE)
    assert sniff(film).media_type == "video/mp4"
    with db.writing() as session:
        generation = released(session, house.scene, film)
    griet = joined(served, house.scene.desk.organization)
    felix = joined(served, house.scene.production.organization, "Felix")
    link = felix.open(f"/production/films/{generation.id}/download").headers["location"]
    for browser, at in (
        (griet, f"/performer/work/{generation.id}/film"),
        (felix, f"/production/films/{generation.id}/play"),
        (felix, link),
    ):
        answer = browser.open(at)
        assert SCRIPT in answer.content
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == headers.NOTHING_RUNS


def test_a_result_that_is_none_of_its_kind_gets_no_name_that_a_browser_runs(tmp_path):

    for kind in outputs.KINDS.values():
        path = tmp_path / "result"
        path.write_bytes(PAGE)
        named = kind.named(path)
        assert outputs.media_type_of(named.name) not in ("text/html", "image/svg+xml")
