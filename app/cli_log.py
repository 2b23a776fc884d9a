"""The commands of the transparency log: verify it, prove from it, watch it, witness it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock, db, egress
from app.cli_check import AsJson, Readable
from app.transparency import monitor, note, tiles
from app.transparency.errors import TileNotFound
from app.transparency.verify import directory_reader

log_commands = typer.Typer(no_args_is_help=True, help="The transparency log.")
UNWITNESSED = "unwitnessed: only this installation vouches that everybody is shown the same log"
LEAVES_LIMIT_BYTES = 8 << 20


@log_commands.command("verify")
def verify_log(
    directory: Annotated[
        Path | None, typer.Argument(help="A mirror of /log; default: this installation's.")
    ] = None,
    kept: Annotated[Path | None, typer.Option(help="A checkpoint you kept from before.")] = None,
    key: Annotated[str | None, typer.Option(help="The log's verifier key, for a mirror.")] = None,
    moved: Annotated[
        bool, typer.Option(help="List the rows that acts have moved since --kept.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute the whole log offline, from its tiles and its checkpoint alone.

    Here, also hold every row of evidence against it. With --moved, name the rows whose newest state
    no kept checkpoint covers: what acts of this program did to them since is to be judged.
    """
    import app.models  # noqa: F401  every table is held against the log
    from app import publication
    from app.transparency.verify import verify_log as recompute

    before = kept.read_bytes() if kept else None
    if moved and (before is None or directory is not None):
        raise typer.BadParameter("--moved needs --kept, and this installation's own database")
    if directory is None:
        report = publication.check_log(kept=before)
    else:
        report = recompute(
            directory_reader(directory),
            (directory / "checkpoint").read_bytes(),
            note.VerifierKey.parse(key) if key else publication.log_key(),
            kept=before,
            witnesses=publication.witnesses(),
        )
    since = publication.moved_since(before) if moved and before and report.holds else None
    if as_json:
        print(json.dumps(report.to_json() | ({} if since is None else {"moved": since})))
    else:
        found = report.difference
        print(f"{report.origin}: {report.size} leaves, root {report.root[:16]}")
        print(
            "every tile and the root agree" if found is None else f"{found.where}: {found.detail}"
        )
        print(", ".join(f"witnessed by {name}" for name in report.witnesses) or UNWITNESSED)
        for table, row in since or ():
            print(f"moved since: {table} {row}")
        if since == []:
            print("no row has moved since")
    if not report.holds:
        raise typer.Exit(1)


@log_commands.command("prove")
def prove_leaf(
    subject_id: Annotated[str, typer.Argument(help="A generation, contract or decision id.")],
) -> None:
    """Print a proof, for every leaf about a subject, that it is in the signed log."""
    from app.transparency import service

    with db.reading() as session:
        for promised, logged in service.leaves_of(session, subject_id):
            if logged is not None:
                proof = service.inclusion_proof(session, logged.leaf_index)
                print(json.dumps({"kind": promised.kind, **proof.to_json()}))


@log_commands.command("key")
def print_log_key() -> None:
    """Print the log's verifier key (C2SP signed-note): publish it where it cannot be changed."""
    from app import publication

    print(publication.log_key())


@log_commands.command("monitor")
def watch_log(
    source: Annotated[
        str, typer.Argument(help="https://host of an installation, or a mirror directory of /log.")
    ],
    *,
    state: Annotated[Path, typer.Option(help="Where this monitor keeps what it saw last.")],
    key: Annotated[str | None, typer.Option(help="The log's verifier key, at the start.")] = None,
    kept: Annotated[
        Path | None, typer.Option(help="A checkpoint to start from, seen before.")
    ] = None,
    subject: Annotated[list[str] | None, typer.Option(help="An id to watch; repeat it.")] = None,
    witness: Annotated[list[str] | None, typer.Option(help="A witness's verifier key.")] = None,
    allow_private: Annotated[
        bool, typer.Option(help="Call this machine or a private network, also over http.")
    ] = False,
) -> None:
    """Look whether the log only grew; print JSON lines, and fail on an alarm.

    Status 0: it grew or stood still. 1: an alarm; the state is left as it was, for evidence.
    2: the log could not be reached.
    """
    watch = _watch(state, key, kept)
    remote = "://" in source
    if subject and not remote:
        raise typer.BadParameter("a mirror does not list leaves by id; name an https:// source")
    for subject_id in subject or ():
        watch.subjects.setdefault(subject_id, {})
    door = egress.Door(source, private=allow_private) if remote else None
    try:
        found = monitor.look(
            watch,
            checkpoint=_checkpoint_of(source, door),
            read=_remote_reader(door) if door else directory_reader(Path(source)),
            at=clock.now(),
            leaves=_remote_leaves(door) if door else None,
            witnesses=[note.VerifierKey.parse(text) for text in witness or ()],
        )
    except egress.EgressFailed as error:
        print(json.dumps({"alarm": "unreachable", "detail": error.detail}))
        raise typer.Exit(2) from None
    for alarm in found.alarms:
        print(json.dumps(alarm))
    if found.alarms:
        raise typer.Exit(1)
    _keep(state, watch.save())
    print(json.dumps(found.news))


def _watch(state: Path, key: str | None, kept: Path | None) -> monitor.Watch:
    """Take up what was seen last, or start with a key that was published elsewhere."""
    if state.exists():
        return monitor.Watch.load(state.read_text())
    if key is None:
        raise typer.BadParameter("the first look needs --key: the log's own, from elsewhere")
    watch = monitor.Watch(note.VerifierKey.parse(key))
    if kept is not None:
        raw = kept.read_bytes()
        note.open_checkpoint(raw, watch.key)
        watch.checkpoint = raw.decode()
    return watch


def _keep(state: Path, text: str) -> None:
    """Put the new state in place of the old one, whole or not at all."""
    partial = state.with_name(f"{state.name}.partial")
    partial.write_text(text)
    partial.replace(state)


def _checkpoint_of(source: str, door: egress.Door | None) -> bytes:
    if door is not None:
        return door.get("log/checkpoint", limit_bytes=note.NOTE_LIMIT_BYTES)
    try:
        return (Path(source) / "checkpoint").read_bytes()
    except OSError:
        raise egress.EgressFailed(f"{source} holds no checkpoint") from None


def _remote_reader(door: egress.Door) -> tiles.ReadTile:
    def read(path: str) -> bytes:
        try:
            return door.get(f"log/{path}", limit_bytes=tiles.BUNDLE_LIMIT_BYTES)
        except egress.NotThere:
            raise TileNotFound(f"the log does not publish {path}") from None

    return read


def _remote_leaves(door: egress.Door) -> monitor.Leaves:
    def leaves(subject_id: str) -> list[dict[str, Any]]:
        answer = door.get(f"v1/log/leaves/{subject_id}", limit_bytes=LEAVES_LIMIT_BYTES)
        return monitor.listed_leaves(answer)

    return leaves


@log_commands.command("cosign")
def add_cosignatures(file: Readable) -> None:
    """Keep the lines of this log's witnesses on a checkpoint; each is verified first."""
    from app import publication

    witnessed = publication.cosign_log(file.read_bytes())
    for name, seen_at in witnessed.items():
        print(f"{name} saw it at {seen_at}")
