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
    b = await req.json()
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
    r = deliver(j, MP3, "audio/mpeg")
    r.headers.update({"request-id": jid, "character-cost": str(len(b["text"]))})
    return r


@router.post("/v1/voices/add")
async def eleven_voice(req: Request):
    if e := refuse("eleven-voice", req):
        return e
    name = str((await req.form()).get("name", ""))
    return create("eleven-voice", name, {}, lambda j: {"voice_id": "v_" + j.id[:8], "requires_verification": False})
