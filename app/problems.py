"""RFC 9457 problem documents: how every refusal looks over HTTP."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.errors import AppError

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, why, and what to do next (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", description="URI of the kind of problem.")
    title: str = Field(description="The kind of problem, the same each time.")
    status: int = Field(description="The HTTP status, repeated.")
    detail: str = Field("", description="What happened here, why, and what to do next.")
    code: str = Field(description="Stable code for programs.")


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


def on_app_error(_request: Request, error: Exception) -> JSONResponse:
    """Render a refusal raised anywhere below."""
    if not isinstance(error, AppError):
        raise error
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return problem_response(problem_of(error), headers)


def on_http_error(_request: Request, error: Exception) -> JSONResponse:
    """Render the framework's own refusals (no such route, wrong method) alike."""
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
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
    fields = [
        {"pointer": "/" + "/".join(str(part) for part in item["loc"]), "message": item["msg"]}
        for item in error.errors()
    ]
    where = fields[0]["pointer"] if fields else "the request"
    problem = Problem(
        title="Invalid request",
        status=422,
        detail=f"{where}: {fields[0]['message'] if fields else 'does not fit its schema'}",
        code="invalid-request",
        errors=fields,
    )
    return problem_response(problem)
