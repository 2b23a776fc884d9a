"""`understudy generators` says what there is, and takes credentials from nobody's history."""

import json
import sys

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, db, vault
from app.cli import app
from app.config import settings
from app.gateway.generators import credentials
from app.vault import VaultOpening


def listed():
    answer = CliRunner().invoke(app, ["generators", "list", "--json"])
    return {each["model"]: each for each in json.loads(answer.output)}


def test_lists_available_unconfigured_and_retired_models_with_what_is_known(database):
    models = listed()
    assert models["local/puppet-1"]["state"] == "available"
    veo = models["google/veo-3.1"]
    assert (veo["state"], veo["evidence"]) == ("not configured", "wire-checked, never live")
    assert veo["price"]["read_on"]
    assert veo["attested_by"]
    assert "24 September 2026" in models["openai/sora-2"]["reason"]
    printed = CliRunner().invoke(app, ["generators", "list"]).output
    assert "openai/sora-2" in printed
    assert "video of 3 to 30 s, references: 1, needs driving, 0.05 USD per second" in printed
    assert "image, 1 to 3 references, 0.08 USD per image (2026-11-27)" in printed
    assert "silent, no lip-sync" in printed
    assert "does not learn from inputs (" in printed
    assert "inbound credentials: C2PA" in printed


def test_credentials_come_by_standard_input_and_lie_in_the_vault(database):
    content = json.dumps({"api_key": "sesame", "project": "p", "location": "us-central1"})
    words = ["generators", "credentials", "set", "google"]
    answer = CliRunner().invoke(app, words, input=content)
    assert answer.exit_code == 0, answer.output
    printed = CliRunner().invoke(app, ["generators", "credentials", "list"]).output
    assert "google" in printed
    assert "api_key, location, project" in printed
    printed += CliRunner().invoke(app, ["generators", "list", "--json"]).output
    assert "sesame" not in answer.output + printed
    assert listed()["google/veo-3.1"]["state"] == "available"
    for path in settings().data_dir.rglob("*"):  # nobody finds them in a file
        assert not path.is_file() or b"sesame" not in path.read_bytes(), path
    assert credentials.opened("google")["api_key"] == "sesame"
    with db.reading() as session:
        (opening,) = session.exec(select(VaultOpening)).all()
    assert opening.purpose == "vendor-call"
    # Renewed: what was there before opens nowhere any more.
    CliRunner().invoke(app, words, input=json.dumps({"api_key": "parsley"}))
    assert credentials.opened("google")["api_key"] == "parsley"
    with db.writing() as session, pytest.raises(vault.VaultObjectAltered):
        vault.open_bytes(session, opening.object_id, purpose="export", subject_id="somebody")
    CliRunner().invoke(app, ["generators", "credentials", "remove", "google"])
    assert listed()["google/veo-3.1"]["state"] == "not configured"
    for bad, said in (("google", "no json"), ("nobody", content), ("google", "[1]")):
        answer = CliRunner().invoke(app, [*words[:-1], bad], input=said)
        assert answer.exit_code == 2


def test_before_anything_was_set_up_says_what_to_do_in_a_line(data_dir, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["understudy", "generators", "list"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert "run `understudy setup`" in said
    assert "Traceback" not in said
