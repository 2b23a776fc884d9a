"""An installation with released outputs, made once; and bundles of them, whole and hurt."""

import io
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import config, db, keys, publication
from app.gateway import pipeline, workbench
from app.gateway.models import Generation
from app.provenance import pki
from tests import scenes
from tests.conftest import point_settings
from tests.provenance import making


@contextmanager
def an_installation(directory: Path, template: Path) -> Iterator[scenes.Scene]:
    """Make keys, certificates, a database and a signed contract; settings point there meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        directory.mkdir()
        point_settings(patch, directory, "")
        keys.create_missing()
        pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
        shutil.copy(template, directory / "understudy.sqlite")
        with db.writing() as session:
            scene = scenes.a_scene(session, quota={"max_seconds": 1000})
        yield scene
        db.engine().dispose()
    config.settings.cache_clear()
    db.engine.cache_clear()


def a_released_output(scene: scenes.Scene, film: Path, parent: tuple[str, str] = ("", "")) -> str:
    """Take a film through signing and release, by the pipeline's own stages; return its id."""
    with db.writing() as session:
        decision, generation = scene.ask(session, parent=parent)
        assert generation is not None, decision.codes
        generation_id = generation.id
    digest, key = workbench.keep(generation_id, "marked", film)
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        generation.state, generation.marked_key = "marked", key
        generation.rendered_key, generation.rendered_sha256 = key, digest
    assert pipeline.sign(generation_id)
    assert pipeline.preview(generation_id)
    assert pipeline.release(generation_id)
    assert workbench.load(generation_id).state == "released"
    publication.publish_log()
    return generation_id


def a_film(path: Path, seed: int) -> Path:
    """A film too small to carry a mark."""
    making.write_video(path, [making.a_picture(48, 48, seed + n) for n in range(6)])
    return path


def members(bundle: Path) -> dict[str, bytes]:
    """Unpack a bundle as any tool would."""
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(content: Mapping[str, bytes], to: Path) -> Path:
    """Pack members as `making.write` does, whatever they are."""
    from app.audit.bundle import container

    with to.open("wb") as target:
        container.write(target, content, None)
    return to


def flipped(raw: bytes, at: int) -> bytes:
    """Change one bit in the middle of a byte."""
    return raw[:at] + bytes([raw[at] ^ 0x04]) + raw[at + 1 :]


def plain_zip(entries: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    """Write a zip of any entries, for hostile ones."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return target.getvalue()
