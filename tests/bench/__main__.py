"""`make bench`: what a decision costs, beside the least it could cost on the same machine."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

ROUNDS = 15


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.environ["UNDERSTUDY_DATA_DIR"] = directory
        print(json.dumps(measure(Path(directory)), indent=2))


def measure(directory: Path) -> dict[str, object]:
    """Time each thing once per round, in turn, and compare the medians."""
    from app import db, installation
    from app.gateway.generators import catalogue
    from app.licensing import decisions
    from tests.scenes import a_scene

    installation.prepare()
    with db.writing() as session:
        scene = a_scene(session, quota={"max_seconds": None})
        permit, _ = scene.ask(session)
    use = decisions.use_of(permit)
    plain = db.make_engine(f"sqlite:///{directory / 'plain.sqlite'}")
    with plain.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (a INTEGER)"))

    def one_row() -> None:
        with plain.begin() as connection:
            connection.execute(sa.text("INSERT INTO t VALUES (1)"))

    def decision() -> None:
        with db.writing() as session:
            decisions.decide_use(session, use, generators=catalogue.TRAINS_ON_INPUTS)

    def generation() -> None:
        with db.writing() as session:
            scene.ask(session)

    timed = interleaved({"one durable row": one_row, "decision": decision, "permit": generation})
    floor = timed["one durable row"]
    return {
        "rounds": ROUNDS,
        "milliseconds, median": {name: round(value * 1e3, 2) for name, value in timed.items()},
        "times one durable row": {name: round(value / floor, 2) for name, value in timed.items()},
    }


def interleaved(things: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Run the things in turn, round by round, and return each one's median in seconds."""
    seen: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(ROUNDS):
        for name, thing in things.items():
            begun = time.perf_counter()
            thing()
            seen[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seen.items()}


main()
