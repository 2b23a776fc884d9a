"""`understudy generators` says what there is, and takes credentials from nobody's history."""

import json
import stat

from typer.testing import CliRunner

from app import keys
from app.cli import app
from app.config import settings


def listed():
    answer = CliRunner().invoke(app, ["generators", "list", "--json"])
    return {each["model"]: each for each in json.loads(answer.output)}


def test_lists_available_unconfigured_and_retired_models_with_what_is_known(data_dir):
    models = listed()
    assert models["local/puppet-1"]["state"] == "available"
    veo = models["google/veo-3.1"]
    assert (veo["state"], veo["evidence"]) == ("not configured", "wire-checked, never live")
    assert veo["price"]["read_on"]
    assert veo["attested_by"]
    assert "24 September 2026" in models["openai/sora-2"]["reason"]
    printed = CliRunner().invoke(app, ["generators", "list"]).output
    assert "openai/sora-2" in printed


def test_credentials_come_by_standard_input_and_are_shown_to_nobody(data_dir):
    content = json.dumps({"api_key": "sesame", "project": "p", "location": "us-central1"})
    words = ["generators", "credentials", "set", "google"]
    answer = CliRunner().invoke(app, words, input=content)
    assert answer.exit_code == 0, answer.output
    assert "sesame" not in answer.output
    assert "sesame" not in CliRunner().invoke(app, ["generators", "list", "--json"]).output
    assert listed()["google/veo-3.1"]["state"] == "available"
    path = settings().keys_dir / "vendors" / "google.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.vendor_credentials("google")["api_key"] == "sesame"
    CliRunner().invoke(app, ["generators", "credentials", "remove", "google"])
    assert listed()["google/veo-3.1"]["state"] == "not configured"
    for bad, said in (("google", "no json"), ("nobody", content), ("google", "[1]")):
        answer = CliRunner().invoke(app, [*words[:-1], bad], input=said)
        assert answer.exit_code == 2
