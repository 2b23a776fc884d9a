"""A release is held to the permit's rules, and to today's rules that stop."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.licensing.deciding import policy_set
from app.licensing.deciding.conformance import read_case
from app.licensing.deciding.decide import EVALUATION_ERROR, load_policies
from app.licensing.deciding.policy_set import archive, restore
from app.licensing.deciding.release import STOPPING, decide_release
from app.licensing.deciding.rules import PolicySetInvalid
from tests.licensing.cases import base

TODAY = load_policies()


def edited(old: str, new: str) -> policy_set.PolicySet:
    """Today's set with one thing written otherwise."""
    files = {name: text.replace(old, new) for name, text in TODAY.files.items()}
    assert files != TODAY.files
    return policy_set.build(files, TODAY.schema_text)


def a_release():
    contracts, state, request = read_case(base())
    issued_at = request.at - timedelta(minutes=5)
    return contracts, state, replace(request, phase="release_output", permit_issued_at=issued_at)


STRICTER = edited("resource.media.contains(context.medium)", "false")


class TestDecideRelease:
    def test_permits_by_the_rules_of_the_permit_though_todays_are_stricter(self):
        decision = decide_release(TODAY, STRICTER, *a_release())
        assert decision.permitted
        assert decision.policy_digest == TODAY.digest
        assert decision.stopping_digest == STRICTER.digest
        assert "eu_art50_deepfake_label" in decision.obligations

    def test_denies_by_the_rules_of_the_permit_though_todays_are_milder(self):
        decision = decide_release(STRICTER, TODAY, *a_release())
        assert decision.codes == ("MEDIUM_NOT_LICENSED",)

    def test_stops_by_todays_withdrawal_though_the_pinned_rules_knew_none(self):
        lax = edited("context.at >= resource.withdrawn_at", "false")
        contracts, state, request = a_release()
        gone = [replace(each, withdrawn_at=request.at) for each in contracts]
        assert decide_release(lax, lax, gone, state, request).permitted
        decision = decide_release(lax, TODAY, gone, state, request)
        assert decision.outcome == "deny"
        assert decision.codes == decision.policy_ids == ("REVOKED",)
        assert decision.obligations == decision.standing_obligations == ()
        assert [finding.code for finding in decision.findings] == ["REVOKED"]

    def test_stops_by_todays_pause(self):
        lax = edited("|| resource.paused", "")
        contracts, state, request = a_release()
        paused = [replace(each, paused=True) for each in contracts]
        assert decide_release(lax, TODAY, paused, state, request).codes == ("CONTRACT_SUSPENDED",)

    def test_lists_what_both_sets_say_once(self):
        contracts, state, request = a_release()
        gone = [replace(each, withdrawn_at=request.at) for each in contracts]
        decision = decide_release(STRICTER, TODAY, gone, state, request)
        assert decision.codes == ("MEDIUM_NOT_LICENSED", "REVOKED")
        assert [f.code for f in decision.findings] == ["MEDIUM_NOT_LICENSED", "REVOKED"]

    def test_denies_when_todays_rules_cannot_be_evaluated(self):
        broken = edited('resource.status == "suspended"', "context.at * 9223372036854775807 > 0")
        decision = decide_release(TODAY, broken, *a_release())
        assert decision.outcome == "deny"
        assert decision.codes == (EVALUATION_ERROR,)
        assert decision.errors

    def test_knows_only_stopping_rules_that_exist(self):
        assert TODAY.rules.keys() >= STOPPING


class TestArchive:
    def test_restores_the_set_of_the_digest(self):
        assert restore(archive(TODAY), digest=TODAY.digest).rules == TODAY.rules

    def test_refuses_another_set(self):
        with pytest.raises(PolicySetInvalid, match="not"):
            restore(archive(STRICTER), digest=TODAY.digest)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1, "schema": ""}', "null"])
    def test_refuses_nonsense(self, text):
        with pytest.raises(PolicySetInvalid):
            restore(text, digest=TODAY.digest)
