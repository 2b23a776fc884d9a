"""The door out leads to one public host, and lets in little, soon, and nothing on trust."""

import contextlib
import http.server
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from app import egress
from app.egress import Door, EgressFailed, EgressRefused, EgressUnsent, NotThere, door_to


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


@pytest.fixture
def dripping():
    """A server that sends a byte every 50 ms, and never comes to the end."""
    over, started = threading.Event(), []
    begins = {
        "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
        "body": b"HTTP/1.1 200 OK\r\n\r\n",
        "handshake": b"\x16\x03\x03\x20\x00",
    }

    def serve(kind):
        listening = socket.create_server(("127.0.0.1", 0))

        def drip():
            connection, _ = listening.accept()
            with listening, connection, contextlib.suppress(OSError):
                connection.sendall(begins[kind])
                for _ in range(1200):
                    if over.wait(0.05):
                        return
                    connection.sendall(b"a")

        started.append(threading.Thread(target=drip, daemon=True))
        started[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    over.set()
    for thread in started:
        thread.join()


class TestGet:
    def test_returns_the_body_and_names_the_host_it_asked(self, house):
        body = Door(house, private=True).get("fine", limit_bytes=100)
        assert body == f"fine {house.removeprefix('http://')}".encode()

    @pytest.mark.parametrize("path", ["moved", "broken", "large", "slow"])
    def test_follows_no_redirect_and_takes_nothing_too_large_or_too_slow(self, house, path):
        with pytest.raises(EgressFailed):
            Door(house, private=True).get(path, limit_bytes=1000, timeout_s=0.5)

    @pytest.mark.parametrize("kind", ["headers", "body"])
    def test_is_over_when_its_time_is_however_the_bytes_drip(self, dripping, kind):
        began = time.monotonic()
        with pytest.raises(EgressFailed, match=r"longer than|too long"):
            Door(dripping(kind), private=True).get("x", limit_bytes=10_000, timeout_s=0.5)
        assert time.monotonic() - began < 5  # the server would go on for a minute

    def test_is_over_in_the_middle_of_a_handshake_too_and_nothing_was_sent(self, dripping):
        base = dripping("handshake").replace("http:", "https:")
        began = time.monotonic()
        with pytest.raises(EgressUnsent):
            Door(base, private=True).get("x", limit_bytes=1000, timeout_s=0.5)
        assert time.monotonic() - began < 5

    def test_a_name_server_that_does_not_answer_is_given_no_more_time_than_the_call(
        self, monkeypatch
    ):
        over = threading.Event()
        monkeypatch.setattr(egress.socket, "getaddrinfo", lambda *_, **__: over.wait(60))
        began = time.monotonic()
        with pytest.raises(EgressUnsent, match="name server"):
            Door("https://slow.example").get("x", limit_bytes=1000, timeout_s=0.2)
        over.set()
        assert time.monotonic() - began < 5

    def test_what_the_name_server_took_is_not_there_for_the_answer(self, house, monkeypatch):
        plain, given = egress.socket.getaddrinfo, []
        client = egress.httpx.Client

        def late(*words, **more):
            time.sleep(0.3)
            return plain(*words, **more)

        def opened(**words):
            given.append(words["timeout"])
            return client(**words)

        monkeypatch.setattr(egress.socket, "getaddrinfo", late)
        monkeypatch.setattr(egress.httpx, "Client", opened)
        Door(house, private=True).get("fine", limit_bytes=100, timeout_s=20)
        assert given[0] < 19.8

    def test_an_absent_thing_is_told_from_a_failure(self, house):
        with pytest.raises(NotThere):
            Door(house, private=True).get("gone", limit_bytes=100)

    @pytest.mark.parametrize(
        "base",
        [
            "https://127.0.0.1:1",
            "https://[::1]:1",
            "https://[::ffff:127.0.0.1]:1",
            "https://[64:ff9b::7f00:1]:1",
            "https://[64:ff9b:1::a00:1]:1",
            "https://[2002:7f00:1::]:1",
            "https://[::a00:1]:1",
            "https://[fec0::1]:1",
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


class TestAsk:
    def test_returns_whatever_was_answered_a_redirect_too(self, house):
        door = Door(house, private=True)
        answer = door.ask("GET", "moved", limit_bytes=99)
        assert (answer.status, answer.headers["location"]) == (302, "/fine")
        assert door.ask("GET", "broken", limit_bytes=99).status == 500

    def test_says_when_certainly_nothing_was_sent(self):
        with pytest.raises(EgressUnsent):
            Door("http://127.0.0.1:1", private=True).ask("POST", "x", limit_bytes=9, timeout_s=0.5)


class TestSave:
    def test_writes_the_file_whole_or_not_at_all(self, house, tmp_path):
        door, film = Door(house, private=True), tmp_path / "film"
        for path in ("moved", "gone", "broken", "large", "slow"):
            with pytest.raises(EgressFailed):
                door.save(path, film, limit_bytes=1000, timeout_s=0.3)
            assert list(tmp_path.iterdir()) == []
        door.save("fine", film, limit_bytes=1000, timeout_s=5)
        assert film.read_bytes().startswith(b"fine")


class TestDoorTo:
    def test_opens_to_hosts_named_beforehand_and_keeps_path_and_query(self):
        hosts = ("files.example", "*.cdn.example", "127.0.0.1:99")
        door, path = door_to("https://a.cdn.example/x/y.mp4?seal=1%20", hosts=hosts)
        assert (door.base, path) == ("https://a.cdn.example", "x/y.mp4?seal=1%20")
        assert door_to("http://127.0.0.1:99/x", hosts=hosts)[0].base == "http://127.0.0.1:99"

    @pytest.mark.parametrize(
        "url",
        [
            "https://cdn.example/x",
            "https://evilcdn.example/x",
            "https://files.example.evil/x",
            "https://files.example@evil.example/x",
            "https://user@files.example/x",
            "https://files.example:444/x",
            "http://169.254.169.254/",
            "files.example",
            "",
        ],
    )
    def test_opens_to_nobody_else(self, url):
        with pytest.raises(EgressRefused):
            door_to(url, hosts=("files.example", "*.cdn.example"))


def test_a_connection_that_stands_after_its_time_is_cut_at_once():
    ours, theirs = socket.socketpair()
    line = egress._Line()
    with ours, theirs, line.cut_after(60):
        line._cut()  # the timer, before there is anything to cut
        stream = SimpleNamespace(get_extra_info=lambda _: ours)
        line.note("connection.connect_tcp.complete", {"return_value": stream})
        assert theirs.recv(1) == b""
    assert line.is_cut
