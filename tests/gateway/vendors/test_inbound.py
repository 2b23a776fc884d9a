"""Credentials that a vendor writes into its file are kept as an ingredient of ours."""

import pytest

from app import config, db
from app.gateway import pipeline
from app.gateway.models import Generation
from app.provenance import service as provenance
from app.provenance.finish import superboxes
from tests.gateway.vendors.story import a_scene, asked, configure, example_of, offer, rendered
from tests.gateway.vendors.test_every_vendor import AT_FAKE
from tests.provenance import making
from tests.providers.fakes import core, google


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("vendor", ["google", "runway"])
class TestVendorsCredentials:
    """From the vendor's reply, inside an answer or behind a link, to our signature."""

    @pytest.fixture
    def capability(self, vendor, database, fake, monkeypatch):
        at = AT_FAKE[vendor]
        host = fake.base.removeprefix("http://")
        connector = at.make(fake.base, hosts=(host,), private=True)
        offer(monkeypatch, connector)
        (capability, *_) = connector.capabilities()
        assert "C2PA" in capability.inbound_provenance
        promise = f"{capability.model}=A letter (2026-10-01)"
        monkeypatch.setenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", promise)
        config.settings.cache_clear()
        configure(vendor, "key", **at.credentials)
        return capability

    def come_back(self, capability, film, pauses, monkeypatch):
        """Have the vendor return a film, and sign what came of it, as it came."""
        monkeypatch.setattr(core, "MP4", film)
        monkeypatch.setattr(google, "MP4", film)
        with db.writing() as session:
            scene = a_scene(session, capability)
        generation_id = asked(scene, capability.model, "fine", **example_of(capability))
        rendered(generation_id, pauses)
        with db.writing() as session:
            generation = session.get_one(Generation, generation_id)
            assert generation.state == "rendered"
            generation.state, generation.marked_key = "marked", generation.rendered_key
        assert pipeline.sign(generation_id)
        with db.reading() as session:
            kept = provenance.by_generation(session, generation_id)
            assert kept is not None
            return {box.path for box in superboxes(provenance.manifest_bytes(kept))}

    def test_that_hold_are_kept_and_broken_ones_are_not(
        self, capability, pauses, monkeypatch, tmp_path
    ):
        authority = making.an_authority(config.settings().keys_dir)
        (tmp_path / "sample.mp4").write_bytes(core.MP4)
        theirs = making.signed(authority, tmp_path / "sample.mp4", tmp_path / "theirs.mp4")
        label = provenance.manifest_label(theirs.manifest_bytes)
        film = (tmp_path / "theirs.mp4").read_bytes()
        assert f"/c2pa/{label}" in self.come_back(capability, film, pauses, monkeypatch)
        # The planted fault: a frame was changed after the vendor signed.
        at = film.rindex(b"mdat") + 2000
        broken = film[:at] + bytes([film[at] ^ 1]) + film[at + 1 :]
        assert f"/c2pa/{label}" not in self.come_back(capability, broken, pauses, monkeypatch)
