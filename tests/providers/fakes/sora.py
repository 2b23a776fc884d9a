"""OpenAI /v1/videos: the service was shut down on 2026-09-24."""
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from .core import JOBS, MP4, Job, create, deliver, fail, flag, poll, refuse

router = APIRouter()


def sora_video(j: Job, status: str):
    return {"id": "video_" + j.id, "object": "video", "created_at": int(j.created), "model": j.body["model"],
            "status": status, "progress": 100 if status == "completed" else 33, "seconds": j.body["seconds"],
            "size": j.body["size"], "prompt": j.prompt, "error": None, "completed_at": None,
            "expires_at": int(j.created) + 3600, "remixed_from_video_id": None}


def sora_job(vid: str) -> Job | None:
    j = JOBS.get(vid.removeprefix("video_"))
    return None if j is None or j.deleted else j


@router.post("/v1/videos")
async def sora_create(req: Request):
    if e := refuse("sora", req):
        return e
    f = await req.form()
    prompt = f.get("prompt", "")
    ref = f.get("input_reference")
    size = len(await ref.read()) if hasattr(ref, "read") else 0
    if flag(prompt, "MODERATE") is not None:     # refused before a job exists
        return fail("sora", 400, "Your request was blocked by our moderation system.")
    b = {"model": f.get("model", "sora-2"), "seconds": f.get("seconds", "4"), "size": f.get("size", "720x1280"), "reference_bytes": size}
    return create("sora", prompt, b, lambda j: sora_video(j, "queued"))


@router.get("/v1/videos/{vid}")
async def sora_get(vid: str, req: Request):
    if e := refuse("sora", req):
        return e
    if not (j := sora_job(vid)):
        return fail("sora", 404)
    r = poll(j, sora_video(j, "in_progress"), lambda: JSONResponse(sora_video(j, "completed")))
    r.headers["openai-poll-after-ms"] = "200"
    return r


@router.get("/v1/videos/{vid}/content")
async def sora_content(vid: str, req: Request, variant: str = "video"):
    if e := refuse("sora", req):
        return e
    j = sora_job(vid)
    return deliver(j, MP4, "video/mp4") if j else fail("sora", 404)


@router.delete("/v1/videos/{vid}")
async def sora_delete(vid: str):
    if j := sora_job(vid):
        j.deleted = True                         # still a paid job
    return {"id": vid, "deleted": True, "object": "video.deleted"}
