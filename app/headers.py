"""What every answer says to browsers, whichever route gave it: one place, around everything.

A route's own word stands: what may be kept for a while says so, and pages may run our script.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import settings

NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGES = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The API's description in a browser comes from a library, with a script inside the page.
DESCRIPTION = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
DESCRIBED_AT = ("/docs", "/redoc")
HSTS = "max-age=63072000; includeSubDomains"  # two years
UNLESS_SAID = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": NOTHING_RUNS,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # "no-referrer" would take the Origin from our own forms
    "X-Content-Type-Options": "nosniff",
}


class Headers:
    """Adds to each answer what it does not say itself; HSTS where people come by https."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        said = UNLESS_SAID
        if settings().origin.startswith("https://"):
            said = said | {"Strict-Transport-Security": HSTS}
        self._said = _raw(said)
        self._of_description = _raw(said | {"Content-Security-Policy": DESCRIPTION})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more = self._of_description if scope["path"] in DESCRIBED_AT else self._said

        async def saying(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(each for each in more if each[0] not in there),
                ]
            await send(message)

        await self._app(scope, receive, saying)


def _raw(said: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in said.items()]
