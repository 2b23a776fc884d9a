"""Simulations: the rules' own answers, swept or asked one by one, and a table to read."""

import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import app as command
from app.licensing.deciding.decide import decide, load_policies
from app.licensing.document.example import DOCUMENT
from app.licensing.errors import ContractInvalid, SimulationBusy, SimulationUnfinished
from app.licensing.simulations import simulating, simulation
from app.licensing.simulations.facts import Start, from_contract, from_draft
from app.licensing.simulations.forms import UsesForm
from app.licensing.simulations.simulation import MOST_USES
from app.registry import lives
from tests.licensing.cases import merged
from tests.scenes import a_scene

POLICIES = load_policies()
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def a_start(**changes) -> Start:  # type: ignore[no-untyped-def]
    return from_draft(merged(DOCUMENT, changes), NOW, generators={})


def asked(start: Start, **form) -> list[simulation.Row]:  # type: ignore[no-untyped-def]
    parsed = UsesForm.model_validate_json(json.dumps(form))
    _, uses = parsed.uses(start.terms, start.usual)
    contract = parsed.suppose.of_contract(start.contract)
    return list(
        simulation.answers(POLICIES, [contract], parsed.suppose.of_world(start.state), uses)
    )


class TestFromDraft:
    def test_the_usual_use_of_the_document_is_permitted(self):
        assert asked(a_start(), requests=[{}]) == [simulation.Row("permit", ())]

    def test_a_term_still_to_come_is_asked_about_from_its_beginning(self):
        start = a_start(grant={"term": {"start": "2027-01-01"}})
        assert start.usual.at == datetime(2026, 12, 31, 23, tzinfo=UTC)  # midnight in Amsterdam
        assert asked(start, requests=[{}])[0].outcome == "permit"

    def test_a_minor_is_supposed_to_have_a_guardian_who_signs(self):
        assert asked(a_start(performer={"dob": "2015-01-01"}), requests=[{}])[0].codes == ()

    def test_what_is_on_record_of_the_performer_counts_too(self):
        start, record = a_start(), {"majority_on": date(2030, 1, 1), "paused": True}
        known = replace(simulation.draft(start.terms), **record)
        signed = simulation.as_if_signed(known, NOW)
        assert {each.role for each in signed.signatures} == {"performer", "licensee", "guardian"}
        assert (signed.majority_on, signed.paused) == (date(2030, 1, 1), True)
        dead = simulation.as_if_signed(replace(known, deceased_on=date(2026, 11, 29)), NOW)
        assert {each.role for each in dead.signatures} >= {"estate_rep", "licensee"}
        dying = simulation.as_if_signed(replace(known, deceased_on=date(2026, 12, 1)), NOW)
        assert "performer" in {each.role for each in dying.signatures}

    def test_a_document_nobody_could_sign_is_refused_with_its_fields(self):
        with pytest.raises(ContractInvalid) as refusal:
            a_start(grant={"telepathy": True})
        assert refusal.value.extra["errors"][0]["pointer"] == "/grant/telepathy"


class TestFromContract:
    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_a_minor_by_the_record_alone_has_a_guardian_who_signs(self, session):
        scene = a_scene(session, signed=False)
        life = lives.record_birth(session, scene.performer, date(2015, 1, 1))
        sides = (scene.production.organization.id, scene.desk.organization.id)
        known = {"local/puppet-1": False}
        stranger, start = (
            from_contract(session, each, scene.contract.id, NOW, generators=known) for each in sides
        )
        # Who may draft about anybody is told nothing of them that is not in the draft.
        assert stranger.contract.majority_on is None
        assert (
            asked(stranger, requests=[{"tags": ["nudity"]}])[0].codes
            != asked(start, requests=[{"tags": ["nudity"]}])[0].codes
        )
        assert start.as_if_signed
        assert start.contract.majority_on == life.majority_on
        assert asked(start, requests=[{}])[0].codes == ()
        (row,) = asked(start, requests=[{"tags": ["nudity"]}])
        assert "MINOR_ABSOLUTE_BAN" in row.codes


class TestUses:
    def test_differences_are_laid_over_the_base_over_the_usual(self):
        rows = asked(
            a_start(), base={"territories": ["US"]}, requests=[{}, {"territories": ["FR"]}]
        )
        assert [row.codes for row in rows] == [("TERRITORY_NOT_LICENSED",), ()]

    def test_null_leaves_a_fact_open(self):
        assert asked(a_start(), requests=[{"medium": None}])[0].codes == ("REQUEST_INCOMPLETE",)

    def test_axes_are_crossed_with_the_last_running_fastest(self):
        rows = asked(a_start(), axes={"medium": ["svod", "game"], "tags": [[], ["smoking"]]})
        assert [row.codes for row in rows] == [
            (),
            ("CONTENT_PROHIBITED",),
            ("MEDIUM_NOT_LICENSED",),
            ("CONTENT_PROHIBITED", "MEDIUM_NOT_LICENSED"),
        ]

    def test_a_sweep_asks_within_the_document_and_outside_of_it(self):
        rows = asked(a_start())
        codes = {code for row in rows for code in row.codes}
        assert {row.outcome for row in rows} == {"permit", "deny"}
        assert codes >= {
            "PURPOSE_NOT_LICENSED",
            "MEDIUM_NOT_LICENSED",
            "TERRITORY_NOT_LICENSED",
            "CONTENT_PROHIBITED",
        }
        assert len(rows) <= MOST_USES

    def test_a_sweep_of_the_widest_document_stays_within_its_bounds(self):
        many = [f"word {number}" for number in range(500)]
        grant = {
            "purposes": many,
            "media": many,
            "territories": {
                "include": ["AT", "BE", "DE", "FR", "IT", "NL", "ES", "PT", "SE", "FI"]
            },
            "content": {"prohibited": many, "approval": []},
        }
        start = a_start(grant=grant)
        _, uses = UsesForm().uses(start.terms, start.usual)
        assert len(uses) == MOST_USES
        assert {use.territories for use in uses} >= {("WORLD",), ("US",)}

    def test_is_the_answer_that_deciding_would_give(self):
        start = a_start()
        _, uses = UsesForm().uses(start.terms, start.usual)
        rows = simulation.answers(POLICIES, [start.contract], start.state, uses)
        for use, row in list(zip(uses, rows, strict=True))[::7]:
            decision = decide(POLICIES, [start.contract], start.state, use)
            assert (row.outcome, row.codes) == (decision.outcome, decision.codes)

    @pytest.mark.parametrize(
        "form",
        [
            {"requests": [{}], "axes": {"medium": ["svod"]}},
            {"requests": [{}] * (MOST_USES + 1)},
            {"axes": {"medium": ["m"] * 101, "purpose": ["p"] * 100}},
            {"requests": [{"performers": ["per_1"]}]},
            {"requests": [{"seconds": -1}]},
            {"suppose": {"signatures": []}},
            {"requests": []},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, form):
        with pytest.raises(ValidationError):
            UsesForm.model_validate_json(json.dumps(form))


class TestSuppose:
    @pytest.mark.parametrize(
        ("suppose", "codes"),
        [
            ({"withdrawn_at": "2026-11-30T00:00:00Z"}, ("REVOKED",)),
            ({"status": "suspended"}, ("CONTRACT_SUSPENDED",)),
            ({"paused": True}, ("CONTRACT_SUSPENDED",)),
            ({"unpaid_since": "2026-11-01T00:00:00Z"}, ("LICENSEE_IN_ARREARS",)),
            ({"deceased_on": "2026-12-01"}, ("POSTMORTEM_NOT_GRANTED",)),
            ({"usage": {"seconds": "39.5", "reserved_seconds": 0.4}}, ("QUOTA_EXCEEDED",)),
            ({"generators": {"local/puppet-1": True}}, ("GENERATOR_NOT_ALLOWED",)),
            ({"strikes": [{"agreement": "X", "from_at": "2026-11-01T00:00:00Z"}]},
             ("STRIKE_SUSPENDED",)),
        ],
    )  # fmt: skip
    def test_changes_what_would_be_decided(self, suppose, codes):
        start = a_start(strike_policy={"agreements": ["X"]})
        assert asked(start, requests=[{}], suppose=suppose)[0].codes == codes

    def test_an_approval_is_taken_as_if_given(self):
        start = a_start(approvals={"per_use": True, "required": ["performer"]})
        use, yes = {"script_hash": "s1"}, {"role": "performer", "script_hash": "s1"}
        assert asked(start, requests=[use])[0].codes == ("APPROVAL_REQUIRED",)
        rows = asked(start, requests=[use], suppose={"approvals": [yes]})
        assert rows[0].outcome == "permit"


class TestLegend:
    def test_explains_each_code_that_occurs_by_clause_and_next_step(self):
        rows = asked(a_start(), requests=[{"territories": ["US"]}])
        said = simulation.legend(POLICIES, rows)
        assert said["TERRITORY_NOT_LICENSED"]["clause"] == "/grant/territories"
        assert said["TERRITORY_NOT_LICENSED"]["next_step"].startswith("Ask for fewer places")

    def test_explains_what_could_not_be_evaluated(self):
        start = a_start()
        odd = replace(start.usual, project="\ud800")
        rows = list(simulation.answers(POLICIES, [start.contract], start.state, [odd]))
        assert simulation.legend(POLICIES, rows)["EVALUATION_ERROR"]["outcome"] == "deny"


class TestTable:
    def test_children_answer_in_order(self):
        start = a_start()
        uses = [replace(start.usual, renders=1 + number) for number in range(1100)]
        uses[777] = replace(start.usual, medium="game")
        rows = simulating.table(POLICIES, [start.contract], start.state, uses)
        assert [number for number, row in enumerate(rows) if row.outcome != "permit"] == [777]

    def test_gives_up_when_the_time_is_over(self):
        start = a_start()
        uses = [replace(start.usual, renders=1 + number) for number in range(3000)]
        with pytest.raises(SimulationUnfinished, match="ask about fewer"):
            simulating.table(POLICIES, [start.contract], start.state, uses, time_limit_s=0.01)

    def test_gives_each_organization_one_turn(self):
        with simulating.turn("org_1"):
            with pytest.raises(SimulationBusy), simulating.turn("org_1"):
                pass
            with simulating.turn("org_2"):
                pass
        with simulating.turn("org_1"):
            pass

    @pytest.mark.slow
    def test_ten_thousand_fit_into_ten_seconds_of_two_cores(self):
        start = a_start()
        uses = [replace(start.usual, renders=1 + number) for number in range(1000)]
        began = time.process_time()  # of this process: others may be at work on the cores
        list(simulation.answers(POLICIES, [start.contract], start.state, uses))
        assert (time.process_time() - began) * MOST_USES / len(uses) / 2 < 10


class TestCommand:
    def test_prints_a_table_and_explains_it(self, tmp_path):
        file, uses = tmp_path / "draft.json", tmp_path / "uses.json"
        file.write_text(json.dumps(DOCUMENT))
        uses.write_text(json.dumps({"requests": [{}, {"territories": ["US"]}]}))
        shown = CliRunner().invoke(command, ["simulate", str(file), "--requests", str(uses)])
        assert shown.exit_code == 0, shown.output
        assert "Not a decision" in shown.output
        assert "TERRITORY_NOT_LICENSED" in shown.output
        assert "/grant/territories" in shown.output

    def test_prints_json_for_machines(self, tmp_path):
        file = tmp_path / "draft.json"
        file.write_text(json.dumps(DOCUMENT))
        said = json.loads(CliRunner().invoke(command, ["simulate", str(file), "--json"]).output)
        assert said["is_decision"] is False
        assert {row["outcome"] for row in said["rows"]} == {"permit", "deny"}

    @pytest.mark.parametrize("text", ["{", "[]"])
    def test_refuses_a_file_that_is_no_object(self, tmp_path, text):
        file = tmp_path / "draft.json"
        file.write_text(text)
        assert CliRunner().invoke(command, ["simulate", str(file)]).exit_code == 2
