"""Canonical JSON (RFC 8785) written by the standard library's C encoder, where both spell alike."""

import json
from collections.abc import Mapping
from typing import Any

_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True
).encode


def of_texts(value: Mapping[str, Any]) -> bytes:
    """Return the canonical JSON of texts, lists of texts and small whole numbers under our names.

    Names are ASCII, which has one order; of numbers only whole ones below 2**53 are spelled alike.
    Raises ValueError on text that is no Unicode, as `rfc8785.dumps` does.
    """
    return _encode(value).encode()


def is_of_texts(value: Mapping[str, Any]) -> bool:
    """Say whether nothing but texts and nulls stands under ASCII names: `of_texts` may write it."""
    return all(
        (each is None or type(each) is str) and name.isascii() for name, each in value.items()
    )
