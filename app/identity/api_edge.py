"""What every route stands on: who is calling, in which transaction, answered how often."""

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import psycopg
import sqlalchemy as sa
import structlog
from fastapi import Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlmodel import Session

from app import commits, db, rates, tenancy
from app.access import Rule
from app.errors import AppError
from app.identity import authentication, recorded, service
from app.identity.errors import BeyondScope, IdempotencyKeyReused, NotAuthenticated
from app.identity.principal import Principal
from app.problems import MEDIA_TYPE, Problem, TextRefused, problems

_bearer = HTTPBearer(auto_error=False, description="An API key, `ustk_…`.")

logger = structlog.get_logger()
Q = TypeVar("Q")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it, not the text backslash-u0000


async def insist_clock(request: Request) -> None:
    """Do nothing while the clock can be believed, or where the hour does not matter.

    Stands before every route. Raises ClockInDoubt.
    """
    rule: Rule | None = getattr(request.scope["route"].endpoint, "may", None)
    if rule is None or rule.at_any_time:
        return
    if not recorded.is_known():
        await run_in_threadpool(recorded.look)
    recorded.insist_clock()


def limited(kind: rates.Kind) -> Any:
    """Let an address without a key ask only so often: for FastAPI's `dependencies=`.

    The route may then answer with rates.TooManyRequests.
    """

    def _take(request: Request) -> None:
        rates.take(kind, _host(request))

    return Depends(_take)


def _host(request: Request) -> str:
    return request.client.host if request.client else ""


def read_refusals(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Document what a route that looks may answer with, beside `errors`."""
    return problems(NotAuthenticated, BeyondScope, rates.TooManyRequests, *errors)


def act_refusals(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Document what a route that acts may answer with, beside `errors`."""
    return problems(
        NotAuthenticated, BeyondScope, rates.TooManyRequests, IdempotencyKeyReused, *errors
    )


async def caller(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """Say who holds the key, where the route's rule is within its limits and it asks not too often.

    That it still stands is checked again where it is relied on.
    """
    if credentials is None:
        raise NotAuthenticated("send an API key: `Authorization: Bearer ustk_…`")
    principal = await _holder(request, credentials.credentials)
    rule: Rule = request.scope["route"].endpoint.may  # no route is without: access.operations
    principal.insist(rule, contract_id=request.path_params.get("contract_id"))
    return principal


async def _holder(request: Request, text: str) -> Principal:
    """Return who holds a key; count the request, and put down now and then that it is in use.

    A key that is none counts against the address that tries it: guessing is no way to ask more.
    """
    principal = authentication.remembered(text)
    if principal is None:
        try:
            principal = await run_in_threadpool(_authenticate, text)
        except NotAuthenticated:
            rates.take("lookups", _host(request))
            raise
    rates.take_of_key(principal.api_key_id)
    if not authentication.is_use_noted(principal):
        await run_in_threadpool(_note_use, principal)
    return principal


def _note_use(principal: Principal) -> None:
    try:
        with db.writing() as session:
            authentication.note_use(session, principal)
    except (
        sa.exc.SQLAlchemyError,
        sqlite3.Error,
        psycopg.Error,
    ) as error:  # who only looks is not refused for a full disk
        logger.warning("a key's use is not put down", reason=str(error))


def _authenticate(text: str) -> Principal:
    with db.reading() as session:
        return authentication.authenticate(session.connection(), text)


Caller = Annotated[Principal, Depends(caller)]


async def _known_caller(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal | None:
    """Say who holds the key, where one was sent: what is public needs none, and refuses a bad one.

    A key that does not see all that is its organization's counts as none. That it still stands is
    for the transaction to check.
    """
    holder = None if credentials is None else await _holder(request, credentials.credentials)
    return holder if holder is not None and holder.scope.sees_all else None


KnownCaller = Annotated[Principal | None, Depends(_known_caller)]


@dataclass(frozen=True)
class Read:
    """A request that only looks: a read-only session and who is asking."""

    session: Session
    principal: Principal

    @property
    def organization_id(self) -> str:
        return self.principal.organization_id


def _reading(request: Request, caller: Caller) -> Iterator[Read]:
    _refuse_nul(*request.path_params.values(), *request.query_params.values())
    with db.reading() as session:
        authentication.check_standing(session.connection(), caller)
        rule: Rule = request.scope["route"].endpoint.may
        if rule.to != "ask":  # what would be decided, the rules say, who weigh contracts of many
            tenancy.enter(session, caller.organization_id)
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
        everything back, so that the same key may be tried again. Other requests may share the
        commit; it is answered after it.
        """

        def unit(session: Session) -> tuple[int, str]:
            def act() -> tuple[int, str]:
                status, body = handler(session)
                return status, body.model_dump_json()

            return self._once(session.connection(), fingerprint, act)

        return self._answered(*commits.queue().run(unit))

    def kept(self, fingerprint: bytes) -> Response | None:
        """Return what `once` has answered to this fingerprint under this key; None for nothing."""
        with db.reading() as session:
            found = service.kept_answer(
                session.connection(),
                self.organization_id,
                self.idempotency_key,
                self._digest(fingerprint),
            )
        return None if found is None else self._answered(*found)

    async def once_together(
        self, fingerprint: bytes, question: Q, answer: "Together[Q]"
    ) -> Response:
        """Like `once`, for a route that waits on the event loop: what waits is answered at once.

        `answer` is one function of `together`.
        """
        claim = service.Claim(self.principal, self.idempotency_key, self._digest(fingerprint))
        return self._answered(*await commits.queue().commit_together(answer, (claim, question)))

    def _once(
        self, connection: sa.Connection, fingerprint: bytes, act: Callable[[], tuple[int, str]]
    ) -> tuple[int, str]:
        authentication.check_standing(connection, self.principal)
        digest = self._digest(fingerprint)
        return service.answer_once(connection, self.principal, self.idempotency_key, digest, act)

    def _digest(self, fingerprint: bytes) -> str:
        return hashlib.sha256(self.route.encode() + b"\n" + fingerprint).hexdigest()

    @staticmethod
    def _answered(status: int, text: str) -> Response:
        media_type = MEDIA_TYPE if status >= 400 else "application/json"
        return Response(text, status, media_type=media_type)


Together = Callable[[Session, Sequence[tuple[service.Claim, Q]]], list[service.Kept | Exception]]


def together(
    decide: Callable[[Session, list[tuple[Principal, Q]]], Sequence[service.Kept | Exception]],
) -> Together[Q]:
    """Return what answers the questions of many keys in one transaction, each once.

    `decide` is given who asks what, and returns what each is answered, or the refusal for which
    it wrote nothing.
    """

    def answer(
        session: Session, asked: Sequence[tuple[service.Claim, Q]]
    ) -> list[service.Kept | Exception]:
        connection = session.connection()
        refused = _fallen(connection, {claim.principal for claim, _ in asked})
        standing = [each for each in asked if each[0].principal not in refused]
        answers = iter(
            service.answer_together(
                connection,
                [claim for claim, _ in standing],
                lambda new: decide(
                    session, [(standing[n][0].principal, standing[n][1]) for n in new]
                ),
            )
        )
        return [refused.get(claim.principal) or next(answers) for claim, _ in asked]

    return answer


def _fallen(
    connection: sa.Connection, principals: set[Principal]
) -> dict[Principal, NotAuthenticated]:
    """Return the refusal of each whose key does not stand any more, by this transaction."""
    refused = {}
    for principal in principals:
        try:
            authentication.check_standing(connection, principal)
        except NotAuthenticated as error:
            refused[principal] = error
    return refused


async def _acting(
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
    _refuse_nul(*request.path_params.values(), idempotency_key)
    return Act(caller, idempotency_key, f"{request.method} {request.url.path}")


Acting = Annotated[Act, Depends(_acting)]


def fingerprint_of(body: BaseModel) -> bytes:
    """Return the bytes that make two JSON requests the same request.

    Raises TextRefused where they hold what no database keeps.
    """
    try:
        text = body.model_dump_json()
    except (ValueError, RecursionError):  # half a surrogate pair; nested too deep
        raise TextRefused("the body holds half a character, or is nested too deep") from None
    if "\\u0000" in text and _NUL.search(text):  # what most texts lack is looked for first
        raise TextRefused("the body holds a NUL character; take it out")
    return text.encode()


def _refuse_nul(*texts: object) -> None:
    if any("\x00" in str(text) for text in texts):
        raise TextRefused("the address or a header holds a NUL character; take it out")


__all__ = [
    "Act",
    "Acting",
    "Caller",
    "KnownCaller",
    "Problem",
    "Read",
    "Reading",
    "act_refusals",
    "fingerprint_of",
    "limited",
    "read_refusals",
]
