"""The vendors' official SDKs drive the fake that our connectors are checked against.

They are in an environment of their own (`make sdks`, which `make test-slow` does first), and the
fake is another process there: none of the SDKs is part of this project.
"""

import os
import re
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PYTHON = ROOT / ".venv" / "sdks" / "bin" / "python"
CHECKS = {  # vendors of the catalogue, by the check of their SDK
    "check_elevenlabs": "elevenlabs",
    "check_fal": "fal-client",
    "check_hedra": "hedra-sdk",
    "check_runway": "runwayml",
    "check_veo": "google-genai",
}


def a_free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run the fake, plain and over TLS, and say where it is."""
    if not PYTHON.exists():
        pytest.skip("the SDKs are not installed here: make sdks")
    certificates = tmp_path_factory.mktemp("certificates")
    plain, tls = a_free_port(), a_free_port()
    options = ["--port", str(plain), "--tls-port", str(tls), "--cert-dir", str(certificates)]
    with subprocess.Popen([PYTHON, HERE / "fake_providers.py", *options]) as fake:
        try:
            deadline = time.monotonic() + 60
            while True:
                with socket.socket() as door:
                    if door.connect_ex(("127.0.0.1", tls)) == 0:
                        break
                assert time.monotonic() < deadline, "the fake does not start"
                time.sleep(0.1)
            yield {
                "PATH": os.environ["PATH"],
                "FAKE_BASE": f"http://127.0.0.1:{plain}",
                "FAKE_TLS_BASE": f"https://127.0.0.1:{tls}",
                "SSL_CERT_FILE": str(certificates / "ca.pem"),
            }
        finally:
            fake.terminate()


@pytest.mark.slow
@pytest.mark.xdist_group("sdks")
@pytest.mark.parametrize("check", [*CHECKS, "check_plain_http"])
def test_the_sdk_and_the_fake_understand_each_other(check, environment):
    told = subprocess.run(
        [PYTHON, f"{check}.py"],
        cwd=HERE / "sdk_checks",
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_sdk_that_is_checked_is_in_the_group_that_is_installed():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    asked = {re.match(r"[\w-]+", each)[0] for each in groups["sdks"]}  # type: ignore[index]
    assert set(CHECKS.values()) <= asked
