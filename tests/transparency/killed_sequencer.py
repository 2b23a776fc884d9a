"""Run the sequencer once in a process of its own, and die without warning at one of its steps.

Arguments: the origin, the number of the step to die at, and optionally `one-transaction`, a planted
fault: leaves are assigned and signed for in one transaction, so that a checkpoint can be public
whose leaves were never committed. Prints the steps as it reaches them: each object before and
after it is written, each transaction before and after its commit.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from sqlmodel import Session

from app import db, keys, storage
from app.transparency import note, service

steps_left = int(sys.argv[2])


def step(name: str) -> None:
    """Die here, as from `kill -9`, when it is this step's turn."""
    global steps_left  # noqa: PLW0603
    print(name, flush=True)
    if steps_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    steps_left -= 1


class Store:
    def put_new(self, key: str, source: bytes) -> None:
        step(f"before writing {key}")
        storage.put_new(key, source)
        step(f"after writing {key}")

    replace = staticmethod(storage.replace)
    get = staticmethod(storage.get)
    delete = staticmethod(storage.delete)


@contextmanager
def writing() -> Iterator[Session]:
    with db.writing() as session:
        yield session
        step("before a commit")
    step("after a commit")


signer = note.Signer.under(sys.argv[1], keys.public_key("log"), lambda data: keys.sign("log", data))
if "one-transaction" in sys.argv:
    with writing() as only:
        service.sequence(
            reading=lambda: nullcontext(only),
            writing=lambda: nullcontext(only),
            signer=signer,
            store=Store(),
        )
else:
    service.sequence(reading=db.reading, writing=writing, signer=signer, store=Store())
print("finished", flush=True)
