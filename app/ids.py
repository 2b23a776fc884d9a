"""Prefixed, time-ordered text ids: `gen_01JD…`."""

import os
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base32: no I, L, O, U


def new_id(prefix: str) -> str:
    """Return `prefix_` + 26 characters: 48 bits of milliseconds, then 80 random bits (ULID).

    Sorting by id sorts by creation to the millisecond; nobody can guess the next one.
    """
    value = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    digits = []
    for _ in range(26):
        value, digit = divmod(value, 32)
        digits.append(ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"
