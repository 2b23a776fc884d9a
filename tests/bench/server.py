"""The server under load, in a process of its own: the whole application, and a no-op beside it.

`python -m tests.bench.server` says on its first line which port it answers on. With `hasty` as an
argument it has a fault planted: it acknowledges before it commits.
"""

import json
import os
import socket
import sys
import time
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlmodel import Session

from app import commits
from app.gateway.api_authorizations import AuthorizationCreate
from app.main import create_app


def with_a_noop() -> FastAPI:
    """The application, and the least a route with the same body can cost."""
    app = create_app()

    @app.post("/noop", status_code=201)
    async def do_nothing(body: AuthorizationCreate) -> dict[str, str]:
        return {"action": body.action}

    app.router.routes.insert(0, app.router.routes.pop())  # no route is looked at before it
    return app


def acknowledge_before_committing() -> None:
    """The planted fault: every caller is told at once, and the commit comes a little later."""
    honest = commits.CommitQueue._commit
    answer = commits._answer

    def hasty(self: commits.CommitQueue, batch: list[Any]) -> None:
        with Session(self._engine) as session:
            for job in batch:
                commits._note([job], commits._outcomes(session, [job]))
            session.rollback()
        answer(batch)
        time.sleep(0.2)
        honest(self, batch)

    commits.CommitQueue._commit = hasty  # type: ignore[method-assign]
    commits._answer = lambda _batch: None


def main() -> None:
    if "hasty" in sys.argv:
        acknowledge_before_committing()
    server = uvicorn.Server(
        uvicorn.Config(
            with_a_noop(),
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
            workers=1,
        )
    )
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(json.dumps({"port": listening.getsockname()[1], "pid": os.getpid()}), flush=True)
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
