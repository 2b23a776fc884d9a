"""Learn says what really happens: a newcomer goes that way in a real Chromium, and it is timed."""

import pytest

from app.language import LANGUAGES
from app.web import learning
from tests.web import newcomer


@pytest.mark.slow
@pytest.mark.xdist_group("chromium")
@pytest.mark.timeout(900)
def test_a_first_licensed_film_through_the_pages_from_nothing(tmp_path, capsys):
    looked = []
    diary = newcomer.go(tmp_path, lambda name, page: looked.append((name, page.url)))
    with capsys.disabled():
        print(f"\n{diary.as_text()}")
    assert {name for name, _ in looked} == {step.picture for step in learning.STEPS}
    assert (tmp_path / "film.mp4").stat().st_size > 10_000
    assert diary.verdict == "This is the released file, unchanged."


@pytest.mark.parametrize("code", LANGUAGES)
def test_docs_learn_says_what_the_page_says(code):
    page = newcomer.LEARN / newcomer.file_of(code)
    assert page.read_text("utf-8") == newcomer.as_page(code), "write it anew: make screens"


def test_every_step_has_its_picture():
    for name in learning.PICTURES:
        assert 0 < (newcomer.STATIC / name).stat().st_size < 60_000, f"{name}: make screens"
