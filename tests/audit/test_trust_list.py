"""Of somebody else's file: is its signer on a list of roots, such as the one C2PA publishes?"""

import json
import subprocess
import sys

import pytest

from app import config
from app.audit import desk
from app.audit.service import verify_file
from tests.audit.evidence import ONE_DATABASE, always_licensed, never_logged, release, tiny
from tests.conftest import ROOT
from tests.provenance import making
from tests.provenance.conftest import KEY


@pytest.fixture
def foreign(monkeypatch, tmp_path, data_dir):
    """A made-up foreign CA and a file under it; and another CA that signed nothing."""
    signing = making.another_authority(monkeypatch, tmp_path / "foreign")
    making.signed(signing, tiny(tmp_path / "b.jpg", seed=5), tmp_path / "foreign.jpg")
    silent = making.another_authority(monkeypatch, tmp_path / "silent")
    monkeypatch.setenv("UNDERSTUDY_DATA_DIR", str(data_dir))
    config.settings.cache_clear()
    return signing.roots["claim_root_pem"], silent.roots["claim_root_pem"]


def look(session, path, authority, listed):
    return verify_file(
        session,
        path,
        **authority.trust,
        watermark_keys={1: KEY},
        trust_list_pem=listed,
        license_state=always_licensed,
        log_inclusion=never_logged,
    )


@ONE_DATABASE
class TestTrustList:
    def test_a_foreign_signer_is_on_it_or_not_and_of_unknown_origin_either_way(
        self, session, authority, foreign, tmp_path, in_process, no_marks
    ):
        signing, silent = foreign
        ours = authority.roots["claim_root_pem"]
        for listed, said, words in (
            (silent + signing, True, "is on the trust list"),
            (silent, False, "is not on the trust list"),
            (ours, False, "is not on the trust list"),
            ("", None, "someone else's"),
        ):
            found = look(session, tmp_path / "foreign.jpg", authority, listed)
            assert found.verdict == "unknown-origin"
            assert found.findings["signer_listed"] is said
            assert found.findings["signer_ours"] is False
            assert found.findings["credentials"] == "valid"
            assert found.findings["signer"]["organization"] == "Understudy installation"
            assert words in found.sentence

    def test_a_foreign_root_on_the_list_makes_nobody_ours_and_ours_stays_intact(
        self, session, authority, foreign, tmp_path, in_process, no_marks
    ):
        release(session, authority, tiny(tmp_path / "in.jpg"), tmp_path / "ours.jpg")
        found = look(session, tmp_path / "ours.jpg", authority, "".join(foreign))
        assert (found.verdict, found.findings["signer_listed"]) == ("intact", None)

    def test_a_file_changed_after_a_listed_signer_signed_does_not_verify(
        self, session, authority, foreign, tmp_path, in_process, no_marks
    ):
        raw = (tmp_path / "foreign.jpg").read_bytes()
        (tmp_path / "hurt.jpg").write_bytes(raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:])
        found = look(session, tmp_path / "hurt.jpg", authority, foreign[0])
        assert found.findings["credentials"] == "invalid"
        assert "trust list" not in found.sentence


class TestReadTrustList:
    def test_it_is_a_pem_file_from_the_settings_or_the_command(self, foreign, tmp_path, data_dir):
        path = tmp_path / "list.pem"
        path.write_text(f"# as published\n{foreign[0]}")
        assert desk.read_trust_list(path) == path.read_text()
        assert desk.read_trust_list(None) == ""
        for wrong in (tmp_path / "none.pem", tmp_path / "foreign.jpg"):
            with pytest.raises(desk.TrustListUnreadable):
                desk.read_trust_list(wrong)

    @pytest.mark.slow
    @ONE_DATABASE
    def test_the_command_and_the_setting_say_the_same(
        self, database, authority, foreign, tmp_path, data_dir
    ):
        path = tmp_path / "list.pem"
        path.write_text(foreign[0])
        making.an_authority(config.settings().keys_dir)
        where = {"UNDERSTUDY_DATA_DIR": str(data_dir), "PATH": "/usr/bin:/bin"}
        file = str(tmp_path / "foreign.jpg")
        command = [sys.executable, "-m", "app.cli", "verify", file, "--json"]
        for words, more in (
            (["--trust-list", str(path)], {}),
            ([], {"UNDERSTUDY_C2PA_TRUST_LIST": str(path)}),
        ):
            said = subprocess.run(
                [*command, *words],
                cwd=ROOT,
                env={**where, **more},
                capture_output=True,
                text=True,
                check=False,
            )
            assert said.returncode == 0, said.stderr
            assert json.loads(said.stdout)["findings"]["signer_listed"] is True
