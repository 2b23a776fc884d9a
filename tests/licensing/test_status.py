"""Consent status: what each state says, signed and checked offline, and what it never says."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from app import clock, keys
from app.cli import app as command
from app.licensing.boundaries import preferences
from app.licensing.contracts import places
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models_status import StatusEntry
from app.licensing.errors import ContractNotFound
from app.licensing.status import answers, consent_status, lists, statements
from app.licensing.status.statements import LIFE, LIST_BITS, StatusInvalid
from app.registry import service as registry
from tests.licensing.unions import a_scene_under, a_strike, a_union
from tests.scenes import a_scene, offered, sign

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_kept():  # type: ignore[no-untyped-def]
    answers.forget()


def opened(signed):  # type: ignore[no-untyped-def]
    public = keys.public_key("status")
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return statements.verified(signed.text, public)[1]


def status(session, contract, at=None):  # type: ignore[no-untyped-def]
    return opened(consent_status.status_of(session, contract.series_id, at or clock.now()))


class TestStatusOf:
    def test_is_good_and_names_its_place_and_nothing_of_the_terms(self, session):
        scene = a_scene(session)
        said = status(session, scene.contract)
        assert said["status"] == "good"
        entry = session.get(StatusEntry, scene.contract.series_id)
        assert {each["statusListIndex"] for each in said["status_lists"]} == {str(entry.list_index)}
        assert set(said) == {
            "v", "contract_id", "commitment", "status", "this_update", "next_update", "status_lists"
        }  # fmt: skip
        assert scene.contract.document_sha256 not in json.dumps(said)

    @ONE_DATABASE
    def test_a_withdrawal_shows_at_once(self, session):
        scene = a_scene(session)
        before = consent_status.status_of(session, scene.contract.series_id, clock.now())
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        after = consent_status.status_of(session, scene.contract.series_id, clock.now())
        assert (opened(before)["status"], opened(after)["status"]) == ("good", "withdrawn")
        assert before.etag != after.etag

    @ONE_DATABASE
    def test_a_pause_and_a_suspension_show(self, session):
        scene = a_scene(session)
        registry.pause(session, scene.performer)
        assert status(session, scene.contract)["status"] == "suspended"
        registry.resume(session, scene.performer)
        assert status(session, scene.contract)["status"] == "good"
        licensing.suspend_contract(session, scene.contract, scene.desk.organization.id)
        assert status(session, scene.contract)["status"] == "suspended"

    @ONE_DATABASE
    def test_the_end_of_the_term_shows_and_no_answer_outlasts_it(self, session):
        contract = a_scene(session).contract
        eve = contract.ends_at - timedelta(seconds=20)
        said = status(session, contract, eve)
        assert said["status"] == "good"
        assert datetime.fromisoformat(said["next_update"]) == contract.ends_at
        assert status(session, contract, contract.ends_at)["status"] == "expired"

    @ONE_DATABASE
    def test_before_both_have_signed_nobody_learns_of_it(self, session):
        contract = a_scene(session, signed=False).contract
        with pytest.raises(ContractNotFound):
            status(session, contract)
        with pytest.raises(ContractNotFound):
            consent_status.opening_of(session, contract)

    def test_a_strike_shows_from_its_instant_to_its_end_and_no_answer_outlasts_either(
        self, session
    ):
        contract, people = a_scene_under(session).contract, a_union(session)
        begins = clock.now() + timedelta(hours=1)
        a_strike(session, people, takes_effect_at=begins)
        a_strike(session, people, "lift", takes_effect_at=begins + timedelta(hours=1))
        before = status(session, contract, begins - timedelta(seconds=10))
        during = status(session, contract, begins + timedelta(minutes=59, seconds=30))
        after = status(session, contract, begins + timedelta(hours=1))
        said = [each["status"] for each in (before, during, after)]
        assert said == ["good", "suspended", "good"]
        assert datetime.fromisoformat(before["next_update"]) == begins
        assert datetime.fromisoformat(during["next_update"]) == begins + timedelta(hours=1)

    @ONE_DATABASE
    def test_a_strike_under_another_agreement_does_not_show(self, session):
        contract = a_scene_under(session, "Another agreement").contract
        a_strike(session, a_union(session))
        assert status(session, contract)["status"] == "good"

    @ONE_DATABASE
    def test_a_law_that_caps_the_term_ends_it(self, session):
        contract = a_capped_scene(session).contract
        term = json.loads(contract.document)["grant"]["term"]
        capped_at = datetime.fromisoformat(term["start"]).replace(tzinfo=UTC)
        capped_at = capped_at.replace(year=capped_at.year + 1)
        day = timedelta(days=1)
        assert capped_at + day < contract.ends_at
        assert status(session, contract, capped_at - day)["status"] == "good"
        assert status(session, contract, capped_at + day)["status"] == "expired"

    @ONE_DATABASE
    @pytest.mark.parametrize(
        "tampering",
        [
            "UPDATE contract SET document = REPLACE(document, 'NIGHTGLASS', 'SOMETHING')",
            "UPDATE contract SET document = '{}'",
            "UPDATE contract SET ends_at = '2099-01-01 00:00:00.000000'",
            "UPDATE contract SET document_sha256 = 'abc'",
            "UPDATE contract SET version = 2",
            "DELETE FROM contract_signature",
        ],
    )
    def test_what_was_changed_in_the_database_is_relied_on_by_nobody(self, session, tampering):
        contract = a_scene(session).contract
        assert status(session, contract)["status"] == "good"
        session.connection().exec_driver_sql(tampering)
        session.expire_all()
        said = status(session, contract)
        assert (said["status"], said["commitment"]) == ("unknown", None)

    @ONE_DATABASE
    def test_a_withdrawal_undone_in_the_database_is_not_good_again(self, session):
        contract = withdrawal_undone(session)
        assert status(session, contract)["status"] == "unknown"

    @ONE_DATABASE
    def test_is_signed_once_a_minute_while_nothing_changes(self, session):
        contract_id = a_scene(session).contract.series_id
        at = clock.now()
        first = consent_status.status_of(session, contract_id, at)
        assert consent_status.status_of(session, contract_id, at + LIFE / 2) is first
        assert consent_status.status_of(session, contract_id, at + LIFE) is not first

    @ONE_DATABASE
    def test_a_party_opens_the_commitment(self, session):
        contract = a_scene(session).contract
        salt, document = consent_status.opening_of(session, contract)
        assert statements.commitment(salt, document) == status(session, contract)["commitment"]
        assert document == contract.document_sha256

    @ONE_DATABASE
    def test_the_salt_of_one_version_opens_no_other(self, session):
        contract = a_scene(session).contract
        salt, _ = consent_status.opening_of(session, contract)
        contract.document_sha256 = "0" * 64
        assert consent_status.opening_of(session, contract)[0] != salt
        assert session.get(StatusEntry, contract.series_id).secret != salt


def a_capped_scene(session):  # type: ignore[no-untyped-def]
    scene = offered(
        session,
        a_scene(session, signed=False),
        lambda document: document.update(policy={"max_term_years": 1}),
    )
    sign(session, scene)
    return scene


def withdrawal_undone(session):  # type: ignore[no-untyped-def]
    """A contract that was withdrawn, and whose row was put back as it stood before."""
    scene = a_scene(session)
    licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
    session.connection().exec_driver_sql("UPDATE contract SET withdrawn_at = NULL")
    session.expire_all()
    return scene.contract


class TestAllot:
    @ONE_DATABASE
    def test_gives_each_contract_one_place_of_its_own_for_ever(self, session):
        scene = a_scene(session)
        entry = session.get(StatusEntry, scene.contract.series_id)
        assert places.allot(session, scene.contract.series_id) == entry

    @ONE_DATABASE
    def test_places_are_random_and_a_taken_one_is_not_given_again(self, session, monkeypatch):
        scene = a_scene(session)
        taken = session.get(StatusEntry, scene.contract.series_id).list_index
        other = offered(session, scene, lambda document: document.update(notice_hours=1))
        drawn = iter([taken, taken, 77 if taken != 77 else 78])
        monkeypatch.setattr(places.secrets, "randbelow", lambda _most: next(drawn))
        entry = places.allot(session, other.contract.series_id)
        assert entry.list_index in (77, 78)

    @ONE_DATABASE
    def test_a_list_that_is_half_full_is_followed_by_another(self, session, monkeypatch):
        scene = a_scene(session)
        other = offered(session, scene, lambda document: document.update(notice_hours=1))
        monkeypatch.setattr(places, "PLACES", 2)
        assert places.allot(session, other.contract.series_id).list_number == 2


def listed(session, contract, purpose, at):  # type: ignore[no-untyped-def]
    """Whether the contract's bit is set in a list made at this instant."""
    answers.forget()
    entry = session.get(StatusEntry, contract.series_id)
    said = opened(lists.list_of(session, entry.list_number, purpose, at))
    return statements.bit(said["credentialSubject"]["encodedList"], entry.list_index)


class TestListOf:
    def test_sets_the_bit_of_a_withdrawn_contract_and_of_no_other(self, session):
        scene = a_scene(session)
        entry = session.get(StatusEntry, scene.contract.series_id)
        at = clock.now()
        fresh = opened(lists.list_of(session, 1, "revocation", at))
        assert not statements.bit(fresh["credentialSubject"]["encodedList"], entry.list_index)
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        later = opened(lists.list_of(session, 1, "revocation", at + LIFE))
        encoded = later["credentialSubject"]["encodedList"]
        assert statements.bit(encoded, entry.list_index)
        assert not statements.bit(encoded, (entry.list_index + 1) % LIST_BITS)
        suspended = opened(lists.list_of(session, 1, "suspension", at))
        assert not statements.bit(suspended["credentialSubject"]["encodedList"], entry.list_index)

    def test_a_suspension_a_pause_and_a_strike_set_the_other_bit_and_lift_it(self, session):
        scene, people = a_scene_under(session), a_union(session)
        desk, at = scene.desk.organization.id, clock.now()
        assert not listed(session, scene.contract, "suspension", at)
        for stop, go in (
            (
                lambda: licensing.suspend_contract(session, scene.contract, desk),
                lambda: licensing.resume_contract(session, scene.contract, desk),
            ),
            (
                lambda: registry.pause(session, scene.performer),
                lambda: registry.resume(session, scene.performer),
            ),
            (lambda: a_strike(session, people), lambda: a_strike(session, people, "lift")),
        ):
            stop()
            assert listed(session, scene.contract, "suspension", clock.now())
            assert not listed(session, scene.contract, "revocation", clock.now())
            go()
            assert not listed(session, scene.contract, "suspension", clock.now())

    @ONE_DATABASE
    def test_a_strike_under_another_agreement_sets_no_bit(self, session):
        contract = a_scene_under(session, "SAG-AFTRA-TVT-2026 and more").contract
        a_strike(session, a_union(session))
        assert not listed(session, contract, "suspension", clock.now())

    def test_a_term_that_is_over_sets_the_bit_of_revocation(self, session):
        contract, day = a_capped_scene(session).contract, timedelta(days=1)
        plain = a_scene(session).contract
        assert not listed(session, contract, "revocation", clock.now())
        assert listed(session, contract, "revocation", plain.ends_at - day)
        assert not listed(session, plain, "revocation", plain.ends_at - day)
        assert listed(session, plain, "revocation", plain.ends_at)

    @ONE_DATABASE
    def test_a_withdrawal_undone_in_the_database_keeps_its_bit(self, session):
        assert listed(session, withdrawal_undone(session), "revocation", clock.now())

    @ONE_DATABASE
    def test_there_is_no_list_without_contracts(self, session):
        assert lists.list_of(session, 1, "revocation", NOW) is None


class TestStatements:
    def test_bits_stand_as_the_specification_has_them(self):
        encoded = statements.encode_bits([0, 9])
        bits = gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=="))
        assert encoded[0] == "u"
        assert len(bits) * 8 == LIST_BITS
        assert bits[:2] == bytes([0b1000_0000, 0b0100_0000])
        assert [statements.bit(encoded, index) for index in (0, 1, 9)] == [True, False, True]

    @pytest.mark.parametrize("encoded", ["", "zabc", "u", "uAAAA", "u!", "uH4sIAAAAAAAAA____w"])
    def test_a_list_that_is_none_is_refused(self, encoded):
        with pytest.raises(StatusInvalid):
            statements.bit(encoded, 0)

    def test_a_bomb_is_not_unpacked(self):
        bomb = gzip.compress(bytes(10**8))
        with pytest.raises(StatusInvalid):
            statements.bit("u" + base64.urlsafe_b64encode(bomb).decode().rstrip("="), 0)


class TestVerified:
    @pytest.fixture
    def answer(self, data_dir):  # type: ignore[no-untyped-def]
        said = statements.status_statement(
            "con_1", "good", document_commitment="c", listed=[], at=NOW, until=NOW + LIFE
        )
        return said, self._signed(said)

    @staticmethod
    def _signed(said, kind=statements.STATUS_TYPE):  # type: ignore[no-untyped-def]
        return statements.signed(
            said, lambda data: keys.sign("status", data), kind=kind, key_id="k"
        )

    def test_returns_what_was_signed(self, answer):
        said, text = answer
        assert statements.verified(text, keys.public_key("status")) == (
            statements.STATUS_TYPE,
            said,
        )
        assert statements.fresh(statements.STATUS_TYPE, said, NOW)
        assert not statements.fresh(statements.STATUS_TYPE, said, NOW + LIFE)
        assert not statements.fresh(statements.STATUS_TYPE, said, NOW - LIFE)

    def test_names_the_step_that_failed(self, answer):
        said, text = answer
        head, _, seal = text.split(".")
        other = base64.urlsafe_b64encode(
            json.dumps({**said, "status": "withdrawn"}).encode()
        ).decode().rstrip("=")  # fmt: skip
        public = keys.public_key("status")
        for planted, step in (
            ("x" * (statements.MAX_BYTES + 1), "step 1"),
            (f"{head}.{other}.{seal}", "step 2"),
            ("no jws", "step 2"),
            (self._signed(said, "something-else+jws"), "step 3"),
            (self._signed({**said, "status": "fine"}), "step 4"),
            (self._signed({**said, "next_update": "soon"}), "step 4"),
            (self._signed({"v": 1}), "step 4"),
        ):
            with pytest.raises(StatusInvalid, match=step):
                statements.verified(planted, public)
        with pytest.raises(StatusInvalid, match="step 2"):
            statements.verified(text, ec.generate_private_key(ec.SECP256R1()).public_key())


class TestCommand:
    @ONE_DATABASE
    def test_a_stranger_checks_with_the_published_keys(self, session, tmp_path):
        scene = a_scene(session)
        file, key = tmp_path / "status.jws", tmp_path / "keys.json"
        key.write_text(json.dumps({"keys": preferences.published_keys()}))
        contract_id = scene.contract.series_id
        file.write_text(consent_status.status_of(session, contract_id, clock.now()).text)
        run = ["verify-status", str(file), "--key", str(key)]
        good = CliRunner().invoke(command, run)
        assert good.exit_code == 0, good.output
        assert json.loads(good.output)["stands"] is True
        assert CliRunner().invoke(command, [*run, "--contract", contract_id]).exit_code == 0
        assert CliRunner().invoke(command, [*run, "--contract", "con_1"]).exit_code == 1
        assert CliRunner().invoke(command, [*run, "--at", "2031-01-01T00:00:00"]).exit_code == 1
        file.write_text(file.read_text()[:-8] + "AAAAAAAA")
        broken = CliRunner().invoke(command, run)
        assert broken.exit_code == 1
        assert "step 2" in broken.stderr

    @ONE_DATABASE
    def test_a_stranger_checks_a_place_in_a_list(self, session, tmp_path):
        scene = a_scene(session)
        index = session.get(StatusEntry, scene.contract.series_id).list_index
        file, key = tmp_path / "list.jwt", tmp_path / "key.pem"
        key.write_bytes(keys.public_pem("status"))
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        file.write_text(lists.list_of(session, 1, "revocation", clock.now()).text)
        run = ["verify-status", str(file), "--key", str(key)]
        assert CliRunner().invoke(command, run).exit_code == 2
        other = (index + 1) % LIST_BITS
        assert CliRunner().invoke(command, [*run, "--index", str(other)]).exit_code == 0
        withdrawn = CliRunner().invoke(command, [*run, "--index", str(index)])
        assert withdrawn.exit_code == 1
        assert json.loads(withdrawn.output)["stands"] is False
