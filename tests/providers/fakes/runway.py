"""Runway: tasks and uploads."""
import uuid

from fastapi import APIRouter, Request, Response

from .core import JOBS, REQUESTS, create, fail, link, moderated, poll, refuse, text_of

router = APIRouter()
RUNWAY_OPS = {"image_to_video", "text_to_video", "video_to_video", "character_performance", "text_to_image", "avatar_videos", "text_to_speech"}


@router.post("/v1/{op}")
async def runway_create(op: str, req: Request):
    if op != "uploads" and op not in RUNWAY_OPS:
        return fail("runway", 404)
    if e := refuse("runway", req):
        return e
    if op == "uploads":
        uid = uuid.uuid4().hex
        return {"runwayUri": f"runway://{uid}", "uploadUrl": f"{req.base_url}runway-upload/{uid}", "fields": {"key": uid}}
    b = await req.json()
    return create("runway", text_of(b), {**b, "op": op}, lambda j: {"id": j.id, "estimatedCost": {"credits": 5.0 * b.get("duration", 5)}}, jid=str(uuid.uuid4()))


@router.post("/runway-upload/{uid}")
async def runway_upload(uid: str, req: Request):
    f = await req.form()
    REQUESTS["runway upload bytes"] += len(await f["file"].read())
    return Response(status_code=204)


@router.get("/v1/tasks/{tid}")
async def runway_task(tid: str, req: Request):
    if e := refuse("runway", req):
        return e
    j = JOBS.get(tid)
    if not j:
        return fail("runway", 404)
    base = {"id": tid, "createdAt": "2026-11-22T00:00:00.000Z"}
    if j.cancelled:
        return {**base, "status": "CANCELLED", "cost": {"credits": 0}}

    def done():
        if moderated(j):                         # moderated and billed in full
            return {**base, "status": "FAILED", "failure": "Content moderated", "failureCode": "SAFETY.INPUT.TEXT", "cost": {"credits": 25}}
        return {**base, "status": "SUCCEEDED", "cost": {"credits": 25}, "output": [link(j, req, "png" if j.body["op"] == "text_to_image" else "mp4")]}
    return poll(j, {**base, "status": "RUNNING", "progress": 0.5, "estimatedCost": {"credits": 25}}, done)


@router.delete("/v1/tasks/{tid}")
async def runway_cancel(tid: str, req: Request):
    if e := refuse("runway", req):
        return e
    if tid in JOBS:
        JOBS[tid].cancelled = True
    return Response(status_code=204)
