"""`understudy keys` shows what there is, replaces it, and takes belief away."""

import json

import pytest
from typer.testing import CliRunner

from app import config, db, keys
from app.cli import app
from app.identity.models import Organization
from app.twofold import epochs
from tests.people.agreeing import by_two, make_two_operators
from tests.provenance.making import an_authority

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def say(*words: str) -> str:
    answer = CliRunner().invoke(app, ["keys", *words])
    assert answer.exit_code == 0, answer.output
    return answer.output


def rotate(*series: str) -> str:
    make_two_operators()
    return by_two("keys", "rotate", *series)


def listed() -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in json.loads(say("list", "--json"))}


class TestKeys:
    def test_init_makes_them_and_says_where_the_roots_are(self, data_dir):
        assert "certificate claim-root" in say("init")
        assert "roots" in say("init")
        assert listed()["claim"]["state"] == "in force"

    @ONE_DATABASE
    def test_init_names_whose_certificates_they_are_from_then_on(self, database):
        an_authority(config.settings().keys_dir)
        assert "O=Understudy installation" in listed()["claim"]["subject"]
        say("init", "--organization", "Nightglass Pictures", "--country", "NL")
        assert "O=Understudy installation" in listed()["claim"]["subject"]
        rotate()
        named = "CN=Understudy Claim Signer 2,O=Nightglass Pictures,C=NL"
        assert listed()["claim.2"]["subject"] == named
        for wrong in (["--country", "NL"], ["--organization", "x"], ["--organization", "x" * 65],
                      ["--organization", "x", "--country", "nl"]):  # fmt: skip
            assert CliRunner().invoke(app, ["keys", "init", *wrong]).exit_code != 0

    @ONE_DATABASE
    def test_rotate_and_revoke_leave_one_signer_in_force(self, database):
        an_authority(config.settings().keys_dir)
        assert "claim.2" in rotate()
        rows = listed()
        assert (rows["claim"]["state"], rows["claim"]["key"]) == ("superseded", "key not here")
        said = say("revoke", rows["claim.2"]["serial"], "--since", "2026-11-01T00:00:00")
        assert "in force: claim.3" in said
        rows = listed()
        assert (rows["claim.2"]["state"], rows["claim.3"]["state"]) == ("revoked", "in force")
        assert rows["claim.2"]["since"] == "2026-11-01T00:00:00+00:00"
        assert "claim.3" in say("list")

    def test_rotate_does_nothing_to_keys_where_there_is_no_database(self, data_dir, monkeypatch):
        """Whoever names another database in the settings is no second operator."""
        an_authority(config.settings().keys_dir)
        monkeypatch.setenv("UNDERSTUDY_DATABASE_URL", f"sqlite:///{data_dir}/none.sqlite")
        config.settings.cache_clear()
        before = listed()
        answer = CliRunner().invoke(app, ["keys", "rotate"])
        assert answer.exit_code != 0
        assert "no database" in f"{answer.output}{answer.exception}"
        assert listed() == before
        assert not (data_dir / "none.sqlite").exists()

    @ONE_DATABASE
    def test_an_organization_gets_a_signer_of_its_own_that_the_list_shows(self, database):
        an_authority(config.settings().keys_dir)
        with db.writing() as session:
            organization = Organization(name="Nightglass Pictures", kind="production")
            session.add(organization)
            own, named = f"claim@{organization.id}", organization.id
        assert own in say("signer", named, "--organization", "Nightglass", "--country", "NL")
        assert listed()[own]["state"] == "in force"
        assert f"{own}.2" in rotate(own)
        assert "2,O=Nightglass,C=NL" in say("list")
        assert CliRunner().invoke(app, ["keys", "signer", "org_none"]).exit_code == 2

    @ONE_DATABASE
    def test_rotate_begins_an_epoch_of_the_watermarks_key_and_keeps_the_older(self, database):
        an_authority(config.settings().keys_dir)
        make_two_operators()
        first, said = keys.secret("watermark"), by_two("keys", "rotate", "watermark")
        assert said.strip().endswith(
            "epoch 2 of the watermark's key; marks are looked for under 2, 1"
        )
        assert keys.epochs("watermark")[1] == first != keys.secret("watermark")
        keys.begin_epoch("watermark")
        said = by_two("keys", "rotate", "watermark")
        assert "looked for under 4, 3, 2; those of epoch 1 are not found any more" in said

    @ONE_DATABASE
    def test_a_newest_epoch_that_is_lost_stops_marking_and_is_never_made_anew(self, database):
        """Planted fault: whoever asks the files alone marks on with the retired key."""
        an_authority(config.settings().keys_dir)
        make_two_operators()
        by_two("keys", "rotate", "watermark")
        (config.settings().keys_dir / "watermark.2.key").unlink()  # an older backup was restored
        assert list(keys.epochs("watermark")) == [1]
        for ask in (epochs.secret, epochs.known):
            with (
                db.reading() as session,
                pytest.raises(keys.KeyMissing, match=r"watermark\.2\.key"),
            ):
                ask(session)
        assert "those of epoch" not in (said := by_two("keys", "rotate", "watermark"))
        assert "epoch 3 of the watermark's key; marks are looked for under 3, 1" in said
        with db.reading() as session:
            assert epochs.secret(session) == keys.secret("watermark")
            assert epochs.newest(session) == 3

    def test_what_is_no_serial_is_refused(self, data_dir):
        assert CliRunner().invoke(app, ["keys", "revoke", "none"]).exit_code == 2
