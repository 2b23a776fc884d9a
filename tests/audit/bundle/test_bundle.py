"""A bundle proves an output to whoever asks nobody; whatever is changed in it is named."""

import json
import shutil
import struct
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from app.audit.bundle import checking, container, making, readme
from app.audit.bundle.checking import Anchors
from app.audit.bundle.offline import verify_offline
from app.licensing.contracts import service as licensing
from tests.audit.bundle import house
from tests.audit.bundle.conftest import bundled
from tests.conftest import ROOT, point_settings

NOTHING = Anchors()


def wrong(checked):
    return [(step.code, step.member) for step in checked.steps if step.state == "fails"]


@pytest.mark.usefixtures("nothing_of_ours", "in_process")
class TestVerifyOffline:
    def test_the_released_file_is_intact_and_the_answer_says_whom_it_trusts(self, made, tmp_path):
        file = made.file(tmp_path / "film.mp4")
        found = verify_offline(file, made.bundles[0], NOTHING)
        assert found.verdict == "intact"
        assert found.findings["bundle"]["about"] == made.generations[0]
        assert found.findings["license"]["when_made"] == "licensed"
        assert found.findings["license"]["now"] == "licensed"
        assert found.findings["license"]["as_of"].endswith("Z")
        assert found.findings["log"]["state"] == "logged"
        assert found.findings["revocation"] == "good"
        assert set(found.findings["anchors"].values()) == {"bundle"}
        assert "Whoever made up the bundle" in found.sentence

    def test_a_remix_names_what_it_derives_from_whose_credentials_are_in_its_own(
        self, made, tmp_path
    ):
        file = made.file(tmp_path / "film.mp4", 1)
        found = verify_offline(file, made.bundles[1], NOTHING)
        assert found.verdict == "intact"
        derived = {"generation": made.generations[0], "relation": "remix"}
        assert found.findings["bundle"]["derived_from"] == derived
        plain = verify_offline(file, made.bundles[0], NOTHING)
        assert "derived_from" not in plain.findings["bundle"]

    def test_with_anchors_of_the_readers_own_it_is_believed_for_those(self, made, tmp_path):
        file, held = made.file(tmp_path / "film.mp4"), house.members(made.bundles[0])
        given = Anchors(
            held[container.CLAIM_ROOT].decode(),
            held[container.TIME_ROOTS].decode(),
            held[container.KEYS],
            held[container.LOG_KEY].decode(),
            "",
        )
        found = verify_offline(file, made.bundles[0], given)
        assert found.verdict == "intact"
        assert set(found.findings["anchors"].values()) == {"given"}
        assert "All roots and keys were yours" in found.sentence

    def test_a_strangers_bundle_holds_no_file_and_no_receipt_and_proves_as_much(
        self, made, tmp_path
    ):
        there = set(house.members(made.public))
        assert there.isdisjoint({container.PERMIT, container.RELEASE, *container.FILES})
        found = verify_offline(made.file(tmp_path / "film.mp4"), made.public, NOTHING)
        assert found.verdict == "intact"
        assert found.findings["bundle"]["receipts"] == "withheld"

    def test_a_changed_file_is_altered_a_stripped_one_of_unknown_origin(self, made, tmp_path):
        film = made.file(tmp_path / "film.mp4")
        hurt = tmp_path / "hurt.mp4"
        hurt.write_bytes(house.flipped(film.read_bytes(), film.stat().st_size - 40))
        assert verify_offline(hurt, made.bundles[0], NOTHING).verdict == "altered"
        longer = tmp_path / "longer.mp4"
        longer.write_bytes(film.read_bytes() + struct.pack(">I4s", 16, b"free") + bytes(8))
        assert verify_offline(longer, made.bundles[0], NOTHING).verdict == "altered"
        stripped = house.a_film(tmp_path / "stripped.mp4", 1)
        found = verify_offline(stripped, made.bundles[0], NOTHING)
        assert (found.verdict, found.findings["mark"]) == ("unknown-origin", "no-key")
        assert found.findings["resembles"] == made.generations[0]
        assert found.findings["license"] is None

    def test_another_outputs_file_is_not_what_this_bundle_is_about(self, made, tmp_path):
        found = verify_offline(made.file(tmp_path / "b.mp4", 1), made.bundles[0], NOTHING)
        assert found.verdict == "unknown-origin"
        assert made.generations[0] in found.sentence


@pytest.mark.usefixtures("nothing_of_ours")
class TestTampering:
    def test_a_bit_flipped_in_any_member_is_named(self, made, tmp_path):
        content = house.members(made.bundles[0])
        for name, raw in content.items():
            for at in {0, len(raw) // 2, len(raw) - 1}:
                hurt = house.packed(
                    {**content, name: house.flipped(raw, at)}, tmp_path / "hurt.zip"
                )
                found = wrong(checking.check(hurt, NOTHING))
                assert found, (name, at)
                said = {member for _, member in found}
                assert name in said or name in {container.INDEX, container.KEYS}, (name, found)

    def test_a_bit_flipped_is_found_when_the_index_was_set_right_as_well(self, made, tmp_path):
        """Whoever changes a member changes the index too; the signed license state tells."""
        content = house.members(made.bundles[0])
        for name in sorted(set(content) - {container.INDEX}):
            hurt = {**content, name: house.flipped(content[name], len(content[name]) // 2)}
            found = checking.check(house.packed(reindexed(hurt), tmp_path / "hurt.zip"), NOTHING)
            assert not found.holds, name

    def test_a_member_taken_from_another_bundle_is_named(self, made, tmp_path):
        content, other = map(house.members, made.bundles)
        for name, raw in other.items():
            if raw == content[name]:
                continue  # roots and keys are the same installation's
            swapped = {**content, name: raw}
            found = wrong(checking.check(house.packed(swapped, tmp_path / "hurt.zip"), NOTHING))
            assert found, name
            again = checking.check(house.packed(reindexed(swapped), tmp_path / "hurt.zip"), NOTHING)
            assert not again.holds, name

    def test_a_member_left_out_is_named(self, made, tmp_path):
        content = house.members(made.bundles[0])
        for name in content:
            less = {each: raw for each, raw in content.items() if each != name}
            found = wrong(checking.check(house.packed(less, tmp_path / "hurt.zip"), NOTHING))
            assert found[0] == ("member-missing", name)

    def test_each_later_step_finds_a_swap_without_the_digest_over_all(
        self, made, tmp_path, monkeypatch
    ):
        """The planted fault: with the signed digest ignored, what each member says still tells."""
        from app.audit.bundle import token

        content, other = map(house.members, made.bundles)
        kept = token.members_digest(
            {name: sha256(raw).hexdigest() for name, raw in content.items()}
        )
        monkeypatch.setattr(token, "members_digest", lambda _: kept)
        expected = {
            container.MANIFEST: "manifest-swapped",
            container.CONTRACTS: "contracts-swapped",
            container.SIGNATURE: "not-as-in-manifest",
            container.TIME_TOKEN: "not-as-in-manifest",
            container.RELEASED_LEAF: "leaf-swapped",
            container.PERMIT: "receipt-swapped",
            container.FILES[3]: "file-swapped",
        }
        for name, code in expected.items():
            swapped = reindexed({**content, name: other[name]})
            found = wrong(checking.check(house.packed(swapped, tmp_path / "hurt.zip"), NOTHING))
            assert code in {each for each, _ in found}, (name, found)

    def test_a_forged_bundle_does_not_hold_under_the_readers_own_keys(
        self, made, tmp_path, monkeypatch
    ):
        content = house.members(made.bundles[0])
        strange = tmp_path / "strange"
        monkeypatch.undo()
        keys_json, log_key, root = a_strangers_anchors(strange, monkeypatch)
        for given, code in (
            (Anchors(keys=keys_json), "license-unsound"),
            (Anchors(log_key=log_key), "leaf-unsound"),
            (Anchors(claim_root_pem=root), "certificates-unsound"),
            (Anchors(time_roots_pem=root), "certificates-unsound"),
        ):
            path = house.packed(content, tmp_path / "whole.zip")
            assert code in {each for each, _ in wrong(checking.check(path, given))}

    @pytest.mark.usefixtures("in_process")
    def test_of_a_bundle_that_does_not_hold_nothing_is_believed(self, made, tmp_path):
        content = house.members(made.bundles[0])
        raw = content[container.LICENSE]
        hurt = house.packed(
            {**content, container.LICENSE: house.flipped(raw, 100)}, tmp_path / "hurt.zip"
        )
        found = verify_offline(made.file(tmp_path / "film.mp4"), hurt, NOTHING)
        assert found.verdict == "unknown-origin"
        assert found.findings["license"] is found.findings["log"] is None
        assert "nothing in it is believed" in found.sentence


def reindexed(content):
    """Set the index right, as somebody does who changed a member on purpose."""
    said = json.loads(content[container.INDEX])
    for each in said["members"]:
        each["sha256"] = sha256(content[each["name"]]).hexdigest()
        each["size_bytes"] = len(content[each["name"]])
    import rfc8785

    return {**content, container.INDEX: bytes(rfc8785.dumps(said))}


def a_strangers_anchors(directory, monkeypatch):
    from app import keys, publication
    from app.licensing.boundaries.preferences import published_keys
    from app.provenance import pki
    from tests.provenance import making as provenance

    directory.mkdir()
    provenance.settings_at(monkeypatch, directory)
    keys.create_missing()
    certificates = directory / "keys"
    pki.create_missing(certificates, ocsp_url="http://x/ocsp/")
    keys_json = json.dumps({"keys": published_keys()}).encode()
    return keys_json, str(publication.log_key()), pki.claim_root_pem(certificates)


def entry(name, **said):
    made = container._entry(name)
    for each, value in said.items():
        setattr(made, each, value)
    return made


@pytest.mark.usefixtures("nothing_of_ours")
class TestHostileZips:
    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("../../etc/passwd", "name-unknown"),
            ("/etc/passwd", "name-unknown"),
            ("file\\output.mp4", "name-unknown"),
            ("decision/", "name-unknown"),
            ("README.TXT", "name-unknown"),
        ],
    )
    def test_a_name_from_outside_the_list_is_refused(self, made, tmp_path, name, code):
        content = [(entry(each), raw) for each, raw in house.members(made.bundles[0]).items()]
        path = tmp_path / "hostile.zip"
        path.write_bytes(house.plain_zip([*content, (entry(name), b"x")]))
        before = sorted(tmp_path.rglob("*"))
        checked = checking.check(path, NOTHING)
        assert wrong(checked)[0][0] == code
        assert {step.state for step in checked.steps[1:]} == {"not-reached"}
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"compress_type": zipfile.ZIP_DEFLATED}, "not-plain"),  # so nothing can unfold
            ({"external_attr": 0o120777 << 16}, "not-plain"),  # a symbolic link
            ({"extra": b"\x99\x99\x00\x00"}, "not-plain"),
            ({"comment": b"hello"}, "not-plain"),
        ],
    )
    def test_what_is_no_plain_stored_file_is_refused(self, made, tmp_path, said, code):
        content = house.members(made.bundles[0])
        entries = [
            (entry(name, **(said if name == container.README else {})), raw)
            for name, raw in content.items()
        ]
        path = tmp_path / "hostile.zip"
        path.write_bytes(house.plain_zip(entries))
        assert wrong(checking.check(path, NOTHING))[0][0] in {code, "not-a-bundle"}

    def test_bombs_doubles_gaps_and_ends_that_lie_are_refused(self, made, tmp_path):
        whole = made.public.read_bytes()
        content = house.members(made.public)
        big = {**content, container.README: bytes(container.SMALL_LIMIT_BYTES + 1)}
        many = [(entry(f"{number}"), b"") for number in range(60)]
        twice = [(entry(name), raw) for name, raw in content.items()]
        with pytest.warns(UserWarning, match="Duplicate"):
            doubled = house.plain_zip([*twice, twice[0]])
        end = len(whole) - container.END_RECORD
        hostile = {
            "empty": b"",
            "text": b"hello" * 100,
            "before": b"#!/bin/sh\n" + whole,
            "behind": whole + b"x",
            "cut": whole[:-30],
            "member-size": house.packed(big, tmp_path / "big.zip").read_bytes(),
            "many": house.plain_zip(many),
            "doubled": doubled,
            "zip64": whole[:end] + container.ZIP64_LOCATOR + bytes(16) + whole[end:],
            "zeros": bytes(4096),
        }
        path = tmp_path / "hostile.zip"
        for name, raw in hostile.items():
            path.write_bytes(raw)
            checked = checking.check(path, NOTHING)
            assert len(wrong(checked)) == 1, name
            assert checked.bundle is None, name

    def test_any_byte_flipped_anywhere_is_survived(self, made, tmp_path):
        whole, path = made.public.read_bytes(), tmp_path / "hurt.zip"
        for at in range(0, len(whole), 97):
            path.write_bytes(house.flipped(whole, at))
            checking.check(path, NOTHING)

    def test_compression_would_have_been_the_bomb(self, made, tmp_path, monkeypatch):
        """The planted fault: were packed members read, this one would unfold a hundredfold."""
        content = house.members(made.public)
        bomb = {**content, container.README: bytes(container.SMALL_LIMIT_BYTES)}
        path = tmp_path / "bomb.zip"
        path.write_bytes(
            house.plain_zip(
                [(entry(n, compress_type=zipfile.ZIP_DEFLATED), raw) for n, raw in bomb.items()]
            )
        )
        assert path.stat().st_size < container.SMALL_LIMIT_BYTES // 20
        assert wrong(checking.check(path, NOTHING))[0][0] == "not-plain"
        monkeypatch.setattr(container, "_check_entries", lambda *_: None)
        assert len(container.read(path).small[container.README]) == container.SMALL_LIMIT_BYTES


class TestMakeBundle:
    def test_the_same_records_are_the_same_members_and_the_readme_names_each(self, made):
        content = house.members(made.bundles[0])
        listed = json.loads(content[container.INDEX])["members"]
        assert {each["name"] for each in listed} == set(content) - {container.INDEX}
        text = content[container.README].decode()
        assert all(name in text for name in content)
        assert set(readme.SAYS) == container.ALWAYS | container.SOMETIMES

    def test_nothing_private_is_in_any_member(self, made):
        scene = made.scene
        private = [
            scene.contract.id,
            scene.contract.document_sha256,
            scene.performer.id,
            scene.production.organization.id,
            "The Girl",
            "Nightglass",
            "NIGHTGLASS",
            "I hold the light",
        ]
        for bundle in (*made.bundles, made.public):
            for name, raw in house.members(bundle).items():
                assert not [word for word in private if word.encode() in raw], name

    @pytest.mark.usefixtures("in_process")
    def test_after_a_withdrawal_it_says_so_as_of_its_date(self, made, tmp_path, monkeypatch):
        from app import db

        shutil.copytree(made.data_dir, tmp_path / "var")
        point_settings(monkeypatch, tmp_path / "var", "")
        with db.writing() as session:
            contract = session.merge(made.scene.contract)
            licensing.withdraw_contract(session, contract, made.scene.desk.organization.id)
        later = bundled(made.generations[1], tmp_path / "later.zip")
        found = verify_offline(made.file(tmp_path / "b.mp4", 1), later, NOTHING)
        words = found.findings["license"]
        assert (words["when_made"], words["now"]) == ("licensed", "not-licensed")

    @pytest.mark.usefixtures("at_home")
    def test_what_was_never_released_has_no_bundle(self):
        from app import db
        from app.errors import NotFound

        with db.reading() as session, pytest.raises(NotFound):
            making.make(session, "gen_" + "0" * 26, audience="party")


@pytest.mark.slow
class TestCommands:
    def test_a_stranger_verifies_in_a_process_that_has_nothing(self, made, tmp_path):
        film = made.file(tmp_path / "film.mp4")
        nowhere = {"UNDERSTUDY_DATA_DIR": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}
        said = run(["verify", film, "--offline", made.public, "--json"], nowhere)
        assert said.returncode == 0, said.stderr
        found = json.loads(said.stdout)
        assert found["verdict"] == "intact"
        assert [step["step"] for step in found["findings"]["bundle"]["steps"]] == list(range(1, 10))
        assert not (tmp_path / "none").exists()
        shutil.copy(made.public, tmp_path / "hurt.zip")
        raw = (tmp_path / "hurt.zip").read_bytes()
        (tmp_path / "hurt.zip").write_bytes(house.flipped(raw, 200))
        said = run(["verify", film, "--offline", tmp_path / "hurt.zip"], nowhere)
        assert said.returncode == 1
        assert "member-damaged" in said.stdout

    def test_the_installation_bundles_what_a_file_comes_from(self, made, tmp_path):
        film = made.file(tmp_path / "film.mp4")
        here = {"UNDERSTUDY_DATA_DIR": str(made.data_dir), "PATH": "/usr/bin:/bin"}
        to = tmp_path / "made.zip"
        said = run(["bundle", film, "-o", to], here)
        assert said.returncode == 0, said.stderr
        assert made.generations[0] in said.stdout
        assert checking.check(to, NOTHING).holds
        strange = house.a_film(tmp_path / "strange.mp4", 90)
        said = run(["bundle", strange, "-o", tmp_path / "none.zip"], here)
        assert said.returncode == 1
        assert "output-unnamed" in said.stderr
        assert not (tmp_path / "none.zip").exists()


def run(words: list[object], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *map(str, words)],
        cwd=Path(ROOT),
        env={**environment, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
