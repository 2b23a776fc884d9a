"""Every file of the corpus gets the word it must get, and no changed one is called intact."""

from dataclasses import fields, replace

import pytest

from app.audit import verdict
from app.provenance.verify import Findings, Manifest
from tests.audit import corpus
from tests.audit.evidence import ONE_DATABASE, look


@pytest.fixture
def place(session, data_dir, tmp_path):
    directory = tmp_path / "corpus"
    directory.mkdir()
    return corpus.Place(session, directory, data_dir)


def judged(place, cases):
    """Look at each file; return by its name the word it must get, and what is said of it."""
    return {
        case.path.name: (case.word, look(place.session, case.path, place.authority))
        for case in cases
    }


def wrong(said):
    """Say of each file that got another word than it must: which, and the sentence."""
    return {
        name: f"{found.verdict}, not {word}: {found.sentence}"
        for name, (word, found) in said.items()
        if found.verdict != word
    }


NOT_NAMED = {"manifest": None, "whole_file": "not-on-record"}


def found_by(found, *how):
    return found.manifest is not None and found.manifest.found_by in how


# Planted faults: what would be found by a verifier that skips one check, where it matters at all.
SKIPPED = {
    "the whole file": lambda f: {"whole_file": "released"} if f.manifest else {},
    "the signature": lambda f: {"credentials": "valid"} if f.credentials == "invalid" else {},
    "revocation": lambda _: {"revocation": "good"},
    "remains": lambda f: NOT_NAMED if f.remains else {},
    "whether it reads": lambda _: {"readable": True},
    "the mark": lambda f: {"mark": "absent", **NOT_NAMED} if found_by(f, "watermark") else {},
    "the content": lambda _: {"content": "same", "resembles": None, "resemblance": None},
}


def notices(said, skipped):
    """Whether any file would get a wrong word if that check were skipped."""
    named = {each.name for each in fields(Findings)}
    for word, seen in said.values():
        found = Findings(**{name: value for name, value in seen.findings.items() if name in named})
        if found.manifest is not None:
            found = replace(found, manifest=Manifest(**seen.findings["manifest"]))
        if verdict.judge(replace(found, **SKIPPED[skipped](found))).word != word:
            return True
    return False


@ONE_DATABASE
class TestCorpus:
    @pytest.mark.slow
    def test_files_without_a_mark(self, place, in_process, no_marks):
        cases = list(corpus.plain(place))
        assert len(cases) >= 60
        said = judged(place, cases)
        assert wrong(said) == {}
        noticed = {skipped for skipped in SKIPPED if notices(said, skipped)}
        assert noticed == set(SKIPPED) - {"the mark"}

    def test_files_with_a_mark_and_without_credentials(
        self, place, authority, marked, samples, in_process
    ):
        said = judged(place, corpus.marked(place, marked, samples))
        assert wrong(said) == {}
        noticed = {skipped for skipped in SKIPPED if notices(said, skipped)}
        assert noticed == {"the whole file", "the mark", "the content"}
