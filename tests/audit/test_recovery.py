"""From a mark or a likeness back to the manifest, as far as strangers may go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from sqlmodel import Session

from app.audit import recovery
from app.audit.errors import AlgorithmUnknown, AssetUnreadable, BindingMalformed, SearchGaveUp
from app.audit.recovery import FINGERPRINT, WATERMARK, Match
from app.gateway.models import Generation
from app.provenance import content, service, softbinding, verify
from app.provenance import fingerprint as prints
from app.provenance.errors import ManifestUnknown
from app.provenance.models import SignedManifest
from tests.scenes import a_scene

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PAYLOAD, OTHER = bytes(range(8)), b"another!"


def print_of(picture: Path) -> dict[str, Any]:
    found = content.fingerprint_content(path=str(picture))["fingerprint"]
    assert found is not None
    return dict(found)


@pytest.fixture(scope="module")
def girl(samples: Path) -> dict[str, Any]:
    return print_of(samples / "girl-with-a-pearl-earring.jpg")


@pytest.fixture(scope="module")
def mona(samples: Path) -> dict[str, Any]:
    return print_of(samples / "mona-lisa.jpg")


@pytest.fixture(scope="module")
def cropped(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Half the width and height of the girl: known by its keypoints alone."""
    picture = cv2.imread(str(samples / "girl-with-a-pearl-earring.jpg"))
    height, width = picture.shape[:2]
    path = tmp_path_factory.mktemp("cropped") / "cropped.png"
    cv2.imwrite(str(path), picture[height // 4 : -height // 4, width // 4 : -width // 4])
    return print_of(path)


@pytest.fixture
def kept(session: Session, girl: dict[str, Any]) -> SignedManifest:
    """A released output's manifest, with both ways back to it."""
    _, generation = a_scene(session).ask(session)
    assert generation is not None
    manifest = SignedManifest(
        generation_id=generation.id, label="urn:c2pa:1", manifest_sha256="0" * 64,
        file_sha256="1" * 64, size_bytes=1, media_type="image/png", openings={}, verified_by=[],
    )  # fmt: skip
    session.add(manifest)
    generation.state, generation.released_at = "released", manifest.signed_at
    session.add(generation)
    session.flush()
    softbinding.bind_payload(session, manifest, PAYLOAD)
    softbinding.bind_fingerprint(session, manifest, girl)
    return manifest


def take_back(session: Session, kept: SignedManifest) -> None:
    """Let the output never have been released."""
    generation = session.get_one(Generation, kept.generation_id)
    generation.released_at = None
    session.flush()


@pytest.fixture
def look(session: Session, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Match]]:
    """Ask about an asset that the sandbox says this of."""

    def ask(
        print_: dict[str, Any] | None,
        *payloads: bytes,
        searched: bool = True,
        readable: bool = True,
        **asked: Any,
    ) -> list[Match]:
        seen = verify.Content(
            readable=readable,
            searched=searched,
            marks=[{"payload": one.hex(), "false_positive_log10": -9.0} for one in payloads],
            fingerprint=print_ and prints.Fingerprint.model_validate(print_),
        )
        monkeypatch.setattr(verify, "read_content", lambda _path, _key: seen)
        return recovery.by_content(session, Path("asset"), watermark_keys={1: bytes(32)}, **asked)

    return ask


class TestByBinding:
    def test_a_payload_and_a_fingerprint_lead_to_the_manifest(self, session, kept, girl, mona):
        assert recovery.by_binding(session, WATERMARK, PAYLOAD) == [Match("urn:c2pa:1", 100)]
        assert recovery.by_binding(session, WATERMARK, OTHER) == []
        for print_, found in ((girl, [Match("urn:c2pa:1", 100)]), (mona, [])):
            value = prints.Fingerprint.model_validate(print_).model_dump_json().encode()
            assert recovery.by_binding(session, FINGERPRINT, value) == found

    @ONE_DATABASE
    def test_what_is_no_binding_is_refused(self, session):
        for value in (b"", b"1234567", b"123456789"):
            with pytest.raises(BindingMalformed):
                recovery.by_binding(session, WATERMARK, value)
        for value in (b"{}", b"[" * 100_000, b"\xff"):
            with pytest.raises(BindingMalformed):
                recovery.by_binding(session, FINGERPRINT, value)
        with pytest.raises(AlgorithmUnknown):
            recovery.by_binding(session, "com.example.1", PAYLOAD)


class TestByContent:
    def test_a_mark_on_content_that_agrees_is_the_strongest_match(self, kept, look, girl):
        assert look(girl, PAYLOAD) == [Match("urn:c2pa:1", 100)]

    @ONE_DATABASE
    def test_a_mark_that_was_copied_onto_other_content_leads_nowhere(self, kept, look, mona):
        assert look(mona, PAYLOAD) == []
        assert look(None, PAYLOAD) == [Match("urn:c2pa:1", 50)]  # nothing contradicts it

    @ONE_DATABASE
    def test_likeness_finds_it_where_the_mark_is_gone(self, kept, look, girl, mona):
        assert look(girl) == [Match("urn:c2pa:1", 100)]
        assert look(girl, algorithm=WATERMARK) == []
        assert look(mona) == []

    @ONE_DATABASE
    def test_a_hint_leads_where_the_content_agrees_and_nowhere_else(
        self, kept, look, mona, cropped
    ):
        assert look(cropped) == []
        assert look(cropped, hint=(WATERMARK, PAYLOAD)) == [Match("urn:c2pa:1", 100)]
        assert look(mona, hint=(WATERMARK, PAYLOAD)) == []
        assert look(cropped, hint=("com.example.1", PAYLOAD)) == []

    @ONE_DATABASE
    def test_no_more_are_returned_than_asked_for_and_the_likest_first(
        self, session, kept, look, girl, mona
    ):
        _, generation = a_scene(session).ask(session)
        second = SignedManifest(
            generation_id=generation.id, label="urn:c2pa:2", manifest_sha256="2" * 64,
            file_sha256="3" * 64, size_bytes=1, media_type="image/png", openings={},
            verified_by=[],
        )  # fmt: skip
        session.add(second)
        generation.released_at = second.signed_at
        session.flush()
        close = {**girl, "hashes": [f"{int(girl['hashes'][0], 16) ^ 0xFF:064x}"]}
        softbinding.bind_fingerprint(session, second, close)
        assert look(girl) == [Match("urn:c2pa:1", 100), Match("urn:c2pa:2", 94)]
        assert look(girl, at_most=1) == [Match("urn:c2pa:1", 100)]

    @ONE_DATABASE
    def test_a_search_that_gave_up_is_not_called_a_miss(self, look, girl, kept, mona):
        with pytest.raises(SearchGaveUp):
            look(mona, searched=False)
        assert look(girl, searched=False) == [Match("urn:c2pa:1", 100)]
        assert look(mona, searched=False, algorithm=FINGERPRINT) == []

    @ONE_DATABASE
    def test_what_cannot_be_read_is_refused(self, look):
        with pytest.raises(AssetUnreadable):
            look(None, readable=False)
        with pytest.raises(AlgorithmUnknown):
            look(None, algorithm="com.example.1")


class TestStrangers:
    def test_know_of_no_output_before_its_release(self, session, kept, look, girl):
        assert recovery.by_binding(session, WATERMARK, PAYLOAD)
        take_back(session, kept)
        assert recovery.by_binding(session, WATERMARK, PAYLOAD) == []
        assert look(girl, PAYLOAD, hint=(WATERMARK, PAYLOAD)) == []
        with pytest.raises(ManifestUnknown) as unreleased:
            recovery.manifest_store(session, kept.label)
        with pytest.raises(ManifestUnknown) as unknown:
            recovery.manifest_store(session, "urn:c2pa:never")
        assert str(unreleased.value) == str(unknown.value)

    @ONE_DATABASE
    def test_would_know_of_it_but_for_the_one_gate(self, session, kept, look, girl, monkeypatch):
        """Every way out passes `may_be_seen`: without it, all of them are open."""
        take_back(session, kept)
        monkeypatch.setattr(recovery, "may_be_seen", lambda _session, _kept: True)
        monkeypatch.setattr(service, "manifest_bytes", lambda _kept: b"store")
        assert recovery.by_binding(session, WATERMARK, PAYLOAD)
        assert look(girl, PAYLOAD)
        assert recovery.manifest_store(session, kept.label) == b"store"
