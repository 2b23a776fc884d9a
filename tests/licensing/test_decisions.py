"""Decisions on record: under which rules, beside which contracts, and what strangers learn."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, config, marks, storage
from app.gateway.generators import catalogue
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import rulebook
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.marks import RowMark
from app.transparency.models import LogOutbox
from tests.scenes import Scene, a_scene

STOPS = """
@id("{id}")
@outcome("deny")
@summary("A rule of the day after.")
@source("test")
forbid (principal, action, resource is Contract);
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the shipped rules that a test may change, as an operator would."""
    directory = tmp_path / "policies"
    shutil.copytree(config.settings().policies_dir, directory)
    monkeypatch.setenv("UNDERSTUDY_POLICY_DIRECTORY", str(directory))
    config.settings.cache_clear()
    rulebook.policy_set.cache_clear()
    yield directory
    rulebook.policy_set.cache_clear()


def _permit(session: Session) -> tuple[Scene, Decision]:
    scene = a_scene(session)
    decision, generation = scene.ask(session)
    assert decision.outcome == "permit"
    assert generation is not None
    return scene, decision


def _release(session: Session, permit: Decision) -> Decision:
    rulebook.policy_set.cache_clear()
    rulebook.restored_set.cache_clear()
    return decisions.decide_release(session, permit.id, generators=catalogue.TRAINS_ON_INPUTS)


class TestDecideRelease:
    def test_goes_by_the_rules_of_the_permit(
        self, data_dir: Path, rules: Path, session: Session
    ) -> None:
        _, permit = _permit(session)
        (rules / "later.cedar").write_text(STOPS.format(id="A_LATER_RULE"))
        released = _release(session, permit)
        assert released.outcome == "permit"
        assert released.policy_digest == permit.policy_digest
        assert released.stopping_digest != permit.policy_digest

    def test_goes_by_todays_stopping_rules_too(
        self, data_dir: Path, rules: Path, session: Session
    ) -> None:
        _, permit = _permit(session)
        standing = next(p for p in rules.glob("*.cedar") if '"REVOKED"' in p.read_text())
        text = standing.read_text()
        (rules / standing.name).write_text(text.replace('@id("REVOKED")', '@id("WAS_REVOKED")'))
        (rules / "today.cedar").write_text(STOPS.format(id="REVOKED"))
        released = _release(session, permit)
        assert (released.outcome, released.codes) == ("deny", ["REVOKED"])

    def test_a_new_request_goes_by_todays_rules(
        self, data_dir: Path, rules: Path, session: Session
    ) -> None:
        scene, _ = _permit(session)
        (rules / "later.cedar").write_text(STOPS.format(id="A_LATER_RULE"))
        rulebook.policy_set.cache_clear()
        denied, _ = scene.ask(session)
        assert denied.codes == ["A_LATER_RULE"]

    def test_damaged_rules_of_a_permit_release_nothing(
        self, data_dir: Path, rules: Path, session: Session
    ) -> None:
        _, permit = _permit(session)
        (rules / "later.cedar").write_text(STOPS.format(id="A_LATER_RULE"))
        key = f"policies/{permit.policy_digest}.json"
        kept = storage.get(key)
        storage.replace(key, kept.replace(b"forbid (", b"permit ("))
        with pytest.raises(ValueError, match="archived policies"):
            _release(session, permit)


class TestTamperedContract:
    def _edit(self, session: Session, scene: Scene, text: str) -> None:
        """Edit the stored document as somebody with the database would."""
        session.execute(
            sa.update(Contract).where(col(Contract.id) == scene.contract.id).values(document=text)
        )
        session.expire_all()

    def test_wider_terms_are_denied(self, session: Session) -> None:
        scene = a_scene(session)
        terms = json.loads(scene.contract.document)
        terms["grant"]["territories"]["include"].append("US")
        self._edit(session, scene, json.dumps(terms))
        denied, _ = scene.ask(session, territories=("US",))
        assert denied.outcome == "deny"
        assert {"CONTRACT_TAMPERED"} <= set(denied.codes) or denied.codes == [
            "CONTRACT_NOT_EXECUTED"  # its signatures no longer verify either
        ]

    def test_a_document_nobody_can_read_is_denied_as_tampered(self, session: Session) -> None:
        scene = a_scene(session)
        self._edit(session, scene, "{}")
        denied, generation = scene.ask(session)
        assert generation is None
        assert "CONTRACT_TAMPERED" in denied.codes


class TestStrangers:
    def test_learn_only_that_they_have_no_contract(self, session: Session) -> None:
        scene, other = a_scene(session), a_scene(session)
        scene.production = other.production
        denied, _ = scene.ask(session)
        assert denied.shown_codes == ["CONTRACT_NOT_FOUND"]
        assert denied.codes == ["LICENSEE_MISMATCH"]
        told = json.dumps(decisions.denial(denied)) + denied.receipt
        assert "LICENSEE_MISMATCH" not in told
        assert scene.contract.id not in told

    def test_parties_learn_the_exact_clause(self, session: Session) -> None:
        denied, _ = a_scene(session).ask(session, territories=("JP",))
        (explained,) = decisions.denial(denied)["explanations"]
        assert explained["policy"] == "TERRITORY_NOT_LICENSED"
        assert explained["clause"] == "/grant/territories"


class TestRecord:
    def test_bears_a_mark_that_fits_what_is_stored(self, session: Session) -> None:
        scene = a_scene(session)
        session.commit()
        asked = UseRequest(
            action="generate",
            requester_org=scene.production.organization.id,
            performers=(scene.performer.id,),
            at=clock.now(),
            project="Nachtglas \u00e9 \u2028",
            seconds=Decimal("2.500"),
            tags=("nudity",),
            exhibit_until=clock.now(),
            principal_photography_start=date(2026, 1, 2),
        )
        (answer,) = decisions.authorize(session, [asked], generators=catalogue.TRAINS_ON_INPUTS)
        marks.write_out(session.connection())
        mark = session.exec(select(RowMark).order_by(col(RowMark.id).desc()).limit(1)).one()
        said = {line.split(" ")[0]: line.split(" ")[2] for line in mark.changes.split("\n")}
        table = sa.inspect(Decision).local_table
        rows = session.connection().execute(sa.select(table).where(table.c.id == answer.id))
        row = rows.mappings().one()
        assert answer.outcome == "deny"
        assert marks.is_state(said["decision"], "decision", marks.key_of(table, row), row)
        edited = {**row, "request": {**row["request"], "governing": []}}
        assert not marks.is_state(said["decision"], "decision", marks.key_of(table, row), edited)

    def test_every_decision_reaches_the_log_denials_too(self, session: Session) -> None:
        scene = a_scene(session)
        scene.ask(session)
        scene.ask(session, territories=("JP",))
        logged = session.exec(select(LogOutbox).where(LogOutbox.kind == "decision")).all()
        assert len(logged) == 2
