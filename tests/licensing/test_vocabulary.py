"""Places, languages, categories and days: what lies inside what, and when a day begins."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.licensing.document import languages, local_days, territories
from app.licensing.document.vocabulary import category_chain, edit_kind, word

PLACES = st.sampled_from(
    "WORLD EU NORTH_AMERICA US US-NY US-CA CA CA-QC MX FR FR-IDF DE GB JP CN CN-BJ HK VA".split()
)


def countries_and_parts(code: str) -> set[str]:
    """Every smallest place inside a place, listed one by one: the slow truth."""
    return {place for place in SMALLEST if code in territories.around(place)}


SMALLEST = [
    part for country, parts in territories._subdivisions().items() for part in (parts or [country])
]


class TestTerritories:
    @given(st.lists(PLACES, min_size=1, max_size=3), st.lists(PLACES, min_size=1, max_size=4),
           st.lists(PLACES, max_size=2))  # fmt: skip
    def test_pieces_contain_as_the_places_themselves_do(self, asked, include, exclude):
        drawn = territories.lines(asked, include, exclude)
        granted = set(territories.pieces(include, drawn, exclude=exclude))
        wanted = set(territories.requested(asked, drawn))
        inside = set().union(*map(countries_and_parts, include))
        outside = set().union(set(), *map(countries_and_parts, exclude))
        places = set().union(*map(countries_and_parts, asked))
        assert (wanted <= granted) == (places <= inside - outside)

    @given(st.lists(PLACES, min_size=1, max_size=3), st.lists(PLACES, min_size=1, max_size=3))
    def test_pieces_overlap_as_the_places_themselves_do(self, one, other):
        drawn = territories.lines(one, other)
        shared = set(territories.pieces(one, drawn)) & set(territories.pieces(other, drawn))
        truth = set().union(*map(countries_and_parts, one)) & (
            set().union(*map(countries_and_parts, other))
        )
        assert bool(shared) == bool(truth)

    @given(st.lists(PLACES, min_size=1, max_size=3))
    def test_a_use_reaches_what_it_touches(self, asked):
        places = set().union(*map(countries_and_parts, asked))
        assert territories.reached(asked) == [
            watched for watched in territories.WATCHED if places & countries_and_parts(watched)
        ]

    def test_all_states_together_are_the_country(self):
        states = sorted(territories._subdivisions()["US"])
        drawn = territories.lines(states, ["US"])
        granted = territories.pieces(states, drawn)
        assert set(territories.requested(["US"], drawn)) <= set(granted)
        fewer = territories.pieces(states[1:], drawn)
        assert not set(territories.requested(["US"], drawn)) <= set(fewer)

    @pytest.mark.parametrize("code", ["UK", "XX", "us", "CN-HK", "US-PR", "US-ZZ", "", "EARTH"])
    def test_what_is_no_place(self, code):
        assert not territories.known(code)

    def test_there_are_as_many_countries_as_in_iso_3166(self):
        assert len(territories._subdivisions()) == 249
        assert len(territories.EU) == 27
        assert territories._subdivisions().keys() >= territories.EU


class TestLanguages:
    @pytest.mark.parametrize(
        ("range_", "tag", "covered"),
        [
            ("es", "es-MX", True),
            ("es-MX", "es", False),
            ("es", "est", False),
            ("ES", "es-mx", True),
            ("zh-Hant", "zh-Hant-TW", True),
            ("zh-TW", "zh-Hant-TW", False),
            ("*", "ja", True),
        ],
    )
    def test_ranges_cover_what_begins_with_them(self, range_, tag, covered):
        assert languages.covers(range_, tag) is covered

    @pytest.mark.parametrize("tag", ["en", "es-419", "zh-Hant-TW", "sl-rozaj", "yue", "de-CH-1996",
                                     "en-x-pirate"])  # fmt: skip
    def test_what_is_a_language(self, tag):
        assert languages.known(tag)

    @pytest.mark.parametrize("tag", ["", "xx", "english", "en_US", "en-", "-en", "qqq", "e", "*"])
    def test_what_is_none(self, tag):
        assert not languages.known(tag)


class TestWords:
    def test_categories_know_their_ancestors(self):
        assert category_chain("cola") == ("cola", "soft_drinks", "beverages")
        assert category_chain("Soft Drinks") == ("soft_drinks", "beverages")
        assert category_chain("gardening") == ("gardening",)
        assert category_chain(None) == ()

    def test_spelling_does_not_hide_a_tag(self):
        assert {word("Simulated Sex"), word("simulated-sex"), word(" simulated_sex ")} == {
            "simulated_sex"
        }
        assert word("Pornography") == "sexually_explicit"
        assert edit_kind("Color Grade") == "colour"


class TestLocalDays:
    @pytest.mark.parametrize(
        ("day", "years", "then"),
        [
            (date(2028, 2, 29), 10, date(2038, 3, 1)),
            (date(2028, 2, 29), 4, date(2032, 2, 29)),
            (date(2026, 7, 10), 10, date(2036, 7, 10)),
        ],
    )
    def test_leap_days_fall_on_1_march(self, day, years, then):
        assert local_days.add_years(day, years) == then

    def test_a_day_begins_at_its_midnight_in_the_zone(self):
        winter = datetime(2027, 1, 1, 8, tzinfo=UTC)
        summer = datetime(2026, 7, 10, 7, tzinfo=UTC)
        assert local_days.midnight(date(2027, 1, 1), "America/Los_Angeles") == (
            local_days.micros(winter)
        )
        assert local_days.midnight(date(2026, 7, 10), "America/Los_Angeles") == (
            local_days.micros(summer)
        )

    def test_a_midnight_that_the_clocks_skip_is_the_moment_they_skip_it(self):
        skipped = local_days.midnight(date(2018, 11, 4), "America/Sao_Paulo")
        assert skipped == local_days.micros(datetime(2018, 11, 4, 3, tzinfo=UTC))

    @given(st.integers(0, 400), st.integers(0, 10**15))
    def test_days_keep_the_wall_clock(self, days, start):
        later = local_days.add_days(start, days, "UTC")
        assert later - start == days * 24 * 3600 * 10**6

    @pytest.mark.parametrize(
        "name", ["Mars/Olympus", "", "/etc/passwd", "America", "../UTC", "a" * 999]
    )
    def test_refuses_what_is_no_zone(self, name):
        with pytest.raises(ValueError, match="IANA"):
            local_days.zone(name)
