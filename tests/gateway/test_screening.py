"""What a line names, imitates and speaks of, however it is spelt."""

import pytest

from app.gateway.screening import Names, content_of, screen

NAMES = [
    Names({"per_1": ["Griet van Delft"], "per_2": ["Anna Schmidt"], "per_3": ["Rose"]}),
    Names({"per_4": ["\u0141ukasz \u017bak"], "per_5": ["Griet van Delft"]}),
]


def _found(line: str, *licensed: str) -> list[tuple[str, str]]:
    return [(hit.kind, hit.phrase) for hit in screen(line, NAMES, licensed=licensed)]


class TestNames:
    @pytest.mark.parametrize(
        "said",
        [
            "Griet van Delft",
            "GRIET  VAN-DELFT",
            "Gr\u0456et v\u0430n Delft",  # Cyrillic letters
            "\uff27riet van \uff24elft",  # full width
            "Gr\u00edet v\u00e4n Delft",
            "Gri\u200bet van Del\u00adft",  # invisible signs inside
            "Gr1et v4n De1ft",
            "G r i e t v a n D e l f t",
            "grietvandelft",
            "Griet van Delfft",
            "Greit van Delft",
            "Griet van Elft",
            "Lukasz Zak",
            "anna\tschmitt",
        ],
    )
    def test_are_found_however_they_are_spelt_and_shown_as_they_were_typed(self, said) -> None:
        assert _found(f"And then came {said}, at last.") == [("name", said)]

    @pytest.mark.parametrize(
        "line",
        [
            "A rose is a rose.",  # a name of one word is too often only a word
            "A migrant van, Delft blue.",
            "the tigriet van delfter",
            "Ana Schmid",  # a slip in a short word is another word
            "Griet went to van Delft.",
            "I hold the light a little longer.",
            "",
        ],
    )
    def test_are_not_found_where_they_are_not(self, line) -> None:
        assert _found(line) == []

    def test_of_whoever_is_licensed_may_be_said_even_if_another_bears_it_too(self) -> None:
        assert _found("I am Griet van Delft.", "per_1") == []
        assert _found("I am Griet van Delft.", "per_2") == [("name", "Griet van Delft")]


class TestManner:
    @pytest.mark.parametrize(
        "said",
        [
            "in the style of Vermeer",
            "In the VOICE of Vermeer",
            "sounds just like Vermeer",
            "im Stil von Vermeer",
            "dans le style de Vermeer",
            "al estilo de Vermeer",
        ],
    )
    def test_of_somebody_is_found_whoever_it_is(self, said) -> None:
        assert _found(f"Speak {said}!") == [("style", said)]

    def test_of_the_licensed_performer_is_hers(self) -> None:
        assert _found("in the style of Griet van Delft", "per_5") == []
        assert {kind for kind, _ in _found("in the style of Griet van Delft")} == {"style", "name"}


def test_content_is_named_by_its_tag_and_the_word_that_was_typed() -> None:
    hits = content_of("Put the \u0441igarette down, that is a G\u00dcN\u200b!")
    assert [(hit.phrase, hit.what) for hit in hits] == [
        ("\u0441igarette", "smoking"),
        ("G\u00dcN\u200b", "weapons"),
    ]
    assert content_of("The gunnel was painted nudge-grey.") == []
