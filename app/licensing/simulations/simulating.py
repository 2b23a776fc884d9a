"""Run simulations beside the server: in a few processes of low priority, one at a time for each.

Nothing of it is stored. What a child is given is copied to it; it has no session and signs nothing.
"""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache

from app.licensing.deciding.inputs import ContractInForce, State, UseRequest
from app.licensing.deciding.policy_set import PolicySet, archive, restore
from app.licensing.errors import SimulationBusy, SimulationUnfinished
from app.licensing.simulations.simulation import Row, answers

PROCESSES = 2
AT_ONCE = 4  # simulations in all, each of another organization
CHUNK = 500  # uses a child answers at once: about half a second of its time
TIME_LIMIT_S = 30.0

_pool: ProcessPoolExecutor | None = None
_running: set[str] = set()
_lock = threading.Lock()


@contextmanager
def turn(organization_id: str) -> Iterator[None]:
    """Hold the organization's one turn. Raises SimulationBusy where it has one, or all are taken.

    Turns are those of this process: a second server process has its own.
    """
    with _lock:
        if organization_id in _running or len(_running) >= AT_ONCE:
            raise SimulationBusy("a simulation of yours, or too many of all, run; wait for them")
        _running.add(organization_id)
    try:
        yield
    finally:
        with _lock:
            _running.discard(organization_id)


def table(
    policies: PolicySet,
    contracts: Sequence[ContractInForce],
    state: State,
    uses: Sequence[UseRequest],
    *,
    time_limit_s: float = TIME_LIMIT_S,
) -> list[Row]:
    """Answer every use in order. Raises SimulationUnfinished when the time is over."""
    chunks = [uses[start : start + CHUNK] for start in range(0, len(uses), CHUNK)]
    rules = (archive(policies), policies.digest)
    try:
        found = _children().map(
            _answer,
            *zip(*[(rules, contracts, state, chunk) for chunk in chunks], strict=True),
            timeout=time_limit_s,
        )
        return [row for rows in found for row in rows]
    except OutOfTime:
        raise SimulationUnfinished(
            f"{len(uses)} uses were not answered within {time_limit_s:g} s; ask about fewer"
        ) from None
    except BrokenProcessPool as error:
        _forget()
        raise SimulationUnfinished("a child process died; ask again") from error


def _children() -> ProcessPoolExecutor:
    """Start the children at the first simulation: fresh interpreters, so that no lock is copied."""
    global _pool  # noqa: PLW0603
    with _lock:
        if _pool is None:
            _pool = ProcessPoolExecutor(
                PROCESSES, multiprocessing.get_context("spawn"), initializer=_be_modest
            )
        return _pool


def _forget() -> None:
    global _pool  # noqa: PLW0603
    with _lock:
        _pool = None


def _be_modest() -> None:
    os.nice(10)


def _answer(
    rules: tuple[str, str],
    contracts: Sequence[ContractInForce],
    state: State,
    uses: Sequence[UseRequest],
) -> list[Row]:
    return list(answers(_policies(*rules), contracts, state, uses))


@lru_cache(maxsize=2)
def _policies(text: str, digest: str) -> PolicySet:
    return restore(text, digest=digest)
