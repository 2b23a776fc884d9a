"""JSON of any depth is told from text that only looks deep, in one look at each byte."""

import json
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import bodies

NESTED = st.recursive(
    st.none() | st.text('[]{}"\\aé', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('[{"\\'), inner, max_size=3)
    ),
    max_leaves=40,
)


def depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inner), default=0)


class TestIsDeep:
    @settings(max_examples=300)
    @given(value=NESTED, most=st.integers(0, 6), ascii_only=st.booleans())
    def test_says_what_a_parser_would(self, value, most, ascii_only):
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert bodies.is_deep(body, most) == (depth(value) > most)

    @pytest.mark.parametrize(
        ("body", "is_deep"),
        [
            (b"[" * 65 + b"]" * 65, True),
            (b"[" * 64 + b"]" * 64, False),
            (b'{"a":' * 65 + b"1" + b"}" * 65, True),
            (b"[" * 200_000, True),
            (b'["' + b"[" * 9999 + b'"]', False),
            (b'["' + b'\\"[' * 9999 + b'"]', False),
            (b"[" + b"[]," * 9999 + b"[]]", False),
            (b"[" + b"[]," * 9999, False),  # not closed: what is wrong with it, the parser says
        ],
    )
    def test_at_the_edge(self, body, is_deep):
        assert bodies.is_deep(body) == is_deep

    @pytest.mark.parametrize("made_of", [b'"', b'\\"', b"[]", b"[}", b"]", b'["\\', b"[{"])
    def test_whatever_a_mebibyte_is_made_of_it_takes_moments(self, made_of):
        body = (b"[" * 70 + made_of * bodies.LIMIT_BYTES)[: bodies.LIMIT_BYTES]
        began = perf_counter()
        bodies.is_deep(body)
        assert perf_counter() - began < 2  # looking again at each quote takes hours
