"""Google: Veo on Vertex and on the Gemini API, and Interactions (Omni)."""
import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from .core import JOBS, MP4, REQUESTS, create, deliver, fail, inline, moderated, poll, refuse, text_of

router = APIRouter()
TOKEN_KEY: list = []                             # a public RSA key to check assertions with
ASSERTED: list[dict] = []                        # what was claimed to get tokens


@router.post("/token")
async def token(req: Request):
    """OAuth 2.0 for service accounts (RFC 7523); the signature is checked where TOKEN_KEY is set."""
    form = await req.form()
    head, claims, seal = str(form.get("assertion", "..")).split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    REQUESTS["google tokens"] += 1
    ASSERTED.append(said)
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" or "refused" in said["iss"]:
        return JSONResponse({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
    if TOKEN_KEY:
        TOKEN_KEY[0].verify(base64.urlsafe_b64decode(seal + "=="), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return {"access_token": f"ya29.fake-{REQUESTS['google tokens']}", "expires_in": 3599, "token_type": "Bearer"}


@router.post("/{ver}/{rest:path}:predictLongRunning")
async def veo_submit(ver: str, rest: str, req: Request):
    if e := refuse("veo", req):
        return e
    b = await req.json()
    inst, par = b["instances"][0], b.get("parameters", {})
    if par.get("personGeneration") == "dont_allow" and inst.get("image"):
        return fail("veo", 400, "The input image contains a person but personGeneration is dont_allow.")
    return create("veo", inst.get("prompt"), b, lambda j: {"name": f"{rest}/operations/{j.id}"})


@router.post("/{ver}/{rest:path}:fetchPredictOperation")
async def veo_fetch(ver: str, rest: str, req: Request):
    if e := refuse("veo", req):
        return e
    name = (await req.json())["operationName"]
    j = JOBS.get(name.rsplit("/", 1)[1])
    if not j:
        return fail("veo", 404)
    typ = "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse"

    def done():
        if moderated(j):                         # done, no error, no videos
            return {"name": name, "done": True, "response": {"@type": typ, "raiMediaFilteredCount": 1,
                    "raiMediaFilteredReasons": ["The prompt could not be submitted: celebrity. Support codes: 29310472"]}}
        to = j.body.get("parameters", {}).get("storageUri")
        video = {"gcsUri": f"{to.rstrip('/')}/{j.id}/sample_0.mp4"} if to else {"bytesBase64Encoded": base64.b64encode(MP4).decode()}
        return inline(j, {"name": name, "done": True, "response": {"@type": typ, "raiMediaFilteredCount": 0, "videos": [{**video, "mimeType": "video/mp4"}]}})
    return poll(j, {"name": name}, done)


@router.get("/{ver}/models/{model}/operations/{oid}")
async def veo_dev_operation(ver: str, model: str, oid: str, req: Request):
    if e := refuse("veo", req):
        return e
    j = JOBS.get(oid)
    if not j:
        return fail("veo", 404)
    name = f"models/{model}/operations/{oid}"

    def done():
        if moderated(j):
            return {"name": name, "done": True, "response": {"generateVideoResponse": {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["blocked: celebrity"]}}}
        # The service answers with its public host. The SDK takes only the file name from it and asks its own base URL.
        return {"name": name, "done": True, "response": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse",
            "generateVideoResponse": {"generatedSamples": [{"video": {"uri": f"https://generativelanguage.googleapis.com/{ver}/files/{oid[:12]}:download?alt=media"}}]}}}
    return poll(j, {"name": name}, done)


@router.get("/{ver}/files/{name}:download")
async def google_download(ver: str, name: str, req: Request):
    if e := refuse("veo", req):
        return e
    j = next((j for j in JOBS.values() if j.id.startswith(name)), None)
    return deliver(j, MP4, "video/mp4") if j else fail("veo", 404)




OMNI_DATES = {"created": "2026-11-22T00:00:00Z", "updated": "2026-11-22T00:00:00Z"}


@router.post("/{ver}/interactions")
async def omni_create(ver: str, req: Request):
    if e := refuse("omni", req):
        return e
    b = await req.json()
    prompt = b["input"] if isinstance(b.get("input"), str) else text_of(b.get("input"))
    return create("omni", prompt, b, lambda j: {"id": j.id, "object": "interaction", "model": b["model"], "status": "in_progress", **OMNI_DATES})


@router.get("/{ver}/interactions/{iid}")
async def omni_get(ver: str, iid: str, req: Request):
    if e := refuse("omni", req):
        return e
    j = JOBS.get(iid)
    if not j:
        return fail("omni", 404)
    base = {"id": iid, "object": "interaction", "model": j.body["model"], **OMNI_DATES}
    if j.cancelled:
        return {**base, "status": "cancelled"}

    def done():
        if moderated(j):
            return {**base, "status": "failed", "errors": [{"code": "blocked", "message": "blocked by safety filters"}]}
        fmt = j.body.get("response_format")
        by_uri = isinstance(fmt, dict) and fmt.get("delivery") == "uri"
        video = {"uri": f"{req.base_url}{ver}/files/{iid[:12]}:download?alt=media"} if by_uri else {"data": base64.b64encode(MP4).decode()}
        return inline(j, {**base, "status": "completed",
                          "usage": {"total_output_tokens": 57920, "output_tokens_by_modality": [{"modality": "video", "tokens": 57920}]},
                          "steps": [{"type": "model_output", "content": [{"type": "video", "mime_type": "video/mp4", **video}]}]})
    return poll(j, {**base, "status": "in_progress"}, done)


@router.delete("/{ver}/interactions/{iid}")
async def omni_delete(ver: str, iid: str, req: Request):
    if e := refuse("omni", req):
        return e
    if iid not in JOBS:
        return fail("omni", 404)
    JOBS[iid].deleted = True
    return {}


@router.post("/{ver}/interactions/{iid}/cancel")
async def omni_cancel(ver: str, iid: str, req: Request):
    if iid in JOBS:
        JOBS[iid].cancelled = True
    return await omni_get(ver, iid, req)
