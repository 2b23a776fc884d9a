"""The whole story over HTTP, against a real server process: everything that the demo does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from app.demo import cast, damage
from app.licensing.contracts.signatures import sign_detached
from tests.http.house import PROBLEM
from tests.registry import pictures
from tests.scenes import PORTRAIT

pytestmark = [pytest.mark.xdist_group("http"), pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
LINE = "Nobody may read this line in a log."
NAME = "Griet Secretname"


class Somebody:
    """An organization with an API key and a signing key, far away from the server."""

    def __init__(self, url: str, organization_id: str, key: str) -> None:
        self.id, self.key, self._count = organization_id, key, 0
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120
        )
        self.signing_key = ECKey.generate_key("P-256")

    def get(self, path: str, **options: Any) -> Any:
        answer = self.http.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, *, status: int = 201, key: str = "", **content: Any) -> Any:
        self._count += 1
        headers = {"Idempotency-Key": key or f"story {self._count}"}
        answer = self.http.post(path, headers=headers, **content)
        assert answer.status_code == status, answer.text
        assert (answer.headers["content-type"] == PROBLEM) == (status >= 400)
        return answer.json()

    def sign(self, contract: dict[str, Any], role: str) -> Any:
        jwk = {"public_jwk": self.signing_key.as_dict(private=False)}
        registered = self.post("/v1/signing-keys", json=jwk)
        document = self.http.get(f"/v1/contracts/{contract['id']}/document").content
        jws = sign_detached(document, self.signing_key, key_id=registered["id"], role=role)
        path = f"/v1/contracts/{contract['id']}/signatures"
        return self.post(path, json={"role": role, "jws": jws})


class Server:
    """`understudy serve`, as anybody would start it, in a data directory of its own."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", directory / "server.log"
        self._env = os.environ | {
            "UNDERSTUDY_DATA_DIR": str(directory / "var"),
            "UNDERSTUDY_DATABASE_URL": "",
            "UNDERSTUDY_PORT": str(port),
            "UNDERSTUDY_WORKER_IN_PROCESS": "true",
            "UNDERSTUDY_PUBLIC_URL": self.url,
        }
        self.command("setup")

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            cwd=ROOT, env=self._env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def somebody(self, name: str, kind: str) -> Somebody:
        organization_id = self.command("organization", "create", name, "--kind", kind)
        return Somebody(
            self.url, organization_id, self.command("api-key", "create", organization_id)
        )

    def serve(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve"],
                cwd=ROOT, env=self._env, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return process
            except httpx.TransportError:
                pass
            assert process.poll() is None, self.log.read_text()
            time.sleep(0.2)
        raise AssertionError("the server did not get ready")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    process = server.serve()
    yield server
    process.terminate()
    assert process.wait(timeout=30) in {0, -signal.SIGTERM}


def _enroll(desk: Somebody) -> Any:
    for portrait, code in (
        (pictures.no_face(), "no-face-found"),
        (pictures.two_faces(), "several-faces-found"),
    ):
        files = {"portrait": ("a.jpg", portrait)}
        refused = desk.post("/v1/performers", status=422, data={"name": NAME}, files=files)
        assert refused["code"] == code
    files = {"portrait": ("a.jpg", PORTRAIT.read_bytes())}
    return desk.post("/v1/performers", data={"name": NAME}, files=files)


def _until_it_ends(production: Somebody, generation_id: str) -> Any:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        generation = production.get(f"/v1/generations/{generation_id}")
        if generation["state"] in {"released", "refused", "quarantined", "failed"}:
            return generation
        time.sleep(0.5)
    raise AssertionError(f"the generation is still {generation['state']}")


def _verdict(server: Server, path: Path) -> Any:
    with path.open("rb") as file:
        answer = httpx.post(
            f"{server.url}/v1/verifications", files={"file": ("clip.mp4", file)}, timeout=120
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestWholeStory:
    def test_is_told_over_http_from_enrollment_to_refusal(self, server, tmp_path):
        # 1. Three parties, each with a key made at the command line.
        desk = server.somebody("The Girl, performer", "performer")
        production = server.somebody("Nightglass Pictures", "production")
        agency = server.somebody("Delft Talent", "agency")
        assert production.get("/v1/organization")["id"] == production.id

        # 2. The performer enrolls; pictures without one face are refused.
        performer = _enroll(desk)

        # 3. The production offers; both sign with keys of their own.
        document = cast.contract_document(performer["id"], NAME, production.id, agency.id)
        contract = production.post("/v1/contracts", json={"document": document})
        assert contract["status"] == "offered"
        desk.sign(contract, "performer")
        contract = production.sign(contract, "licensee")
        assert contract["status"] == "active"
        who, *_ = contract["plain_language"]
        assert "“Nightglass Pictures”" in str(who["sentences"])

        # 4. The production asks; a repeated request is the same generation.
        models = production.get("/v1/generators")
        (model,) = (each for each in models if each["state"] == "available")
        body = {
            "replicas": [performer["replica_id"]],
            "project": "NIGHTGLASS",
            "purpose": "film_scene",
            "medium": "svod",
            "territories": ["DE", "FR"],
            "languages": ["en"],
            "generator": model["model"],
            "line": LINE,
            "length_s": "2",
        }
        unfunded = production.post("/v1/generations", status=402, key="one", json=body)
        assert unfunded["code"] == "funds-lacking"
        server.command("credit", "approve", production.id, "--amount", "100.00")
        asked = production.post("/v1/generations", key="one", json=body)
        assert production.post("/v1/generations", key="one", json=body) == asked
        decision = production.get(f"/v1/decisions/{asked['decision_id']}")
        assert (decision["outcome"], decision["codes"]) == ("permit", [])

        # 5. It is rendered, inspected, marked, signed, paid and released.
        generation = _until_it_ends(production, asked["id"])
        assert generation["state"] == "released", generation["reason"]
        assert production.post("/v1/generations", key="one", json=body) == asked

        # 6. The file is downloaded by a link, without a key.
        link = production.get(f"/v1/generations/{asked['id']}/download")["url"]
        clip = httpx.get(server.url + link)
        assert clip.status_code == 200
        assert len(clip.content) == generation["output_size_bytes"]
        altered_link = httpx.get(server.url + link[:-1] + ("0" if link[-1] != "0" else "1"))
        assert altered_link.json()["code"] == "link-expired"

        # 7. The auditor, without a key, looks at three files.
        original = tmp_path / "original.mp4"
        original.write_bytes(clip.content)
        damage.reencode(original, tmp_path / "again.mp4")
        damage.flip_byte(original, tmp_path / "flipped.mp4")
        verdict = _verdict(server, original)
        assert verdict["verdict"] == "intact", verdict
        assert verdict["findings"]["license"]["now"] == "licensed"
        assert _verdict(server, tmp_path / "again.mp4")["verdict"] == "recovered"
        assert _verdict(server, tmp_path / "flipped.mp4")["verdict"] == "altered"

        # 8. The books balance to the cent, and were written once.
        (entry,) = desk.get(f"/v1/contracts/{contract['id']}/entries")
        assert entry["generation_id"] == asked["id"]
        balances = production.get(f"/v1/contracts/{contract['id']}/balances")
        amounts = sorted(each["balance_minor"] for each in balances)
        assert (sum(amounts), amounts) == (0, [-2250, -250, 2500])

        # 9. The log holds the decision, and proves it.
        self._check_log(server, asked["decision_id"])

        # 10. What is not permitted is refused with its reasons, before and after withdrawal.
        def refused(**changes: Any) -> Any:
            problem = production.post("/v1/generations", status=403, json=body | changes)
            assert problem["code"] == "generation-denied"
            return problem["codes"]

        assert refused(territories=["DE", "US"]) == ["TERRITORY_NOT_LICENSED"]
        assert refused(content_tags=["smoking"]) == ["CONTENT_PROHIBITED"]
        withdrawn = desk.post(f"/v1/contracts/{contract['id']}/withdrawal")
        assert withdrawn["status"] == "withdrawn"
        assert refused() == ["REVOKED"]
        later = _verdict(server, original)
        assert later["verdict"] == "intact"
        assert later["findings"]["license"] == {"when_made": "licensed", "now": "not-licensed"}

        # 11. The books and the log hold, for whoever asks from another process.
        assert "as the log holds them" in server.command("ledger", "check")
        assert "every tile and the root agree" in server.command("log", "verify")

        # 12. The metrics count; the logs tell ids and states, and nothing of anybody.
        assert 'state="released"} 1.0' in httpx.get(f"{server.url}/metrics").text
        people = (desk, production, agency)
        secrets = [NAME, LINE, "Girl", "Nightglass", *(x.key.split("_", 2)[2] for x in people)]
        _assert_log_tells_only(server.log.read_text(), secrets, asked["id"])

    @staticmethod
    def _check_log(server: Server, subject_id: str) -> None:
        deadline = time.monotonic() + 20
        while True:
            leaves = httpx.get(f"{server.url}/v1/log/leaves/{subject_id}").json()["leaves"]
            if leaves and leaves[0]["leaf_index"] is not None:
                break
            assert time.monotonic() < deadline, leaves
            time.sleep(0.3)
        answer = httpx.get(f"{server.url}/v1/log/proof", params={"leaf": leaves[0]["id"]})
        assert answer.status_code == 200, answer.text
        assert answer.json()["entry"] == leaves[0]["entry"]
        assert httpx.get(f"{server.url}/log/checkpoint").text.startswith("understudy.local/log\n")


def _assert_log_tells_only(text: str, secrets: list[str], generation_id: str) -> None:
    """Every line is a JSON object; the generation is named; nothing secret or personal is."""
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    assert all(isinstance(line, dict) and line["event"] and line["at"] for line in lines)
    assert generation_id in {line.get("generation") for line in lines}
    for secret in secrets:
        assert secret not in text, secret


class TestLogs:
    @pytest.mark.parametrize(
        "line",
        ["not JSON", '{"event": "said", "at": "now", "line": "Nobody may read this"}'],
    )
    def test_a_line_that_tells_too_much_is_found(self, line):
        honest = '{"event": "generation ended", "at": "now", "generation": "gen_1"}'
        _assert_log_tells_only(honest, ["Nobody"], "gen_1")
        with pytest.raises((AssertionError, ValueError)):
            _assert_log_tells_only(f"{honest}\n{line}", ["Nobody"], "gen_1")
