"""A contract signed with passkeys stands like any other, and proves itself without the server."""

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from sqlmodel import select
from typer.testing import CliRunner

from app import config, db
from app.cli import app as cli
from app.identity import people
from app.identity.models_people import Person
from app.licensing.contracts import assertions, signing
from app.licensing.contracts.models import Contract
from app.licensing.errors import SignatureRefused
from tests.http.browser import Browser, first_link
from tests.identity.authenticator import ORIGIN, b64, unb64
from tests.people.visiting import refused
from tests.scenes import a_scene, represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def served(database, application, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return application


@pytest.fixture
def scene(served):
    with db.writing() as session:
        return a_scene(session, signed=False)


def member(served, party, name):
    browser = Browser(served)
    assert browser.join(first_link(party.organization), name).status_code == 303
    return browser


@pytest.fixture
def griet(served, scene):
    return member(served, scene.desk, "Griet")


def path_of(scene):
    return f"/contracts/{scene.contract.id}/sign"


def sign(browser, scene):
    assert browser.open(path_of(scene)).status_code == 200
    return browser.prove(path_of(scene), browser.device.get(browser.options()))


def exported(scene, tmp_path, role="performer"):
    file = tmp_path / "signature.json"
    said = CliRunner().invoke(
        cli, ["contract", "signature", scene.contract.id, "--role", role, "--out", str(file)]
    )
    assert said.exit_code == 0, said.output
    return file


class TestSign:
    def test_both_sides_by_passkey_and_the_rules_permit(self, served, scene, griet):
        assert sign(griet, scene).status_code == 303
        assert "signed" in griet.open(path_of(scene)).text
        assert sign(member(served, scene.production, "Anna"), scene).status_code == 303
        with db.writing() as session:
            assert session.get_one(Contract, scene.contract.id).executed_at is not None
            decision, _ = scene.ask(session)
        assert decision.outcome == "permit", decision.codes

    @ONE_DATABASE
    def test_a_person_and_a_system_sign_the_same_contract(self, scene, griet):
        sign(griet, scene)
        with db.writing() as session:
            contract = session.get_one(Contract, scene.contract.id)
            signing.service.sign_contract(
                session,
                contract,
                scene.production.organization.id,
                role="licensee",
                jws=scene.production.sign(contract, "licensee"),
            )
            decision, _ = scene.ask(session)
        assert decision.outcome == "permit", decision.codes

    @ONE_DATABASE
    def test_the_challenge_is_the_hash_of_what_is_meant(self, scene, griet):
        griet.open(path_of(scene))
        challenge = unb64(griet.options()["challenge"])
        griet.prove(path_of(scene), griet.device.get(griet.options()))
        with db.reading() as session:
            contract = session.get_one(Contract, scene.contract.id)
            (signature,) = signing.service.signatures_of(session, contract)
            said = json.loads(signature.jws)["statement"]
            words = signing.words_of(signing.sections(session, contract))
        assert challenge == hashlib.sha256(rfc8785.dumps(said)).digest()
        assert said["contract_sha256"] == contract.document_sha256
        assert said["words_sha256"] == hashlib.sha256(words.encode()).hexdigest()

    @ONE_DATABASE
    def test_who_is_no_party_finds_nothing_and_who_may_only_look_does_not_sign(
        self, served, scene, griet
    ):
        with db.writing() as session:
            represent(session, scene, scene.agency.organization)
        agent = member(served, scene.agency, "Aal")
        assert agent.open(path_of(scene)).status_code == 200
        assert "Sign with my passkey" not in agent.page
        with db.writing() as session:
            stranger = signing.Organization(name="Strangers", kind="production")
            session.add(stranger)
        other = Browser(served)
        other.join(first_link(stranger))
        unknown = other.open("/contracts/con_00000000000000000000000000/sign").text
        theirs = refused(other.open(path_of(scene)), "contract-not-found").text
        assert theirs.replace(scene.contract.id, "") == unknown.replace("con_" + "0" * 26, "")

    @ONE_DATABASE
    def test_a_signature_is_given_once_and_by_the_person_who_was_asked(self, served, scene, griet):
        griet.open(path_of(scene))
        page, answer = griet.page, griet.device.get(griet.options())
        anna = member(served, scene.production, "Anna")
        anna.open(path_of(scene))
        refused(anna.prove(path_of(scene), griet.device.get(anna.options())), "passkey-refused")
        griet.page = page
        assert griet.prove(path_of(scene), answer).status_code == 303
        refused(griet.prove(path_of(scene), answer), "ceremony-refused")

    @ONE_DATABASE
    def test_a_sign_in_is_no_signature_nor_the_other_way_round(self, scene, griet):
        griet.open("/confirm")
        refused(griet.prove(path_of(scene), griet.device.get(griet.options())), "ceremony-refused")
        griet.open(path_of(scene))
        refused(griet.prove("/confirm", griet.device.get(griet.options())), "ceremony-refused")

    @ONE_DATABASE
    def test_who_left_does_not_sign(self, served, scene, griet):
        griet.open("/account")
        made = griet.send(
            f"/organizations/{scene.desk.organization.id}/invitations",
            role="performer",
            is_admin="true",
        )
        second = Browser(served)
        second.join(made.text.split("/join/")[1].split("<")[0], "Maria")
        griet.open(path_of(scene))
        answer = griet.device.get(griet.options())
        with db.writing() as session:
            person = session.exec(signing_people("Griet")).one()
            membership, _ = people.memberships_of(session, person.id)[0]
            people.end_membership(session, person, membership.id)
        refused(griet.prove(path_of(scene), answer), "contract-not-found")


def signing_people(name):
    return select(Person).where(Person.name == name)


class TestVerifyOffline:
    @ONE_DATABASE
    def test_says_in_which_language_it_was_read_and_holds_just_those_words(
        self, scene, griet, tmp_path
    ):
        griet.client.headers["accept-language"] = "es"
        sign(griet, scene)
        assert "<h2>Quién</h2>" in griet.page
        assert "Lo mismo en inglés" in griet.page
        assert '<div lang="en">\n<h3>Who</h3>' in griet.page
        file = exported(scene, tmp_path)
        said = CliRunner().invoke(cli, ["verify-signature", str(file), "--json"])
        found = json.loads(said.output)
        assert (found["language"], found["words"][:8]) == ("es", "Quién\n- ")

    @ONE_DATABASE
    def test_a_signature_from_before_languages_were_named_still_verifies(
        self, scene, griet, tmp_path, monkeypatch
    ):
        plain = assertions.statement

        def first(*said, **rest):
            made = plain(*said, **rest) | {"v": 1}
            del made["language"]
            return made

        monkeypatch.setattr(assertions, "statement", first)
        sign(griet, scene)
        found = signing.verified(json.loads(exported(scene, tmp_path).read_text()))
        assert (found["language"], found["words"][:6]) == ("en", "Who\n- ")

    @ONE_DATABASE
    def test_one_file_says_who_signed_what_and_which_words(self, scene, griet, tmp_path):
        sign(griet, scene)
        file = exported(scene, tmp_path)
        said = CliRunner().invoke(cli, ["verify-signature", str(file), "--json"])
        found = json.loads(said.output)
        assert (found["role"], found["made_with"]) == ("performer", "a passkey")
        assert (found["origin"], found["user_verified"]) == (ORIGIN, True)
        assert (found["language"], found["words"][:6]) == ("en", "Who\n- ")
        page = griet.client.get(f"/contracts/{scene.contract.id}/signatures/performer")
        assert page.json() == json.loads(file.read_text())

    @ONE_DATABASE
    def test_and_every_single_change_is_noticed(self, scene, griet, tmp_path):
        sign(griet, scene)
        whole = json.loads(exported(scene, tmp_path).read_text())
        signing.verified(whole)
        assert [at for at, changed in changes(whole) if not is_refused(changed)] == []

    @ONE_DATABASE
    def test_without_user_verification_nothing_is_signed(self, scene, griet):
        griet.device.flags = 0x01
        refused(sign(griet, scene), "passkey-refused")

    @ONE_DATABASE
    def test_a_verifier_that_skipped_the_words_would_miss_them(
        self, scene, griet, tmp_path, monkeypatch
    ):
        # The planted fault: words are not held against the hash that was signed.
        sign(griet, scene)
        whole = json.loads(exported(scene, tmp_path).read_text())
        kept = json.loads(whole["signature"])
        kept["words"] = "You sell everything."
        whole["signature"] = json.dumps(kept)
        plain = assertions._same
        monkeypatch.setattr(
            assertions, "_same", lambda name, *both: None if "words" in name else plain(name, *both)
        )
        assert signing.verified(whole)["words"] == "You sell everything."


def is_refused(said):
    try:
        signing.verified(said)
    except SignatureRefused:
        return True
    return False


def changes(whole: dict[str, Any]):
    """Yield the file with one thing changed, for each thing that a signature holds."""
    for name in ("document", "role", "organization_id", "type"):
        yield name, whole | {name: whole[name].replace("e", "x", 1) + " "}
    yield "v", whole | {"v": 2}
    kept = json.loads(whole["signature"])
    for name in ("words", "type"):
        yield name, packed(whole, kept | {name: kept[name] + "x"})
    for name in kept["statement"]:
        value = kept["statement"][name]
        other = value + 1 if isinstance(value, int) else value[:-1] + "~"
        yield name, packed(whole, kept | {"statement": kept["statement"] | {name: other}})
    for name in ("authenticator_data", "client_data_json", "signature"):
        for at in (0, 10, -1):
            data = bytearray(unb64(kept[name]))
            data[at] ^= 1
            yield f"{name} {at}", packed(whole, kept | {name: b64(bytes(data))})
    flags = bytearray(unb64(kept["authenticator_data"]))
    flags[32] &= ~0x04
    yield "flags", packed(whole, kept | {"authenticator_data": b64(bytes(flags))})
    x = bytearray(unb64(whole["public_jwk"]["x"]))
    x[0] ^= 1
    yield "key", whole | {"public_jwk": whole["public_jwk"] | {"x": b64(bytes(x))}}


def packed(whole, kept):
    return whole | {"signature": json.dumps(kept)}
