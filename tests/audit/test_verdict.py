"""The rules from findings to a word, alone."""

import dataclasses
import itertools

import pytest

from app.audit.verdict import WORDS, judge
from app.provenance.verify import Findings, Manifest


def named(found_by: str) -> Manifest:
    return Manifest("man_1", "gen_1", "2026-11-22T00:00:00+00:00", found_by, "00" * 32)


BARE = Findings(
    sha256="00" * 32,
    size_bytes=1,
    credentials="absent",
    credential_codes=[],
    signer_ours=False,
    signer=None,
    signed_at=None,
    time_trusted=False,
    revocation="unknown",
    remains=False,
    whole_file="not-on-record",
    readable=True,
    unreadable_reason="",
    medium="image",
    mark="absent",
    payloads=[],
    content=None,
    similarity=None,
    sound_similarity=None,
    resembles=None,
    resemblance=None,
)
RELEASED = dataclasses.replace(
    BARE,
    credentials="valid",
    signer_ours=True,
    signer={"in_force": True},
    time_trusted=True,
    whole_file="released",
    mark="ours",
    content="same",
    similarity=1.0,
    manifest=named("file"),
)
MARKED = dataclasses.replace(
    BARE, mark="ours", content="same", similarity=0.9, manifest=named("watermark")
)


def word(start: Findings, **changes: object) -> str:
    return judge(dataclasses.replace(start, **changes)).word


class TestIntact:
    def test_takes_every_byte_valid_credentials_and_our_signer_in_force(self):
        assert judge(RELEASED).word == "intact"

    @pytest.mark.parametrize(
        "missing",
        [
            {"whole_file": "differs", "manifest": named("credentials")},
            {"whole_file": "not-on-record", "manifest": None},
            {"credentials": "invalid"},
            {"credentials": "unparsable"},
            {"credentials": "absent"},
            {"signer_ours": False},
            {"signer": {"in_force": False}},
            {"signer": None},
        ],
    )
    def test_is_refused_when_any_one_of_them_is_missing(self, missing):
        assert word(RELEASED, **missing) != "intact"

    def test_is_never_reached_without_the_whole_file_whatever_else_holds(self):
        """Every combination of the other findings, exhaustively."""
        space = {
            "credentials": ["absent", "unparsable", "invalid", "valid"],
            "signer_ours": [True, False],
            "whole_file": ["differs", "not-on-record"],
            "readable": [True, False],
            "mark": ["ours", "unrecorded", "absent", "unsearched"],
            "content": ["same", "other", "unsure", None],
            "resembles": ["gen_2", None],
            "manifest": [None, *map(named, ("credentials", "remains", "watermark"))],
        }
        seen = set()
        for values in itertools.product(*space.values()):
            judged = judge(dataclasses.replace(RELEASED, **dict(zip(space, values, strict=True))))
            seen.add(judged.word)
            assert judged.word in WORDS
            assert judged.sentence.endswith(".")
            assert judged.next_step.endswith(".")
        assert "intact" not in seen
        assert seen == set(WORDS) - {"intact"}


class TestRecovered:
    def test_takes_the_mark_and_content_that_agrees(self):
        assert judge(MARKED).word == "recovered"
        assert word(MARKED, content="unsure") == "altered"
        assert word(MARKED, content=None) == "altered"

    def test_never_calls_the_file_authentic_genuine_or_original(self):
        for found in (MARKED, dataclasses.replace(RELEASED, signer_ours=False)):
            judged = judge(found)
            assert judged.word == "recovered"
            said = set(judged.sentence.lower().replace(".", " ").split())
            assert not {"authentic", "genuine", "original"} & said

    def test_a_broadcasters_own_credentials_beside_our_mark_are_told(self):
        judged = judge(dataclasses.replace(MARKED, credentials="valid"))
        assert judged.word == "recovered"
        assert "someone else's credentials" in judged.sentence

    def test_released_bytes_whose_signer_is_no_longer_trusted_are_not_intact(self):
        assert word(RELEASED, signer_ours=False) == "recovered"


class TestTransplanted:
    def test_takes_content_that_contradicts_the_mark(self):
        assert word(MARKED, content="other", similarity=0.0) == "transplanted"

    def test_takes_content_that_is_another_known_output(self):
        much = {"resembles": "gen_2", "resemblance": 0.9}
        assert word(MARKED, content="unsure", similarity=0.3, **much) == "transplanted"

    def test_an_output_of_the_same_portrait_does_not_convict(self):
        close = {"resembles": "gen_2", "resemblance": 0.9}
        assert word(MARKED, content="unsure", similarity=0.8, **close) == "altered"

    def test_disagreement_alone_does_not_convict(self):
        judged = judge(dataclasses.replace(MARKED, content="unsure", similarity=0.3))
        assert judged.word == "altered"
        assert "needs review" in judged.sentence

    def test_damage_to_our_own_credentialed_file_does_not_convict(self):
        broken = {"whole_file": "differs", "credentials": "invalid"}
        found = dataclasses.replace(RELEASED, manifest=named("credentials"), **broken)
        assert word(found, content="other", similarity=0.0) == "altered"
        anothers = {"resembles": "gen_2", "resemblance": 0.9}
        assert word(found, content="other", similarity=0.0, **anothers) == "transplanted"


class TestAltered:
    def test_valid_credentials_and_another_whole_file(self):
        """A box appended to an MP4 leaves C2PA's own hash valid."""
        found = dataclasses.replace(RELEASED, whole_file="differs", manifest=named("credentials"))
        assert judge(found).word == "altered"

    def test_remains_of_our_manifest_outrank_a_readable_mark(self):
        found = dataclasses.replace(
            MARKED, whole_file="differs", remains=True, manifest=named("remains")
        )
        assert judge(found).word == "altered"

    def test_our_credentials_in_a_file_that_no_longer_decodes(self):
        found = dataclasses.replace(
            BARE,
            credentials="invalid",
            whole_file="differs",
            readable=False,
            manifest=named("credentials"),
        )
        assert judge(found).word == "altered"


class TestUnknownOrigin:
    @pytest.mark.parametrize("state", ["valid", "invalid", "unparsable"])
    def test_someone_elses_credentials_without_our_mark(self, state):
        judged = judge(dataclasses.replace(BARE, credentials=state))
        assert judged.word == "unknown-origin"
        assert "fake" not in judged.sentence

    def test_our_signer_off_record(self):
        assert word(BARE, credentials="valid", signer_ours=True) == "unknown-origin"

    def test_our_mark_off_record(self):
        assert word(BARE, mark="unrecorded", payloads=["00" * 8]) == "unknown-origin"


class TestTheRest:
    def test_neither_credentials_nor_mark_is_not_ours_and_not_fake(self):
        judged = judge(BARE)
        assert judged.word == "not-ours"
        assert "genuine" in judged.sentence

    def test_a_likeness_alone_is_told_and_proves_nothing(self):
        judged = judge(dataclasses.replace(BARE, resembles="gen_2", resemblance=0.9))
        assert judged.word == "not-ours"
        assert "gen_2" in judged.sentence

    def test_a_mark_that_could_not_be_searched_for_is_not_called_absent(self):
        assert word(BARE, mark="unsearched") == "unreadable"

    def test_unreadable_without_anything_of_ours(self):
        assert word(BARE, readable=False, unreadable_reason="empty") == "unreadable"
