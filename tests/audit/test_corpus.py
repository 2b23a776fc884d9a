"""Every file of the corpus gets the word it must get, and no changed one is called intact."""

import pytest

from tests.audit import corpus
from tests.audit.evidence import ONE_DATABASE, look


@pytest.fixture
def place(session, data_dir, tmp_path):
    directory = tmp_path / "corpus"
    directory.mkdir()
    return corpus.Place(session, directory, data_dir)


def wrong(place, cases):
    """Say of each file that got another word than it must: which, and the sentence."""
    said = {}
    for case in cases:
        found = look(place.session, case.path, place.authority)
        if found.verdict != case.word:
            said[case.path.name] = f"{found.verdict}, not {case.word}: {found.sentence}"
    return said


@ONE_DATABASE
class TestCorpus:
    def test_files_without_a_mark(self, place, in_process, no_marks):
        cases = list(corpus.plain(place))
        assert len(cases) >= 60
        assert wrong(place, cases) == {}

    def test_files_with_a_mark_and_without_credentials(
        self, place, authority, marked, samples, in_process
    ):
        assert wrong(place, corpus.marked(place, marked, samples)) == {}
