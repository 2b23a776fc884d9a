"""The local OCSP responder and time-stamp authority answer as others do, over HTTP."""

import base64
from datetime import timedelta

import pytest
import rfc3161_client as rfc3161
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp as standard
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import clock, config, problems
from app.errors import AppError
from app.provenance import api, ocsp, pki
from tests.provenance.making import an_authority

GOOD, REVOKED = standard.OCSPCertStatus.GOOD, standard.OCSPCertStatus.REVOKED
UNAUTHORIZED = standard.OCSPResponseStatus.UNAUTHORIZED


@pytest.fixture
def directory(data_dir):
    return an_authority(config.settings().keys_dir).directory


@pytest.fixture
def client(directory):
    app = FastAPI()
    app.include_router(api.router)
    app.add_exception_handler(AppError, problems.on_app_error)
    return TestClient(app, raise_server_exceptions=False)


def named(directory, name):
    return x509.load_pem_x509_certificate((directory / f"{name}.crt").read_bytes())


def question(directory, name="claim", issuer="claim-ca"):
    builder = standard.OCSPRequestBuilder().add_certificate(
        named(directory, name), named(directory, issuer), hashes.SHA256()
    )
    return builder.build().public_bytes(serialization.Encoding.DER)


def asked(client, der):
    answer = client.post("/ocsp/", content=der)
    assert answer.headers["content-type"] == "application/ocsp-response"
    return standard.load_der_ocsp_response(answer.content)


class TestOcsp:
    def test_says_good_under_the_signature_of_who_the_ca_charged_with_it(self, client, directory):
        said = asked(client, question(directory))
        assert (said.certificate_status, said.serial_number) == (
            GOOD,
            named(directory, "claim").serial_number,
        )
        (responder,) = said.certificates
        responder.verify_directly_issued_by(named(directory, "claim-ca"))
        key = responder.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(said.signature, said.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
        assert said.this_update_utc < clock.now() < said.next_update_utc

    def test_says_revoked_since_when_and_why_and_the_same_by_get(self, client, directory):
        at = clock.now().replace(microsecond=0) - timedelta(hours=2)
        serial = named(directory, "claim").serial_number
        pki.revoke(directory, serial, reason="keyCompromise", at=at)
        text = base64.b64encode(question(directory)).decode().replace("/", "%2F")
        got = standard.load_der_ocsp_response(client.get(f"/ocsp/{text}").content)
        for said in (asked(client, question(directory)), got):
            assert (said.certificate_status, said.revocation_time_utc) == (REVOKED, at)
            assert said.revocation_reason == x509.ReasonFlags.key_compromise

    def test_says_revoked_of_a_key_that_was_rotated(self, client, directory, monkeypatch):
        pki.rotate(directory, "claim", ocsp_url="http://x/ocsp/")
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=2))
        assert asked(client, question(directory)).certificate_status == REVOKED
        assert asked(client, question(directory, "claim.2")).certificate_status == GOOD

    def test_staples_one_answer_for_ten_minutes_and_never_past_a_revocation(
        self, directory, monkeypatch
    ):
        real, started = clock.now, clock.now().replace(minute=0)
        monkeypatch.setattr(clock, "now", lambda: started + timedelta(hours=1))
        serial = named(directory, "claim").serial_number
        first = ocsp.about(directory, serial)
        assert ocsp.signer_and_staple(directory)[1] == first
        pki.revoke(directory, serial, reason="keyCompromise", at=real())
        now = standard.load_der_ocsp_response(ocsp.about(directory, serial))
        assert now.certificate_status == REVOKED
        monkeypatch.setattr(clock, "now", lambda: started + timedelta(hours=1, minutes=10))
        then = standard.load_der_ocsp_response(ocsp.about(directory, serial))
        assert then.this_update_utc > now.this_update_utc

    @pytest.mark.parametrize(("name", "issuer"), [("tsa", "tsa-ca"), ("claim", "tsa-ca")])
    def test_answers_for_claim_signers_of_its_own_ca_alone(self, client, directory, name, issuer):
        assert asked(client, question(directory, name, issuer)).response_status == UNAUTHORIZED

    def test_tells_what_is_no_question_so(self, client):
        said = asked(client, b"hello")
        assert said.response_status == standard.OCSPResponseStatus.MALFORMED_REQUEST
        assert client.get("/ocsp/not-base64!").status_code == 400


class TestTsa:
    def ask(self, client, algorithm=rfc3161.HashAlgorithm.SHA256, certificates=True):
        builder = rfc3161.TimestampRequestBuilder().data(b"a signature").hash_algorithm(algorithm)
        asked = builder.nonce(nonce=True).cert_request(cert_request=certificates).build()
        answer = client.post("/tsa", content=asked.as_bytes())
        assert answer.headers["content-type"] == "application/timestamp-reply"
        return asked, rfc3161.decode_timestamp_response(answer.content)

    def test_anothers_client_believes_it_about_what_it_asked(self, client, directory):
        asked, said = self.ask(client)
        builder = rfc3161.VerifierBuilder.from_request(asked)
        verifier = builder.add_root_certificate(named(directory, "tsa-root")).build()
        assert verifier.verify_message(said, b"a signature")
        with pytest.raises(rfc3161.VerificationError):
            verifier.verify_message(said, b"another")

    def test_sends_certificates_to_who_asks_for_them(self, client):
        assert len(self.ask(client)[1].signed_data.certificates) == 2
        assert len(self.ask(client, certificates=False)[1].signed_data.certificates) == 0

    def test_refuses_other_digests_and_what_is_no_question(self, client):
        _, said = self.ask(client, rfc3161.HashAlgorithm.SHA512)
        assert said.status == rfc3161.PKIStatus.REJECTION
        for content in (b"", b"hello", b"\x30\x84\xff\xff\xff\xff", bytes(4000)):
            answer = client.post("/tsa", content=content)
            said = rfc3161.decode_timestamp_response(answer.content)
            assert said.status == rfc3161.PKIStatus.REJECTION
