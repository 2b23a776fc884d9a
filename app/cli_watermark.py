"""`understudy watermark`: mark a file by hand, and see which marks are in one, where.

Status 0: marked, or a mark was found. 1: none was found. 2: the file or the key was refused.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app import keys
from app.cli_check import AsJson, Readable
from app.errors import AppError

if TYPE_CHECKING:
    from app.provenance.marks_reading import Mark

PAYLOAD_HEX_DIGITS = 16
MAX_KEY_BYTES = 4096

watermark_commands = typer.Typer(
    no_args_is_help=True, help="The mark in pixels and sound: a pointer, never a proof."
)
err = Console(stderr=True, highlight=False)
KeyFile = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="16 bytes or more, as they are; default: our own, the newest three.",
    ),
]


@watermark_commands.command("embed")
def embed_mark(
    file: Readable,
    *,
    out: Annotated[Path, typer.Option(help="Where the marked file goes; it must not exist yet.")],
    payload: Annotated[
        str | None, typer.Option(help="16 hexadecimal digits; default: random ones.")
    ] = None,
    key_file: KeyFile = None,
    crf: Annotated[int, typer.Option(min=0, max=51, help="Of films: quality, 18 is high.")] = 18,
    as_json: AsJson = False,
) -> None:
    """Mark a picture, film or sound of your own, and print the payload.

    The marked file appears whole or not at all.
    """
    if out.exists():
        raise typer.BadParameter(f"{out} exists; choose another name")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"there is no directory {out.parent}")
    chosen = secrets.token_bytes(PAYLOAD_HEX_DIGITS // 2) if payload is None else _bytes_of(payload)
    with _refusals(), _waiting(quiet=as_json):
        from app.provenance import marks

        medium = marks.embed(file, out, chosen, _key(key_file), crf=crf)
    if as_json:
        print(json.dumps({"medium": medium, "payload": chosen.hex(), "out": str(out)}))
    else:
        print(f"{chosen.hex()} is in {out} ({medium})")


@watermark_commands.command("detect")
def detect_marks(
    file: Readable,
    key_file: KeyFile = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Of films: look at half as many frames again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which payloads are in a file: in films, from when to when.

    Status 1 if none is. Not for strangers: who may ask a detector often can remove a mark.
    """
    with _refusals():
        from app.provenance import marks

        if key_file is None:
            known = keys.epochs(keys.WATERMARK, _on_record())
        else:
            known = {0: _key(key_file)}
        found = marks.find(file, known, thorough=thorough)
    if as_json:
        print(found.model_dump_json(exclude_none=True))
    else:
        for mark in found.pictures:
            print(f"{mark.payload}  {_where(mark)}  {_how_sure(mark)}")
        for mark in found.sound:
            print(f"{mark.payload}  in the sound  {_how_sure(mark)}")
        if not found.pictures and not found.sound:
            print("no mark of this key was found; that proves nothing")
    if not found.pictures and not found.sound:
        raise typer.Exit(1)


def _where(mark: "Mark") -> str:
    if mark.start_s is not None and mark.end_s is not None:
        return f"{mark.start_s:8.2f} s to {mark.end_s:8.2f} s"
    left, top, width, height = mark.region or (0, 0, 0, 0)
    return f"{width} x {height} pixels from ({left}, {top})"


def _how_sure(mark: "Mark") -> str:
    chance = f"by chance: 10^{mark.false_positive_log10:.1f}"
    return f"({chance})" if mark.epoch is None else f"(epoch {mark.epoch}; {chance})"


def _bytes_of(text: str) -> bytes:
    try:
        payload = bytes.fromhex(text)
    except ValueError:
        payload = b""
    if len(payload) != PAYLOAD_HEX_DIGITS // 2:
        raise typer.BadParameter(f"a payload is {PAYLOAD_HEX_DIGITS} hexadecimal digits")
    return payload


def _key(file: Path | None) -> bytes:
    if file is None:
        return keys.secret(keys.WATERMARK, _on_record())
    with file.open("rb") as opened:
        return opened.read(MAX_KEY_BYTES)


def _on_record() -> int:
    from app.twofold import epochs

    return epochs.on_record()


@contextmanager
def _refusals() -> Iterator[None]:
    """One clear line, and status 2: status 1 means that there is no mark."""
    try:
        yield
    except AppError as refusal:
        err.print(f"{refusal.code}: {refusal.detail}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


@contextmanager
def _waiting(*, quiet: bool) -> Iterator[None]:
    """Something that moves on the terminal; nothing where nobody looks."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status("marking"):
        yield
