"""An outside time-stamp authority on a socket of this machine, as good or bad as a test wants."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app import clock
from app.provenance import pki, timestamp
from tests.provenance.making import Authority


@dataclass
class Outside:
    """`mood`: fine, down, or stale (what it said before, whatever is asked)."""

    authority: Authority
    mood: str = "fine"
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    said: bytes = b""

    def answer(self, question: bytes) -> bytes:
        self.asked.append(question)
        if self.mood != "stale" or not self.said:
            own = pki.signer(self.authority.directory, "tsa")
            self.said = timestamp.answer(
                question, at=clock.now(), sign=own.sign, chain_pem=own.chain_pem
            )
        return self.said


@contextmanager
def an_outside_authority(authority: Authority) -> Iterator[Outside]:
    """Serve one until the block ends; its keys are those settings point at."""
    outside = Outside(authority)

    class Desk(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = self.rfile.read(int(self.headers["Content-Length"]))
            up = outside.mood != "down"
            answer = outside.answer(question) if up else b""
            self.send_response(200 if up else 503)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    outside.url = f"http://127.0.0.1:{server.server_port}/tsa?kind=test"
    try:
        yield outside
    finally:
        server.shutdown()
        server.server_close()
