"""A contract in plain words: all of it, nothing else, and each sentence from its own field."""

import copy
import re
from fractions import Fraction
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import language as tongues
from app.language import LANGUAGES, reading_in
from app.licensing.document import contract
from app.licensing.document.example import DOCUMENT
from app.licensing.words import plain_language, plain_words
from app.licensing.words.plain_grant import TRAINING
from app.licensing.words.plain_money import amount, percent
from app.licensing.words.plain_words import (
    WORDS,
    language,
    listed,
    place,
    quoted,
    visible,
    word,
    written,
)
from tests.licensing.documents import DOCUMENTS, Path, changes, leaves, pointer
from tests.licensing.test_contract import a_document, changed

LISTS = st.lists(st.text(max_size=5) | st.sampled_from(["and", "a", "“", "”", "\\"]))


def unsaid(document: dict[str, Any], tongue: str = "en") -> list[str]:
    """List the leaves that no sentence speaks of, or that change without changing a sentence."""
    said = {at: text for text, at in plain_language.sentences(document, tongue=tongue)}
    found = []
    for path, value in leaves(document):
        over = [pointer(path[:length]) for length in range(1, len(path) + 1)]
        about = [at for at in over if at in said]
        if _means_nothing(document, path):
            continue
        if not about:
            found.append(f"{pointer(path)} is in no sentence")
        for other in islice(changes(document, path, value), 2):
            then = {at: text for text, at in plain_language.sentences(other, tongue=tongue)}
            if all(then.get(at) == said[at] for at in about):
                found.append(f"{pointer(path)} changes without a word")
    return found


def _means_nothing(document: dict[str, Any], path: Path) -> bool:
    """What the rules never read: the format's number, and fields that another field sets aside."""
    match path:
        case ("v",):
            return True
        case ("grant", "term", "end_inclusive"):
            return "end" not in document["grant"]["term"]
        case ("grant", "sublicense", "listed", *_):
            return bool(document["grant"]["sublicense"]["mode"] != "listed")
        case ("revocation", "removal_days"):
            return bool(document["revocation"]["existing_outputs"] == "keep")
    return False


class TestSayEverything:
    @pytest.mark.parametrize("document", [DOCUMENT, a_document()], ids=["example", "published"])
    def test_every_field_is_in_a_sentence_that_changes_with_it(self, document):
        assert unsaid(document) == []

    @given(DOCUMENTS, st.sampled_from(sorted(LANGUAGES)))
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    def test_so_it_is_for_any_document_in_every_language(self, document, tongue):
        contract.parse(document)
        assert unsaid(document, tongue) == []

    @given(DOCUMENTS)
    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    def test_each_pointer_has_one_sentence_and_each_sentence_a_field_of_the_schema(self, document):
        said = plain_language.sentences(document)
        assert len({at for _, at in said}) == len(said)
        whole = contract.parse(document).model_dump(mode="json")
        for sentence, at in said:
            assert sentence[-1] in ".”"
            here: Any = whole
            for step in at.split("/")[1:]:
                here = (here or {}).get(step) if isinstance(here, dict | None) else here[int(step)]

    def test_a_sentence_left_out_is_noticed(self, monkeypatch):
        monkeypatch.setattr(plain_language, "of_places", lambda _terms: [])
        missing = unsaid(DOCUMENT)
        assert "/grant/dubbing is in no sentence" in missing
        assert "/grant/territories/include/0 is in no sentence" in missing

    def test_a_sentence_that_does_not_listen_is_noticed(self, monkeypatch):
        pointers = ("/grant/dubbing", "/grant/territories", "/grant/languages")
        said = [("Somewhere, somehow.", at) for at in pointers]
        monkeypatch.setattr(plain_language, "of_places", lambda _terms: said)
        assert "/grant/languages/0 changes without a word" in unsaid(DOCUMENT)


class TestInSpanish:
    @given(DOCUMENTS)
    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    def test_each_sentence_is_said_of_the_same_field_with_the_same_figures(self, document):
        english = plain_language.sentences(document)
        spanish = plain_language.sentences(document, tongue="es")
        assert [at for _, at in spanish] == [at for _, at in english]
        for (one, _), (other, at) in zip(english, spanish, strict=True):
            assert one != other or at == "/consent/uses_description", one
            assert quotations(other) == quotations(one)
            assert figures(other, "\u00a0,") == figures(one, ",.")

    def test_a_figure_that_got_lost_is_noticed(self):
        price = figures("Each second costs 12.50 EUR.", ",.")
        assert figures("Cada segundo cuesta 12,50 EUR.", "\u00a0,") == price
        assert figures("Cada segundo cuesta 1\u00a0250 EUR.", "\u00a0,") != price

    @pytest.mark.parametrize(
        ("number", "said"),
        [(1200, "1\u00a0200"), (1234567, "1\u00a0234\u00a0567"), (12.5, "12,5"),
         (30.001, "30,0010"), (0.125, "0,125"), (1234.567, "1\u00a0234,567"), (1.0005, "1,0005"),
         (999, "999")],
    )  # fmt: skip
    def test_no_number_is_another_to_who_reads_in_mexico(self, number, said):
        with reading_in("es"):
            assert plain_words.number(number) == tongues.number(number) == said
        assert not re.search(r"(?<![\d\u00a0])[1-9]\d{0,2}[.,]\d{3}(?!\d)", said)

    def test_so_it_is_with_money(self):
        with reading_in("es"):
            assert amount("1234567", "EUR") == "12\u00a0345,67 EUR"
            assert amount("12.5", "EUR") == "0,125 EUR"
            assert amount(1250, "KWD") == tongues.money(1250, "KWD") == "1,2500 KWD"
            assert tongues.money(-123456, "JPY") == "-123\u00a0456 JPY"
            assert percent("1000/3001") == "1\u00a0000/3\u00a0001 de ello"

    def test_reads_as_people_write_there(self):
        said = {at: text for text, at in plain_language.sentences(DOCUMENT, tongue="es")}
        assert said["/compensation/rate_minor"] == "Cada segundo cuesta 12,50 EUR."
        assert said["/grant/term"] == (
            "Desde el comienzo del 22 de noviembre de 2026 hasta el final del 21 de noviembre de "
            "2027, según el reloj de Europe/Amsterdam."
        )
        assert "Países Bajos (NL)" in said["/grant/territories"]
        assert said["/representation/agent"].startswith("El representante del intérprete: ")

    def test_names_all_of_a_likeness_and_who_answers_for_an_estate(self):
        with reading_in("es"):
            assert word("estate_rep") == "quien representa a la herencia"
            for said in map(tongues.translated, TRAINING.values()):
                assert "con la imagen, la voz o los movimientos del intérprete" in said

    def test_is_asked_for_and_not_taken_from_who_happens_to_read(self):
        with reading_in("es"):
            assert plain_language.sections(DOCUMENT)[0].heading == "Who"
        assert plain_language.sections(DOCUMENT, tongue="es")[0].heading == "Quién"

    def test_no_two_words_of_the_trade_read_the_same(self):
        with reading_in("es"):
            assert len({word(each) for each in WORDS}) == len(WORDS)
            assert written("y") == "“y”"
            assert listed(["Italia", "Irlanda"]) == "Italia e Irlanda"
            assert listed(["hielo", "hierro"]) == "hielo y hierro"
            assert listed(["a", "otro"], last="o") == "a u otro"


def quotations(text: str) -> list[str]:
    return sorted(re.findall("“[^”]*”", text))


def figures(text: str, marks: str) -> list[Fraction]:
    """Return the numbers in a sentence by what they are worth; `marks`: of thousands, decimals."""
    group, point = marks
    # without what was quoted, words, ids and times
    plain = re.sub(r"“[^”]*”|\S*(?:[A-Za-z_-]|:(?=\S))\S*", "", text)
    found = re.findall(rf"\d[\d{group}]*(?:\{point}\d+)?", plain)
    return sorted(Fraction(each.replace(group, "").replace(point, ".")) for each in found)


class TestSections:
    def test_stand_in_reading_order(self):
        told = plain_language.sections(DOCUMENT)
        assert [section.heading for section in told] == [
            "Who", "What", "Where", "When", "Asking first", "Never",
            "What others learn", "Money",
            "Changing your mind", "After death", "Data",
        ]  # fmt: skip
        assert all(section.sentences for section in told)

    def test_names_are_those_the_caller_knows(self):
        names = {DOCUMENT["licensee"]: "Nightglass Pictures"}
        said = {at: text for text, at in plain_language.sentences(DOCUMENT, names=names)}
        assert "“Nightglass Pictures” (org_" in said["/licensee"]
        assert "“Griet of Delft” (per_" in said["/compensation/parties/0"]

    def test_is_read_without_a_stop_at_school_level(self):
        """Flesch-Kincaid, reckoned over the example: a reading age of about twelve."""
        text = [sentence for sentence, _ in plain_language.sentences(DOCUMENT)]
        words = [each for sentence in text for each in sentence.split() if each.isalpha()]
        syllables = sum(_syllables(each) for each in words)
        grade = 0.39 * len(words) / len(text) + 11.8 * syllables / len(words) - 15.59
        assert grade < 7, grade


def _syllables(text: str) -> int:
    vowels = "".join(" " if letter not in "aeiouy" else letter for letter in text.lower())
    return max(1, len(vowels.split()) - (text.endswith("e") and not text.endswith("le")))


class TestWords:
    @pytest.mark.parametrize(
        ("code", "said"),
        [("DE", "Germany (DE)"), ("KP", "North Korea (KP)"), ("WORLD", "the whole world (WORLD)"),
         ("US-NY", "New York in United States (US-NY)"), ("VG", "British Virgin Islands (VG)"),
         ("CD", "The Democratic Republic of the Congo (CD)"), ("ATLANTIS", "ATLANTIS")],
    )  # fmt: skip
    def test_a_place_has_its_name_and_its_code(self, code, said):
        assert place(code) == said

    @pytest.mark.parametrize(
        ("tag", "said"),
        [("en", "English (en)"), ("es-MX", "Spanish as in Mexico (es-MX)"),
         ("*", "any language (*)"), ("el", "Modern Greek (el)"),
         ("zh-Hant", "Chinese (zh-Hant)"), ("xx", "xx")],
    )  # fmt: skip
    def test_a_language_has_its_name_and_its_tag(self, tag, said):
        assert language(tag) == said

    def test_words_of_the_trade_are_told_apart(self):
        assert len(set(WORDS.values())) == len(WORDS)
        assert word("svod") == "streaming by subscription"
        assert word("SVOD plus") == "“SVOD plus”"

    @pytest.mark.parametrize("tongue", sorted(LANGUAGES))
    def test_what_somebody_wrote_never_reads_as_a_word_of_the_trade(self, tongue):
        """Neither as how it reads in this language nor as it does in another."""
        ours = []
        for each in LANGUAGES:
            with reading_in(each):
                ours += [word(code) for code in WORDS]
        with reading_in(tongue):
            read = {word(code) for code in WORDS} | {"anywhere", "anything"}
            theirs = {word(own) for own in [*ours, *read, "Nakedness"] if own not in WORDS}
        assert read.isdisjoint(theirs)
        assert {"“nakedness”", "“Nakedness”", "“desnudez”"} <= theirs

    def test_a_figure_that_somebody_wrote_is_quoted(self):
        assert word("0.0") == "“0.0”"

    def test_only_what_is_named_differs_from_everything(self):
        said = plain_language.sentences(changed("/exclusivity", {"category": "anything"}))
        assert "Only the licensee has the performer for “anything”." in [text for text, _ in said]

    @given(LISTS, LISTS)
    @settings(max_examples=200)
    def test_no_two_lists_read_the_same(self, one, other):
        same = listed(map(written, one)) == listed(map(written, other))
        assert same == (one == other) or not (one and other)

    def test_what_hides_or_turns_text_is_shown(self):
        assert quoted("a\u202eb\x00c") == "“a\\u202eb\\u0000c”"
        assert visible("line\nline é 字 🎬") == "line\nline é 字 🎬"


class TestMoney:
    @pytest.mark.parametrize(
        ("minor", "code", "said"),
        [("1250", "EUR", "12.50 EUR"), (1250, "JPY", "1,250 JPY"), ("12.5", "EUR", "0.125 EUR"),
         ("1/3", "JPY", "1/3 JPY"), (1234567, "KWD", "1,234.567 KWD"), ("0.5", "JPY", "0.5 JPY")],
    )  # fmt: skip
    def test_is_told_exactly_in_the_decimals_of_its_currency(self, minor, code, said):
        assert amount(minor, code) == said

    @given(st.integers(0, 10**6), st.integers(1, 10**4))
    def test_no_share_is_rounded(self, parts, whole):
        said = percent(f"{parts}/{whole}") if parts <= whole else percent(str(parts))
        number = said.removesuffix(" of it").removesuffix(" %").replace(",", "")
        value = Fraction(number) if said.endswith("it") else Fraction(number) / 100
        assert value == (Fraction(parts, whole) if parts <= whole else parts)

    def test_says_the_rate_the_share_and_the_agent(self):
        document = copy.deepcopy(changed("/compensation/floor_minor", "5000"))
        said = {at: text for text, at in plain_language.sentences(document)}
        assert said["/compensation/rate_minor"] == "Each second costs 1.20 EUR."
        assert said["/compensation/floor_minor"] == "One use never costs less than 50.00 EUR."
        assert said["/compensation/parties/0"].endswith("10 % goes to the agent AG1.")
