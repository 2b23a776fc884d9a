"""What all the fakes share: jobs, faults, delivery, and how each provider says no."""
import asyncio
import base64
import collections
import dataclasses
import json
import math
import os
import re
import time
import uuid
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

MP4 = Path(os.environ.get("FAKE_MP4") or Path(__file__).parent.parent.joinpath("sample.mp4")).read_bytes()
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
MP3 = Path(os.environ.get("FAKE_MP3") or Path(__file__).parent.parent.joinpath("sample.mp3")).read_bytes()
WORDLESS = ""                                    # what is taken for the words of an order without any
ENDLESS_DELAY = float(os.environ.get("FAKE_ENDLESS_DELAY", "0.5"))
PRIVATE = "http://169.254.169.254/"


@dataclasses.dataclass
class Job:
    """One thing a real provider would bill for. Never removed except by POST /_reset."""
    id: str
    provider: str
    prompt: str
    body: dict
    created: float = dataclasses.field(default_factory=time.time)
    polls: int = 0
    links: int = 0                               # download URLs handed out
    downloads: int = 0
    cancelled: bool = False
    deleted: bool = False
    hits: collections.Counter = dataclasses.field(default_factory=collections.Counter)


JOBS: dict[str, Job] = {}
IDEMPOTENCY: dict[str, str] = {}                 # Hedra: Idempotency-Key -> job id
ONCE: set[tuple] = set()
REQUESTS: collections.Counter = collections.Counter()
LOG: list[dict] = []
LOGGED_HEADERS = {b"authorization", b"x-goog-api-key", b"xi-api-key", b"x-api-key", b"x-runway-version", b"idempotency-key",
                  b"x-stainless-retry-count", b"x-fal-no-retry", b"content-type", b"user-agent", b"host", b"cookie"}


# ------------------------------------------------------------------ faults
def flag(text: str, word: str) -> float | None:
    """None: word absent. inf: always. n: only the first n times (EXPIRED2 -> 2)."""
    m = re.search(rf"(?<![A-Za-z0-9_]){word}(\d*)(?![A-Za-z0-9_])", text or "")
    return None if not m else int(m[1]) if m[1] else math.inf


def hit(job: Job, word: str) -> bool:
    n = flag(job.prompt, word)
    if n is None:
        return False
    job.hits[word] += 1
    return job.hits[word] <= n


def once(word: str, provider: str, prompt: str) -> bool:
    """True the first time this provider sees this prompt with this word."""
    k = (word, provider, prompt)
    if not re.search(rf"\b{word}\b", prompt or "") or k in ONCE:
        return False
    ONCE.add(k)
    return True


class Cut(Response):
    """Announces the whole body, sends a part of it, then the server drops the connection."""

    def __init__(self, body: bytes, media_type: str):
        super().__init__(b"", media_type=media_type)
        self.part, self.whole = body[:len(body) // 2], len(body)

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [
            (b"content-type", self.media_type.encode()), (b"content-length", str(self.whole).encode())]})
        await send({"type": "http.response.body", "body": self.part, "more_body": True})


def endless(first: bytes, media_type: str) -> StreamingResponse:
    async def chunks():
        yield first
        while True:
            await asyncio.sleep(ENDLESS_DELAY)
            yield b"A" * 1024
    return StreamingResponse(chunks(), media_type=media_type)


def deliver(job: Job, body: bytes, media_type: str, serial: int = 1, straight: bool = False):
    """Every result that leaves the fake passes here, inline or by URL; `straight` ones have no link."""
    job.downloads += 1
    n = flag(job.prompt, "EXPIRED")
    by_link = "json" not in media_type and not straight
    if n is not None and serial <= n and by_link:
        return Response("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", 403, media_type="application/xml")
    if by_link and hit(job, "REDIRECT_PRIVATE"):
        return RedirectResponse(PRIVATE, 302)
    if hit(job, "TRUNCATED"):
        return Cut(body, media_type)
    if hit(job, "ENDLESS"):
        return endless(body[:64], media_type)
    return Response(body, media_type=media_type)


def inline(job: Job, answer: dict):
    return deliver(job, json.dumps(answer).encode(), "application/json")


def link(job: Job, req: Request, suffix: str = "mp4") -> str:
    job.links += 1
    return f"{req.base_url}cdn/{job.provider}/{job.id}/{job.links}.{suffix}?signature=fake"


# ------------------------------------------------------------------ submit and poll, the same for everybody
TEXT_KEYS = ("prompt", "promptText", "script", "scriptText", "text", "input_text")


def text_of(body) -> str:
    """The words a person wrote, wherever the provider keeps them; the whole body when there are none."""
    found = []

    def walk(x):
        if isinstance(x, dict):
            for k, v in x.items():
                found.append(v) if k in TEXT_KEYS and isinstance(v, str) else walk(v)
        elif isinstance(x, list):
            for v in x:
                walk(v)
    walk(body)
    return " ".join(found) or WORDLESS or re.sub(r'data:[^"]*', "data:", json.dumps(body, sort_keys=True))


def create(provider: str, prompt: str, body: dict, answer, *, jid: str | None = None, status: int = 200):
    """Create one paid job and answer, unless the prompt asks for a fault. `answer` maps the job to the reply."""
    if once("RATE429", provider, prompt):
        return fail(provider, 429)
    job = Job(jid or uuid.uuid4().hex, provider, prompt or "", body)
    JOBS[job.id] = job
    if once("LOSTREPLY", provider, prompt):
        return fail(provider, 500)
    raw = json.dumps(answer(job)).encode()
    if once("CUTREPLY", provider, prompt):
        return Cut(raw, "application/json")
    if once("BADREPLY", provider, prompt):
        return Response(raw[:len(raw) // 2], status, media_type="application/json")
    return Response(raw, status, media_type="application/json")


def poll(job: Job, running: dict, done, status: int = 200):
    """`done` is called once the job has finished; it returns a Response or a dict."""
    job.polls += 1
    if hit(job, "BADJSON"):
        return Response('{"status": "SUCC', media_type="application/json")
    if flag(job.prompt, "HANG") is not None or job.polls < (3 if flag(job.prompt, "SLOW") is not None else 2):
        return JSONResponse(running, status)
    return done()


def moderated(job: Job) -> bool:
    return flag(job.prompt, "MODERATE") is not None


# ------------------------------------------------------------------ how each provider says no
GOOGLE = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
HEDRA = {401: "UNAUTHORIZED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
OPENAI = {400: ("invalid_request_error", "moderation_blocked"), 401: ("invalid_request_error", "invalid_api_key"), 403: ("invalid_request_error", "unsupported_country_region_territory"),
          404: ("invalid_request_error", None), 429: ("requests", "rate_limit_exceeded"), 500: ("server_error", None)}
WORDS = {400: "bad request", 401: "invalid API key", 403: "not permitted", 404: "not found", 429: "rate limit reached", 500: "internal error", 503: "try again"}


def fail(provider: str, status: int, message: str | None = None):
    """500 means: a lost reply, in the provider's own manner."""
    message = message or WORDS[status]
    headers = {"retry-after": "1"} if status == 429 else {}
    if provider in ("veo", "omni"):
        status = 503 if status == 500 else status
        body = {"error": {"code": status, "status": GOOGLE[status], "message": message}}
    elif provider == "sora":
        typ, code = OPENAI[status]
        body = {"error": {"message": message, "type": typ, "code": code, "param": None}}
        headers["x-request-id"] = "req_fake"
    elif provider == "runway":
        body = {"error": message}
    elif provider == "fal":
        if status == 500:                        # what an ingress timeout looks like after the job was queued
            return Response("<html><center>nginx</center></html>", 504, media_type="text/html")
        body = {"detail": message}
    elif provider == "hedra":
        status = 503 if status == 500 else status
        body = {"error": {"code": HEDRA[status], "message": message, "retryable": status in (429, 503)}, "trace_id": uuid.uuid4().hex}
    elif provider.startswith("eleven"):
        body = {"detail": {"status": {401: "invalid_api_key", 429: "too_many_concurrent_requests"}.get(status, "error"), "message": message}}
    elif provider == "heygen":
        body = {"error": {"code": message.replace(" ", "_"), "message": message, "param": None, "doc_url": None}}
    else:
        body = {"error": message}
    return JSONResponse(body, status, headers=headers)


KEY_HEADER = {"veo": "x-goog-api-key", "omni": "x-goog-api-key", "eleven": "xi-api-key", "eleven-voice": "xi-api-key", "heygen": "x-api-key"}
SCHEME = {"sora": "Bearer ", "runway": "Bearer ", "hedra": "Bearer ", "fal": "Key ", "synthesia": ""}


def refuse(provider: str, req: Request):
    key = req.headers.get(KEY_HEADER.get(provider, "authorization"), "")
    if provider in ("veo", "omni") and not key:  # Vertex with an OAuth token
        key = req.headers.get("authorization", "")
    if not key or not key.startswith(SCHEME.get(provider, "")) or key.endswith("-401"):
        return fail(provider, 401)
    for status in (403, 429):
        if key.endswith(f"-{status}"):
            return fail(provider, status)
    if provider == "runway" and not req.headers.get("x-runway-version"):
        return JSONResponse({"error": "X-Runway-Version header is required"}, 400)
    return None


def reset():
    """Forget everything."""
    for x in (JOBS, IDEMPOTENCY, ONCE, REQUESTS, LOG):
        x.clear()


router = APIRouter()


@router.get("/cdn/{provider}/{jid}/{name}")
def cdn(provider: str, jid: str, name: str):
    if jid not in JOBS:
        return Response(status_code=404)
    body, kind = (PNG, "image/png") if name.endswith(".png") else (MP4, "video/mp4")
    return deliver(JOBS[jid], body, kind, int(name.split(".")[0]))
