"""What the records say of an output, then and now."""

from datetime import timedelta

import pytest

from app import clock, db, keys
from app.audit import records
from app.licensing.contracts import service as licensing
from app.transparency import note
from app.transparency import service as transparency
from tests import scenes


@pytest.fixture
def scene(session):
    return scenes.a_scene(session)


@pytest.fixture
def generation(session, scene):
    _, made = scene.ask(session)
    assert made is not None
    made.state, made.released_at = "released", clock.now()
    session.flush()
    return made


class TestLicenseState:
    def test_a_withdrawal_ends_it_from_then_on_and_not_before(self, session, scene, generation):
        before = clock.now()
        assert records.license_state(session, generation.id, before) == "licensed"
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        assert records.license_state(session, generation.id, before) == "licensed"
        assert records.license_state(session, generation.id, clock.now()) == "withdrawn"

    def test_after_its_term_it_is_expired(self, session, generation):
        later = clock.now() + timedelta(days=40_000)
        assert records.license_state(session, generation.id, later) == "expired"

    def test_an_output_that_was_never_released_is_not_licensed(self, session, generation):
        generation.released_at = None
        assert records.license_state(session, generation.id, clock.now()) == "not-released"

    def test_an_unknown_output_is_not_on_record(self, session):
        assert records.license_state(session, "gen_none", clock.now()) == "not-on-record"

    def test_without_a_contract_nothing_is_licensed(self, session, generation):
        from sqlmodel import delete

        from app.gateway.models import GenerationReplica

        session.exec(delete(GenerationReplica))
        assert records.license_state(session, generation.id, clock.now()) == "not-on-record"


class TestLogInclusion:
    def test_is_absent_then_promised_then_logged(self, session, generation):
        assert records.log_inclusion(session, generation.id)["state"] == "absent"
        promised = transparency.record(
            session, "output-released", generation.id, {"sha256": "00" * 32}
        )
        found = records.log_inclusion(session, generation.id)
        assert (found["state"], found["record"], found["leaf_index"]) == (
            "promised",
            promised,
            None,
        )
        session.commit()
        _sequence()
        found = records.log_inclusion(session, generation.id)
        assert found["state"] == "logged"
        assert found["leaf_index"] is not None

    def test_other_leaves_about_it_are_not_its_release(self, session, generation):
        transparency.record(session, "decision", generation.id, {"sha256": "00" * 32})
        assert records.log_inclusion(session, generation.id)["state"] == "absent"


def _sequence() -> None:
    signer = note.Signer.under(
        "log.example/test", keys.public_key("log"), lambda data: keys.sign("log", data)
    )
    transparency.sequence(reading=db.reading, writing=db.writing, signer=signer)
