"""A worker that submits one job and waits: `worker_to_kill.py WORK PORTRAIT LINE FAULT`.

With FAULT "leak" somebody else holds the render's stdin open too, so that the render cannot
notice the worker's death: the fault that the test must catch.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from app.gateway.generators import Phase, RenderJob
from app.gateway.generators.local import MODEL, LocalGenerator


def main(work: str, portrait: str, line: str, fault: str) -> None:
    generator = LocalGenerator(Path(work))
    job = RenderJob("gen_01", MODEL, line, 2.0, 1280, 720, (Path(portrait),))
    reference = generator.submit(job)
    if fault == "leak":
        stdin = generator._children[reference].stdin
        held = os.dup(stdin.fileno())
        os.set_inheritable(held, True)
        bystander = subprocess.Popen(["sleep", "60"], close_fds=False, start_new_session=True)
        print("bystander", bystander.pid, flush=True)
    while True:
        status = generator.poll(reference)
        if status.phase is Phase.RUNNING and (status.progress or 0) > 0.05:
            print("rendering", flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
