"""Two outputs of one installation and their bundles, made once for all tests of this folder."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import config, db, sandbox
from app.audit.bundle import container, making
from tests.audit.bundle import house
from tests.conftest import point_settings
from tests.scenes import Scene


@dataclass
class Made:
    """What the installation released, and where its bundles lie: the second output is a remix of
    the first."""

    scene: Scene
    data_dir: Path
    generations: tuple[str, str]
    bundles: tuple[Path, Path]
    public: Path  # of the first output, for strangers

    def file(self, to: Path, number: int = 0) -> Path:
        """The released file, as it came along in its bundle."""
        return container.read(self.bundles[number]).extract_file(to)


def bundled(generation_id: str, to: Path, audience: str = "party") -> Path:
    """Make a bundle of an output."""
    with db.reading() as session:
        made = making.make(session, generation_id, audience=audience)
    with sandbox.private_directory() as work, to.open("w+b") as target:
        making.write(made, target, work=work)
    return to


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Made:
    directory = tmp_path_factory.mktemp("bundles")
    with (
        house.an_installation(directory / "var", sqlite_template) as scene,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sandbox, "run", in_this_process)
        first = house.a_released_output(scene, house.a_film(directory / "1.mp4", 1))
        remix = house.a_film(directory / "40.mp4", 40)
        second = house.a_released_output(scene, remix, parent=(first, "remix"))
        generations = (first, second)
        bundles = tuple(bundled(each, directory / f"{each}.zip") for each in generations)
        public = bundled(generations[0], directory / "public.zip", "stranger")
        return Made(scene, directory / "var", generations, bundles, public)


@pytest.fixture
def at_home(made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point settings at that installation; what is done there must leave no trace."""
    point_settings(monkeypatch, made.data_dir, "")
    yield
    db.engine().dispose()
    config.settings.cache_clear()
    db.engine.cache_clear()


def in_this_process(function: str, args: Mapping[str, Any], **_limits: object) -> dict[str, Any]:
    """Call what a sandboxed child would be asked, in this process."""
    module, _, name = function.partition(":")
    answer: dict[str, Any] = getattr(importlib.import_module(module), name)(**args)
    return answer


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "run", in_this_process)


@pytest.fixture
def nothing_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stranger's machine: no data directory, no database, no key; asking for one fails."""
    from app import keys

    def refuse(*_args: object, **_more: object) -> None:
        raise AssertionError("a stranger has neither keys nor a database")

    monkeypatch.setenv("UNDERSTUDY_DATA_DIR", str(tmp_path / "nothing"))
    config.settings.cache_clear()
    for name in ("sign", "public_key", "secret"):
        monkeypatch.setattr(keys, name, refuse)
    for name in ("reading", "writing", "engine"):
        monkeypatch.setattr(db, name, refuse)
    yield
    config.settings.cache_clear()
