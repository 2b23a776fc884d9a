"""C2PA Soft Binding Resolution API 1.1.0: from a soft binding, or an asset, to its manifest.

At the paths, and with the statuses and media types, of the OpenAPI document in "C2PA Soft Binding
API" (specification 2.4, section 1.4). What it leaves open is said in docs/soft-bindings.md. Anybody
may ask, without a token; an address may ask only so often.
"""

import base64
import binascii
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from app import db, rates, sandbox
from app.access import may
from app.audit import budget, recovery
from app.audit.errors import (
    AlgorithmUnknown,
    AssetTypeUnknown,
    AssetUnreadable,
    BindingMalformed,
    QueryMalformed,
    QueryTooLong,
    ReferenceRefused,
    SearchGaveUp,
)
from app.audit.evenly import evenly
from app.config import settings
from app.errors import TooLarge
from app.identity.api_edge import limited
from app.identity.uploads import keep_body
from app.problems import OWN_REFUSALS, misfit, problems
from app.provenance.errors import ManifestUnknown
from app.provenance.manifest import ALGORITHM as WATERMARK
from app.provenance.media import sniff
from app.provenance.softbinding import FINGERPRINT_ALGORITHM as FINGERPRINT
from app.twofold import epochs

QUERY_BYTES = 8000  # RFC 9110, 4.1: as long as every server should read
MANIFEST = "application/c2pa"
MEDIA = ("image", "audio", "video")
SHOWN_ID = "urn:c2pa:b7e2f0c4-6f1d-4d6c-9a53-0c1f5e9f2a11:understudy"
SHOWN_VALUE = "ABEiM0RVZv8="
STANDARD = {OWN_REFUSALS: True}


class _Standard(APIRoute):
    """Refuses a query that does not fit with 400, as the specification does, and not with 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plain = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if len(request.url.query) > QUERY_BYTES:
                raise QueryTooLong(f"a query ends at {QUERY_BYTES} bytes here; use POST")
            try:
                return await plain(request)
            except RequestValidationError as error:
                refusal = misfit(error)
                raise QueryMalformed(refusal.detail, **refusal.extra) from None
            except RecursionError:
                raise QueryMalformed("the body is nested too deep to read") from None

        return handler


router = APIRouter(tags=["soft bindings"], route_class=_Standard)
AtMost = Annotated[
    int,
    Query(
        alias="maxResults",
        ge=1,
        description=f"How many identifiers to return; never more than {recovery.RESULTS_MOST}.",
    ),
]
Algorithm = Annotated[str, Query(alias="alg", examples=[WATERMARK])]


class BindingQuery(BaseModel):
    """A soft binding: its algorithm's name on the official list, and its value in base64."""

    alg: str = Field(examples=[WATERMARK])
    value: str = Field(examples=[SHOWN_VALUE])


class MatchRead(BaseModel):
    """One manifest that was found."""

    model_config = ConfigDict(populate_by_name=True)

    manifest_id: str = Field(
        serialization_alias="manifestId", description="Its C2PA name.", examples=[SHOWN_ID]
    )
    similarity_score: int = Field(
        serialization_alias="similarityScore",
        ge=0,
        le=100,
        description="100: a payload that leads there, or a mark on content that agrees. 50: a mark"
        " on content that may be its own. Otherwise how alike the content is.",
        examples=[100],
    )


class MatchesRead(BaseModel):
    """The manifests that were found, strongest match first; maybe none."""

    matches: list[MatchRead]


class AlgorithmRead(BaseModel):
    """A soft binding algorithm, by its name on the official list."""

    alg: str = Field(examples=[WATERMARK])


class AlgorithmsRead(BaseModel):
    """Which soft bindings are resolved here."""

    watermarks: list[AlgorithmRead]
    fingerprints: list[AlgorithmRead]


@router.get(
    "/matches/byBinding",
    dependencies=[limited("lookups")],
    openapi_extra=STANDARD,
    responses=problems(
        QueryMalformed, AlgorithmUnknown, BindingMalformed, QueryTooLong, rates.TooManyRequests
    ),
)
@may("anyone")
def find_by_binding(
    request: Request,
    alg: Algorithm,
    value: Annotated[str, Query(description="Base64 (RFC 4648, 4).", examples=[SHOWN_VALUE])],
    at_most: AtMost = 10,
) -> MatchesRead:
    """Return the identifiers of manifests that a soft binding leads to."""
    # A plus sign that was not escaped arrives as a space, which base64 does not have.
    return _by_binding(request, alg, value.replace(" ", "+"), at_most)


@router.post(
    "/matches/byBinding",
    dependencies=[limited("lookups")],
    openapi_extra=STANDARD,
    responses=problems(
        QueryMalformed,
        AlgorithmUnknown,
        BindingMalformed,
        TooLarge,
        QueryTooLong,
        rates.TooManyRequests,
    ),
)
@may("anyone")
def find_by_large_binding(
    request: Request, body: BindingQuery, at_most: AtMost = 10
) -> MatchesRead:
    """Return the identifiers of manifests that a soft binding too large for an address leads to."""
    return _by_binding(request, body.alg, body.value, at_most)


def _by_binding(request: Request, alg: str, value: str, at_most: int) -> MatchesRead:
    binding = _decoded(value)
    if alg == FINGERPRINT:  # it is compared with every output
        rates.take("files", request.client.host if request.client else "")
    with db.reading() as session:
        return _read(recovery.by_binding(session, alg, binding, at_most=at_most))


def _hint(
    alg: Annotated[str | None, Query(alias="hintAlg")] = None,
    value: Annotated[
        str | None,
        Query(alias="hintValue", description="Base64: a soft binding the asset is said to have."),
    ] = None,
) -> tuple[str, bytes] | None:
    if alg is None and value is None:
        return None
    if alg is None or value is None:
        raise QueryMalformed("hintAlg and hintValue come together or not at all")
    return alg, _decoded(value.replace(" ", "+"))


_ASSET = {"schema": {"type": "string", "format": "binary", "example": "the bytes of the asset"}}


@router.post(
    "/matches/byContent",
    dependencies=[limited("files")],
    openapi_extra={
        **STANDARD,
        "requestBody": {"required": True, "content": {f"{kind}/*": _ASSET for kind in MEDIA}},
    },
    responses=problems(
        QueryMalformed,
        AlgorithmUnknown,
        BindingMalformed,
        AssetUnreadable,
        TooLarge,
        QueryTooLong,
        AssetTypeUnknown,
        rates.TooManyRequests,
        SearchGaveUp,
        sandbox.SandboxUnavailable,
    ),
)
@may("anyone")
async def find_by_content(
    request: Request,
    hint: Annotated[tuple[str, bytes] | None, Depends(_hint)],
    alg: Annotated[str | None, Query(description="Look for this soft binding only.")] = None,
    at_most: AtMost = 10,
) -> MatchesRead:
    """Return the identifiers of manifests that an asset's mark and likeness lead to.

    The asset is read as a file to verify is, and deleted before the answer is sent.
    """
    kind = request.headers.get("content-type", "").partition("/")[0].strip().lower()
    if kind not in MEDIA:
        raise AssetTypeUnknown("send a picture, film or sound, and say so: image/*, video/*…")
    with sandbox.private_directory() as directory:
        path = directory / "upload"
        if not await keep_body(request, path, settings().verify_limit_bytes):
            raise AssetUnreadable("the body is empty; send the bytes of the asset")
        if sniff(path) is None:
            raise AssetTypeUnknown("it begins like no picture, film or sound that we know")

        def look() -> MatchesRead:
            with db.reading() as session:
                found = recovery.by_content(
                    session,
                    path,
                    watermark_keys=epochs.known(session),
                    algorithm=alg,
                    hint=hint,
                    at_most=at_most,
                    may_tell=budget.may_tell,
                )
                return _read(found)

        return await evenly(look)


class Reference(BaseModel):
    """An asset by its address: not fetched."""

    reference_url: str = Field(alias="referenceUrl", examples=["https://example.org/film.mp4"])
    asset_length: int = Field(alias="assetLength", examples=[20971520])


@router.post(
    "/matches/byReference",
    status_code=400,
    response_class=Response,
    dependencies=[limited("lookups")],
    openapi_extra=STANDARD,
    responses=problems(
        ReferenceRefused, QueryMalformed, TooLarge, QueryTooLong, rates.TooManyRequests
    ),
)
@may("anyone")
def refuse_reference(_body: Reference) -> Response:
    """Refuse to fetch an asset: this server asks no address that a stranger names."""
    raise ReferenceRefused(
        "this server fetches nothing from an address in a request, which could be one of its own"
        " network (server-side request forgery); send the asset to /matches/byContent"
    )


@router.get(
    "/manifests/{manifestId}",
    response_class=Response,
    dependencies=[limited("lookups")],
    openapi_extra=STANDARD,
    responses={
        200: {
            "description": "The manifest store, or one with the active manifest alone.",
            "content": {
                MANIFEST: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "JUMBF, as C2PA has it",
                }
            },
        },
        **problems(QueryMalformed, ManifestUnknown, QueryTooLong, rates.TooManyRequests),
    },
)
@may("anyone")
def read_manifest(
    manifest_id: Annotated[str, Path(alias="manifestId")],
    active_only: Annotated[
        bool,
        Query(
            alias="returnActiveManifest",
            description="Leave the manifests of ingredients out of the store.",
        ),
    ] = False,
) -> Response:
    """Return the manifest store that this active manifest is part of."""
    if not (manifest_id.isascii() and manifest_id.isprintable()):
        raise ManifestUnknown("no manifest has such an identifier")
    with db.reading() as session:
        store = recovery.manifest_store(session, manifest_id, active_only=active_only)
    return Response(store, media_type=MANIFEST)


@router.get(
    "/services/supportedAlgorithms",
    dependencies=[limited("lookups")],
    openapi_extra=STANDARD,
    responses=problems(QueryTooLong, rates.TooManyRequests),
)
@may("anyone")
def list_algorithms() -> AlgorithmsRead:
    """List the soft bindings that are resolved here."""
    return AlgorithmsRead(
        watermarks=[AlgorithmRead(alg=WATERMARK)],
        fingerprints=[AlgorithmRead(alg=FINGERPRINT)],
    )


def _decoded(value: str) -> bytes:
    """Read base64 strictly: the standard alphabet, padded, and no bits left over."""
    try:
        plain = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        plain = b""
    if not plain or base64.b64encode(plain).decode() != value:
        raise BindingMalformed("the value is not base64 (RFC 4648, section 4, padded), or is empty")
    return plain


def _read(found: list[recovery.Match]) -> MatchesRead:
    return MatchesRead(
        matches=[
            MatchRead(manifest_id=match.manifest_id, similarity_score=match.similarity_score)
            for match in found
        ]
    )
