"""The quick way to canonical JSON, beside the whole one."""

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from app import canonical

TEXT = st.text() | st.sampled_from(['"\\/\b\f\n\r\t', "\x00\x1f\x7f\x85", "\u2028é\U0001f600"])


class TestOfTexts:
    @given(st.dictionaries(st.text(st.characters(max_codepoint=127)), TEXT | st.none()))
    @settings(max_examples=60)
    def test_is_spelled_as_rfc_8785_says(self, value):
        assert canonical.is_of_texts(value)
        assert canonical.of_texts(value) == rfc8785.dumps(value)

    @given(st.lists(st.lists(TEXT)))
    @settings(max_examples=30)
    def test_lists_and_small_numbers_too(self, lines):
        value = {"v": 1, "lines": lines}
        assert canonical.of_texts(value) == rfc8785.dumps(value)

    def test_what_is_no_unicode_is_refused(self):
        with pytest.raises(ValueError, match="surrogates"):
            canonical.of_texts({"a": "\ud800"})

    def test_says_what_it_may_not_write(self):
        assert not canonical.is_of_texts({"a": 1.5})
        assert not canonical.is_of_texts({"a": 2**60})
        assert not canonical.is_of_texts({"\U0001f600": "a"})
        assert not canonical.is_of_texts({"a": ["b"]})
