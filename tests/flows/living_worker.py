"""A real worker process with the free generator; with REAPER=off it never takes over from others.

Somebody of the performer's side is not wanted: its stories run from permit to release.
"""

import os

from app import heartbeat, worker
from tests.flows import instant

if os.environ.get("REAPER") == "off":
    heartbeat.Watch.dead = lambda *_: []  # type: ignore[method-assign]
instant.install()
worker.run()
