"""What deciding costs in process: the pure decision, and one recorded with everything it needs."""

import statistics
import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlmodel import Session

from app import db
from app.gateway.generators import catalogue
from app.licensing.deciding.conformance import read_case
from app.licensing.deciding.decide import decide
from app.licensing.decisions import service as decisions
from app.licensing.decisions.rulebook import today
from tests.licensing.cases import published
from tests.scenes import a_scene


def measure(rounds: int) -> dict[str, float]:
    """Time each thing once per round, in turn; return each one's median in milliseconds."""
    policies, cases = today(), [read_case(case) for case in published()]
    with db.writing() as session:
        scene = a_scene(session, quota={"max_seconds": None})
        permit, _ = scene.ask(session)
    use = decisions.use_of(permit)
    with db.engine().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE bench_row (a INTEGER)")

    def one_row() -> None:
        with db.engine().begin() as connection:
            connection.execute(sa.text("INSERT INTO bench_row VALUES (1)"))

    def pure() -> None:
        for case in cases:
            decide(policies, *case)

    def recorded() -> None:
        with db.engine().connect() as connection, Session(connection) as session:
            decisions.authorize(session, [use], generators=catalogue.TRAINS_ON_INPUTS)
            connection.rollback()

    timed = interleaved({"row": one_row, "decide": pure, "record": recorded}, rounds)
    return {
        "one durable row": timed["row"] * 1e3,
        "decide() over the published cases, each": timed["decide"] * 1e3 / len(cases),
        "a decision gathered, taken and written, without its commit": timed["record"] * 1e3,
    }


def interleaved(things: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Run the things in turn, round by round, and return each one's median in seconds."""
    seen: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(rounds):
        for name, thing in things.items():
            begun = time.perf_counter()
            thing()
            seen[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seen.items()}
