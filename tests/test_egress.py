"""The door out leads to one public host, and lets in little, soon, and nothing on trust."""

import http.server
import threading
import time

import pytest

from app import egress
from app.egress import Door, EgressFailed, EgressRefused, NotThere


class House(http.server.BaseHTTPRequestHandler):
    """Answers as badly as its path says."""

    def do_GET(self):
        kind = self.path.rpartition("/")[2]
        self.send_response({"moved": 302, "gone": 404, "broken": 500}.get(kind, 200))
        if kind == "moved":
            self.send_header("Location", "/fine")
        self.end_headers()
        if kind == "fine":
            self.wfile.write(f"fine {self.headers['Host']}".encode())
        if kind == "large":
            self.wfile.write(b"x" * 100_000)
        for _ in range(30 if kind == "slow" else 0):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def house():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), House)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class TestGet:
    def test_returns_the_body_and_names_the_host_it_asked(self, house):
        body = Door(house, private=True).get("fine", limit_bytes=100)
        assert body == f"fine {house.removeprefix('http://')}".encode()

    @pytest.mark.parametrize("path", ["moved", "broken", "large", "slow"])
    def test_follows_no_redirect_and_takes_nothing_too_large_or_too_slow(self, house, path):
        with pytest.raises(EgressFailed):
            Door(house, private=True).get(path, limit_bytes=1000, timeout_s=0.5)

    def test_an_absent_thing_is_told_from_a_failure(self, house):
        with pytest.raises(NotThere):
            Door(house, private=True).get("gone", limit_bytes=100)

    @pytest.mark.parametrize(
        "base",
        [
            "https://127.0.0.1:1",
            "https://[::1]:1",
            "https://[::ffff:127.0.0.1]:1",
            "https://10.0.0.1",
            "https://169.254.169.254",
            "https://0.0.0.0",
            "https://localhost",
            "http://example.com",
            "ftp://example.com",
            "https://user@example.com",
            "https://",
        ],
    )
    def test_calls_no_private_address_nor_any_other_scheme_unless_opened_for_it(self, base):
        with pytest.raises(EgressRefused):
            Door(base).get("fine", limit_bytes=100)

    def test_a_path_leads_to_no_other_host(self, house, monkeypatch):
        monkeypatch.setattr(egress.socket, "getaddrinfo", lambda *_, **__: pytest.fail("resolved"))
        with pytest.raises(EgressRefused):
            Door("https://log.example", private=False).get("\n", limit_bytes=10)

    def test_connects_to_the_address_it_has_looked_at(self, house, monkeypatch):
        # The planted fault: a name that is public when it is checked, and this machine afterwards.
        port = int(house.rpartition(":")[2])
        answers = [[(2, 1, 6, "", ("93.184.215.14", port))]]
        monkeypatch.setattr(
            egress.socket,
            "getaddrinfo",
            lambda *_, **__: answers.pop() if answers else [(2, 1, 6, "", ("127.0.0.1", port))],
        )
        with pytest.raises(EgressFailed):
            Door(f"https://rebinding.example:{port}").get("fine", limit_bytes=99, timeout_s=0.5)
