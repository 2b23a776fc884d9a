"""Hedra v3, which honours Idempotency-Key."""
import uuid

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from .core import IDEMPOTENCY, JOBS, create, fail, flag, link, moderated, poll, refuse, text_of

router = APIRouter()


@router.post("/hedra/v3/files")
async def hedra_file(req: Request):
    if e := refuse("hedra", req):
        return e
    f = (await req.form())["file"]
    return {"url": f"{req.base_url}hedra-files/{uuid.uuid4().hex}?signature=fake", "content_type": f.content_type, "expires_at": "2027-01-01T00:00:00Z"}


@router.post("/hedra/v3/models/{model}")
async def hedra_submit(model: str, req: Request):
    if e := refuse("hedra", req):
        return e
    b = await req.json()

    def answer(j):
        return {"job_id": j.id, "model": model, "status": "IN_QUEUE", "status_url": f"/v3/jobs/{j.id}/status", "result_url": f"/v3/jobs/{j.id}"}
    key = req.headers.get("idempotency-key")
    if key in IDEMPOTENCY:
        return JSONResponse(answer(JOBS[IDEMPOTENCY[key]]), 202)
    jid = uuid.uuid4().hex
    r = create("hedra", text_of(b), {**b, "model": model}, answer, jid=jid, status=202)
    if key and jid in JOBS:
        IDEMPOTENCY[key] = jid
    return r


@router.get("/hedra/v3/jobs/{jid}/status")
async def hedra_status(jid: str, req: Request):
    if e := refuse("hedra", req):
        return e
    j = JOBS.get(jid)
    if not j:
        return fail("hedra", 404)
    return poll(j, {"job_id": jid, "status": "IN_PROGRESS", "progress": 0.5},
                lambda: {"job_id": jid, "status": "FAILED" if moderated(j) else "COMPLETED", "progress": 1.0})


@router.get("/hedra/v3/jobs/{jid}")
async def hedra_result(jid: str, req: Request):
    if e := refuse("hedra", req):
        return e
    j = JOBS.get(jid)
    if not j:
        return fail("hedra", 404)
    base = {"job_id": jid, "model": j.body["model"]}
    if moderated(j):
        return {**base, "status": "FAILED", "outputs": [], "error": {"code": "MODERATION_FAILED", "message": "content moderated", "retryable": False}}
    if flag(j.prompt, "HANG") is not None:
        return {**base, "status": "IN_PROGRESS", "outputs": []}
    return {**base, "status": "COMPLETED", "outputs": [{"status": "COMPLETED", "url": link(j, req), "content_type": "video/mp4", "duration_ms": 2000}]}
