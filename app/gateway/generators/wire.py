"""How a vendor is spoken to: what a lost reply means, what may be asked again, when not to ask.

An order is placed once. Whatever happens then says whether something was bought: without a
connection, or with a plain refusal, nothing was; a broken connection, half a reply, a server's
error leave it open. Questions that buy nothing are asked again, with patience and jitter.
"""

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from app import clock
from app.egress import (
    Answer,
    Body,
    Door,
    EgressFailed,
    EgressRefused,
    EgressUnsent,
    door_to,
)
from app.gateway.generators import RenderJob
from app.gateway.generators.errors import MaybeSubmitted, OrderRefused, VendorBusy, VendorSilent

REPLY_LIMIT_BYTES = 1 << 20
ORDER_TIMEOUT_S = 120.0
TRIES = 4
SOUNDS = {
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
}
BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4"}
LONGEST_WAIT_S = 300.0  # however long a vendor tells us to wait
FAILURES, REST = 5, timedelta(minutes=1)

logger = structlog.get_logger()
pause = time.sleep  # tests let the clock go on instead


@dataclass(frozen=True)
class Line:
    """A line to one vendor: its one host, and what proves who is calling."""

    vendor: str
    door: Door
    headers: Mapping[str, str] = field(repr=False)  # credentials


class Breaker:
    """After five failures in a row, or when told to wait, nothing is ordered for a while."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until: datetime | None = None

    def check(self, what: str) -> None:
        """Raise VendorBusy while the break lasts; the first order after it is the trial."""
        if self._open_until is not None and clock.now() < self._open_until:
            raise VendorBusy(f"{what} is left alone until {self._open_until:%H:%M:%S} UTC")

    def worked(self) -> None:
        """Forget the failures."""
        self._failures, self._open_until = 0, None

    def failed(self) -> None:
        """Count a failure; the fifth in a row, and each one after it, opens the break."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_until = clock.now() + REST

    def rest(self, seconds: float) -> None:
        """Order nothing for as long as the vendor asked."""
        self._open_until = clock.now() + timedelta(seconds=seconds)


def breaker(vendor: str, model: str) -> Breaker:
    """Return the one breaker of a vendor's model in this process."""
    return _breakers.setdefault((vendor, model), Breaker())


_breakers: dict[tuple[str, str], Breaker] = {}


def order(
    line: Line,
    path: str,
    content: Mapping[str, Any] | Body,
    *,
    model: str,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Place a paid order, once, and return the reply.

    Raises VendorBusy and OrderRefused where certainly nothing was bought, MaybeSubmitted where
    nobody can tell.
    """
    switch = breaker(line.vendor, model)
    answer = _place(
        line,
        switch,
        model,
        lambda: line.door.ask(
            "POST",
            path,
            body=content if isinstance(content, Body) else _json(content),
            headers={**line.headers, **(headers or {})},
            limit_bytes=REPLY_LIMIT_BYTES,
            timeout_s=ORDER_TIMEOUT_S,
        ),
    )
    reply = _parsed(answer)
    if reply is None:
        switch.failed()
        raise lost(line, "its reply was garbled")
    switch.worked()
    return reply


def order_sound(
    line: Line,
    path: str,
    content: Mapping[str, Any],
    to: Path,
    *,
    model: str,
    limit_bytes: int,
    timeout_s: float,
) -> None:
    """Place a paid order, once, whose reply is the sound itself: stored in `to` as it streams.

    Raises as `order`; half a reply is MaybeSubmitted, and `to` is not there.
    """
    switch = breaker(line.vendor, model)
    answer = _place(
        line,
        switch,
        model,
        lambda: line.door.receive(
            "POST",
            path,
            to,
            body=_json(content),
            headers=line.headers,
            limit_bytes=limit_bytes,
            timeout_s=timeout_s,
        ),
    )
    if not answer.headers.get("content-type", "").startswith("audio/"):
        to.unlink(missing_ok=True)
        switch.failed()
        raise lost(line, "its reply was no sound")
    switch.worked()


def _place(line: Line, switch: Breaker, model: str, call: Callable[[], Answer]) -> Answer:
    """Make the one call of an order; return its answer where that is a plain yes."""
    switch.check(f"{line.vendor}'s {model}")
    try:
        answer = call()
    except EgressUnsent:
        switch.failed()
        raise VendorBusy(f"{line.vendor} cannot be reached; nothing was ordered") from None
    except EgressRefused as refusal:
        raise OrderRefused(f"{line.vendor} was not called: {refusal.detail}") from None
    except EgressFailed:
        switch.failed()
        raise lost(line, "the connection broke before its reply was whole") from None
    if 200 <= answer.status < 300:
        return answer
    if answer.status == 429:
        switch.rest(_retry_after_s(answer) or 1.0)
        raise VendorBusy(f"{line.vendor} is busy (429) and took nothing on")
    if 400 <= answer.status < 500 and answer.status != 408:
        raise OrderRefused(_refusal(line, answer))
    switch.failed()
    raise lost(line, f"it answered {answer.status}")


def ask(
    line: Line,
    method: str,
    path: str,
    content: Mapping[str, Any] | Body | None = None,
    *,
    limit_bytes: int = REPLY_LIMIT_BYTES,
    timeout_s: float = 60.0,
    least_pause_s: float = 0.0,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Ask what buys nothing, four times at most. Raises VendorSilent."""
    why = ""
    for turn in range(TRIES):
        wait_s: float | None = None
        try:
            answer = line.door.ask(
                method,
                path,
                body=content if content is None or isinstance(content, Body) else _json(content),
                headers={**line.headers, **(headers or {})},
                limit_bytes=limit_bytes,
                timeout_s=timeout_s,
            )
        except EgressRefused as refusal:
            raise VendorSilent(f"{line.vendor} was not called: {refusal.detail}") from None
        except EgressFailed as trouble:
            logger.warning("a vendor's answer is not usable", because=trouble.detail)
            why = "its answer did not come whole, in time and within the size allowed"
        else:
            reply = _parsed(answer) if answer.status in {200, 202, 204} else None
            if reply is not None:
                return reply
            if answer.status != 429 and 300 <= answer.status < 500:
                raise VendorSilent(_refusal(line, answer), answered=answer.status)
            wait_s = _retry_after_s(answer)
            why = f"it answered {answer.status}" if answer.status != 200 else "its answer is broken"
            why = "it is busy (429)" if answer.status == 429 else why
        if turn + 1 < TRIES:
            pause(max(_patience_s(turn) if wait_s is None else wait_s, least_pause_s))
    raise VendorSilent(f"{line.vendor} gives no usable answer: {why}")


def download(
    link: object,
    to: Path,
    *,
    vendor: str,
    hosts: Collection[str],
    private: bool,
    limit_bytes: int,
    timeout_s: float,
) -> None:
    """Fetch a film by a link that the vendor named: from `hosts` only, without credentials.

    Raises VendorSilent; `to` is then as it was.
    """
    try:
        door, path = door_to(str(link), hosts=hosts, private=private)
        door.save(path, to, limit_bytes=limit_bytes, timeout_s=timeout_s)
    except (EgressFailed, EgressRefused) as trouble:
        logger.warning("a film cannot be fetched", vendor=vendor, because=trouble.detail)
        raise VendorSilent(f"{vendor}'s film does not come whole, or its link is bad") from None


def receive(line: Line, path: str, to: Path, *, limit_bytes: int, timeout_s: float) -> None:
    """Fetch a result from the vendor's own host, with credentials; `to` whole or not at all.

    Raises VendorSilent.
    """
    try:
        answer = line.door.receive(
            "GET", path, to, headers=line.headers, limit_bytes=limit_bytes, timeout_s=timeout_s
        )
    except (EgressFailed, EgressRefused) as trouble:
        logger.warning("a result cannot be fetched", vendor=line.vendor, because=trouble.detail)
        raise VendorSilent(f"{line.vendor}'s result does not come whole") from None
    if answer.status != 200:
        raise VendorSilent(_refusal(line, answer), answered=answer.status)


def write(film: bytes, to: Path) -> None:
    """Write a film whole or not at all."""
    draft = to.with_name(f".{to.name}.part")
    draft.write_bytes(film)
    draft.replace(to)


def picture(path: Path) -> dict[str, str]:
    """Return a picture as Google's protocols take it: Base64, and its kind told from its bytes."""
    content = path.read_bytes()
    return {"bytesBase64Encoded": b64encode(content).decode(), "mimeType": media_type(content)}


def form(files: Mapping[str, Path], fields: Mapping[str, str] | None = None) -> Body:
    """Write a form with files: their names tell nothing, their bytes tell their kind."""
    edge = secrets.token_hex(16)
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in (fields or {}).items()
    ]
    for name, path in files.items():
        content = path.read_bytes()
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            f"Content-Type: {media_type(content)}\r\n\r\n"
        )
        parts.append(head.encode() + content + b"\r\n")
    return Body(
        b"".join([*parts, f"--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"
    )


def data_uri(path: Path) -> str:
    """Return a picture or film as a data URI."""
    content = path.read_bytes()
    return f"data:{media_type(content)};base64,{b64encode(content).decode()}"


def media_type(content: bytes) -> str:
    """Tell a picture, film or recording by its first bytes."""
    for start, kind in SOUNDS.items():
        if content.startswith(start):
            return kind
    if content[8:12] == b"WAVE":
        return "audio/wav"
    if content[4:8] == b"ftyp":
        return BRANDS.get(content[8:12], "video/mp4")
    if content.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if content[8:12] == b"WEBP" else "image/jpeg"


def scene(job: RenderJob) -> str:
    """Say in one sentence what the film shows: the line is spoken, to the camera.

    Where a first frame or footage says who is seen, the line alone says what happens.
    """
    if job.first_frame is not None or job.footage is not None:
        return job.line
    return f"The person in the reference picture looks into the camera and says: {job.line}"


def _json(content: Mapping[str, Any]) -> Body:
    return Body(json.dumps(content).encode(), "application/json")


def _parsed(answer: Answer) -> dict[str, Any] | None:
    if answer.status == 204:
        return {}
    try:
        reply = json.loads(answer.body)
    except ValueError:
        return None
    return reply if isinstance(reply, dict) else None


def lost(line: Line, why: str) -> MaybeSubmitted:
    """Say that a job may have been bought."""
    return MaybeSubmitted(f"{line.vendor} did not confirm the job: {why}. It may run and be billed")


def _refusal(line: Line, answer: Answer) -> str:
    """Say in our words why the vendor said no; its own only where they cannot name a secret."""
    if answer.status == 401:
        return f"{line.vendor} does not accept our credentials (401); the operator must renew them"
    if answer.status == 402:
        return f"{line.vendor} wants its account topped up first (402); the operator must see to it"
    if answer.status == 403:
        return f"{line.vendor} does not let our account do this (403); the operator must ask them"
    if answer.status == 404:
        return f"{line.vendor} knows no such model or job (404)"
    return f"{line.vendor} answered {answer.status}: {_words(answer) or 'no reason given'}"


def _words(answer: Answer) -> str:
    reply: Any = _parsed(answer) or {}
    for name in ("error", "detail", "message"):
        reply = reply.get(name, reply) if isinstance(reply, dict) else reply
    if isinstance(reply, list) and reply and isinstance(reply[0], dict):
        reply = reply[0].get("msg")  # as FastAPI says what is wrong with a request
    return plain(reply) if isinstance(reply, str) else ""


def share(said: object) -> float | None:
    """Return how far a vendor says a job is, 0 to 1; None where it says nothing of the kind."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= 1:
        return None
    return float(said)


def plain(text: str) -> str:
    """Make a line of what a vendor wrote: printable, and not long."""
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()


def _retry_after_s(answer: Answer) -> float | None:
    said = answer.headers.get("retry-after", "")
    return min(float(said), LONGEST_WAIT_S) if said.isdecimal() else None


def _patience_s(turn: int) -> float:
    """Return half a second, doubled each turn, somewhere between half of it and all."""
    return 0.5 * float(1 << turn) * (0.5 + secrets.randbelow(1000) / 2000)
