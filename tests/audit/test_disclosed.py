"""No surface tells a viewer more of an output than its contracts let them see."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from joserfc.jwk import ECKey
from typer.testing import CliRunner

from app import clock, config, db
from app.audit import service
from app.audit.disclosed import disclosed
from app.cli import app as command
from app.gateway import claims
from app.gateway.models import Generation, GenerationReplica
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.document import disclosure
from app.licensing.document.disclosure import LEVELS, rank
from app.main import create_app
from app.provenance import service as provenance
from app.provenance import verify
from app.provenance.desk import desk
from app.provenance.models import SignedManifest
from tests.http.house import House, a_house
from tests.licensing.disclosing import a_grant, a_proof
from tests.provenance import making
from tests.scenes import Scene, a_scene, offered, sign

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
LINE = "Nobody saw me leave the harbour."
# What each level tells and no lower one may: texts that stand nowhere else.
PRIVATE = {
    "license": [],
    "credit": ["The Girl", "Nightglass Pictures", "NIGHTGLASS"],
    "use": ["film_scene", "svod", "DE-BY", LINE, "withdrawn", "expired"],
    "terms": ["918.27", "4 May 1990", "scene 41", "Germany"],
}
NEVER_ANYWHERE = ["91827", "1990-05-04", "openings", "salt"]
SOON = timedelta(days=10)


@pytest.fixture
def client(database: str, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    for name, value in (("WORKER_IN_PROCESS", "false"), ("RATE_LOOKUPS", ""), ("RATE_FILES", "")):
        monkeypatch.setenv(f"UNDERSTUDY_{name}", value)
    config.settings.cache_clear()
    making.an_authority(config.settings().keys_dir)
    return TestClient(create_app())


def a_released_output(client: TestClient, says: dict[str, Any] | None) -> tuple[House, str]:
    """An output under a contract that says this of disclosure; the house, the generation's id."""
    house = a_house(client, signed=False)
    house.keys["nobody"] = {}

    def change(document: dict[str, Any]) -> None:
        document["compensation"]["rate_minor"] = "91827"
        if says is not None:
            document["disclosure"] = says

    with db.writing() as session:
        house.scene = offered(session, house.scene, change)
        sign(session, house.scene)
        _, asked = house.scene.ask(session, line=LINE, territories=("DE-BY",))
        assert asked is not None
        asked.state, asked.released_at = "released", clock.now()
        session.add_all([asked, _a_manifest(asked)])
    return house, asked.id


def _a_manifest(generation: Generation) -> SignedManifest:
    return SignedManifest(
        generation_id=generation.id, label="urn:c2pa:1", manifest_sha256="0" * 64,
        file_sha256="1" * 64, size_bytes=1, media_type="video/mp4", openings={"salt": "5a17"},
        verified_by=[],
    )  # fmt: skip


def names(generation_id: str) -> verify.Findings:
    """What is found of a file that names this output: as reading one would say it."""
    manifest = verify.Manifest("man_1", generation_id, clock.now().isoformat(), "file", "1" * 64)
    return verify.Findings(
        sha256="1" * 64, size_bytes=1, credentials="valid", credential_codes=[], signer_ours=True,
        signer={"in_force": True}, signed_at=None, time_trusted=True, revocation="not-revoked",
        remains=False, whole_file="released", readable=True, unreadable_reason="", medium="video",
        mark="ours", payloads=[], content="same", similarity=1.0, sound_similarity=1.0,
        resembles=None, resemblance=None, manifest=manifest,
    )  # fmt: skip


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Have every uploaded file name one output, without reading it: for speed."""

    def told_of(generation_id: str) -> None:
        monkeypatch.setattr(verify, "verify", lambda *_a, **_k: names(generation_id))

    return told_of


def surfaces(house: House, generation_id: str, who: str) -> dict[str, str]:
    """Everything that speaks of an output, as this viewer gets it."""
    file = {"files": {"file": ("a.mp4", b"film")}}
    answers = {
        "license": house.get(f"/v1/licenses/{generation_id}", who),
        "verification": house.client.post("/v1/verifications", headers=house.keys[who], **file),
        "no such license": house.get("/v1/licenses/gen_NOBODY", who),
        "no file": house.client.post("/v1/verifications", headers=house.keys[who]),
    }
    return {name: answer.text for name, answer in answers.items()}


def leaks(text: str, level: str) -> list[str]:
    """Name what a text tells above a level."""
    above = [word for at in LEVELS if rank(at) > rank(level) for word in PRIVATE[at]]
    return [word for word in [*above, *NEVER_ANYWHERE] if word in text]


def assert_obeyed(house: House, generation_id: str, expected: dict[str, str]) -> None:
    for who, level in expected.items():
        said = surfaces(house, generation_id, who)
        for name, text in said.items():
            assert not leaks(text, level), (who, name)
        for name in ("license", "verification"):
            assert f'"level":"{level}"' in said[name], (who, name)
            told = [word for at in LEVELS if rank(at) <= rank(level) for word in PRIVATE[at]]
            missing = [word for word in told if word not in said[name]]
            assert set(missing) <= {"withdrawn", "expired"}, (who, name)


MATRIX: list[tuple[dict[str, Any] | None, str, str]] = [
    (None, "license", "license"),
    ({"now": "license", "after_release": "credit"}, "license", "credit"),
    ({"now": "credit", "after_release": "use"}, "credit", "use"),
    ({"now": "use"}, "use", "use"),
]


@ONE_DATABASE
class TestEverySurface:
    @pytest.mark.parametrize(("says", "before", "after"), MATRIX)
    def test_tells_each_viewer_their_level_before_and_after_the_release(
        self, client, reads, monkeypatch, says, before, after
    ):
        if says and "after_release" in says:
            says |= {"release_on": str((clock.now() + SOON).date())}
        house, generation_id = a_released_output(client, says)
        reads(generation_id)
        parties = {"desk": "terms", "production": "terms"}
        strangers = ("nobody", "stranger", "agency")
        assert_obeyed(house, generation_id, parties | dict.fromkeys(strangers, before))
        later = clock.now() + SOON
        monkeypatch.setattr(clock, "now", lambda: later)
        assert_obeyed(house, generation_id, parties | dict.fromkeys(strangers, after))

    def test_tells_the_reason_to_those_who_may_see_it_alone(self, client, reads):
        house, generation_id = a_released_output(client, {"now": "use"})
        reads(generation_id)
        with db.writing() as session:
            contract = session.merge(house.scene.contract)
            licensing.withdraw_contract(session, contract, house.scene.desk.organization.id)
        assert_obeyed(house, generation_id, {"nobody": "license", "desk": "terms"})
        assert '"now":"withdrawn"' in surfaces(house, generation_id, "desk")["license"]

    def test_tells_a_named_verifier_what_was_granted_until_that_is_revoked(self, client, reads):
        house, generation_id = a_released_output(client, {"granted_by": "performer"})
        reads(generation_id)
        key, other = (ECKey.generate_key("P-256") for _ in range(2))
        path = f"/v1/contracts/{house.scene.contract.series_id}/disclosure-grants"
        made = [
            house.post(path, "desk", json=a_grant(house.scene, "performer", who, level)).json()
            for who, level in (
                (house.scene.agency.organization.id, "use"),
                (key.as_dict(private=False), "credit"),
            )
        ]
        for name, holds in (("court", key), ("nobody's", other)):
            house.keys[name] = {"Verifier-Proof": a_proof(holds)}
        none = {"nobody": "license", "stranger": "license", "nobody's": "license"}
        assert_obeyed(house, generation_id, none | {"agency": "use", "court": "credit"})
        for each in made:
            house.post(f"/v1/disclosure-grants/{each['id']}/revocation", "desk")
        assert_obeyed(house, generation_id, none | {"agency": "license", "court": "license"})
        told = house.get(path, "production").json()["items"]
        assert [each["revoked_at"] is not None for each in told] == [True, True]

    def test_a_surface_that_forgets_to_ask_is_caught(self, client, reads, monkeypatch):
        house, generation_id = a_released_output(client, None)
        reads(generation_id)
        assert_obeyed(house, generation_id, {"nobody": "license"})
        stranger = service.license_then_and_now
        monkeypatch.setattr(  # the planted fault
            service,
            "license_then_and_now",
            lambda *given, **options: stranger(*given, **options) | {"now": "for NIGHTGLASS"},
        )
        with pytest.raises(AssertionError, match="license"):
            assert_obeyed(house, generation_id, {"nobody": "license"})

    def test_a_rule_that_says_yes_to_everybody_is_caught(self, client, reads, monkeypatch):
        house, generation_id = a_released_output(client, None)
        reads(generation_id)
        monkeypatch.setattr(disclosure, "level_for", lambda *_: "terms")  # the planted fault
        with pytest.raises(AssertionError, match="nobody"):
            assert_obeyed(house, generation_id, {"nobody": "license"})

    def test_a_key_that_is_not_one_is_refused_and_not_taken_for_a_stranger(self, client):
        bad = {"Authorization": "Bearer ustk_1_2"}
        assert client.get("/v1/licenses/gen_NOBODY", headers=bad).status_code == 401
        file = {"files": {"file": ("a.mp4", b"film")}}
        assert client.post("/v1/verifications", headers=bad, **file).status_code == 401

    def test_the_command_tells_what_a_stranger_learns(self, client, reads, tmp_path):
        _, generation_id = a_released_output(client, {"now": "credit"})
        reads(generation_id)
        (tmp_path / "a.mp4").write_bytes(b"film")
        for options in ([], ["--json"]):
            said = CliRunner().invoke(command, ["verify", str(tmp_path / "a.mp4"), *options])
            assert said.exit_code == 0
            assert not leaks(said.stdout, "credit")
            assert "NIGHTGLASS" in said.stdout

    def test_no_cache_between_keeps_what_one_viewer_was_told(self, client):
        house, generation_id = a_released_output(client, None)
        path = f"/v1/licenses/{generation_id}"
        assert house.get(path, "nobody").headers["cache-control"] == "public, max-age=60"
        known = house.get(path, "desk").headers
        assert (known["cache-control"], known["vary"]) == (
            "private, no-store",
            "Authorization, Verifier-Proof",
        )

    @pytest.mark.parametrize("says", [None, {"now": "use"}])
    def test_the_status_of_consent_is_the_same_whatever_a_contract_discloses(self, client, says):
        house, _ = a_released_output(client, says)
        path = f"/v1/contracts/{house.scene.contract.series_id}/status"
        words = [word for word in PRIVATE["use"] if word not in {"withdrawn", "expired"}]
        for who in ("nobody", "desk"):
            _, payload, _ = house.get(path, who).text.split(".")
            said = base64.urlsafe_b64decode(payload + "==").decode()
            assert not [word for word in [*PRIVATE["credit"], *words] if word in said]
            assert not leaks(said, "use")

    def test_credentials_of_a_generator_that_tell_more_are_left_out(self, client, tmp_path):
        _, generation_id = a_released_output(client, None)
        with db.reading() as session:
            private = claims.private_words(session, session.get_one(Generation, generation_id))
        assert private == [LINE, "NIGHTGLASS", "The Girl", "Nightglass Pictures"]
        authority = making.an_authority(config.settings().keys_dir)
        src = making.make_media(tmp_path / "in.wav")
        for told, expected in (("A prompt", True), (f"Say: {LINE.upper()}", False)):
            described = making.a_manifest(src)
            described.definition["title"] = told
            theirs = tmp_path / f"{expected}.wav"
            making.signed(authority, src, theirs, described)
            kept = provenance.with_credentials(theirs, desk=desk(), private=private)
            assert (kept is not None) == expected

    @pytest.mark.parametrize("says", [None, {"now": "use"}])
    def test_the_file_itself_never_holds_more_than_the_default(self, client, says, tmp_path):
        _, generation_id = a_released_output(client, says)
        with db.reading() as session:
            generation = session.get_one(Generation, generation_id)
            statement = claims.statement(session, generation, None, None, None)
        assert not leaks(json.dumps(statement.definition), "license")
        src = making.make_media(tmp_path / "in.wav")
        output = provenance.sign_output(
            src, tmp_path / "out.wav", statement, desk=desk(), whose=generation.organization_id
        )
        for whole in ((tmp_path / "out.wav").read_bytes(), output.file.manifest_bytes):
            assert not leaks(whole.decode("latin-1"), "license")


def two_in_one_scene(session: Any, says: tuple[dict[str, Any] | None, ...]) -> tuple[Scene, str]:
    """An output in which a second performer plays under a contract of their own."""
    scenes = []
    for each in says:
        scene = offered(
            session,
            a_scene(session, signed=False),
            lambda document, each=each: document.update({"disclosure": each} if each else {}),
        )
        sign(session, scene)
        scenes.append(scene)
    _, generation = scenes[0].ask(session)
    assert generation is not None
    generation.released_at = clock.now()
    other = scenes[1]
    session.add(
        GenerationReplica(
            generation_id=generation.id,
            replica_id=other.replica.id,
            performer_id=other.performer.id,
            contract_id=other.contract.id,
        )
    )
    session.flush()
    return scenes[0], generation.id


class TestDisclosed:
    def test_by_the_strictest_of_several_contracts(self, session):
        _, both = two_in_one_scene(session, ({"now": "use"}, {"now": "credit"}))
        said = disclosed(session, both)
        assert said["level"] == "credit"
        assert said["performers"] == ["The Girl", "The Girl"]
        assert said["licensees"] == ["Nightglass Pictures", "Nightglass Pictures"]
        _, silent = two_in_one_scene(session, ({"now": "use"}, None))
        assert disclosed(session, silent) == {"level": "license"}

    def test_of_what_was_never_released_nothing(self, session):
        _, generation_id = two_in_one_scene(session, ({"now": "use"}, {"now": "use"}))
        assert disclosed(session, generation_id)["level"] == "use"
        session.get_one(Generation, generation_id).released_at = None
        session.flush()
        assert disclosed(session, generation_id) == {"level": "license"}
        assert disclosed(session, "gen_NOBODY") == {"level": "license"}

    @ONE_DATABASE
    def test_by_the_version_in_effect(self, session):
        scene, generation_id = two_in_one_scene(session, ({"now": "use"}, {"now": "use"}))
        document = json.loads(scene.contract.document) | {"disclosure": {"now": "credit"}}
        amended = licensing.amend_contract(
            session, scene.contract, scene.production.organization.id, document
        )
        assert disclosed(session, generation_id)["level"] == "use"
        for party, role in ((scene.desk, "performer"), (scene.production, "licensee")):
            jws = party.sign(amended, role)
            licensing.sign_contract(session, amended, party.organization.id, role=role, jws=jws)
        assert disclosed(session, generation_id)["level"] == "credit"

    @ONE_DATABASE
    def test_a_contract_opened_behind_its_parties_backs_tells_nothing(self, session):
        scene, generation_id = two_in_one_scene(session, ({"now": "credit"}, {"now": "use"}))
        opened = scene.contract.document.replace('"now":"credit"', '"now":"use"')
        session.execute(
            sa.update(Contract).where(Contract.id == scene.contract.id).values(document=opened)
        )
        session.expire_all()
        assert disclosed(session, generation_id) == {"level": "license"}
