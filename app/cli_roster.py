"""`understudy import-roster`: an agency's table and photos to a server, as often as it takes."""

import json
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli_calls import CallRefused, Private, Server, call, form
from app.egress import Body, Door, EgressFailed

if TYPE_CHECKING:
    from app.registry.imports.photos import Photo

rosters = typer.Typer()
PATH, ENTRIES = "v1/roster-imports", "v1/roster-entries"
PHOTO_LIMIT_BYTES = 40 << 20  # a server's own limit may be lower: it says so
BATCH_BYTES, BATCH_PHOTOS = 32 << 20, 100
WAITS_S = (2, 5, 15, 30, 60)  # before a server that did not answer is asked again


@dataclass
class Came:
    """What came of it: rows and photos, good and bad; bad ones with why and what to do."""

    rows: int = 0
    new: int = 0
    bad: list[dict[str, Any]] = field(default_factory=list)
    photos: int = 0
    photos_taken: int = 0
    bad_photos: list[dict[str, str]] = field(default_factory=list)
    rows_without_photo: int = 0


@rosters.command("import-roster")
def import_roster(
    server: Server,
    key_file: Annotated[Path, typer.Argument(help="File with your agency's API key, ustk_…")],
    table: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV; docs/pages.md.")],
    photos: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="Photos, zips, or folders of them.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for machines instead.")
    ] = False,
    private: Private = False,
) -> None:
    """Bring many in: each gets a link, and is registered once they say yes.

    Sends the table, then those photos that a row still waits for. Cut off midway, run it again: it
    goes on. Exits with 1 where a row or a photo is bad; the others are in.
    """
    key, content = key_file.read_text().strip(), table.read_bytes()
    came = send(Door(server, private), key, content, photos_under(photos or []))
    if as_json:
        print(json.dumps(asdict(came), indent=2, ensure_ascii=False))
    else:
        _tell(came)
    if came.bad or came.bad_photos:
        raise typer.Exit(1)


def send(door: Door, key: str, table: bytes, photos: Iterable["Photo"]) -> Came:
    """Send a table and whichever photos its rows wait for; return what came of it.

    Raises TableRefused and ArchiveRefused before anything of that file is sent, and EgressFailed
    where the server stays away or says no.
    """
    from app.registry.imports.table import photo_key, read_table

    named = {row.reference: photo_key(row.photo) for row in read_table(table)[0]}
    said = _ask(door, key, form({}, [("table", "table.csv", "text/csv", table)]))
    came = Came(rows=said["rows"], new=said["new"], bad=said["bad"])
    wanted = {named[each] for each in _without_photo(door, key) if each in named}
    seen: set[str] = set()
    batch: list[Photo] = []
    for photo in photos:
        came.photos += 1
        code = photo.code or _misplaced(photo.key, set(named.values()), seen)
        seen.add(photo.key)
        if code:
            came.bad_photos.append(_bad(photo.name, code))
        elif photo.key in wanted:
            batch.append(photo)
        if len(batch) >= BATCH_PHOTOS or sum(len(each.content) for each in batch) >= BATCH_BYTES:
            _send_photos(door, key, batch, came)
            batch = []
    if batch:
        _send_photos(door, key, batch, came)
    came.rows_without_photo = len(wanted) - came.photos_taken
    return came


def photos_under(paths: Iterable[Path]) -> Iterator["Photo"]:
    """Give every photo of these files, zips and folders, one at a time."""
    from app.registry.imports.photos import photos_in

    for path in paths:
        within = sorted(path.rglob("*")) if path.is_dir() else [path]
        for each in within:
            if each.is_file() and not each.name.startswith("."):
                with each.open("rb") as file:
                    yield from photos_in([(each.name, file)], limit_bytes=PHOTO_LIMIT_BYTES)


def _misplaced(key: str, named: set[str], seen: set[str]) -> str:
    if key in seen:
        return "photo-twice"
    return "" if key in named else "photo-unnamed"


def _send_photos(door: Door, key: str, batch: list["Photo"], came: Came) -> None:
    files = [("table", "", "text/csv", b"")]
    files += [("photos", each.key, "application/octet-stream", each.content) for each in batch]
    said = _ask(door, key, form({}, files))
    came.photos_taken += said["photos_taken"]
    for bad in said["bad_photos"]:
        came.bad_photos.append(_bad(batch[bad["number"] - 1].name, bad["code"]))


def _without_photo(door: Door, key: str) -> Iterator[str]:
    """Give the reference of everybody of the agency's who waits for a photo."""
    for state in ("no-photo", "unfit"):
        after = ""
        while True:
            page = call(door, key, "GET", f"{ENTRIES}?state={state}&limit=200{after}")
            yield from (each["reference"] for each in page["items"])
            if page["next_after"] is None:
                break
            after = f"&after={page['next_after']}"


def _ask(door: Door, key: str, body: Body) -> dict[str, Any]:
    """Send one upload under one key, again where the server did not answer."""
    intent = secrets.token_hex(16)
    for wait_s in WAITS_S:
        try:
            return call(door, key, "POST", PATH, body, intent=intent)
        except CallRefused:
            raise
        except EgressFailed as trouble:
            print(f"not now: {trouble.detail}; again in {wait_s} s", file=sys.stderr)
            time.sleep(wait_s)
    return call(door, key, "POST", PATH, body, intent=intent)


def _bad(name: str, code: str) -> dict[str, str]:
    from app.registry.imports import words

    problem, todo = words.why(code)
    return {"name": name, "code": code, "problem": problem, "what_to_do": todo}


def _tell(came: Came) -> None:
    print(f"{came.rows} rows read, {came.new} new, {len(came.bad)} bad")
    print(f"{came.photos} photos read, {came.photos_taken} taken in, {len(came.bad_photos)} bad")
    for each in came.bad:
        where = f"line {each['line']}, column {each['column']}"
        print(f"{where}: {each['problem']}. {each['what_to_do']}")
    for each in came.bad_photos:
        print(f"photo {each['name']}: {each['problem']}. {each['what_to_do']}")
    if came.rows_without_photo:
        print(f"{came.rows_without_photo} rows of this table still wait for a photo")
