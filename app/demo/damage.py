"""What happens to files in the world: remuxed, re-encoded, rescaled; one byte changed."""

import tempfile
from pathlib import Path

from app import sandbox

LIMITS = {"wall_s": 120, "cpu_s": 240, "memory_bytes": 2 << 30}


def reencode(source: Path, target: Path) -> None:
    """Write the film anew, smaller and harder, in a sandboxed child."""
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        written = Path(name) / "anew.mp4"
        sandbox.run(
            "app.demo.films:write_anew",
            {"source": str(source.resolve()), "target": str(written.resolve())},
            wall_s=LIMITS["wall_s"],
            cpu_s=LIMITS["cpu_s"],
            memory_bytes=LIMITS["memory_bytes"],
            reads=[source],
            writes=[written.parent],
        )
        sandbox.take_over(written, target)


def flip_byte(source: Path, target: Path) -> None:
    """Copy the file with one bit changed, in the middle of its pictures."""
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)
