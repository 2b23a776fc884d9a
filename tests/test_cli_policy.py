"""The command `understudy policy`, and what starts with which rules: real processes."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app import config, db
from app.cli import app
from app.licensing.deciding.policy_set import POLICY_DIR, load_policies
from app.provenance import pki
from tests.scenes import a_scene, an_api_key

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ROOT = Path(__file__).parent.parent


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the shipped rules that a test may spoil."""
    return Path(shutil.copytree(POLICY_DIR, tmp_path / "policies"))


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


class TestRead:
    def test_list_names_every_rule_and_every_pack(self) -> None:
        status, said = _run("policy", "list")
        assert status == 0
        for code in load_policies().rules:
            assert code in said
        assert "pack eu-ai-act-art-50: " in said
        assert "Not legal advice." in said
        assert json.loads(_run("policy", "list", "--json")[1])["digest"] == load_policies().digest

    def test_show_prints_one_rule_with_its_source_and_text(self) -> None:
        status, said = _run("policy", "show", "STRIKE_SUSPENDED")
        assert status == 0
        assert "Source: SAG-AFTRA 2026" in said
        assert '@id("STRIKE_SUSPENDED")' in said
        assert _run("policy", "show", "NO_SUCH_CODE")[0] != 0

    @ONE_DATABASE
    def test_explain_reads_as_a_performer_would_read_it(self, database: str) -> None:
        with db.writing() as session:
            decision, _ = a_scene(session).ask(session, territories=("JP",))
        status, said = _run("policy", "explain", decision.id)
        assert status == 0
        assert said.startswith("Not permitted. ")
        for part in ("1. The use reaches a place", "/grant/territories", "territories: JP",
                     "Source: contract", "What would help: Ask for fewer places",
                     "not legal advice"):  # fmt: skip
            assert part in said
        found = json.loads(_run("policy", "explain", decision.id, "--json")[1])
        assert found["reasons"][0]["code"] == "TERRITORY_NOT_LICENSED"


class TestCheck:
    def test_says_that_all_is_well(self, rules: Path) -> None:
        status, said = _run("policy", "check", str(rules))
        assert status == 0
        assert load_policies().digest in said

    def test_names_file_and_rule_of_everything_that_is_wrong(self, rules: Path) -> None:
        for file, old, new in (
            ("term.cedar", "context.at >= resource.ends_at", "context.at >= resource.ends"),
            ("scope.cedar", '@summary("The contract does not cover this language.")', ""),
            ("packs/no-fakes-term-caps.cedar", "20250409", "20240409"),
        ):
            path = rules / file
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1))
        status, said = _run("policy", "check", str(rules))
        assert status == 1
        assert "term.cedar, AFTER_TERM: attribute `ends`" in said
        assert "scope.cedar, LANGUAGE_NOT_LICENSED: a rule needs @summary" in said
        assert "packs/no-fakes-term-caps.cedar, NOFAKES_TERM_CAPPED: its first" in said

    def test_names_the_rule_that_does_not_parse(self, rules: Path) -> None:
        path = rules / "term.cedar"
        path.write_text(path.read_text().replace("unless\n{", "unles\n{"))
        status, said = _run("policy", "check", str(rules))
        assert status == 1
        assert "term.cedar, AFTER_TERM: " in said


class TestStart:
    @pytest.mark.parametrize("words", [("serve",), ("worker",), ("policy", "list")])
    def test_nothing_starts_with_rules_that_do_not_validate(
        self, data_dir: Path, rules: Path, words: tuple[str, ...]
    ) -> None:
        path = rules / "term.cedar"
        path.write_text(path.read_text().replace("resource.ends_at", "resource.ends"))
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            cwd=ROOT,
            env=os.environ | {"UNDERSTUDY_POLICY_DIRECTORY": str(rules)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 1
        said = done.stderr.replace("\n", " ")
        assert "term.cedar, AFTER_TERM" in said
        assert "Traceback" not in said
        assert said.startswith("policies-invalid: ")


@pytest.fixture
def served(database: str, data_dir: Path, rules: Path) -> Iterator[str]:
    """A real server process under a folder of rules of its own; yields its address."""
    pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    env = os.environ | {
        "UNDERSTUDY_POLICY_DIRECTORY": str(rules),
        "UNDERSTUDY_PORT": str(port),
        "UNDERSTUDY_WORKER_IN_PROCESS": "false",
    }
    with (data_dir / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    try:
        give_up_at = time.monotonic() + 90
        while True:
            try:
                httpx.get(f"{url}/healthz")
                break
            except httpx.HTTPError:
                assert server.poll() is None
                assert time.monotonic() < give_up_at
                time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


@ONE_DATABASE
def test_a_running_server_whose_rules_are_edited_permits_nothing_and_says_so(
    served: str, data_dir: Path, rules: Path
) -> None:
    with db.writing() as session:
        scene = a_scene(session)
        key = an_api_key(session, scene.production.organization)

    def ask(number: int) -> httpx.Response:
        headers = key | {"Idempotency-Key": f"edited {number}"}
        return httpx.post(f"{served}/v1/generations", json=scene.body(), headers=headers)

    assert ask(1).status_code == 201
    path = rules / "term.cedar"
    path.write_text(path.read_text().replace("context.at >= resource.ends_at", "false", 1))
    time.sleep(1.1)
    denied = ask(2)
    assert denied.status_code == 403
    assert denied.json()["codes"] == ["EVALUATION_ERROR"]
    trouble = 'understudy_guard_trouble{reason="rules-changed"} 1.0'
    assert trouble in httpx.get(f"{served}/metrics").text
    assert "nothing is permitted" in (data_dir / "server.log").read_text()
