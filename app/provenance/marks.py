"""Mark one file with a payload, or find the marks in one: picture, film or sound.

Both happen in a child that is given the watermark's keys and nothing else: a file of one's own
came from somewhere too.
"""

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from app import sandbox
from app.errors import AppError
from app.provenance.marks_reading import Found, Medium

LIMITS = {"wall_s": 7200, "cpu_s": 14400, "memory_bytes": 1536 << 20}
WRITING_BYTES = 3 << 30  # of memory
GROWS_AT_MOST = 16  # times; a small film may, when it is encoded better than it was


class MarkRefused(AppError):
    """The file cannot be marked or looked into; the detail begins with the library's reason."""

    status, code = 422, "mark-refused"


class _Answer(BaseModel):
    found: Found | None = None
    medium: Medium | None = None
    refused: str = ""


def embed(src: Path, dst: Path, payload: bytes, key: bytes, *, crf: int = 18) -> Medium:
    """Write `src` to `dst` with the mark; `dst` appears whole or not at all.

    Pictures keep alpha, color profile and EXIF; films are encoded with H.264 at `crf`. Raises
    MarkRefused, and what `sandbox.run` raises.
    """
    with _beside(dst) as written:
        said = sandbox.run(
            "app.provenance.marks_writing:write_mark",
            {
                "path": str(src.resolve()),
                "target": str(written.resolve()),
                "payload_hex": payload.hex(),
                "watermark_key_hex": key.hex(),
                "crf": crf,
            },
            wall_s=LIMITS["wall_s"],
            cpu_s=LIMITS["cpu_s"],
            memory_bytes=WRITING_BYTES,
            file_bytes=max(sandbox.FILE_BYTES, GROWS_AT_MOST * src.stat().st_size),
            reads=[src],
            writes=[written.parent],
        )
        medium = _checked(said).medium
        if medium is None:
            raise MarkRefused("the process that was to mark the file told nothing")
        sandbox.take_over(written, dst)
    return medium


@contextmanager
def _beside(dst: Path) -> Iterator[Path]:
    """A path for the child to write to, in a directory of its own on the disk of `dst`."""
    directory = dst.with_name(f".{dst.stem}.{secrets.token_hex(6)}.part")
    directory.mkdir(mode=0o700)
    try:
        yield directory / dst.name
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def find(path: Path, keys: Mapping[int, bytes], *, thorough: bool = False) -> Found:
    """The marks that `keys`, by epoch, find in a file of whatever origin.

    Raises MarkRefused, and what `sandbox.run` raises.
    """
    said = sandbox.run(
        "app.provenance.marks_reading:read_marks",
        {
            "path": str(path.resolve()),
            "watermark_keys_hex": {str(epoch): key.hex() for epoch, key in keys.items()},
            "thorough": thorough,
        },
        wall_s=LIMITS["wall_s"],
        cpu_s=LIMITS["cpu_s"],
        memory_bytes=LIMITS["memory_bytes"],
        reads=[path],
    )
    found = _checked(said).found
    if found is None:
        raise MarkRefused("the process that read the file told nothing")
    return found


def _checked(said: dict[str, Any]) -> _Answer:
    """What a child said, which may have been taken over. Raises MarkRefused."""
    try:
        answer = _Answer.model_validate(said)
    except ValidationError:
        raise MarkRefused("what came back from reading the file makes no sense") from None
    if answer.refused:
        raise MarkRefused(answer.refused)
    return answer
