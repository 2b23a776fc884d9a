"""The route for many lines at once: a script is one request, with one answer for each line."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json
from sqlmodel import Session

from app import bodies
from app.access import may
from app.errors import AppError, TooLarge, TooSlow
from app.gateway.api import GenerationCreate, Length, Line, Scene, answer_request
from app.identity.api_edge import Act, Acting, act_refusals, fingerprint_of
from app.identity.uploads import read_body
from app.problems import invalid, problem_of

router = APIRouter(prefix="/v1", tags=["gateway"])
LINES_MOST = 5000
# Every line at its longest, each letter written as JSON escapes it (\u0434), and its names.
LIMIT_BYTES = 32 << 20
MARKS_MOST = 50_000  # commas, colons, brackets: six of a line of script, and the scene's
TOLD_MOST = 20  # of what does not fit
READ_S = 120.0  # 32 MiB at 2.2 Mbit a second
AT_ONCE = 2  # that one organization sends: each is held in memory


_coming: Counter[str] = Counter()


class TooManyBatches(AppError):
    """Two batches of one organization come in at once at this server; a third one waits."""

    status, code = 429, "too-many-batches"


class BatchLine(BaseModel):
    """One line of a script, and how long it takes to say."""

    model_config = ConfigDict(extra="forbid")

    line: Line = Field(examples=["I hold the light."])
    length_s: Length = Field(examples=["5"])


class BatchCreate(Scene):
    """One scene, as in a request for a generation, and the lines that are said in it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "replicas": ["rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
                    "project": "NIGHTGLASS",
                    "purpose": "film_scene",
                    "medium": "svod",
                    "territories": ["DE", "FR"],
                    "languages": ["en"],
                    "generator": "local/puppet-1",
                    "lines": [{"line": "I hold the light.", "length_s": "5"}],
                }
            ]
        },
    )

    lines: Annotated[list[BatchLine], Field(min_length=1, max_length=LINES_MOST)]

    def request(self, line: BatchLine) -> GenerationCreate:
        """Return the request for one line, as if it had been sent alone."""
        return GenerationCreate(**self.model_dump(exclude={"lines"}), **line.model_dump())


class BatchTaken(BaseModel):
    """That a batch was taken under this key: another one is refused under it."""

    lines: int
    state: Literal["taken"] = "taken"


def _schema() -> dict[str, Any]:
    """Describe the body, which FastAPI does not read: lines are described where they stand."""
    schema = BatchCreate.model_json_schema()
    schema["properties"]["lines"]["items"] = schema.pop("$defs")["BatchLine"]
    return schema


EXAMPLE = '{"number":0,"status":201,"answer":{"id":"gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"}}\n'


@router.post(
    "/generations/batches",
    status_code=201,
    response_class=StreamingResponse,
    responses={
        201: {
            "description": "One line of JSON for each line, in order, as each is decided.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}, "example": EXAMPLE}},
        },
        **act_refusals(TooLarge, TooSlow, TooManyBatches),
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}
    },
)
@may("organization", to="generate", checks=("project", "contract"))
async def request_batch(request: Request, act: Acting) -> Response:
    """Ask for a generation of each line: up to 5 000, each decided, held and answered by itself.

    `status` and `answer` are what POST /v1/generations would have answered. A batch that broke off
    is sent again under its key: lines that were answered are answered the same, and act once.
    """
    house = act.organization_id
    if _coming[house] >= AT_ONCE:
        raise TooManyBatches(f"{AT_ONCE} batches of yours are still coming in; let one arrive")
    _coming[house] += 1
    try:  # not before it is known who asks: it may be long
        content = await read_body(request, LIMIT_BYTES, within_s=READ_S)
    finally:
        _coming[house] -= 1
    return await run_in_threadpool(_take, act, content)


def _take(act: Act, content: bytes) -> Response:
    if bodies.is_deep(content) or bodies.marks_in(content) > MARKS_MOST:
        raise invalid({"/body": f"this is more than one scene and {LINES_MOST} lines"})
    try:
        body = BatchCreate.model_validate_json(content)
    except ValidationError as misfit:
        told = misfit.errors()[:TOLD_MOST]
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in told]
        ) from None
    act.once(fingerprint_of(body), lambda _: (201, BatchTaken(lines=len(body.lines))))
    answers = (_answer(act, body, number) for number in range(len(body.lines)))
    return StreamingResponse(_lines(answers), 201, media_type="application/x-ndjson")


def _answer(act: Act, body: BatchCreate, number: int) -> dict[str, object]:
    """Act on one line, under a key of its own that no header can spell."""
    one = replace(act, idempotency_key=f"{act.idempotency_key}\x1f{number}")
    request = body.request(body.lines[number])

    def ask(session: Session) -> tuple[int, BaseModel]:
        return answer_request(session, act.principal, request)

    try:
        answered = one.once(fingerprint_of(request), ask)
    except AppError as refused:  # it kept nothing: the same line may be asked again
        problem = problem_of(refused)
        return {"number": number, "status": problem.status, "answer": problem.model_dump()}
    status, content = answered.status_code, from_json(bytes(answered.body))
    return {"number": number, "status": status, "answer": content}


def _lines(answers: Iterator[dict[str, object]]) -> Iterator[bytes]:
    for answer in answers:
        yield to_json(answer) + b"\n"
