"""What of a document crosses a performer's standing limits: every place, and no other."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.licensing.document import contract
from app.licensing.document.example import DOCUMENT
from app.licensing.document.limits import Limits, findings, level_at


def _limits(**said: Any) -> Limits:
    return Limits.model_validate({"v": 1, "training": "allowed", **said})


def _crossed(limits: Limits, **grant: Any) -> list[tuple[str, str, str]]:
    document = deepcopy(DOCUMENT)
    document["grant"] |= grant
    found = findings(contract.parse(document), limits)
    return [(each.pointer, each.boundary, each.level) for each in found]


class TestPurposes:
    def test_a_listed_purpose_is_found_where_it_stands(self) -> None:
        limits = _limits(purposes={"advertising": "never", "trailer": "ask"})
        assert _crossed(limits, purposes=["film_scene", "trailer", "advertising"]) == [
            ("/grant/purposes/1", "/purposes/trailer", "ask"),
            ("/grant/purposes/2", "/purposes/advertising", "never"),
        ]

    def test_the_star_is_every_purpose_not_named(self) -> None:
        limits = _limits(purposes={"*": "ask", "film_scene": "allowed"})
        assert _crossed(limits, purposes=["film_scene"]) == []
        assert _crossed(limits, purposes=["trailer"]) == [
            ("/grant/purposes/0", "/purposes/*", "ask")
        ]

    def test_another_spelling_is_the_same_purpose(self) -> None:
        limits = _limits(purposes={"Film Scene": "never"})
        assert _crossed(limits)[0][1] == "/purposes/Film Scene"


class TestTerritories:
    def test_a_country_is_found_inside_a_group(self) -> None:
        places = {"include": ["NL", "EU"], "exclude": []}
        assert _crossed(_limits(territories={"DE": "never"}), territories=places) == [
            ("/grant/territories/include/1", "/territories/DE", "never")
        ]

    def test_what_the_grant_leaves_out_is_not_reached(self) -> None:
        places = {"include": ["WORLD"], "exclude": ["DE"]}
        assert _crossed(_limits(territories={"DE": "never"}), territories=places) == []

    def test_of_places_within_each_other_the_inner_counts(self) -> None:
        limits = _limits(territories={"WORLD": "never", "EU": "ask", "DE": "allowed"})
        assert _crossed(limits, territories={"include": ["DE"], "exclude": []}) == []
        assert _crossed(limits, territories={"include": ["FR"], "exclude": []}) == [
            ("/grant/territories/include/0", "/territories/EU", "ask")
        ]
        assert level_at(limits, "US-NY") == ("never", "WORLD")

    def test_a_part_of_a_country_is_found_in_the_country(self) -> None:
        places = {"include": ["US"], "exclude": []}
        assert _crossed(_limits(territories={"US-TX": "never"}), territories=places) == [
            ("/grant/territories/include/0", "/territories/US-TX", "never")
        ]


class TestContent:
    def test_what_is_not_ruled_out_is_permitted_and_crosses_never(self) -> None:
        limits = _limits(content={"nudity": "never", "stunt": "never"})
        assert _crossed(limits) == [("/grant/content/prohibited", "/content/stunt", "never")]

    def test_subject_to_approval_satisfies_ask_and_not_never(self) -> None:
        content = {**DOCUMENT["grant"]["content"], "prohibited": [], "approval": ["stunt"]}
        assert _crossed(_limits(content={"stunt": "ask"}), content=content) == []
        assert len(_crossed(_limits(content={"stunt": "never"}), content=content)) == 1

    def test_another_spelling_rules_it_out_too(self) -> None:
        content = {**DOCUMENT["grant"]["content"], "prohibited": ["pornography"]}
        assert _crossed(_limits(content={"Sexually-Explicit": "never"}), content=content) == []


@pytest.mark.parametrize(
    ("granted", "wanted", "crosses"),
    [
        ("no", "never", False),
        ("project_model_only", "never", True),
        ("project_model_only", "ask", True),
        ("with_approval", "never", True),
        ("with_approval", "ask", False),
        ("yes", "ask", True),
        ("yes", "allowed", False),
    ],
)
def test_training(granted: str, wanted: str, crosses: bool) -> None:
    found = _crossed(_limits(training=wanted), training=granted)
    assert found == ([("/grant/training", "/training", wanted)] if crosses else [])


@pytest.mark.parametrize(
    "said",
    [
        {"territories": {"Atlantis": "never"}},
        {"territories": {"*": "never"}},
        {"content": {"*": "never"}},
        {"content": {"Nudity": "never", "nudity": "ask"}},
        {"content": {" ": "never"}},
        {"purposes": {"": "never"}},
        {"purposes": {"trailer": "sometimes"}},
        {"training": "no"},
        {"v": 2},
        {"voices": {}},
    ],
)
def test_limits_nobody_could_keep_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _limits(**said)


def test_what_is_said_of_training_is_said_aloud() -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate({"v": 1})


LEVELS = st.sampled_from(["never", "ask", "allowed"])
PLACES = st.dictionaries(
    st.sampled_from(["WORLD", "EU", "DE", "FR", "US", "US-NY", "NORTH_AMERICA"]), LEVELS
)
TAGS = st.dictionaries(st.sampled_from(["nudity", "smoking", "stunt", "dance"]), LEVELS)


@given(places=PLACES, tags=TAGS, training=LEVELS)
def test_narrowing_a_document_never_crosses_more(
    places: dict[str, str], tags: dict[str, str], training: str
) -> None:
    limits = _limits(territories=places, content=tags, training=training)
    wide = {"include": ["EU", "US"], "exclude": []}
    narrow = {"include": ["EU", "US"], "exclude": ["DE", "US-NY"]}
    content = {**DOCUMENT["grant"]["content"], "prohibited": ["nudity"]}
    tighter = {**content, "prohibited": ["nudity", "stunt"]}
    before = _crossed(limits, territories=wide, content=content, training="yes")
    after = _crossed(limits, territories=narrow, content=tighter, training="no")
    assert {boundary for _, boundary, _ in after} <= {boundary for _, boundary, _ in before}
