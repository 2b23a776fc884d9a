"""Everything held about a performer, in one zip, and nothing of anybody else's."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from sqlmodel import Session

from app import vault
from app.gateway.pipeline import _pay
from app.identity import service as identity
from app.identity.principal import Principal
from app.licensing.contracts import service as contracts
from app.privacy import export
from tests.registry.giving import GOOD, a_photo
from tests.scenes import PORTRAIT, Scene, a_scene


@pytest.fixture
def scene(session: Session) -> Scene:
    scene = a_scene(session)
    _, generation = scene.ask(session)
    assert generation is not None
    _pay(session, generation)
    return scene


def by_desk(session: Session, scene: Scene) -> Principal:
    desk = scene.desk.organization
    return Principal(desk.id, desk.kind, identity.create_api_key(session, desk, name="x")[0].id)


def exported(session: Session, scene: Scene, to: Path) -> dict[str, bytes]:
    export.export(session, scene.performer, to / "export.zip")
    with zipfile.ZipFile(to / "export.zip") as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


class TestExport:
    def test_holds_everything_and_an_index_of_it(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        photo = a_photo(session, scene, by=by_desk(session, scene))
        held = exported(session, scene, tmp_path)
        index = json.loads(held["index.json"])
        assert index["sha256"] == {
            name: hashlib.sha256(content).hexdigest()
            for name, content in held.items()
            if name != "index.json"
        }
        said = {name: json.loads(text) for name, text in held.items() if name.endswith(".json")}
        assert said["performer.json"]["name"] == "The Girl"
        (picture,) = (content for name, content in held.items() if name.startswith("references/"))
        assert picture == PORTRAIT.read_bytes()
        series = f"contracts/{scene.contract.series_id}"
        assert held[f"{series}/version-1-round-1.json"] == scene.contract.document.encode()
        assert b"The performer is" in held[f"{series}/version-1-round-1.txt"]
        assert [each["role"] for each in said[f"{series}/history.json"]["signatures"]] == [
            "performer",
            "licensee",
        ]
        assert [each["outcome"] for each in said["decisions.json"]["decisions"]] == ["permit"]
        (entry,) = said["money.json"]
        assert sum(each["amount_minor"] for each in entry["postings"]) == 0
        assert said[f"templates/{photo.id}.json"]["points"] == [
            pytest.approx(point) for point in GOOD.points
        ]
        assert len(said[f"templates/{photo.id}.json"]["template"]) == 128
        assert {each["purpose"] for each in said["openings.json"]} == {"enrollment", "export"}
        top_level = {name.partition("/")[0] for name in held} - {"README.txt"}
        told = held["README.txt"].decode()
        assert {name for name in top_level if f"\n{name}" not in told} == set()
        for line in held["README.txt"].decode().splitlines():
            name = line.partition(" ")[0]
            if name.endswith((".json", "/")):
                top = name.removesuffix("ID/")
                assert any(each.startswith(top) for each in held), f"{name} is promised, not held"

    def test_leaves_out_what_the_other_side_is_still_writing(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        production = scene.production.organization.id
        terms = json.loads(scene.contract.document)
        terms["grant"]["term"]["end"] = "2031-12-31"
        contracts.amend_contract(session, scene.contract, production, terms, draft=True)
        held = exported(session, scene, tmp_path)
        assert b"2031-12-31" not in b"".join(held.values())

    def test_no_key_and_no_seal_leaves_with_it(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        held = b"".join(exported(session, scene, tmp_path).values())
        for word in (b"wrapped_key", b'"seal"', b"secret", b"api_key_id"):
            assert word not in held

    def test_after_an_erasure_there_is_nothing_to_take_out(
        self, session: Session, scene: Scene, tmp_path: Path
    ) -> None:
        vault.erase_owner(session, scene.performer.id)
        with pytest.raises(vault.LikenessErased):
            exported(session, scene, tmp_path)
