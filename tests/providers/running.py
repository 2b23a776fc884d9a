"""The fake of the vendors, in a thread of this process: one for all tests that ask for it."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from tests.providers import fake_providers
from tests.providers.fakes import core


@dataclass(frozen=True)
class Fake:
    """Where the fake listens, and what it remembers."""

    base: str

    def paid(self, word: str) -> int:
        """Count the jobs a vendor would bill whose prompt contains a word."""
        found = re.compile(rf"\b{word}\b")
        return sum(bool(found.search(job.prompt)) for job in core.JOBS.values())

    def requests(self) -> list[dict[str, object]]:
        """List every request there was: method, path, query, headers that matter."""
        return list(core.LOG)

    def reset(self) -> None:
        """Forget everything."""
        core.reset()


@contextmanager
def a_fake() -> Iterator[Fake]:
    """Run the fake on a free port of this machine."""
    core.ENDLESS_DELAY = 0.0
    door = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(fake_providers.app, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Fake(f"http://127.0.0.1:{door.getsockname()[1]}")
    finally:
        server.should_exit = True  # the thread is a daemon: nobody waits for open connections
