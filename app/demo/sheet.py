"""The contact sheet: frames of the three files, each with its verdict in words."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app import sandbox
from app.demo import damage

PAPER, INK, SOFT, LINE = "#fbfaf7", "#1c1a17", "#6a655c", "#e5e0d6"
TONES = {"intact": "#1d6b47", "recovered": "#8a5a00"}  # every other verdict is a warning
WARNING = "#a32a20"
SIGNS = {"intact": "+", "recovered": "~"}
FRAMES, FRAME_W, FRAME_H, GAP, MARGIN = 5, 312, 176, 10, 40
ROW_H = FRAME_H + 84


@dataclass(frozen=True)
class Row:
    """One file on the sheet: what it is, what the auditor said, and where it lies."""

    title: str
    verdict: str
    sentence: str
    path: Path


def draw(rows: Sequence[Row], to: Path, *, heading: str, below: str) -> None:
    """Write the contact sheet as a PNG: one row per file, five frames spread over its length."""
    width = 2 * MARGIN + FRAMES * FRAME_W + (FRAMES - 1) * GAP
    height = 118 + len(rows) * ROW_H + 40
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 34), heading, INK, _font(34))
    pen.text((MARGIN, 80), below, SOFT, _font(17))
    for place, row in enumerate(rows):
        top = 118 + place * ROW_H
        pen.line((MARGIN, top, width - MARGIN, top), LINE)
        for column, frame in enumerate(_frames(row.path)):
            sheet.paste(frame, (MARGIN + column * (FRAME_W + GAP), top + 14))
        tone = TONES.get(row.verdict, WARNING)
        text_top = top + FRAME_H + 24
        word = f"{SIGNS.get(row.verdict, 'x')} {row.verdict}"
        pen.text((MARGIN, text_top), row.title, INK, _font(19))
        pen.text((MARGIN + 420, text_top), word, tone, _font(21))
        for number, line in enumerate(textwrap.wrap(row.sentence, 112)[:2]):
            pen.text((MARGIN + 600, text_top + 2 + 22 * number), line, SOFT, _font(16))
    sheet.save(to, optimize=True)


def _frames(path: Path) -> list[Image.Image]:
    """Return five frames spread evenly over the film, which a sandboxed child reads."""
    with sandbox.private_directory() as directory:
        strip = directory / "strip.rgb"
        said = sandbox.run(
            "app.demo.films:draw_frames",
            {
                "path": str(path.resolve()),
                "target": str(strip.resolve()),
                "count": FRAMES,
                "size": [FRAME_W, FRAME_H],
            },
            wall_s=damage.LIMITS["wall_s"],
            cpu_s=damage.LIMITS["cpu_s"],
            memory_bytes=damage.LIMITS["memory_bytes"],
            reads=[path],
            writes=[directory],
        )
        taken = directory / "taken.rgb"
        sandbox.take_over(strip, taken)
        whole = Image.frombytes("RGB", (FRAMES * FRAME_W, FRAME_H), taken.read_bytes())
    return [
        whole.crop((place * FRAME_W, 0, (place + 1) * FRAME_W, FRAME_H))
        for place in range(min(int(said["found"]), FRAMES))
    ]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
