"""Keys in a hardware module sign files as file keys do, and never come out. Tried with SoftHSM2."""

import subprocess
from pathlib import Path

import pytest

from app import config, keys
from app.provenance import pki, service
from tests.provenance import making
from tests.provenance.conftest import in_process

__all__ = ["in_process"]
PLACES = ("/usr/lib/softhsm", "/usr/lib64/pkcs11", "/opt/homebrew/lib/softhsm")
MODULE = next(
    (f"{at}/libsofthsm2.so" for at in PLACES if Path(at, "libsofthsm2.so").exists()), None
)
INIT = "softhsm2-util --init-token --free --label understudy --pin 1234 --so-pin 56789"
pytestmark = [
    pytest.mark.skipif(MODULE is None, reason="SoftHSM2 is not installed (apt install softhsm2)"),
    pytest.mark.xdist_group("pkcs11"),
]


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A fresh token; the module reads where it is once in a process."""
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {directory / 'tokens'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        subprocess.run(
            INIT.split(),
            check=True,
            capture_output=True,
        )
        yield directory


@pytest.fixture
def in_token(token, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("UNDERSTUDY_PKCS11_MODULE", str(MODULE))
    config.settings.cache_clear()
    (config.settings().keys_dir / "pkcs11.pin").write_text("1234\n")
    for purpose in keys.CERTIFIED:
        keys.destroy(purpose)
    return data_dir


class TestToken:
    def test_signs_files_that_pass_the_gate_and_holds_the_only_copy_of_the_key(
        self, in_token, tmp_path, in_process
    ):
        authority = making.an_authority(config.settings().keys_dir)
        src = making.make_media(tmp_path / "in.jpg")
        service.sign_output(src, tmp_path / "out.jpg", making.a_manifest(src), desk=authority.desk)
        on_disk = {path.name for path in authority.directory.glob("*.pem")}
        assert on_disk.isdisjoint(f"{purpose}.pem" for purpose in keys.CERTIFIED)

    def test_a_rotated_key_is_gone_from_the_token(self, in_token):
        authority = making.an_authority(config.settings().keys_dir)
        old = authority.signer
        assert old.sign(b"now")
        assert pki.rotate(authority.directory, "claim", ocsp_url="http://x/ocsp/") == ["claim.2"]
        with pytest.raises(keys.KeyMissing, match="the token holds no key"):
            old.sign(b"later")
        keys.destroy("claim.2")

    def test_a_wrong_pin_says_where_to_look(self, in_token):
        from app import keys_pkcs11

        keys_pkcs11._close()
        (config.settings().keys_dir / "pkcs11.pin").write_text("0000")
        with pytest.raises(keys_pkcs11.TokenUnavailable, match=r"PIN in pkcs11\.pin"):
            keys.create("claim")
