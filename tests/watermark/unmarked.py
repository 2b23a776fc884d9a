"""Pieces of pictures and noises that nobody marked, searched for a mark: how near chance comes.

`python -m tests.watermark.unmarked` searches 10 000 of them and writes a line for each hundred to
bench-out/unmarked.jsonl; a run that was stopped goes on where it was. The suite searches 500
(`-m slow`) and all (`-m exhaustive`).
"""

import json
import math
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from tests.watermark.clips import KEY
from watermark import image, payload

ROOT = Path(__file__).parents[2]
NAMES = ("girl-with-a-pearl-earring", "mona-lisa", "isaac-newton", "vincent-van-gogh")
RUNS, PIECES = 100, 100


@dataclass
class Seen:
    """What a search of unmarked pieces came to: `agreeing` counts decoded messages by how many of
    the 48 bits of their tag are right."""

    pieces: int = 0
    found: int = 0
    agreeing: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Seen") -> None:
        self.pieces += other.pieces
        self.found += other.found
        self.agreeing += other.agreeing

    def messages(self) -> int:
        return self.agreeing.total()

    def mean(self) -> float:
        """Of right tag bits in a message; 24 if they are chance."""
        return sum(bits * count for bits, count in self.agreeing.items()) / self.messages()

    def variance(self) -> float:
        """Of the same; 12 if they are chance."""
        mean = self.mean()
        apart = sum((bits - mean) ** 2 * count for bits, count in self.agreeing.items())
        return apart / self.messages()


def portraits() -> list[np.ndarray]:
    return [cv2.imread(str(ROOT / "samples" / f"{name}.jpg")) for name in NAMES]


def a_noise(rng: np.random.Generator) -> np.ndarray:
    side = int(64 * 8 ** rng.random())
    grain = rng.normal(128, 40, (side, side, 3)).clip(0, 255).astype(np.uint8)
    return cv2.GaussianBlur(grain, (0, 0), 0.5 + 3 * rng.random())


def a_crop(rng: np.random.Generator, pictures: list[np.ndarray]) -> np.ndarray:
    picture = pictures[rng.integers(len(pictures))]
    side = min(int(64 * 8 ** rng.random()), *picture.shape[:2])
    top = rng.integers(0, picture.shape[0] - side + 1)
    left = rng.integers(0, picture.shape[1] - side + 1)
    return picture[top : top + side, left : left + side]


def search(seed: int, pieces: int, pictures: list[np.ndarray]) -> Seen:
    """Look for a mark in this many pieces, one in five of them noise, that follow from a seed."""
    rng, seen = np.random.default_rng(seed), Seen()

    def watched(found: bytes, tag: np.ndarray, key: bytes) -> bool:
        right = payload._tag(found, key) == tag
        seen.agreeing[int(right.sum())] += 1
        return bool(right.all())

    with mock.patch.object(payload, "tag_matches", watched):
        for at in range(pieces):
            piece = a_crop(rng, pictures) if at % 5 else a_noise(rng)
            seen.found += image.detect(np.ascontiguousarray(piece), KEY) is not None
            seen.pieces += 1
    return seen


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bench-out" / "unmarked.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    pictures = portraits()
    cv2.setNumThreads(1)
    for seed in range(1000, 1000 + RUNS):
        if any(line["seed"] == seed for line in lines):
            continue
        seen = search(seed, PIECES, pictures)
        line = {"seed": seed, "pieces": seen.pieces, "found": seen.found, "agreeing": seen.agreeing}
        lines.append(json.loads(json.dumps(line)))
        with out.open("a") as file:
            file.write(json.dumps(line) + "\n")
    whole = Seen()
    for line in lines:
        agreeing = Counter({int(bits): count for bits, count in line["agreeing"].items()})
        whole.add(Seen(line["pieces"], line["found"], agreeing))
    sure = 4 * math.sqrt(12 / whole.messages())
    print(
        f"{whole.pieces} pieces, {whole.found} found, {whole.messages()} messages: right tag bits "
        f"{whole.mean():.3f} (24, give or take {sure:.3f}), variance {whole.variance():.2f} (12), "
        f"at most {max(whole.agreeing)} of 48"
    )


if __name__ == "__main__":
    main()
