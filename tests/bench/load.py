"""A light load: raw sockets kept alive, in a process of its own.

`python -m tests.bench.load` reads one job on its standard input and prints what it measured.
"""

import asyncio
import itertools
import json
import secrets
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop


@dataclass(frozen=True)
class Job:
    """What to ask, from how many connections, for how long; `per_s` None: as fast as answered."""

    port: int
    path: str
    bodies: list[str]
    api_key: str = ""
    connections: int = 32
    lasts_s: float = 3.0
    per_s: float | None = None
    keeps: bool = False


@dataclass
class Measured:
    """What came back: how many in which time, each one's latency, what was not acknowledged."""

    answered: int = 0
    took_s: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return self.answered / self.took_s

    def latency_ms(self, part: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def load(job: Job) -> Measured:
    """Run one job in another process and return what it measured."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout))


class _Asking:
    """Sends one request after another over each connection; in turn, from the list of bodies."""

    def __init__(self, job: Job) -> None:
        self.job, self.measured = job, Measured()
        self._run, self._number = secrets.token_hex(8), itertools.count()
        self._begun = time.perf_counter()
        self._ends = self._begun + job.lasts_s
        self._heads = [
            f"POST {job.path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {job.api_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
            for body in job.bodies
        ]

    async def all(self) -> Measured:
        await asyncio.gather(*(self._connection() for _ in range(self.job.connections)))
        self.measured.took_s = time.perf_counter() - self._begun
        return self.measured

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.job.port)
        try:
            while (due := await self._turn()) is not None:
                number = next(self._number)
                writer.write(self._request(number))
                head = await reader.readuntil(b"\r\n\r\n")
                low = head.lower()
                at = low.index(b"content-length:") + 15
                body = await reader.readexactly(int(low[at : low.index(b"\r", at)]))
                self._note(head, body, due)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the server is gone: what it did not answer, it did not acknowledge
        finally:
            writer.close()

    async def _turn(self) -> float | None:
        """Wait for this request's turn; return since when its latency counts."""
        now = time.perf_counter()
        if self.job.per_s is None:
            return now if now < self._ends else None
        due = self._begun + next(self._due) / self.job.per_s
        if due >= self._ends:
            return None
        await asyncio.sleep(max(0.0, due - now))
        return due  # a late start counts: who waits for a connection waits as well

    _due = itertools.count()

    def _request(self, number: int) -> bytes:
        which = number % len(self.job.bodies)
        key = f"Idempotency-Key: {self._run}-{number}\r\n\r\n"
        return (self._heads[which] + key + self.job.bodies[which]).encode()

    def _note(self, head: bytes, body: bytes, due: float) -> None:
        self.measured.latencies_ms.append((time.perf_counter() - due) * 1e3)
        if head[9:12] != b"201":
            self.measured.refused.append(head[:30].decode())
            return
        self.measured.answered += 1
        if self.job.keeps:
            self.measured.answers.append(json.loads(body)["id"])


async def _main() -> None:
    told: dict[str, Any] = json.loads(sys.stdin.read())
    print(json.dumps(asdict(await _Asking(Job(**told)).all())))


if __name__ == "__main__":
    uvloop.run(_main())
