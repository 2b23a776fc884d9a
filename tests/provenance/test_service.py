"""The manifest repository: written once, found by every trace, true to its bytes."""

import pytest

from app import storage
from app.ids import new_id
from app.provenance import service, softbinding
from app.provenance.errors import ManifestConflict, ManifestUnknown, ReleaseGateClosed
from tests.provenance import making
from tests.provenance.making import PAYLOAD

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def output(authority, tmp_path, in_process):
    """A signed, fingerprinted, unregistered output."""
    return make_output(authority, tmp_path)


def make_output(authority, tmp_path, *, payload=PAYLOAD, generation_id=None, seed=1):
    src = making.make_media(tmp_path / f"in{seed}.png", seed)
    described = making.a_manifest(src, payload, generation_id)
    return service.sign_output(src, tmp_path / f"out{seed}.png", described, desk=authority.desk)


class TestSignOutput:
    def test_takes_a_fingerprint_of_what_it_signed(self, output):
        assert output.fingerprint["medium"] == "image"
        assert output.media_type == "image/png"

    def test_a_closed_gate_leaves_no_file(self, authority, tmp_path, monkeypatch, in_process):
        def closed(*_args: object, **_options: object) -> None:
            raise ReleaseGateClosed("planted")

        monkeypatch.setattr(service, "check_release", closed)
        with pytest.raises(ReleaseGateClosed):
            make_output(authority, tmp_path)
        assert not (tmp_path / "out1.png").exists()


class TestWithCredentials:
    def test_names_a_file_whose_credentials_hold_and_no_other(
        self, authority, tmp_path, in_process
    ):
        src, out = making.make_media(tmp_path / "in.png"), tmp_path / "out.png"
        making.signed(authority, src, out)
        assert service.with_credentials(src, desk=authority.desk) is None
        assert service.with_credentials(out, desk=authority.desk).path == out
        whole = bytearray(out.read_bytes())
        whole[-40] ^= 1
        out.write_bytes(whole)
        assert service.with_credentials(out, desk=authority.desk) is None


class TestRegister:
    def test_keeps_the_manifest_under_its_own_hash_and_finds_it_by_every_trace(
        self, session, output
    ):
        kept = service.register(session, output)
        assert service.manifest_bytes(kept) == output.file.manifest_bytes
        assert service.by_generation(session, output.manifest.generation_id) == kept
        assert service.by_file(session, output.file.sha256) == kept
        assert softbinding.by_payload(session, PAYLOAD.hex()) == kept
        assert service.by_traces(session, labels=[kept.label], generation_ids=[]) == kept
        assert softbinding.fingerprint_of(session, kept) == output.fingerprint
        assert softbinding.nearest(session, output.fingerprint) == (kept, 1.0)

    def test_twice_is_once(self, session, output):
        assert service.register(session, output) == service.register(session, output)

    def test_the_same_generation_signed_anew_is_a_conflict(
        self, session, output, authority, tmp_path
    ):
        service.register(session, output)
        again = make_output(
            authority, tmp_path, generation_id=output.manifest.generation_id, seed=2
        )
        with pytest.raises(ManifestConflict):
            service.register(session, again)

    def test_a_payload_leads_to_one_output_for_ever(self, session, output, authority, tmp_path):
        service.register(session, output)
        with pytest.raises(ManifestConflict):
            service.register(session, make_output(authority, tmp_path, seed=2))

    def test_commitments_open_with_what_is_kept(self, session, output):
        from app.provenance.manifest import commitment

        kept = service.register(session, output)
        for opening in [*kept.openings["references"], *kept.openings["contracts"]]:
            assert opening["commitment"].encode() in output.file.manifest_bytes
            salt = bytes.fromhex(opening["salt"])
            assert commitment(opening["sha256"], salt) == opening["commitment"]
            assert opening["salt"].encode() not in output.file.manifest_bytes


class TestManifestBytes:
    @ONE_DATABASE
    def test_damaged_or_lost_bytes_are_not_handed_out(self, session, output):
        kept = service.register(session, output)
        storage.replace(kept.object_key, b"damaged")
        with pytest.raises(ManifestUnknown):
            service.manifest_bytes(kept)
        storage.delete(kept.object_key)
        with pytest.raises(ManifestUnknown):
            service.manifest_bytes(kept)


class TestNearest:
    def test_finds_the_output_most_alike_and_nothing_when_none_is(
        self, session, output, authority, tmp_path
    ):
        one = service.register(session, output)
        other = make_output(authority, tmp_path, payload=b"second!!", seed=7)
        two = service.register(session, other)
        found = softbinding.nearest(session, other.fingerprint)
        assert found is not None
        assert found[0] == two
        assert softbinding.nearest(session, other.fingerprint, apart_from=two.id) is None
        assert softbinding.nearest(session, output.fingerprint) == (one, 1.0)

    @ONE_DATABASE
    def test_unknown_names_lead_nowhere(self, session):
        assert service.by_generation(session, new_id("gen")) is None
        assert service.by_file(session, "0" * 64) is None
        assert softbinding.by_payload(session, "0" * 16) is None
        assert service.by_traces(session, labels=[], generation_ids=[]) is None
