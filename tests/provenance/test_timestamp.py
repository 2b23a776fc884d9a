"""The local time-stamp authority speaks RFC 3161 as others do."""

import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from app.provenance import pki, timestamp

AT = datetime(2026, 11, 22, 20, 0, 0, tzinfo=UTC)


@pytest.fixture
def token(authority):
    own = pki.signer(authority.directory, "tsa")
    return timestamp.time_stamp_token(b"a signature", at=AT, sign=own.sign, chain_pem=own.chain_pem)


class TestTimeStampToken:
    @pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
    @pytest.mark.parametrize(("message", "holds"), [(b"a signature", True), (b"another", False)])
    def test_openssl_verifies_it_for_its_message_only(
        self, token, authority, tmp_path, message, holds
    ):
        (tmp_path / "token").write_bytes(token)
        (tmp_path / "data").write_bytes(message)
        (tmp_path / "root").write_text(pki.tsa_root_pem(authority.directory))
        command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "data"]
        verified = subprocess.run(
            [*command, "-CAfile", "root", "-attime", str(int(datetime.now(UTC).timestamp()))],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert (verified.returncode == 0) == holds, verified.stderr

    def test_says_the_instant_it_was_given(self, token):
        assert b"20261122200000Z" in token
