"""Which checks an action meets: every cell of the README's paragraph of that name, by hand."""

from dataclasses import replace
from typing import Any

import pytest

from app.licensing.deciding.conformance import decide_case
from app.licensing.deciding.decide import PolicySet, load_policies
from tests.licensing.cases import expanded
from tests.licensing.mutants import meanings, with_meanings

POLICIES = load_policies()
GENERATE, TRAIN, EDIT, SHOW = "generate", "train", "edit_existing", "distribute_existing"
KEEP, TRANSFER, BIOMETRIC, SCAN = "retain_model", "transfer_model", "biometric_use", "scan_session"
ACTIONS = (GENERATE, TRAIN, EDIT, SHOW, KEEP, TRANSFER, BIOMETRIC, SCAN)

# What each action needs besides the base's request, so that it is permitted under the base.
NEEDS: dict[str, dict[str, Any]] = {
    GENERATE: {},
    TRAIN: {"request": {"training_scope": "project_model"}},
    EDIT: {"request": {"edit_kind": "trim"}},
    SHOW: {},
    KEEP: {},
    TRANSFER: {
        "request": {"transferee": "STUDIO_C"},
        "state": {
            "approvals": [
                {
                    "role": "union",
                    "status": "approved",
                    "at": "2026-07-11T00:00:00Z",
                    "transferee": "STUDIO_C",
                }
            ]
        },
    },
    BIOMETRIC: {"request": {"purpose": "set_security"}},
    SCAN: {
        "request": {"services_at": "2027-06-01T00:00:00Z"},
        "state": {"notice_given_at": "2026-11-01T00:00:00Z"},
    },
}

EVERY = ACTIONS
MAKING = (GENERATE, TRAIN, EDIT)
SCOPED = (GENERATE, EDIT, SHOW)
WORK = (GENERATE, TRAIN, EDIT, SHOW)  # what the four with a rule of their own never meet
VERIFIED = {"authority": "verified", "valid": True}
LICENSEE = {"role": "licensee", **VERIFIED}
GUARDIAN = {"role": "guardian", **VERIFIED}
CHILD = {"performer": {"dob": "2012-01-15"}}
EARLIER = {
    "performer": "P1",
    "licensee": "BRAND_COLA",
    "signed_at": "2026-01-10T00:00:00Z",
    "from": "2026-01-10T00:00:00Z",
    "until": None,
}


def of(contract: Any = None, state: Any = None, **request: Any) -> dict[str, Any]:
    """What one fault changes."""
    return {"contract": contract or {}, "state": state or {}, "request": request}


def grant(**changes: Any) -> dict[str, Any]:
    """A grant that differs."""
    return {"grant": changes}


# A code, the actions that meet its check (README), and a change that makes it stand against them.
CHECKS: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    # Contract validity, people, suspension, withdrawal, strike and sublicensing: every action.
    ("CONTRACT_TAMPERED", EVERY, of({"document_sha256_ok": False})),
    (
        "SIGNATORY_NOT_AUTHORISED",
        EVERY,
        of({"signatures": [{"role": "performer", "authority": "no", "valid": True}, LICENSEE]}),
    ),
    ("NO_SPECIFIC_USE_DESCRIPTION", EVERY, of({"consent": {"uses_description": ""}})),
    ("CONSENT_NOT_CONSPICUOUS", EVERY, of({"consent": {"clear_and_conspicuous": False}})),
    ("USE_BEFORE_EXECUTION", EVERY, of({"executed_at": "2026-11-22T18:00:01Z"})),
    ("CONTRACT_NOT_EXECUTED", EVERY, of({"status": "draft"})),
    ("LICENSEE_MISMATCH", EVERY, of({"licensee": "STUDIO_B"})),
    ("CONTRACT_NOT_FOUND", EVERY, of(performers=["P9"])),
    (
        "MINOR_ABSOLUTE_BAN",
        EVERY,
        of({**CHILD, "signatures": [GUARDIAN, LICENSEE]}, content={"tags": ["nudity"]}),
    ),
    ("GUARDIAN_CONSENT_MISSING", EVERY, of(CHILD)),
    (
        "COURT_APPROVAL_MISSING",
        EVERY,
        of(
            {
                **CHILD,
                "signatures": [GUARDIAN, LICENSEE],
                "policy": {"minor_court_approval": True},
            }
        ),
    ),
    (
        "MINOR_LICENCE_ENDED_AT_18",
        EVERY,
        of({"performer": {"dob": "2008-11-01"}, "signatures": [GUARDIAN, LICENSEE]}),
    ),
    (
        "POSTMORTEM_NOT_GRANTED",
        EVERY,
        of({"performer": {"deceased_on": "2026-09-01"}, "postmortem": {"mode": "terminate"}}),
    ),
    ("ESTATE_AUTHORITY_MISSING", EVERY, of({"performer": {"deceased_on": "2026-01-01"}})),
    (
        "RIGHTS_TERM_ENDED_REVIEW",
        EVERY,
        of(
            {
                "performer": {"dob": "1900-01-01", "deceased_on": "1950-01-01"},
                "signatures": [{"role": "estate_rep", **VERIFIED}, LICENSEE],
            }
        ),
    ),
    # How sure it is who consented: whatever is made; ink holds against every action.
    ("IDENTITY_NOT_PROVEN", MAKING, of({"identity_floor": 1})),
    (
        "INK_NOT_ACCEPTED",
        EVERY,
        of(
            {
                "policy": {"ink": "refused"},
                "signatures": [{"role": "performer", **VERIFIED, "in_ink": True}, LICENSEE],
            }
        ),
    ),
    ("CONTRACT_SUSPENDED", EVERY, of({"status": "suspended"})),
    (
        "REVOKED",  # finished work has a rule of its own: it comes down, or stays
        tuple(action for action in EVERY if action != SHOW),
        of(state={"revocations": [{"contract_id": "C1", "at": "2026-11-22T17:00:00Z"}]}),
    ),
    (
        "OUTPUT_REMOVAL_DUE",
        (SHOW,),
        of(
            {"revocation": {"existing_outputs": "remove"}},
            {"revocations": [{"contract_id": "C1", "at": "2026-11-22T17:00:00Z"}]},
        ),
    ),
    (
        "STRIKE_SUSPENDED",  # "for generate, edit and train only"
        MAKING,
        of(
            state={
                "strikes": [
                    {"agreement": "SAG-AFTRA-TVT-2026", "from": "2026-11-20T08:00:00Z", "to": None}
                ]
            }
        ),
    ),
    ("LICENSEE_IN_ARREARS", MAKING, of({"unpaid_since": "2026-11-01T00:00:00Z"})),
    ("SUBLICENSE_NOT_ALLOWED", EVERY, of(requester_org="VFX", sublicensed_from="STUDIO_A")),
    (
        "SUBLICENSE_APPROVAL",
        EVERY,
        of(
            grant(sublicense={"mode": "with_approval"}),
            requester_org="VFX",
            sublicensed_from="STUDIO_A",
        ),
    ),
    # The four with a rule of their own.
    ("RETENTION_ENDED", (KEEP,), of(grant(term={"end": "2026-08-01"}))),
    ("UNION_TRANSFER_APPROVAL", (TRANSFER,), of(transferee="STUDIO_D")),
    ("BIOMETRIC_PURPOSE_BARRED", (BIOMETRIC,), of(purpose="analytics")),
    ("NOTICE_PERIOD_NOT_MET", (SCAN,), of(services_at="2026-11-02T00:00:00Z")),
    # Term: generate, train, edit; finished work meets its removal instead.
    ("BEFORE_TERM", MAKING, of(grant(term={"start": "2026-11-23"}))),
    ("AFTER_TERM", MAKING, of(grant(term={"end": "2026-11-21"}))),
    (
        "TERM_CAPPED",
        MAKING,
        of(
            {
                "policy": {"max_term_years": 1},
                "executed_at": "2025-01-01T17:00:00Z",
                "effective_at": "2025-01-01T17:00:00Z",
                **grant(term={"start": "2025-01-01"}),
            }
        ),
    ),
    (
        "RELEASE_AFTER_TERM",
        MAKING,
        of({"revocation": {"existing_outputs": "remove"}}, exhibit_until="2027-06-01T00:00:00Z"),
    ),
    (
        "OUTPUT_REMOVAL_DUE",
        (SHOW,),
        of({"revocation": {"existing_outputs": "remove"}, **grant(term={"end": "2026-11-21"})}),
    ),
    # Project, purpose, medium, territory, language: generate, edit, distribute.
    ("PROJECT_NOT_LICENSED", SCOPED, of(project="OTHER_FILM")),
    ("PURPOSE_NOT_LICENSED", SCOPED, of(purpose="game_dialogue")),
    ("MEDIUM_NOT_LICENSED", SCOPED, of(medium="social")),
    ("TERRITORY_NOT_LICENSED", SCOPED, of(grant(territories={"include": ["US"]}))),
    ("LANGUAGE_NOT_LICENSED", SCOPED, of(languages=["ja"])),
    ("DUBBING_NOT_CONSENTED", SCOPED, of(grant(dubbing="no"), is_dub=True)),
    # Modality, generator, real-time, quota, exclusivity, per-use approvals: generate only.
    ("MODALITY_NOT_LICENSED", (GENERATE,), of(modalities=["body"])),
    ("GENERATOR_NOT_ALLOWED", (GENERATE,), of(generator="GEN_PUBLIC_BETA")),
    ("REALTIME_NOT_CONSENTED", (GENERATE,), of(realtime=True)),
    ("QUOTA_EXCEEDED", (GENERATE,), of(seconds=601)),
    ("EXCLUSIVITY_CONFLICT", (GENERATE,), of(state={"other_exclusives": [EARLIER]})),
    (
        "EXCLUSIVITY_AMBIGUOUS",
        (GENERATE,),
        of(
            state={"other_exclusives": [{**EARLIER, "category": "cola"}]},
            content={"brand_category": "soft_drinks"},
        ),
    ),
    ("APPROVAL_REQUIRED", (GENERATE,), of({"approvals": {"per_use": True}})),
    # Training: the action, or the flag on whatever got this far.
    ("TRAINING_PROHIBITED", WORK, of(grant(training="no"), training=True)),
    ("TRAINING_SCOPE_APPROVAL", WORK, of(grant(training="with_approval"), training=True)),
    # Content and background rules: whatever got this far.
    ("CONTENT_PROHIBITED", WORK, of(content={"tags": ["smoking"]})),
    ("CONTENT_NEEDS_APPROVAL", WORK, of(content={"tags": ["graphic_violence"]})),
    (
        "BRAND_CATEGORY_BLOCKED",
        WORK,
        of(content={"brand_category": "cigarettes"}),
    ),
    ("NEW_CONSENT_FOR_ALTERATION", (EDIT,), of(edit_kind="dialogue_replacement")),
    (
        "BACKGROUND_COUNT_EVASION",
        WORK,
        of({"instrument": "BADR"}, background_count_shortfall=1),
    ),
    ("BACKGROUND_UPGRADE_CONSENT", WORK, of({"instrument": "BADR"}, role="principal")),
]
CELLS = [
    pytest.param(code, actions, fault, id=f"{number} {code}")
    for number, (code, actions, fault) in enumerate(CHECKS)
]


def codes(action: str, fault: dict[str, Any], policies: PolicySet) -> tuple[str, ...]:
    """The codes of one action under one fault, everything else as the action needs it."""
    short = {"case": action, "expect": {"permit": []}, **fault}
    short["request"] = {"action": action, **short["request"]}
    decision = decide_case(expanded({**short, "base": action}, NEEDS), policies)
    assert decision.errors == ()
    return decision.codes


def assert_cells(code: str, actions: tuple[str, ...], fault: Any, policies: PolicySet) -> None:
    """Insist that the check stands against exactly these actions, whatever else does too."""
    for action in ACTIONS:
        assert (code in codes(action, fault, policies)) == (action in actions), action


class TestCells:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_each_action_is_permitted_without_a_fault(self, action):
        assert codes(action, of(), POLICIES) == ()

    @pytest.mark.parametrize(("code", "actions", "fault"), CELLS)
    def test_a_check_stands_against_its_actions_and_no_others(self, code, actions, fault):
        assert_cells(code, actions, fault, POLICIES)

    def test_every_rule_that_forbids_has_its_row(self):
        elsewhere = {  # each needs an answer, a claim or a gap: its cases are in scenarios/
            *(code for code in POLICIES.rules if code.startswith("APPROV")),
            *(rule.id for rule in POLICIES.rules.values() if rule.file.startswith("packs/")),
            "POLICY_PACK_UNKNOWN",
            "EXEMPTION_REVIEW",
            "EXEMPTION_NOT_AVAILABLE",
            "REQUEST_INCOMPLETE",
        }
        forbid = {r.id for r in POLICIES.rules.values() if r.outcome in ("deny", "needs-approval")}
        assert forbid - elsewhere <= {code for code, _, _ in CHECKS}

    def test_a_rule_let_in_for_every_action_is_found(self):
        rules = meanings()
        rules["PROJECT_NOT_LICENSED"]["action"] = {"op": "All"}
        wide = replace(POLICIES, engine=with_meanings(rules))
        with pytest.raises(AssertionError, match="train"):
            assert_cells("PROJECT_NOT_LICENSED", SCOPED, of(project="OTHER_FILM"), wide)
