"""HeyGen v3 and Synthesia v2, from public documentation only."""
from fastapi import APIRouter, Request

from .core import JOBS, create, fail, link, moderated, poll, refuse, text_of

router = APIRouter()


@router.post("/v3/videos")
async def heygen_create(req: Request):
    if e := refuse("heygen", req):
        return e
    b = await req.json()
    return create("heygen", text_of(b), b, lambda j: {"data": {"video_id": j.id, "status": "waiting"}})


@router.get("/v3/videos/{vid}")
async def heygen_get(vid: str, req: Request):
    if e := refuse("heygen", req):
        return e
    j = JOBS.get(vid)
    if not j:
        return fail("heygen", 404)

    def done():
        if moderated(j):
            return {"data": {"id": vid, "status": "failed", "failure_code": "moderation", "failure_message": "content moderated"}}
        return {"data": {"id": vid, "status": "completed", "video_url": link(j, req), "duration": 2.0}}
    return poll(j, {"data": {"id": vid, "status": "processing"}}, done)


@router.post("/v2/videos")
async def synthesia_create(req: Request):
    if e := refuse("synthesia", req):
        return e
    b = await req.json()
    return create("synthesia", text_of(b), b, lambda j: {"id": j.id, "status": "in_progress"}, status=201)


@router.get("/v2/videos/{vid}")
async def synthesia_get(vid: str, req: Request):
    if e := refuse("synthesia", req):
        return e
    j = JOBS.get(vid)
    if not j:
        return fail("synthesia", 404)
    return poll(j, {"id": vid, "status": "in_progress"},
                lambda: {"id": vid, "status": "rejected"} if moderated(j) else {"id": vid, "status": "complete", "download": link(j, req)})
