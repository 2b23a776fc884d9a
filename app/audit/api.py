"""The auditor's desk over HTTP: anybody may ask, without a key; nothing of the file is kept."""

import shutil
from collections.abc import AsyncGenerator
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app import sandbox
from app.audit import desk, service
from app.audit.errors import FileMissing, UploadMalformed
from app.config import settings
from app.errors import TooLarge
from app.problems import problems

router = APIRouter(prefix="/v1", tags=["verification"])
FORM_OVERHEAD_BYTES = 64 << 10

EXAMPLE: JsonDict = {
    "verdict": "recovered",
    "sentence": "It derives from a released output: the watermark says so and the content agrees."
    " Its own credentials are gone, so nothing proves it unchanged. The output it names: licensed"
    " when made, licensed now.",
    "findings": {
        "credentials": "absent",
        "whole_file": "differs",
        "mark": "ours",
        "content": "same",
        "similarity": 0.97,
        "license": {"when_made": "licensed", "now": "licensed"},
        "log": {"state": "logged", "record": "out_01JD…", "leaf_index": 12},
    },
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A picture, film or sound of any kind.",
                        }
                    },
                }
            }
        },
    }
}


class VerificationRead(BaseModel):
    """What a file is, in one word and one sentence, and the findings both rest on."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    verdict: Literal[
        "intact",
        "recovered",
        "altered",
        "transplanted",
        "unknown-origin",
        "not-ours",
        "unreadable",
    ] = Field(description="See docs/provenance.md for what each word takes.")
    sentence: str = Field(description="The verdict in plain words.")
    findings: dict[str, Any] = Field(description="What each step found, apart from the others.")


@router.post(
    "/verifications",
    openapi_extra=BODY,
    responses=problems(FileMissing, UploadMalformed, TooLarge, sandbox.SandboxUnavailable),
)
async def verify_upload(request: Request) -> VerificationRead:
    """Look at a file and say what it is. The file is deleted before the answer is sent."""
    async with _limited_form(request) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise FileMissing("send the file as the form field `file` (multipart/form-data)")
        found = await run_in_threadpool(_verify, upload)
    return VerificationRead(verdict=found.verdict, sentence=found.sentence, findings=found.findings)


class _limited_form:  # noqa: N801  reads as a function at its only call
    """Read a multipart form of limited size; big files spool to disk, and are gone afterwards."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._form: FormData | None = None

    async def __aenter__(self) -> FormData:
        if not self._request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise UploadMalformed("send multipart/form-data with a field `file`")
        parser = MultiPartParser(self._request.headers, self._chunks(), max_files=1, max_fields=4)
        try:
            self._form = await parser.parse()
        except (MultiPartException, KeyError, ValueError) as error:
            raise UploadMalformed(f"the form cannot be read: {error}") from None
        return self._form

    async def __aexit__(self, *_: object) -> None:
        if self._form is not None:
            await self._form.close()

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        """Stop at the limit whatever the headers claim."""
        limit = settings().verify_limit_bytes
        left = limit + FORM_OVERHEAD_BYTES
        async for chunk in self._request.stream():
            left -= len(chunk)
            if left < 0:
                raise TooLarge(f"files of more than {limit >> 20} MiB are not looked at here")
            yield chunk


def _verify(upload: UploadFile) -> service.Verdict:
    """Give the file a path of its own (its name is a stranger's), look, and forget it."""
    with sandbox.private_directory() as directory:
        path = directory / "upload"
        upload.file.seek(0)
        with path.open("wb") as target:
            shutil.copyfileobj(upload.file, target, 1 << 20)
        return desk.look_at(path)
