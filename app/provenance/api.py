"""The installation's own OCSP responder and time-stamp authority over HTTP: anybody may ask.

Both speak the protocols of RFC 6960 and RFC 3161, whose answers are DER and whose refusals are
answers too. Neither keeps anything of a question.
"""

import base64
import binascii

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from app import rates
from app.access import may
from app.config import settings
from app.errors import BadRequest, NotFound
from app.identity.api_edge import limited
from app.problems import problems
from app.provenance import ocsp
from app.provenance.desk import own_authority_answer

router = APIRouter(tags=["certificates"])
LIMITED = [limited("lookups")]  # each answer is a signature
OCSP_QUESTION, OCSP_ANSWER = "application/ocsp-request", "application/ocsp-response"
TIME_QUESTION, TIME_ANSWER = "application/timestamp-query", "application/timestamp-reply"


def _der(media_type: str, shown: str) -> dict[str, object]:
    schema = {"type": "string", "format": "binary"}
    return {"content": {media_type: {"schema": schema, "example": shown}}}


def _answers(media_type: str) -> dict[int | str, dict[str, object]]:
    return {
        200: {
            "description": "A DER answer, refusals included.",
            **_der(media_type, "DER, as the RFC has it"),
        }
    }


@router.post(
    "/ocsp/",
    dependencies=LIMITED,
    response_class=Response,
    openapi_extra={
        "requestBody": {"required": True, **_der(OCSP_QUESTION, "DER of an OCSPRequest")}
    },
    responses={**_answers(OCSP_ANSWER), **problems(rates.TooManyRequests)},
)
@may("anyone")
async def ask_status(request: Request) -> Response:
    """Say whether a certificate of this installation is revoked (RFC 6960, POST)."""
    return await run_in_threadpool(_status, await request.body())


@router.get(
    "/ocsp/{question:path}",
    dependencies=LIMITED,
    response_class=Response,
    responses={**_answers(OCSP_ANSWER), **problems(BadRequest, NotFound, rates.TooManyRequests)},
)
@may("anyone")
def ask_status_by_get(question: str) -> Response:
    """Say whether a certificate of this installation is revoked (RFC 6960, A.1, GET)."""
    try:
        return _status(base64.b64decode(question, validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest("what follows /ocsp/ is the base64 of a DER OCSP request") from None


@router.post(
    "/tsa",
    dependencies=LIMITED,
    response_class=Response,
    openapi_extra={
        "requestBody": {"required": True, **_der(TIME_QUESTION, "DER of a TimeStampReq")}
    },
    responses={**_answers(TIME_ANSWER), **problems(rates.TooManyRequests)},
)
@may("anyone")
async def ask_time(request: Request) -> Response:
    """Stamp a SHA-256 digest with this installation's own clock (RFC 3161)."""
    question = await request.body()
    answer = await run_in_threadpool(own_authority_answer, settings().keys_dir, question)
    return Response(answer, media_type=TIME_ANSWER)


def _status(question: bytes) -> Response:
    return Response(ocsp.answer(settings().keys_dir, question), media_type=OCSP_ANSWER)
