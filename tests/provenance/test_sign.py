"""Every format is signed, verifies, and stops verifying when a byte changes."""

import dataclasses
import hashlib
import json
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import c2pa
import pytest

from app import clock, keys
from app.provenance import credentials, finish, pki, second, service, sign, signature
from app.provenance.certificates import BACKDATED, PROFILES
from app.provenance.errors import ReleaseGateClosed, SigningFailed, UnsupportedFormat
from app.provenance.manifest import Source
from tests.provenance import making
from tests.provenance.making import FORMATS, PAYLOAD, Authority


def read(path: Path, authority: Authority) -> dict[str, object]:
    return credentials.read_credentials(path=str(path), **authority.roots)


class TestSignFile:
    @pytest.mark.parametrize("kind", FORMATS)
    def test_every_format_verifies_under_our_root_with_a_time_stamp(
        self, kind, authority, tmp_path
    ):
        src = making.make_media(tmp_path / f"in.{kind}")
        described = making.a_manifest(src)
        made = making.signed(authority, src, tmp_path / f"out.{kind}", described)
        sign.check_release(tmp_path / f"out.{kind}", **authority.trust, payload=PAYLOAD)
        found = read(tmp_path / f"out.{kind}", authority)
        assert (found["state"], found["signer_ours"], found["time_trusted"]) == (
            "valid",
            True,
            True,
        )
        assert found["generation_id"] == described.generation_id
        assert made.size_bytes == (tmp_path / f"out.{kind}").stat().st_size

    @pytest.mark.parametrize("kind", ["jpg", "png", "mp4"])
    def test_a_large_file_is_finished_where_it_lies(self, kind, authority, tmp_path, monkeypatch):
        monkeypatch.setattr(sign, "IN_MEMORY_BYTES", 0)
        out = tmp_path / f"out.{kind}"
        made = making.signed(authority, making.make_media(tmp_path / f"in.{kind}"), out)
        assert read(out, authority)["state"] == "valid"
        assert made.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()

    @pytest.mark.parametrize("kind", FORMATS)
    def test_a_changed_media_byte_is_invalid(self, kind, authority, tmp_path):
        out = tmp_path / f"out.{kind}"
        made = making.signed(authority, making.make_media(tmp_path / f"in.{kind}"), out)
        content = bytearray(out.read_bytes())
        content[_media_offset(content, made.manifest_bytes, random.Random(7))] ^= 1
        out.write_bytes(content)
        assert read(out, authority)["state"] != "valid"
        with pytest.raises(ReleaseGateClosed):
            sign.check_release(out, **authority.trust, payload=PAYLOAD)

    def test_a_fragmented_mp4_verifies(self, authority, tmp_path):
        src, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
        fragmented = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        frames = [making.a_picture(seed=n) for n in range(12)]
        making.write_video(src, frames, options=fragmented)
        making.signed(authority, src, out)
        sign.check_release(out, **authority.trust, payload=PAYLOAD)

    def test_the_key_is_asked_once(self, authority, tmp_path):
        src = making.make_media(tmp_path / "in.jpg")
        asked = []

        def count(data: bytes) -> bytes:
            asked.append(data)
            return authority.signer.sign(data)

        sign.sign_file(
            src,
            tmp_path / "out.jpg",
            making.a_manifest(src),
            sign=count,
            chain_pem=authority.signer.chain_pem,
        )
        assert len(asked) == 1

    def test_the_payload_stands_in_the_manifest_as_bytes_not_text(self, authority, tmp_path):
        out = tmp_path / "out.png"
        made = making.signed(authority, making.make_media(tmp_path / "in.png"), out)
        assert b"evalue\x48" + PAYLOAD in made.manifest_bytes
        assert finish.PAYLOAD_PLACEHOLDER.encode() not in made.manifest_bytes

    def test_no_picture_of_the_performer_and_no_private_digest_goes_in(self, authority, tmp_path):
        out = tmp_path / "out.jpg"
        made = making.signed(authority, making.make_media(tmp_path / "in.jpg"), out)
        assert b"\xff\xd8\xff" not in made.manifest_bytes
        for private in ("ab" * 32, "ef" * 32):
            assert private.encode() not in made.manifest_bytes

    def test_an_unknown_suffix_is_refused_before_anything_is_written(self, authority, tmp_path):
        src = tmp_path / "notes.txt"
        src.write_text("hello")
        with pytest.raises(UnsupportedFormat):
            sign.media_type_of(src)

    @pytest.mark.parametrize("kind", ["jpg", "mp4", "png"])
    def test_a_broken_source_is_a_named_error_and_leaves_nothing(self, kind, authority, tmp_path):
        src, out = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
        src.write_bytes(b"not media at all")
        with pytest.raises(SigningFailed):
            making.signed(authority, src, out, making.a_manifest(src))
        assert not out.exists()

    def test_a_signer_that_fails_leaves_nothing(self, authority, tmp_path):
        src, out = making.make_media(tmp_path / "in.jpg"), tmp_path / "out.jpg"

        def refuse(_data: bytes) -> bytes:
            raise keys.KeyMissing("the key is away")

        with pytest.raises(keys.KeyMissing):
            sign.sign_file(
                src, out, making.a_manifest(src), sign=refuse, chain_pem=authority.signer.chain_pem
            )
        assert not out.exists()

    def test_a_manifest_of_more_than_64_kib_still_fits_a_jpeg(self, authority, tmp_path):
        src, out = making.make_media(tmp_path / "in.jpg"), tmp_path / "out.jpg"
        described = making.a_manifest(src)
        described.definition["title"] = "x" * 150_000
        made = making.signed(authority, src, out, described)
        assert len(made.manifest_bytes) > 2 * 65536
        sign.check_release(out, **authority.trust, payload=PAYLOAD)

    @pytest.mark.parametrize("kind", ["jpg", "mp4"])
    def test_credentials_already_in_the_source_are_replaced(self, kind, authority, tmp_path):
        """A generator's own signature must not make ours look like a second opinion."""
        src, once = making.make_media(tmp_path / f"in.{kind}"), tmp_path / f"once.{kind}"
        twice = tmp_path / f"twice.{kind}"
        making.signed(authority, src, once)
        described = making.a_manifest(once)
        making.signed(authority, once, twice, described)
        sign.check_release(twice, **authority.trust, payload=PAYLOAD)
        assert read(twice, authority)["generation_id"] == described.generation_id

    @pytest.mark.parametrize("kind", ["jpg", "mp4"])
    @pytest.mark.parametrize("credited", ["both", "rendering"])
    def test_altered_footage_is_opened_and_others_credentials_go_in_as_they_are(
        self, kind, credited, authority, data_dir, tmp_path, monkeypatch
    ):
        """A camera's credentials in the footage, a vendor's in what the generator returned."""
        media_type = sign.media_type_of(Path(f"a.{kind}"))
        vendor = making.another_authority(monkeypatch, tmp_path / "vendor")
        plain, signed = {}, {}
        for seed, name in enumerate(("footage", "rendering"), 3):
            plain[name] = making.make_media(tmp_path / f"plain-{name}.{kind}", seed=seed)
            made = making.signed(vendor, plain[name], tmp_path / f"{name}.{kind}")
            signed[name] = service.manifest_label(made.manifest_bytes)
        if credited == "rendering":
            shutil.copy(plain["footage"], tmp_path / f"footage.{kind}")
            del signed["footage"]
        making.settings_at(monkeypatch, data_dir)
        src, out = making.make_media(tmp_path / f"in.{kind}"), tmp_path / f"out.{kind}"
        sources = {name: Source(tmp_path / f"{name}.{kind}", media_type) for name in plain}
        described = making.a_manifest(src, **sources)
        making.signed(authority, src, out, described)
        sign.check_release(out, **authority.trust, payload=PAYLOAD)
        found = read(out, authority)
        assert (found["state"], found["signer_ours"]) == ("valid", True)
        assert found["generation_id"] == described.generation_id
        assert _opened(out) == {
            "opened": ["footage"],
            "edited": ["reference-1", "rendering"],
            "source type": "compositeWithTrainedAlgorithmicMedia",
            "parentOf": ["footage"],
            "credentials": signed,
        }

    def test_an_output_of_ours_goes_in_as_the_parent_of_what_derives_from_it(
        self, authority, tmp_path
    ):
        first = making.signed(
            authority, making.make_media(tmp_path / "a.jpg", seed=3), tmp_path / "parent.jpg"
        )
        src, out = making.make_media(tmp_path / "in.jpg"), tmp_path / "out.jpg"
        first_id = signature.parts_of(first.manifest_bytes).consent["generation"]
        described = making.a_manifest(
            src,
            parent=Source(tmp_path / "parent.jpg", "image/jpeg"),
            derived_from=(first_id, "remix"),
        )
        whole = making.signed(authority, src, out, described).manifest_bytes
        sign.check_release(out, **authority.trust, payload=PAYLOAD)
        derived = {"generation": first_id, "relation": "remix"}
        assert signature.parts_of(whole).consent["derivedFrom"] == derived
        # One bit of the parent's own signature; and a parent that was never read in.
        at = whole.index(first.manifest_bytes[-200:-100])
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(signature.SignatureUnsound, match="were changed"):
            signature.parts_of(changed)
        claimed = making.a_manifest(src, derived_from=(first_id, "edit"))
        alone = making.signed(authority, src, tmp_path / "alone.jpg", claimed)
        with pytest.raises(signature.SignatureUnsound, match="not among its ingredients"):
            signature.parts_of(alone.manifest_bytes)
        assert read(out, authority)["generation_id"] == described.generation_id
        parent = service.manifest_label(first.manifest_bytes).encode()
        assert parent in out.read_bytes()  # its credentials went in, whole

    def test_many_threads_sign_at_once(self, authority, tmp_path):
        src = making.make_media(tmp_path / "in.jpg")

        def one(number: int) -> str:
            out = tmp_path / f"out{number}.jpg"
            made = making.signed(authority, src, out)
            found = read(out, authority)
            assert (found["state"], found["signer_ours"]) == ("valid", True)
            return made.sha256

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(one, range(40)))) == 40


def first_believes(monkeypatch, said):
    """Have the first verifier say this of whatever it is asked about."""
    ask = sign._ask

    def answer(path, function, *rest):
        return said if function.endswith("read_credentials") else ask(path, function, *rest)

    monkeypatch.setattr(sign, "_ask", answer)


class TestCheckRelease:
    def test_refuses_a_file_without_a_time_stamp(self, authority, tmp_path):
        src, out = making.make_media(tmp_path / "in.jpg"), tmp_path / "out.jpg"
        sign.sign_file(
            src,
            out,
            making.a_manifest(src),
            sign=authority.signer.sign,
            chain_pem=authority.signer.chain_pem,
        )
        with pytest.raises(ReleaseGateClosed, match="time stamp"):
            sign.check_release(out, **authority.trust, payload=PAYLOAD)

    def test_refuses_another_installations_signature(
        self, authority, tmp_path, monkeypatch, data_dir
    ):
        out = tmp_path / "out.jpg"
        making.signed(authority, making.make_media(tmp_path / "in.jpg"), out)
        other = making.another_authority(monkeypatch, tmp_path / "other")
        with pytest.raises(ReleaseGateClosed, match="not under this installation's root"):
            sign.check_release(out, **other.trust, payload=PAYLOAD)

    def test_refuses_a_signer_that_only_the_time_root_answers_for(self, authority, tmp_path):
        out = tmp_path / "out.jpg"
        making.signed(authority, making.make_media(tmp_path / "in.jpg"), out)
        swapped = {
            "claim_root_pem": authority.roots["tsa_root_pem"],
            "tsa_root_pem": authority.roots["claim_root_pem"],
            "revocations": {},
        }
        with pytest.raises(ReleaseGateClosed):
            sign.check_release(out, **swapped, payload=PAYLOAD)

    def test_refuses_a_file_that_names_another_payload(self, authority, tmp_path):
        out = tmp_path / "out.jpg"
        making.signed(authority, making.make_media(tmp_path / "in.jpg"), out)
        with pytest.raises(ReleaseGateClosed, match="watermark"):
            sign.check_release(out, **authority.trust, payload=bytes(8))

    def test_two_independent_verifiers_agree(self, authority, tmp_path):
        out = tmp_path / "out.jpg"
        making.signed(authority, making.make_media(tmp_path / "in.jpg"), out)
        by = sign.check_release(out, **authority.trust, payload=PAYLOAD)
        assert by == ("c2pa-python", "encypher-c2pa")

    def test_refuses_what_only_the_first_verifier_believes(self, authority, tmp_path, monkeypatch):
        """The planted fault: the first verifier says yes to a file with a changed byte."""
        out = tmp_path / "out.jpg"
        making.signed(authority, making.make_media(tmp_path / "in.jpg"), out)
        believed = read(out, authority)
        content = bytearray(out.read_bytes())
        content[-100] ^= 1
        out.write_bytes(content)
        first_believes(monkeypatch, believed)
        with pytest.raises(ReleaseGateClosed, match="not encypher-c2pa"):
            sign.check_release(out, **authority.trust, payload=PAYLOAD)

    @pytest.mark.parametrize("kind", ["jpg", "mp4"])
    def test_above_the_second_verifiers_limit_our_own_hash_stands_in_and_is_named(
        self, kind, authority, tmp_path, monkeypatch
    ):
        out = tmp_path / f"out.{kind}"
        making.signed(authority, making.make_media(tmp_path / f"in.{kind}"), out)
        monkeypatch.setattr(second, "LIMIT_BYTES", 1000)
        by = sign.check_release(out, **authority.trust, payload=PAYLOAD)
        assert by == ("c2pa-python", "understudy-hash")
        believed = read(out, authority)
        content = bytearray(out.read_bytes())
        content[-100] ^= 1
        out.write_bytes(content)
        first_believes(monkeypatch, believed)
        with pytest.raises(ReleaseGateClosed, match="not our own hash"):
            sign.check_release(out, **authority.trust, payload=PAYLOAD)

    def test_refuses_a_wrong_signature(self, authority, tmp_path):
        src, out = making.make_media(tmp_path / "in.jpg"), tmp_path / "out.jpg"
        sign.sign_file(
            src,
            out,
            making.a_manifest(src),
            sign=lambda data: authority.signer.sign(data + b"!"),
            chain_pem=authority.signer.chain_pem,
            stamp=authority.stamp,
        )
        with pytest.raises(ReleaseGateClosed):
            sign.check_release(out, **authority.trust, payload=PAYLOAD)


class TestTimeStamp:
    def test_an_old_file_outlives_its_leaf_only_with_a_time_stamp(
        self, data_dir, tmp_path, monkeypatch
    ):
        lifetime_s = BACKDATED.total_seconds() + 10
        short = [
            dataclasses.replace(profile, days=lifetime_s / 86400)
            if profile.purpose == "claim"
            else profile
            for profile in PROFILES
        ]
        monkeypatch.setattr(pki, "PROFILES", short)
        src = making.make_media(tmp_path / "in.jpg")
        authority = making.an_authority(data_dir / "certificates")
        signer = authority.signer
        making.signed(authority, src, tmp_path / "stamped.jpg")
        sign.sign_file(
            src,
            tmp_path / "bare.jpg",
            making.a_manifest(src),
            sign=signer.sign,
            chain_pem=signer.chain_pem,
        )
        while clock.now() <= signer.certificate.not_valid_after_utc + timedelta(seconds=1):
            time.sleep(0.2)
        stamped, bare = (read(tmp_path / f"{n}.jpg", authority) for n in ("stamped", "bare"))
        assert (stamped["state"], stamped["signer_ours"]) == ("valid", True)
        assert stamped["signer"]["in_force"]
        assert not bare["signer"]["in_force"]


def _opened(path: Path) -> dict[str, object]:
    """What the library itself reads of actions and ingredients, by their labels."""
    with path.open("rb") as file, c2pa.Reader(sign.media_type_of(path), file) as reader:
        report = json.loads(reader.json())
    active = report["manifests"][report["active_manifest"]]
    (actions,) = (
        each["data"]["actions"]
        for each in active["assertions"]
        if each["label"].startswith("c2pa.actions")
    )
    opened, edited = actions[0], actions[1]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    titles = {
        "Footage that was altered": "footage",
        "What the generator returned": "rendering",
        "Reference of a performer": "reference-1",
    }
    named = {each["label"]: titles[each["title"]] for each in active["ingredients"]}

    def inputs(action: dict[str, Any]) -> list[str]:
        said = action["parameters"]["ingredients"]
        return [named[each["url"].rpartition("/")[2]] for each in said]

    return {
        "opened": inputs(opened),
        "edited": inputs(edited),
        "source type": edited["digitalSourceType"].rpartition("/")[2],
        "parentOf": [
            titles[each["title"]]
            for each in active["ingredients"]
            if each["relationship"] == "parentOf"
        ],
        "credentials": {
            titles[each["title"]]: each["active_manifest"]
            for each in active["ingredients"]
            if "active_manifest" in each
        },
    }


def _media_offset(content: bytes, manifest: bytes, rng: random.Random) -> int:
    """An offset in the second half of what is not the manifest: media data in every format."""
    start = bytes(content).find(manifest)
    choices = [
        at
        for at in range(len(content) // 2, len(content) - 64)
        if not start <= at < start + len(manifest)
    ]
    return rng.choice(choices)
