"""From findings to sentences: every word a file may get has a headline, a sign and layers."""

import itertools

import pytest

from app.audit.verdict import WORDS
from app.web import evidence

FOUND = {
    "sha256": "0" * 64,
    "credentials": "valid",
    "credential_codes": [],
    "signer": {"organization": "Nightglass", "name": None, "serial": "7", "in_force": True},
    "signer_ours": True,
    "signed_at": "2026-11-22T14:02:00+00:00",
    "time_trusted": True,
    "revocation": "good",
    "whole_file": "released",
    "readable": True,
    "unreadable_reason": "",
    "mark": "ours",
    "payloads": ["7f3a91c2e04b55d8"],
    "content": "same",
    "similarity": 0.97,
    "sound_similarity": None,
    "license": {"when_made": "licensed", "now": "licensed"},
    "log": {"state": "logged", "record": "obx_1", "leaf_index": 12},
}


def tones(**changes):
    return [layer.tone for layer in evidence.layers({**FOUND, **changes})]


def test_an_intact_file_has_a_yes_in_every_layer():
    assert set(tones()) == {"yes"}
    assert len(tones()) == 8


@pytest.mark.parametrize(
    ("changes", "tone"),
    [
        ({"credentials": "invalid"}, "no"),
        ({"credentials": "unparsable"}, "no"),
        ({"revocation": "revoked"}, "no"),
        ({"signer_ours": False}, "wait"),
        ({"time_trusted": False}, "wait"),
        ({"whole_file": "differs"}, "no"),
        ({"mark": "unrecorded"}, "wait"),
        ({"content": "other"}, "no"),
        ({"license": {"when_made": "licensed", "now": "not-licensed"}}, "no"),
        ({"log": {"state": "absent", "record": None, "leaf_index": None}}, "no"),
    ],
)
def test_one_thing_that_is_wrong_shows_in_its_own_layer(changes, tone):
    said = tones(**changes)
    assert tone in said
    assert "yes" in said


def test_every_finding_the_auditor_may_make_has_words():
    for credentials, mark, whole in itertools.product(
        ("valid", "absent", "unparsable", "invalid"),
        ("ours", "unrecorded", "absent", "unsearched", "no-key"),
        ("released", "differs", "not-on-record"),
    ):
        for content in ("same", "other", "unsure", None):
            assert tones(credentials=credentials, mark=mark, whole_file=whole, content=content)
    assert tones(readable=False, license=None, log=None, similarity=None)


def test_every_verdict_has_a_headline_a_tone_and_its_license_beside_it():
    assert set(WORDS) == set(evidence.HEADLINES) == set(evidence.TONES)
    said = evidence.about_license
    assert said(None) == ""
    assert "is licensed" in said({"when_made": "licensed", "now": "licensed"})
    assert "no longer is" in said({"when_made": "licensed", "now": "not-licensed"})
    assert "was not licensed" in said({"when_made": "not-licensed", "now": "licensed"})
