"""Prefixed, time-ordered text ids: `gen_01JD…`."""

import os
import time
from base64 import b32encode

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base32: no I, L, O, U
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())
_UNUSED = bytes(4)  # of the 160 bits that are spelled in 32 characters, a ULID has the last 128


def new_id(prefix: str) -> str:
    """Return `prefix_` + 26 characters: 48 bits of milliseconds, then 80 random bits (ULID).

    Sorting by id sorts by creation to the millisecond; nobody can guess the next one.
    """
    value = int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10)
    return f"{prefix}_{b32encode(_UNUSED + value).translate(_CROCKFORD)[6:].decode()}"
