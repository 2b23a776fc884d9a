"""Veo: tokens of a service account, from one fixed host; sound, and whom Google lets it show."""

import dataclasses
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app import db
from app.gateway.generators import RenderJob, credentials
from app.gateway.generators.errors import OrderRefused, VendorBusy
from app.gateway.generators.google_tokens import AUDIENCE, SCOPE, Tokens
from app.gateway.generators.veo import Veo
from tests.providers.fakes import core, google
from tests.scenes import PORTRAIT

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
JOB = RenderJob("gen_01", "google/veo-3.1", "I hold the light.", 8.0, 1280, 720, (PORTRAIT,))


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


def pem(key):
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode()


@pytest.fixture
def account(key, monkeypatch):
    """A service account's key file, as Google issues it, and a location."""
    monkeypatch.setattr(google, "TOKEN_KEY", [key.public_key()])
    monkeypatch.setattr(google, "ASSERTED", [])
    return {
        "type": "service_account",
        "project_id": "nightglass",
        "private_key_id": "k1",
        "private_key": pem(key),
        "client_email": "films@nightglass.iam.gserviceaccount.com",
        "token_uri": "https://evil.example/token",
        "location": "us-central1",
    }


@pytest.fixture
def veo(database, fake, pauses, account):
    configure(account)
    return Veo(fake.base, private=True)


def configure(content):
    with db.writing() as session:
        credentials.keep(session, "google", content)


def ordered():
    return [job.body for job in core.JOBS.values()]


class TestTokens:
    def test_one_serves_every_call_until_shortly_before_it_ends(
        self, veo, fake, pauses, tmp_path, account
    ):
        reference = veo.submit(JOB)
        assert veo.poll(reference).phase == "running"
        veo.poll(reference)
        veo.fetch(reference, tmp_path / "film")
        assert core.REQUESTS["google tokens"] == 1
        pauses.append(timedelta(minutes=56).total_seconds())
        veo.poll(reference)
        assert core.REQUESTS["google tokens"] == 2
        claims = google.ASSERTED[0]
        assert (claims["iss"], claims["aud"], claims["scope"]) == (
            account["client_email"], AUDIENCE, SCOPE,
        )  # fmt: skip
        assert claims["exp"] - claims["iat"] == 3600
        for seen in fake.requests():
            headers = seen["h"]
            assert "x-goog-api-key" not in headers
            asks_for_one = seen["p"] == "/token"
            assert ("authorization" in headers) is not asks_for_one
            assert asks_for_one or headers["authorization"].startswith("Bearer ya29.fake-")

    def test_a_key_that_google_or_nobody_can_use_buys_nothing(self, veo, account, key):
        for change, words in (
            ({"client_email": "refused@nightglass"}, "does not accept the service account's key"),
            ({"private_key": "-----BEGIN PRIVATE KEY-----\nx"}, "cannot be read"),
            ({"client_email": ""}, "lacks client_email"),
            ({"private_key": ""}, "neither a service account's key nor an api_key"),
            ({"project_id": "../x"}, "is no name of one"),
            ({"person_generation": "everybody"}, "none of"),
        ):
            configure(account | change)
            with pytest.raises(OrderRefused, match=words) as refusal:
                veo.submit(JOB)
            assert "PRIVATE KEY" not in refusal.value.detail
        assert ordered() == []

    def test_a_silent_host_of_tokens_is_asked_again_later(self, veo, account, monkeypatch):
        monkeypatch.setattr(veo, "_tokens", Tokens("http://127.0.0.1:9", private=True))
        with pytest.raises(VendorBusy):
            veo.submit(JOB)
        assert ordered() == []

    def test_one_that_vertex_does_not_accept_is_asked_for_anew(self, veo, monkeypatch):
        real = httpx.Client.stream

        def refused(client, method, url, *, headers, **options):
            told = headers | {"Authorization": "Bearer x-401"} if "predict" in str(url) else headers
            return real(client, method, url, headers=told, **options)

        with monkeypatch.context() as patch:
            patch.setattr(httpx.Client, "stream", refused)
            with pytest.raises(OrderRefused, match="401"):
                veo.submit(JOB)
        veo.submit(JOB)
        assert core.REQUESTS["google tokens"] == 2


class TestOrder:
    def test_asks_for_sound_and_for_adults_unless_the_project_may_show_all(self, veo, account):
        veo.submit(JOB)
        configure(account | {"person_generation": "allow_all"})
        veo.submit(dataclasses.replace(JOB, generation_id="gen_02"))
        found = [body["parameters"] for body in ordered()]
        assert [each["generateAudio"] for each in found] == [True, True]
        assert [each["personGeneration"] for each in found] == ["allow_adult", "allow_all"]

    def test_of_a_first_frame_sends_it_and_no_portrait(self, veo, tmp_path):
        frame = tmp_path / "frame"
        frame.write_bytes(core.PNG)
        veo.submit(dataclasses.replace(JOB, first_frame=frame))
        (instance,) = ordered()[0]["instances"]
        assert instance["image"]["mimeType"] == "image/png"
        assert "referenceImages" not in instance
