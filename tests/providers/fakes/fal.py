"""The fal queue (Pika and others); its SDK insists on https: use the TLS port."""
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from .core import JOBS, MP4, create, fail, flag, link, moderated, poll, refuse, text_of

router = APIRouter()


@router.post("/{owner}/{path:path}")
async def fal_submit(owner: str, path: str, req: Request):
    if e := refuse("fal", req):
        return e
    b = await req.json()
    url = f"{req.base_url}{owner}/{path.split('/')[0]}/requests/"
    return create("fal", text_of(b), {**b, "app": f"{owner}/{path}", "webhook": req.query_params.get("fal_webhook")},
                  lambda j: {"request_id": j.id, "gateway_request_id": j.id, "status": "IN_QUEUE", "queue_position": 0,
                             "response_url": url + j.id, "status_url": f"{url}{j.id}/status", "cancel_url": f"{url}{j.id}/cancel"})


@router.get("/{owner}/{alias}/requests/{rid}/status")
async def fal_status(owner: str, alias: str, rid: str, req: Request):
    if e := refuse("fal", req):
        return e
    j = JOBS.get(rid)
    if not j:
        return fail("fal", 404)
    return poll(j, {"status": "IN_PROGRESS", "request_id": rid, "logs": []},
                lambda: {"status": "COMPLETED", "request_id": rid, "logs": [], "metrics": {"inference_time": 1.2}}, status=202)


@router.get("/{owner}/{alias}/requests/{rid}")
async def fal_result(owner: str, alias: str, rid: str, req: Request):
    if e := refuse("fal", req):
        return e
    j = JOBS.get(rid)
    if not j:
        return fail("fal", 404)
    if moderated(j):
        return JSONResponse({"detail": [{"loc": ["body", "prompt"], "type": "content_policy_violation",
                                         "msg": "The content could not be processed because it was flagged by a content checker."}]},
                            422, headers={"x-fal-error-type": "content_policy_violation"})
    if flag(j.prompt, "HANG") is not None:
        return fail("fal", 400, "Request is still in progress")
    return {"video": {"url": link(j, req), "content_type": "video/mp4", "file_size": len(MP4)}}


@router.put("/{owner}/{alias}/requests/{rid}/cancel")
async def fal_cancel(owner: str, alias: str, rid: str, req: Request):
    if e := refuse("fal", req):
        return e
    j = JOBS.get(rid)
    if not j:
        return fail("fal", 404)
    if j.polls >= 2:
        return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
    j.cancelled = True
    return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)
