"""RFC 9457 problem documents: how every refusal looks over HTTP."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException

from app.errors import AppError, BadRequest, TooLarge

MEDIA_TYPE = "application/problem+json"
OWN_REFUSALS = "x-own-refusals"  # an operation whose standard says how it refuses
KINDS = "tag:understudy.local,2026:problem/"  # RFC 4151: a name, nothing to fetch
logger = structlog.get_logger()
Asked = tuple[str, str]  # verb in lower case, and path
Errors = tuple[type[AppError], ...]


class InvalidRequest(AppError):
    """The request does not fit its schema; `errors` points to each field."""

    status, code = 422, "invalid-request"


class TextRefused(AppError):
    """The request holds text or numbers no record can keep: NUL, half a character, too deep."""

    status, code = 422, "text-refused"


class Problem(BaseModel):
    """What went wrong, why, and what to do next (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("", description="URI of the kind of problem: it ends in `code`.")
    title: str = Field(description="The kind of problem, the same each time.")
    status: int = Field(description="The HTTP status, repeated.")
    detail: str = Field("", description="What happened here, why, and what to do next.")
    code: str = Field(description="Stable code for programs.")

    @model_validator(mode="after")
    def _name_the_kind(self) -> "Problem":
        self.type = self.type or KINDS + self.code
        return self


def problem_of(error: AppError) -> Problem:
    """Render an error as the problem document it stands for."""
    return Problem(
        title=error.code.replace("-", " ").capitalize(),
        status=error.status,
        detail=error.detail,
        code=error.code,
        **error.extra,
    )


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Answer with a problem document."""
    return JSONResponse(
        problem.model_dump(mode="json"), problem.status, headers=headers, media_type=MEDIA_TYPE
    )


def problems(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Document which errors a route may answer with: for FastAPI's `responses=`."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = by_status.setdefault(
            error.status, {"model": Problem, "description": "", "content": {MEDIA_TYPE: {}}}
        )
        what = (error.__doc__ or error.code).splitlines()[0]
        entry["description"] = f"{entry['description']} `{error.code}`: {what}".strip()
        examples = entry["content"][MEDIA_TYPE].setdefault("examples", {})
        examples[error.code] = {"value": problem_of(error(what)).model_dump(mode="json")}
    return by_status


def shows(example: Any) -> dict[int | str, dict[str, Any]]:
    """Document an answer in JSON by one example: for FastAPI's `responses=`."""
    return {200: {"content": {"application/json": {"example": example}}}}


def complete(openapi: dict[str, Any], also: Mapping[Asked, Errors]) -> dict[str, Any]:
    """Say of every operation what the edge itself may refuse, and that refusals are problems.

    `also`: what an operation may refuse beside, unless its own standard says how it refuses.

    Changes the document in place and returns it: FastAPI's own validation errors, which this
    application never sends, are replaced by the problem documents that it does send.
    """
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            _complete(operation, also.get((verb, path), ()))
    schemas = openapi["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    return openapi


def _complete(operation: dict[str, Any], also: Errors) -> None:
    own = operation.pop(OWN_REFUSALS, False)
    edge: list[type[AppError]] = [] if own else [*also]
    reads_json = "application/json" in _body_types(operation)
    if not own and (operation.get("parameters") or reads_json):
        edge += [InvalidRequest, TextRefused]
    if not own and reads_json:
        edge += [BadRequest, TooLarge]
    answers = operation["responses"]
    if answers.get("422", {}).get("description") == "Validation Error":
        del answers["422"]  # FastAPI's own
    for status, said in problems(*edge).items():
        if str(status) in answers:
            there = answers[str(status)]
            there["description"] += " " + said["description"]
            kept = there["content"].setdefault(MEDIA_TYPE, {}).setdefault("examples", {})
            kept.update(said["content"][MEDIA_TYPE]["examples"])
        else:
            answers[str(status)] = {k: v for k, v in said.items() if k != "model"}
    for answer in answers.values():
        content = answer.get("content", {})
        if MEDIA_TYPE in content:
            content.pop("application/json", None)
            content[MEDIA_TYPE]["schema"] = {"$ref": "#/components/schemas/Problem"}


def _body_types(operation: dict[str, Any]) -> set[str]:
    return set(operation.get("requestBody", {}).get("content", {}))


def on_app_error(_request: Request, error: Exception) -> JSONResponse:
    """Render a refusal raised anywhere below; a defect's detail is for the operator's log."""
    if not isinstance(error, AppError):
        raise error
    problem = problem_of(error)
    if error.status == 500:
        logger.error("a request failed", code=error.code, exc_info=error)
        problem = _defect(error.code)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if "retry_after_s" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after_s"])  # RFC 9110, 10.2.3
    return problem_response(problem, headers)


def on_defect(_request: Request, _error: Exception) -> JSONResponse:
    """Render what nobody foresaw; the server logs it, the caller learns nothing of it."""
    return problem_response(_defect(AppError.code))


def _defect(code: str) -> Problem:
    return Problem(
        title=code.replace("-", " ").capitalize(),
        status=500,
        detail="Something failed on this side. Nothing was kept; the operator's log says why.",
        code=code,
    )


def on_unkeepable(_request: Request, _error: Exception) -> JSONResponse:
    """Render what no database column holds, and what is nested too deep to read."""
    return problem_response(problem_of(TextRefused((TextRefused.__doc__ or "").strip())))


def on_http_error(_request: Request, error: Exception) -> JSONResponse:
    """Render the framework's own refusals (no such route, wrong method) alike."""
    if not isinstance(error, HTTPException):
        raise error
    codes = {
        400: BadRequest.code,
        404: "not-found",
        405: "method-not-allowed",
        413: TooLarge.code,
        422: TextRefused.code,
    }
    code = codes.get(error.status_code, "http-error")
    problem = Problem(
        title=code.replace("-", " ").capitalize(),
        status=error.status_code,
        detail=str(error.detail),
        code=code,
    )
    return problem_response(problem, dict(error.headers or {}))


def on_invalid_request(_request: Request, error: Exception) -> JSONResponse:
    """Render a request that does not fit its schema, with a JSON pointer to each field."""
    if not isinstance(error, RequestValidationError):
        raise error
    return problem_response(problem_of(misfit(error)))


def misfit(error: RequestValidationError) -> InvalidRequest:
    """Return the refusal of a request that does not fit its schema."""
    return invalid({_pointer(item["loc"]): item["msg"] for item in error.errors()})


def invalid(fields: dict[str, str]) -> InvalidRequest:
    """Return the refusal of these fields: JSON pointer (RFC 6901) to what is wrong there."""
    errors = [{"pointer": pointer, "message": message} for pointer, message in fields.items()]
    first = "; ".join(f"{pointer}: {message}" for pointer, message in list(fields.items())[:1])
    return InvalidRequest(first or "the request does not fit its schema", errors=errors)


def _pointer(parts: tuple[int | str, ...]) -> str:
    """Write where something is; a name the caller made up may hold half a character."""
    named = [str(part).replace("~", "~0").replace("/", "~1")[:200] for part in parts]
    return "/" + "/".join(named).encode(errors="backslashreplace").decode()
