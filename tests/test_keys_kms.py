"""Keys in a cloud's key service sign files as file keys do, and never come out. Tried with moto."""

import hashlib
import secrets
from collections.abc import Iterator
from types import SimpleNamespace

import boto3
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.server import ThreadedMotoServer

from app import config, keys, keys_kms
from app.provenance import pki, service
from tests.provenance import making
from tests.provenance.conftest import in_process

__all__ = ["in_process"]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def in_cloud(served, data_dir, monkeypatch):
    """Settings that keep certificates' keys under a prefix of the test's own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "tester",
        "AWS_DEFAULT_REGION": "us-east-1",
        "UNDERSTUDY_KMS_PREFIX": f"test-{secrets.token_hex(4)}",
        "UNDERSTUDY_KMS_URL": served,
    }.items():
        monkeypatch.setenv(name, value)
    config.settings.cache_clear()
    for path in config.settings().keys_dir.glob("*.pem"):
        if path.stem in keys.CERTIFIED:
            path.unlink()
    return served


class TestCloudKeys:
    def test_sign_files_that_pass_the_gate_and_leave_no_key_on_disk(
        self, in_cloud, tmp_path, in_process
    ):
        authority = making.an_authority(config.settings().keys_dir)
        src = making.make_media(tmp_path / "in.jpg")
        service.sign_output(src, tmp_path / "out.jpg", making.a_manifest(src), desk=authority.desk)
        on_disk = {path.name for path in authority.directory.glob("*.pem")}
        assert on_disk.isdisjoint(f"{purpose}.pem" for purpose in keys.CERTIFIED)

    def test_a_rotated_key_signs_nothing_and_waits_to_be_deleted(self, in_cloud):
        authority = making.an_authority(config.settings().keys_dir)
        old = authority.signer
        assert old.sign(b"now")
        assert pki.rotate(authority.directory, "claim", ocsp_url="http://x/ocsp/") == ["claim.2"]
        with pytest.raises(keys.KeyMissing, match="holds no key 'claim'"):
            old.sign(b"later")
        kms = boto3.client("kms", endpoint_url=in_cloud)
        listed = [kms.describe_key(KeyId=each["KeyId"]) for each in kms.list_keys()["Keys"]]
        states = [each["KeyMetadata"]["KeyState"] for each in listed]
        assert "PendingDeletion" in states

    def test_is_made_once(self, in_cloud):
        made = [keys.create(name) for name in ("claim", "claim", "claim@org_X.2", "claim.2")]
        assert made == [True, False, True, True]

    def test_signs_on_both_curves(self, in_cloud):
        for name, kind in (("claim", hashes.SHA256()), ("claim-ca", hashes.SHA384())):
            keys.create(name)
            raw = keys.sign(name, b"words")
            half = len(raw) // 2
            r, s = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
            der = utils.encode_dss_signature(r, s)
            keys.public_key(name).verify(der, b"words", ec.ECDSA(kind))

    def test_what_is_too_long_for_the_service_goes_as_its_digest(self, in_cloud, monkeypatch):
        asked = []

        def sign(**said):
            asked.append(said)
            return {"Signature": utils.encode_dss_signature(1, 1)}

        class NotFoundException(Exception):
            pass

        fake = SimpleNamespace(
            sign=sign, exceptions=SimpleNamespace(NotFoundException=NotFoundException)
        )
        monkeypatch.setattr(keys_kms, "_client", lambda _url: fake)
        for size in (4096, 4097):
            keys.sign("claim", bytes(size))
        assert [said["MessageType"] for said in asked] == ["RAW", "DIGEST"]
        assert asked[1]["Message"] == hashlib.sha256(bytes(4097)).digest()

    def test_one_that_does_not_answer_is_an_outage_with_a_name(self, in_cloud, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_KMS_URL", "http://127.0.0.1:9")
        config.settings.cache_clear()
        with pytest.raises(keys_kms.KeyServiceUnavailable, match="region, credentials"):
            keys.sign("claim", b"words")
