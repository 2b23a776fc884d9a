"""A clearance pack, read by a stranger: signed, proven, and without a word that is not theirs."""

import io
import json
import zipfile

import pytest
import rfc8785
from fastapi.testclient import TestClient
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from typer.testing import CliRunner

from app import config, db, language
from app.audit.bundle import checking, container
from app.audit.bundle.checking import Anchors
from app.audit.bundle.errors import DraftNotCleared
from app.audit.bundle.offline import verify_offline
from app.audit.clearance import facts, packing, paper
from app.cli import app as cli
from app.errors import NotFound
from app.gateway.models import Generation
from app.identity import service as identity
from app.main import create_app
from tests.audit.bundle import house
from tests.conftest import point_settings
from tests.licensing.disclosing import a_grant
from tests.scenes import an_api_key

PRIVATE = ("NIGHTGLASS", "The Girl", "Nightglass Pictures", "I hold the light", "12.50", "1990")


@pytest.fixture(scope="module")
def pack(made, tmp_path_factory):
    """What the licensee was sent, as it is passed on; and the released file."""
    with pytest.MonkeyPatch.context() as patch:
        point_settings(patch, made.data_dir, "")
        with db.writing() as session:
            key = an_api_key(session, made.scene.production.organization)
        address = f"/v1/generations/{made.generations[0]}/clearance"
        answer = TestClient(create_app()).get(address, headers=key)
        db.engine().dispose()
    config.settings.cache_clear()
    db.engine.cache_clear()
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    film = made.file(tmp_path_factory.mktemp("clearance") / "film.mp4")
    return members(answer.content), film


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {each.filename: archive.read(each) for each in archive.infolist()}


def signed(pack, text=None):
    """Check the facts as a stranger does: with the keys in the bundle, by a library."""
    with zipfile.ZipFile(io.BytesIO(pack[packing.BUNDLE])) as inner:
        known = KeySet.import_key_set(json.loads(inner.read(container.KEYS)))
    opened = jws.deserialize_compact(text or pack[packing.SIGNED], known, algorithms=["ES256"])
    assert opened.headers()["typ"] == packing.TYPE
    return opened.payload


class TestReadByAStranger:
    def test_proves_the_file_without_a_server(self, pack, tmp_path, nothing_of_ours, in_process):
        found, film = pack
        inner = tmp_path / "bundle.zip"
        inner.write_bytes(found[packing.BUNDLE])
        assert checking.check(inner, Anchors()).holds
        assert verify_offline(film, inner, Anchors()).verdict == "intact"
        said = json.loads(found[packing.FACTS])
        assert signed(found) == found[packing.FACTS] == rfc8785.dumps(said)
        assert said["license"] == {"when_made": "licensed", "now": "licensed"}
        assert said["ai_use"]["digital_source_type"].endswith("/trainedAlgorithmicMedia")
        assert said["ai_use"]["generator"] == "local/puppet-1"
        assert said["log"]["state"] == "logged"
        assert (
            said["contracts"]
            == json.loads(house.members(inner)[container.CONTRACTS])["commitments"]
        )

    def test_a_word_changed_is_no_longer_signed(self, pack):
        found, _ = pack
        head, body, signature = found[packing.SIGNED].split(b".")
        for hurt in (b".".join((head, body[:-4] + b"AAAA", signature)), head + b".." + signature):
            with pytest.raises(JoseError):
                signed(found, hurt)

    def test_says_nothing_that_the_contracts_do_not_let_anybody_see(self, pack):
        found, _ = pack
        assert set(found) == {
            packing.README, packing.FACTS, packing.SIGNED, packing.PAPER, packing.BUNDLE,
        }  # fmt: skip
        assert json.loads(found[packing.FACTS])["disclosed"] == {"level": "license"}
        shown = json.dumps(paper.page(json.loads(found[packing.FACTS])))
        for word in PRIVATE:
            assert word not in shown, word
            for name in (packing.README, packing.FACTS, packing.PAPER):
                assert word.encode() not in found[name], (name, word)
        assert found[packing.PAPER].startswith(b"%PDF-")

    def test_its_paper_is_in_the_readers_language(self, pack):
        said = json.loads(pack[0][packing.FACTS])
        with language.reading_in("es"):
            shown = paper.page(said)
        assert shown["statements"][0].startswith("Este archivo se hizo con inteligencia artificial")
        assert shown["lang"] == "es"
        assert {"name": "Licencia ahora", "value": "con licencia"} in shown["facts"]

    def test_one_that_reads_the_contract_itself_is_found(self, made, at_home, monkeypatch):
        terms = {"level": "terms", "performers": ["The Girl"], "contracts": []}
        monkeypatch.setattr(facts, "disclosed", lambda *_, **__: terms)
        with db.reading() as session:
            leaky = packing.make(session, made.generations[0])
        assert b"The Girl" in leaky.members[packing.FACTS]
        assert packing.PERMIT in leaky.members


class TestForWhomItIs:
    def test_a_reader_who_was_granted_more_is_shown_as_much(self, made, at_home):
        with db.writing() as session:
            insurer = identity.create_organization(session, "Sea & Co, insurers", "union")
        with db.reading() as session:
            before = packing.make(session, made.generations[0], reader=insurer.id)
            assert json.loads(before.members[packing.FACTS])["disclosed"] == {"level": "license"}
        client = TestClient(create_app())
        for side, party in (("performer", made.scene.desk), ("licensee", made.scene.production)):
            with db.writing() as session:
                headers = an_api_key(session, party.organization) | {"Idempotency-Key": side}
            granted = client.post(
                f"/v1/contracts/{made.scene.contract.series_id}/disclosure-grants",
                headers=headers,
                json=a_grant(made.scene, side, insurer.id, "terms"),
            )
            assert granted.status_code == 201, granted.text
        with db.reading() as session:
            told = packing.make(session, made.generations[0], reader=insurer.id)
            said = json.loads(told.members[packing.FACTS])
            assert said["disclosed"]["performers"] == ["The Girl"]
            assert packing.RELEASE in told.members
            shown = paper.page(said)
            assert any("12.50 EUR" in each for each in shown["sections"][0]["sentences"])
            other = packing.make(session, made.generations[0], reader="org_another")
            assert json.loads(other.members[packing.FACTS])["disclosed"] == {"level": "license"}

    def test_it_is_the_licensees_to_ask_for(self, made, at_home):
        client = TestClient(create_app())
        with db.writing() as session:
            desk = an_api_key(session, made.scene.desk.organization)
            other = an_api_key(
                session, identity.create_organization(session, "Strangers", "production")
            )
        address = f"/v1/generations/{made.generations[0]}/clearance"
        assert client.get(address).status_code == 401
        assert client.get(address, headers=other).status_code == 404
        assert client.get(address, headers=desk).status_code == 404

    def test_the_command_writes_the_same_and_nothing_of_what_was_not_released(
        self, made, at_home, tmp_path
    ):
        to = tmp_path / "clearance.zip"
        said = CliRunner().invoke(cli, ["clearance", made.generations[0], "-o", str(to)])
        assert said.exit_code == 0, said.output
        assert packing.BUNDLE in members(to.read_bytes())
        with db.writing() as session:
            _, waiting = made.scene.ask(session)
            session.flush()
            with pytest.raises(NotFound):
                packing.make(session, waiting.id)
            session.rollback()

    def test_a_draft_take_has_none(self, made, at_home):
        with db.writing() as session:
            session.get_one(Generation, made.generations[0]).is_draft = True
            session.flush()
            with pytest.raises(DraftNotCleared, match="choose it"):
                packing.make(session, made.generations[0])
            session.rollback()
        with db.reading() as session:
            assert packing.make(session, made.generations[0]).members
