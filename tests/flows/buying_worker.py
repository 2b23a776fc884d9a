"""A real worker process that buys at the fake vendor, by the connector that production uses.

It asks more often than a vendor would like, so that a story takes seconds; else it is the worker.
"""

import os
from datetime import timedelta

from app import worker
from app.gateway import resting, service
from app.gateway.generators import catalogue
from app.gateway.generators.hedra import Hedra

BASE = os.environ["FAKE"]


def connector() -> Hedra:
    """Return the connector, at the fake."""
    hedra = Hedra(f"{BASE}/hedra", hosts=(BASE.removeprefix("http://"),), private=True)
    hedra.poll_s = 0.5
    return hedra


if __name__ == "__main__":
    resting.ASKING = timedelta(seconds=3)  # a worker that died asking is not waited for so long
    service.SEEN_FIRST = {}  # the look before a release has its own tests
    offered = (connector(),)
    catalogue.offered = lambda: offered
    worker.run()
