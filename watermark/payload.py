"""The message: 64 payload bits, a 48-bit keyed tag, and the code that carries them.

The tag is the first 48 bits of HMAC-SHA256(key, payload). A detector that decodes noise, or
another key's mark, meets the right tag by chance once in 2**48 tries; callers count every try
(`log10_false_positive`), so no file is ever answered with more than `MAX_ATTEMPTS` of them.

The 112 bits go through a tail-biting convolutional code of rate 1/4 and constraint length 13
(generators 11145, 12477, 15573, 16727 octal, free distance 33: K. J. Larsen, IEEE Trans. Inf.
Theory 19, 1973) and are decoded with a wrap-around Viterbi algorithm (Shao, Lin, Fossorier,
IEEE Trans. Commun. 51, 2003), vectorized over the 4096 states.
"""

import functools
import hashlib
import heapq
import hmac
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from watermark.arrays import Bits, Floats, Integers
from watermark.errors import BadPayload

PAYLOAD_BYTES = 8
TAG_BITS = 48
MESSAGE_BITS = 8 * PAYLOAD_BYTES + TAG_BITS
MAX_ATTEMPTS = 250_000  # 250 000 / 2**48 = 8.9e-10: the bound on false positives of one file
MAX_KEYS = 3  # tried on one file, which share those attempts

_MEMORY = 12
_STATES = 1 << _MEMORY
_GENERATORS = (0o11145, 0o12477, 0o15573, 0o16727)
RATE = len(_GENERATORS)
CODED_BITS = MESSAGE_BITS * RATE


def check(payload: bytes, key: bytes) -> None:
    """Accept a payload of exactly 8 bytes and a key of at least 16, or raise BadPayload."""
    if len(payload) != PAYLOAD_BYTES:
        raise BadPayload(f"a payload has {PAYLOAD_BYTES} bytes, this one {len(payload)}")
    check_key(key)


def check_key(key: bytes) -> None:
    """Accept a key of at least 16 bytes, or raise BadPayload."""
    if len(key) < 16:
        raise BadPayload(f"a key has at least 16 bytes, this one {len(key)}: use 32 random ones")


def check_keys(keys: Sequence[bytes]) -> None:
    """Accept one to MAX_KEYS different keys, each long enough, or raise BadPayload."""
    if not 1 <= len(keys) <= MAX_KEYS:
        raise BadPayload(f"{len(keys)} keys; a file is searched with one to {MAX_KEYS}")
    if len(set(keys)) < len(keys):
        raise BadPayload("the same key twice; name each once")
    for key in keys:
        check_key(key)


def limit(keys: Sequence[bytes]) -> int:
    """How many attempts each of these keys may take in one file: its share of MAX_ATTEMPTS."""
    return MAX_ATTEMPTS // len(keys)


def keystream(key: bytes, label: str, count: int) -> Integers:
    """`count` uniform 32-bit words that follow from key and label, the same forever.

    SHAKE-256 of an HMAC: numpy's own generators do not promise the same stream across versions.
    """
    seed = hmac.new(key, b"understudy watermark 1 " + label.encode(), hashlib.sha256).digest()
    return np.frombuffer(hashlib.shake_256(seed).digest(4 * count), "<u4").astype(np.uint32)


def permutation(key: bytes, label: str, count: int) -> Integers:
    """A keyed order of range(count)."""
    return np.argsort(keystream(key, label, count), kind="stable")


def phases(key: bytes, label: str, count: int) -> Floats:
    """`count` keyed angles, uniform over the circle, in radians."""
    return keystream(key, label, count) * (2 * np.pi / 2**32)


def log10_false_positive(attempts: int) -> float:
    """log10 of the chance that `attempts` decodes of unmarked media yield any payload."""
    return math.log10(max(1, attempts)) - TAG_BITS * math.log10(2)


def _tag(payload: bytes, key: bytes) -> Bits:
    digest = hmac.new(key, b"understudy watermark tag 1" + payload, hashlib.sha256).digest()
    return np.unpackbits(np.frombuffer(digest, np.uint8))[:TAG_BITS]


@functools.cache
def _outputs() -> Floats:
    """The four code bits, +1 or -1, of each (input bit, state): [4, 2, STATES]."""
    register = np.arange(2 * _STATES, dtype=np.int64)  # the new bit is the register's top bit
    out = np.empty((RATE, 2 * _STATES), np.float32)
    for row, generator in enumerate(_GENERATORS):
        taps = register & generator
        for shift in (8, 4, 2, 1):
            taps ^= taps >> shift
        out[row] = 1 - 2 * (taps & 1)
    return out.reshape(RATE, 2, _STATES)


def encode(payload: bytes, key: bytes) -> Floats:
    """The codeword of a payload: CODED_BITS values of +1 or -1."""
    message = np.concatenate([np.unpackbits(np.frombuffer(payload, np.uint8)), _tag(payload, key)])
    return _encode_bits(message)


def _encode_bits(message: Bits) -> Floats:
    state = 0
    for bit in message[-_MEMORY:]:  # tail-biting: begin in the state the message ends in
        state = (int(bit) << (_MEMORY - 1)) | (state >> 1)
    out = np.empty((MESSAGE_BITS, RATE), np.float32)
    table = _outputs()
    for at, bit in enumerate(message):
        out[at] = table[:, int(bit), state]
        state = (int(bit) << (_MEMORY - 1)) | (state >> 1)
    return out.ravel()


def decode(soft: Floats, key: bytes, tries: int = 1) -> tuple[bytes | None, int]:
    """The likeliest payload whose tag is right, and how many were tried for it, at most `tries`.

    `soft` holds CODED_BITS log-likelihood ratios, positive for +1. Each message tried is one
    attempt in the sense of `MAX_ATTEMPTS`.
    """
    tried = 0
    for bits in _likeliest(np.asarray(soft, np.float32).reshape(MESSAGE_BITS, RATE), tries):
        tried += 1
        payload = np.packbits(bits[: 8 * PAYLOAD_BYTES]).tobytes()
        if tag_matches(payload, bits[8 * PAYLOAD_BYTES :], key):
            return payload, tried
    return None, tried


def tag_matches(payload: bytes, tag: Bits, key: bytes) -> bool:
    """Whether `tag` is the keyed tag of `payload`: all that tells a mark from noise."""
    return hmac.compare_digest(
        np.packbits(_tag(payload, key)).tobytes(), np.packbits(tag).tobytes()
    )


@dataclass(frozen=True)
class _Trellis:
    """Two laps over a tail-biting codeword: which way each state was reached, and how clearly."""

    came_from: Bits  # [steps, STATES]: the last bit of the state before
    margin: Floats  # [steps, STATES]: by how much the other way there is less likely
    end: int  # the likeliest last state


def _trellis(soft: Floats) -> _Trellis:
    branch = np.concatenate([soft, soft]) @ _outputs().reshape(RATE, -1)
    steps, half = len(branch), _STATES // 2
    metric = np.zeros(_STATES, np.float32)
    ahead = np.empty((steps, 2, half), np.float32)
    for step in range(steps):
        reached = branch[step].reshape(2, half, 2) + metric.reshape(half, 2)
        even, odd = reached[..., 0], reached[..., 1]
        np.subtract(odd, even, out=ahead[step])
        metric = np.maximum(odd, even).ravel()
    lead = ahead.reshape(steps, _STATES)
    came_from = (lead > 0).view(np.uint8)
    return _Trellis(came_from, np.abs(lead, out=lead), int(metric.argmax()))


def _likeliest(soft: Floats, most: int) -> Iterator[Bits]:
    """Messages by falling likelihood, at most `most`, no two the same.

    A serial list Viterbi search (Seshadri and Sundberg, IEEE Trans. Commun. 42, 1994): each
    next path leaves one already found at the place where that costs least. Of the two laps the
    middle one is kept.
    """
    trellis = _trellis(soft)
    steps, middle = len(trellis.margin), MESSAGE_BITS // 2
    last = middle + MESSAGE_BITS + 3 * _MEMORY  # what is left later changes nothing in the middle
    states = np.empty(steps, np.int64)
    states[-1] = trellis.end
    paths = [(0.0, _back(trellis, states, steps - 1), last)]
    ways_on: list[tuple[float, int, int]] = []  # cost, path, how many of its ways are used
    orders: list[tuple[Integers, Floats]] = []
    seen: set[bytes] = set()
    at = 0
    while True:
        cost, states, limit = paths[at]
        bits = np.roll((states[middle : middle + MESSAGE_BITS] >= _STATES // 2), middle)
        message = bits.astype(np.uint8)
        if message.tobytes() not in seen:
            seen.add(message.tobytes())
            yield message
        if len(seen) >= most:
            return
        ways = np.arange(middle + _MEMORY, limit)
        margins = trellis.margin[ways, states[ways]]
        order = np.argsort(margins)
        orders.append((ways[order], margins[order]))
        if len(order):
            heapq.heappush(ways_on, (cost + float(margins[order[0]]), at, 0))
        if not ways_on:
            return
        cost, parent, used = heapq.heappop(ways_on)
        ways, margins = orders[parent]
        if used + 1 < len(ways):
            more = paths[parent][0] + float(margins[used + 1])
            heapq.heappush(ways_on, (more, parent, used + 1))
        leaves = int(ways[used])
        branched = paths[parent][1].copy()
        branched[leaves - 1] = _before(trellis, branched, leaves) ^ 1
        paths.append((cost, _back(trellis, branched, leaves - 1), leaves))
        at = len(paths) - 1


def _before(trellis: _Trellis, states: Integers, step: int) -> int:
    """The state from which the state after `step` is best reached."""
    state = int(states[step])
    return (state % (_STATES // 2)) * 2 + int(trellis.came_from[step, state])


def _back(trellis: _Trellis, states: Integers, step: int) -> Integers:
    """Fill in the states before `step` by the best way there."""
    state, mask = int(states[step]), _STATES // 2 - 1
    came_from = trellis.came_from
    for at in range(step, 0, -1):
        state = (state & mask) * 2 + int(came_from[at, state])
        states[at - 1] = state
    return states
