"""ElevenLabs: the answer to the submit is the audio itself."""
import asyncio
import uuid

from fastapi import APIRouter, Request, Response

from .core import JOBS, MP3, Cut, create, deliver, fail, flag, hit, refuse

router = APIRouter()


@router.post("/v1/text-to-speech/{voice}")
async def eleven_tts(voice: str, req: Request):
    if e := refuse("eleven", req):
        return e
    b = {**await req.json(), "voice": voice}
    if flag(b["text"], "MODERATE") is not None:
        return fail("eleven", 400, "blocked by the content policy")
    jid = uuid.uuid4().hex
    r = create("eleven", b["text"], b, lambda j: {}, jid=jid)
    if jid not in JOBS or isinstance(r, Cut) or r.body != b"{}":
        return r                                 # a submit fault
    j = JOBS[jid]
    if hit(j, "BADJSON"):
        return Response('{"detail": ', media_type="application/json")
    while flag(j.prompt, "HANG") is not None and not await req.is_disconnected():
        await asyncio.sleep(0.2)
    r = deliver(j, MP3, "audio/mpeg", straight=True)
    r.headers.update({"request-id": jid, "character-cost": str(len(b["text"]))})
    return r


@router.post("/v1/voices/add")
async def eleven_voice(req: Request):
    if e := refuse("eleven-voice", req):
        return e
    name = str((await req.form()).get("name", ""))
    return create("eleven-voice", name, {}, lambda j: {"voice_id": "v_" + j.id[:8], "requires_verification": flag(name, "VERIFY") is not None})


@router.get("/v2/voices")
async def eleven_voices(req: Request, search: str = ""):
    if e := refuse("eleven-voice", req):
        return e
    found = [j for j in JOBS.values() if j.provider == "eleven-voice" and not j.deleted and search in j.prompt]
    return {"voices": [{"voice_id": "v_" + j.id[:8], "name": j.prompt} for j in found], "has_more": False}


@router.delete("/v1/voices/{voice}")
async def eleven_voice_delete(voice: str, req: Request):
    if e := refuse("eleven-voice", req):
        return e
    j = next((j for j in JOBS.values() if "v_" + j.id[:8] == voice and not j.deleted), None)
    if j is None:
        return fail("eleven-voice", 404)
    j.deleted = True
    return {"status": "ok"}


def kept(j):
    return j.provider == "eleven" and not j.deleted and flag(j.prompt, "NOHISTORY") is None


@router.get("/v1/history")
async def eleven_history(req: Request, voice_id: str = ""):
    if e := refuse("eleven", req):
        return e
    found = [j for j in JOBS.values() if kept(j) and j.body.get("voice") == voice_id]
    return {"history": [{"history_item_id": j.id, "voice_id": voice_id, "text": j.prompt} for j in found], "has_more": False}


@router.get("/v1/history/{item}/audio")
async def eleven_history_audio(item: str, req: Request):
    if e := refuse("eleven", req):
        return e
    j = JOBS.get(item)
    return deliver(j, MP3, "audio/mpeg", straight=True) if j and kept(j) else fail("eleven", 404)


@router.delete("/v1/history/{item}")
async def eleven_history_delete(item: str, req: Request):
    if e := refuse("eleven", req):
        return e
    if item not in JOBS:
        return fail("eleven", 404)
    JOBS[item].deleted = True
    return {"status": "ok"}
