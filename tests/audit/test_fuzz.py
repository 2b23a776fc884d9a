"""Thousands of broken copies of signed files: every one gets a word, and none is intact."""

import os
import random

import pytest

from app.audit.verdict import WORDS
from tests.audit.evidence import ONE_DATABASE, look, release, tiny
from tests.provenance.making import FORMATS

FILES = int(os.environ.get("FUZZ_FILES", "500"))  # of each format; `make fuzz` has more


@pytest.mark.slow
@ONE_DATABASE
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.timeout(7200)
def test_broken_copies_are_never_intact_and_never_raise(
    kind, session, authority, tmp_path, in_process, no_marks
):
    out, hurt = tmp_path / f"out.{kind}", tmp_path / "hurt"
    release(session, authority, tiny(tmp_path / f"in.{kind}"), out)
    whole, rng = out.read_bytes(), random.Random(f"fuzz {kind}")
    for number in range(FILES):
        broken = _broken(whole, rng)
        if broken != whole:
            hurt.write_bytes(broken)
            word = look(session, hurt, authority).verdict
            assert word in set(WORDS) - {"intact"}, number


def _broken(whole: bytes, rng: random.Random) -> bytes:
    """One bit turned, an end lost, bytes overwritten, a piece lost, or a piece added."""
    at, size = rng.randrange(len(whole)), rng.randrange(1, 4000)
    match rng.randrange(5):
        case 0:
            return whole[:at] + bytes((whole[at] ^ 1 << rng.randrange(8),)) + whole[at + 1 :]
        case 1:
            return whole[:at]
        case 2:
            noisy = bytearray(whole)
            for _ in range(rng.randrange(2, 60)):
                noisy[rng.randrange(len(noisy))] = rng.randrange(256)
            return bytes(noisy)
        case 3:
            return whole[:at] + whole[at + size :]
        case _:
            return whole[:at] + rng.randbytes(size // 10 + 1) + whole[at:]
