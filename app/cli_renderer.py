"""`understudy renderer`: a pipeline of your own renders what a server asks, one job at a time."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from app.cli_calls import Private, Server, call, form
from app.egress import Door, EgressFailed

renderers = typer.Typer()
PICTURE_LIMIT_BYTES = 64 << 20
PAUSE_S = 5.0


@renderers.command("renderer")
def run_renderer(
    server: Server,
    key_file: Annotated[Path, typer.Argument(help="File with your API key, ustk_…")],
    command: Annotated[
        list[str], typer.Argument(help="Your program; it is given ORDER.json and FILM.mp4.")
    ],
    once: Annotated[bool, typer.Option(help="Render what waits now, then end.")] = False,
    private: Private = False,
) -> None:
    """Take jobs from a server, have your own program render them, hand the films in.

    The program reads the order (line, length, size, references: paths of portraits) and writes the
    film. The portraits are deleted after each job. docs/renderers.md tells more.
    """
    door = Door(server, private)
    key = key_file.read_text().strip()
    while True:
        try:
            rendered = render_next(door, key, command)
        except EgressFailed as trouble:
            print(f"not now: {trouble.detail}")
            rendered = False
        if once and not rendered:
            return
        if not rendered:
            time.sleep(PAUSE_S)


def render_next(door: Door, key: str, command: list[str]) -> bool:
    """Render the oldest job that waits; False where there is none, or it could not be done.

    One that was taken and not handed in is tried again after all that nobody took yet.
    """
    jobs = call(door, key, "GET", "v1/render-jobs")["items"]
    if not jobs:
        return False
    job_id = str(min(jobs, key=lambda job: job["state"] != "waiting")["id"])
    taken = call(door, key, "POST", f"v1/render-jobs/{job_id}/licenses")
    with tempfile.TemporaryDirectory(prefix="understudy-renderer-") as place:
        order, film = Path(place) / "order.json", Path(place) / "film.mp4"
        pictures = []
        for number, link in enumerate(taken["references"]):
            pictures.append(Path(place) / f"reference-{number}")
            limit_bytes, path = PICTURE_LIMIT_BYTES, str(link).lstrip("/")
            door.save(path, pictures[-1], limit_bytes=limit_bytes, timeout_s=60)
        order.write_text(json.dumps({**taken["job"], "references": [str(p) for p in pictures]}))
        print(f"{job_id}: rendering")
        done = subprocess.run([*command, str(order), str(film)], check=False)
        if done.returncode != 0 or not film.is_file():
            print(f"{job_id}: your program ended with {done.returncode} and no film; it stays due")
            return False
        sent = form(
            {"license": str(taken["license"])},
            [("film", "film.mp4", "video/mp4", film.read_bytes())],
        )
        call(door, key, "POST", f"v1/render-jobs/{job_id}/results", sent)
    print(f"{job_id}: handed in")
    return True
