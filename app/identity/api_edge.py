"""What every route stands on: who is calling, in which transaction, answered how often."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlmodel import Session

from app import db
from app.identity import service
from app.identity.errors import IdempotencyKeyReused, NotAuthenticated
from app.identity.principal import Principal
from app.problems import MEDIA_TYPE, Problem, problems

_bearer = HTTPBearer(auto_error=False, description="An API key, `ustk_…`.")

REFUSALS = problems(NotAuthenticated)
ACT_REFUSALS = problems(NotAuthenticated, IdempotencyKeyReused)


def _caller(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    if credentials is None:
        raise NotAuthenticated("send an API key: `Authorization: Bearer ustk_…`")
    with db.reading() as session:
        return service.authenticate(session, credentials.credentials)


Caller = Annotated[Principal, Depends(_caller)]


@dataclass(frozen=True)
class Read:
    """A request that only looks: a read-only session and who is asking."""

    session: Session
    principal: Principal

    @property
    def organization_id(self) -> str:
        return self.principal.organization_id


def _reading(caller: Caller) -> Iterator[Read]:
    with db.reading() as session:
        yield Read(session, caller)


Reading = Annotated[Read, Depends(_reading, scope="function")]


@dataclass(frozen=True)
class Act:
    """A request that changes something: run it once, answer it the same for ever."""

    principal: Principal
    idempotency_key: str
    route: str

    @property
    def organization_id(self) -> str:
        return self.principal.organization_id

    def once(
        self, fingerprint: bytes, handler: Callable[[Session], tuple[int, BaseModel]]
    ) -> Response:
        """Run `handler` in one transaction, once per Idempotency-Key and fingerprint.

        A refusal that is returned (a Problem) is kept like any answer; one that is raised rolls
        everything back, so that the same key may be tried again.
        """
        digest = hashlib.sha256(self.route.encode() + b"\n" + fingerprint).hexdigest()
        with db.writing() as session:

            def act() -> tuple[int, str]:
                status, body = handler(session)
                return status, body.model_dump_json()

            status, text = service.answer_once(
                session, self.principal, self.idempotency_key, digest, act
            )
        media_type = MEDIA_TYPE if status >= 400 else "application/json"
        return Response(text, status, media_type=media_type)


def _acting(
    request: Request,
    caller: Caller,
    idempotency_key: Annotated[
        str,
        Header(
            min_length=1,
            max_length=128,
            description="A new random text per intent; the same one repeats the same answer.",
            examples=["2f1c7a52-9a0e-4c6f-8b7e-1f2f6f3f9c11"],
        ),
    ],
) -> Act:
    return Act(caller, idempotency_key, f"{request.method} {request.url.path}")


Acting = Annotated[Act, Depends(_acting)]


def fingerprint_of(body: BaseModel) -> bytes:
    """Return the bytes that make two JSON requests the same request."""
    return body.model_dump_json().encode()


__all__ = [
    "ACT_REFUSALS",
    "REFUSALS",
    "Act",
    "Acting",
    "Caller",
    "Problem",
    "Read",
    "Reading",
    "fingerprint_of",
]
