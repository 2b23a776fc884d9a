"""A line comes back as WAV or M4A as well as MP3: each is marked, signed, released and verified."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from app import config, db, storage
from app.audit import desk
from app.gateway import pipeline, service, workbench
from app.gateway.generators import catalogue
from app.gateway.models import Generation
from app.gateway.outputs import KINDS, media_type_of
from tests.gateway.vendors.story import PROVIDERS
from tests.gateway.vendors.test_voice import ask, eleven, load, scene
from tests.provenance import making

__all__ = ["ask", "eleven", "scene"]  # the fixtures of a line in a performer's own voice
RETIRED = catalogue.RETIRED[0].model
CODECS = {"wav": ("wav", "pcm_s16le", "audio/wav"), "m4a": ("ipod", "aac", "audio/mp4")}


def written(kind: str, to: Path) -> Path:
    """Write the spoken sample as another vendor might return it."""
    container, codec, _ = CODECS[kind]
    with (
        av.open(str(PROVIDERS / "sample.mp3")) as spoken,
        av.open(str(to), "w", format=container) as file,
    ):
        track = file.add_stream(codec, rate=44_100, layout="mono")
        shaped = av.AudioResampler(format=track.format.name, layout="mono", rate=44_100)
        at = 0
        for frame in [*spoken.decode(audio=0), None]:
            for part in shaped.resample(frame):
                part.pts, part.time_base, at = at, Fraction(1, 44_100), at + part.samples
                file.mux(track.encode(part))
        file.mux(track.encode(None))
    return to


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", CODECS)
def test_is_released_as_what_it_is_and_verifies(kind, ask, tmp_path, monkeypatch):
    """The M4A is said to be of a model that was shut down since: its files still verify."""
    making.an_authority(config.settings().keys_dir)
    monkeypatch.setattr(service, "SEEN_FIRST", {})
    generation_id = ask("fine")
    came_back = KINDS["audio"].named(written(kind, tmp_path / "rendered.mp4"))
    assert came_back.suffix == f".{kind}"
    digest, key = workbench.keep(generation_id, "rendered", came_back)
    with db.writing() as session:
        row = session.get_one(Generation, generation_id)
        row.state, row.rendered_key, row.rendered_sha256 = "rendered", key, digest
        row.generator = RETIRED if kind == "m4a" else row.generator
    for stage in (
        pipeline.examine, pipeline.mark, pipeline.sign, pipeline.preview, pipeline.release,
    ):  # fmt: skip
        assert stage(generation_id), (stage, load(generation_id).reason)
    done = load(generation_id)
    assert (done.state, media_type_of(done.output_key)) == ("released", CODECS[kind][2])
    out = tmp_path / f"out.{kind}"
    storage.fetch(done.output_key, out)
    assert (RETIRED.encode() in out.read_bytes()) == (kind == "m4a")
    # Both verifiers agreed at the gate; a stranger finds signature, mark and content as released.
    seen = desk.look_at(out)
    assert (seen.verdict, seen.findings["payloads"]) == ("intact", [done.payload_hex])
    assert (seen.findings["credentials"], seen.findings["content"]) == ("valid", "same")
    assert seen.findings["sound_similarity"] > 0.9  # the fingerprint kept with its manifest
