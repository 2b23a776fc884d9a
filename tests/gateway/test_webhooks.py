"""Webhooks: told in the transaction of the state, signed, again until they arrive, not private."""

import base64
import contextlib
import http.server
import json
import socket
import threading
import time
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, clock, db
from app.gateway import pipeline, webhooks, webhooks_sending
from app.gateway.models import Generation
from app.gateway.models_webhooks import Webhook, WebhookDelivery
from app.notices.models import Notice
from tests.scenes import a_scene

LINE = "I hold the light a little longer."
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Ear(http.server.BaseHTTPRequestHandler):
    """A production's server: keeps what it is told, and answers as `answers` says."""

    heard: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append((dict(self.headers.items()), body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.send_header("Location", "https://elsewhere.example/")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}/hooks?of=nightglass"
    found.shutdown()


@pytest.fixture
def dripping(monkeypatch):
    """A server that never comes to the end of its headers: a byte of them every 50 ms."""
    monkeypatch.setattr(webhooks, "PRIVATE", True)
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip():
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(1200):
                if over.wait(0.05):
                    break
                connection.sendall(b"a")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/hooks"
    over.set()
    thread.join()
    listening.close()


@pytest.fixture
def url(server, monkeypatch):
    Ear.heard.clear()
    Ear.answers.clear()
    monkeypatch.setattr(webhooks, "PRIVATE", True)
    return server


@pytest.fixture
def scene(database):
    with db.writing() as session:
        return a_scene(session)


@pytest.fixture
def later(monkeypatch):
    """Let the clock go on."""
    passed = [timedelta()]

    class Moved:
        @staticmethod
        def now(zone: tzinfo) -> datetime:
            return datetime.now(zone) + passed[0]

    monkeypatch.setattr(clock, "datetime", Moved)

    def go_on(**by):
        passed[0] += timedelta(**by)

    return go_on


def registered(scene, url):
    with db.writing() as session:
        return webhooks.register(session, scene.production.organization.id, url, api_key_id="key_1")


def asked(scene):
    with db.writing() as session:
        _, generation = scene.ask(session, line=LINE)
        assert generation is not None
        return generation.id


def deliveries(**of):
    with db.reading() as session:
        return session.exec(
            select(WebhookDelivery).filter_by(**of).order_by(WebhookDelivery.id)
        ).all()


class TestOutbox:
    def test_has_each_state_once_in_its_own_transaction_and_nothing_private(self, scene, url):
        registered(scene, url)
        generation_id = asked(scene)
        with db.writing() as session:
            session.get_one(Generation, generation_id).state = "submitting"
            session.flush()
            session.rollback()
        with db.writing() as session:
            session.get_one(Generation, generation_id).reason = "the same state"
        pipeline.give_up(generation_id, "render")
        told = [json.loads(each.body) for each in deliveries()]
        assert [each["type"] for each in told] == ["generation.held", "generation.failed"]
        assert told[0]["data"]["generation_id"] == generation_id
        for each in deliveries():
            for private in (LINE, "NIGHTGLASS", "The Girl", "12.5", "6250", "failed four times"):
                assert private not in each.body

    @ONE_DATABASE
    def test_is_of_the_organizations_own_generations(self, scene, url):
        with db.writing() as session:
            other = scene.desk.organization.id
            webhooks.register(session, other, url, api_key_id="key_1")
        asked(scene)
        assert deliveries() == []


def check_signature(headers, body, public_key):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}".encode()
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    key = ed25519.Ed25519PublicKey.from_public_bytes(
        base64.b64decode(public_key.removeprefix("whpk_"))
    )
    key.verify(base64.b64decode(signature), signed)


class TestSending:
    def test_is_signed_and_tried_again_under_the_same_id_until_it_arrives(self, scene, url, later):
        webhook = registered(scene, url)
        asked(scene)
        Ear.answers += [500, 302, 204]
        for _ in range(5):  # tried when it is due, and not before
            webhooks_sending.send_waiting()
            webhooks_sending.send_waiting()
            later(minutes=2)
        assert len(Ear.heard) == 3
        assert len({headers["webhook-id"] for headers, _ in Ear.heard}) == 1
        (delivery,) = deliveries()
        assert (delivery.state, delivery.attempts, delivery.reply) == ("sent", 3, "answered 204")
        for headers, body in Ear.heard:
            check_signature(headers, body, webhooks_sending.public_key())
        with pytest.raises(InvalidSignature):
            check_signature(Ear.heard[0][0], b"{}", webhooks_sending.public_key())
        with db.reading() as session:
            assert session.get_one(Webhook, webhook.id).failing_since is None

    @ONE_DATABASE
    def test_that_fails_for_days_is_ended_and_its_owner_told(self, scene, url, later):
        webhook = registered(scene, url)
        asked(scene)
        Ear.answers += [500] * 30
        for _ in range(20):
            webhooks_sending.send_waiting()
            later(hours=11)
        with db.reading() as session:
            assert session.get_one(Webhook, webhook.id).disabled_at is not None
            notice = session.exec(select(Notice).where(Notice.kind == "webhook-disabled")).one()
        assert notice.organization_id == scene.production.organization.id
        assert {each.state for each in deliveries()} == {"failed"}
        asked(scene)
        assert len(deliveries()) == 1

    @ONE_DATABASE
    def test_ends_at_once_where_it_is_gone_and_says_nothing_after_a_removal(self, scene, url):
        gone, removed = registered(scene, url), registered(scene, url + "&2")
        asked(scene)
        with db.writing() as session:
            webhooks.remove(session, session.get_one(Webhook, removed.id))
        Ear.answers += [410]
        webhooks_sending.send_waiting()
        assert len(Ear.heard) == 1
        with db.reading() as session:
            assert session.get_one(Webhook, gone.id).disabled_at is not None
        assert deliveries(webhook_id=removed.id)[0].state == "failed"

    @ONE_DATABASE
    def test_takes_no_longer_than_its_time_from_a_server_that_trickles(
        self, scene, dripping, monkeypatch
    ):
        monkeypatch.setattr(webhooks_sending, "TIMEOUT_S", 0.6)
        registered(scene, dripping)
        asked(scene)
        began = time.monotonic()
        assert webhooks_sending.send_waiting() == 0
        assert time.monotonic() - began < 5  # it would go on for a minute
        (delivery,) = deliveries()
        assert (delivery.state, delivery.attempts) == ("waiting", 1)
        assert "took longer than 0.6 s" in delivery.reply

    def test_lets_no_failing_webhook_keep_those_of_others_waiting(self, scene, url, monkeypatch):
        dead, living = registered(scene, url + "&dead"), registered(scene, url)
        for _ in range(3):
            asked(scene)
        monkeypatch.setattr(webhooks_sending, "AT_ONCE", 3)
        tried = []

        def post(where, *_):
            tried.append(where)
            return 500 if where == dead.url else 204

        monkeypatch.setattr(webhooks_sending, "_post", post)
        assert webhooks_sending.send_waiting() == 1
        assert sorted(tried) == sorted([dead.url, living.url])
        assert [each.state for each in deliveries(webhook_id=dead.id)] == ["waiting"] * 3

    @ONE_DATABASE
    def test_calls_no_address_of_a_private_network(self, scene, monkeypatch):
        registered(scene, "https://127.0.0.1/hooks")
        asked(scene)
        webhooks_sending.send_waiting()
        (delivery,) = deliveries()
        assert "private network" in delivery.reply


@ONE_DATABASE
class TestRegistering:
    @pytest.mark.parametrize(
        "url", ["http://a.example/", "https://u:p@a.example/", "ftp://a.example", "https:///x"]
    )
    def test_what_is_no_https_address_is_refused(self, scene, url):
        with pytest.raises(webhooks.WebhookRefused):
            registered(scene, url)

    def test_can_be_tried_from_the_command_line(self, scene, url):
        webhook = registered(scene, url)
        run = CliRunner().invoke
        assert webhook.id in run(cli.app, ["webhooks", "list", webhook.organization_id]).output
        tried = run(cli.app, ["webhooks", "test", webhook.id])
        assert (tried.exit_code, "answered 204" in tried.output) == (0, True)
        assert json.loads(Ear.heard[0][1])["type"] == "webhook.test"
        Ear.answers += [503]
        assert run(cli.app, ["webhooks", "test", webhook.id]).exit_code == 1
        listed = run(cli.app, ["webhooks", "deliveries", webhook.id]).output
        assert "sent" in listed
        assert "answered 503" in listed
