"""The auditor's desk over HTTP: anybody may ask, without a key; nothing of the file is kept."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlmodel import Session
from starlette.datastructures import UploadFile

from app import clock, db, rates, sandbox
from app.access import may
from app.audit import desk, service
from app.audit.evenly import evenly
from app.audit.original import NOT_SHOWN
from app.config import settings
from app.errors import NotFound, TooLarge
from app.identity import authentication
from app.identity.api_edge import KnownCaller, limited
from app.identity.errors import FileMissing, NotAuthenticated, UploadMalformed
from app.identity.principal import Principal
from app.identity.uploads import file_of, form_body, limited_form
from app.licensing.disclosures.proof import holder_of
from app.licensing.document.disclosure import Viewer
from app.licensing.errors import VerifierProofRefused
from app.problems import problems

router = APIRouter(prefix="/v1", tags=["verification"])

EXAMPLE: JsonDict = {
    "verdict": "recovered",
    "sentence": "It derives from a released output: the watermark says so and the content agrees."
    " Its own credentials are gone, so nothing proves it unchanged. The output it names: licensed"
    " when made, licensed now.",
    "next_step": "Do not take it for unchanged: ask whoever published it for the released original,"
    " and compare.",
    "findings": {
        "credentials": "absent",
        "whole_file": "differs",
        "mark": "ours",
        "content": "same",
        "similarity": 0.97,
        "license": {"when_made": "licensed", "now": "licensed"},
        "log": {"state": "logged", "record": "out_01JD…", "leaf_index": 12},
        "disclosed": {"level": "license"},
        "released_original": {"still": None, "said": NOT_SHOWN},
    },
}
VerifierProof = Annotated[
    str | None,
    Header(
        max_length=4000,
        description="For who has no account: a JWS that proves who holds a key that was granted "
        "more (docs/disclosure.md).",
    ),
]
NEEDS_NO_KEY: dict[str, Any] = {"security": [{}]}  # beside the one that lets a key be sent
FILE = {
    "type": "string",
    "format": "binary",
    "description": "A picture, film or sound of any kind.",
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
    sentence: str = Field(description="What was found, and why that makes this verdict.")
    next_step: str = Field(description="What to do now.")
    findings: dict[str, Any] = Field(description="What each step found, apart from the others.")


@router.post(
    "/verifications",
    dependencies=[limited("files")],
    openapi_extra=form_body(file=FILE) | NEEDS_NO_KEY,
    responses=problems(
        FileMissing,
        UploadMalformed,
        TooLarge,
        NotAuthenticated,
        VerifierProofRefused,
        rates.TooManyRequests,
        sandbox.SandboxUnavailable,
    ),
)
@may("anyone")
async def verify_upload(
    request: Request, caller: KnownCaller, verifier_proof: VerifierProof = None
) -> VerificationRead:
    """Look at a file and say what it is. The file is deleted before the answer is sent.

    Needs no key. Who sends one, or proves to hold one, is told what its contracts let them see.
    """
    async with limited_form(request, settings().verify_limit_bytes) as form:
        upload = file_of(form, "file")
        found = await evenly(lambda: _verify(upload, caller, verifier_proof))
    return VerificationRead(
        verdict=found.verdict,
        sentence=found.sentence,
        next_step=found.next_step,
        findings=found.findings,
    )


def _verify(
    upload: UploadFile, caller: Principal | None, verifier_proof: str | None
) -> service.Verdict:
    with db.reading() as session:
        viewer = _viewer(session, caller, verifier_proof)
    return desk.look_at_upload(upload.file, viewer=viewer)


def _viewer(session: Session, caller: Principal | None, verifier_proof: str | None) -> Viewer:
    """Say who looks: nobody in particular, who holds an API key that stands, or a key of theirs."""
    names = set()
    if caller is not None:
        authentication.check_standing(session.connection(), caller)
        names.add(caller.organization_id)
    if verifier_proof is not None:
        audience = settings().public_url
        names.add(holder_of(verifier_proof, audience=audience, at=clock.now()))
    return Viewer(frozenset(names))


class LicenseRead(BaseModel):
    """Whether an output was licensed when it was made, and whether it is now."""

    when_made: str = Field(examples=["licensed"], description="licensed or not-licensed")
    now: str = Field(examples=["not-licensed"], description="licensed or not-licensed")
    disclosed: dict[str, Any] = Field(
        examples=[{"level": "license"}],
        description="The level of who asks, and what its contracts let them see.",
    )


@router.get(
    "/licenses/{generation_id}",
    dependencies=[limited("lookups")],
    responses=problems(NotFound, NotAuthenticated, VerifierProofRefused, rates.TooManyRequests),
    openapi_extra=NEEDS_NO_KEY,
)
@may("anyone")
def read_license(
    generation_id: str,
    response: Response,
    caller: KnownCaller,
    verifier_proof: VerifierProof = None,
) -> LicenseRead:
    """Say whether a released output was licensed then and is now. The manifest points here.

    Needs no key. Who sends one, or proves to hold one, is told what its contracts let them see.
    """
    alone = "private, no-store" if caller or verifier_proof else "public, max-age=60"
    response.headers.update({"Cache-Control": alone, "Vary": "Authorization, Verifier-Proof"})
    with db.reading() as session:
        viewer = _viewer(session, caller, verifier_proof)
        return LicenseRead(**service.license_of(session, generation_id, viewer=viewer))
