"""Packs: dated, gated, not legal advice; chosen by a contract or switched on by the operator."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import config
from app.licensing.deciding import policy_set
from app.licensing.deciding.conformance import read_case, run_scenarios
from app.licensing.deciding.decide import decide
from app.licensing.deciding.policy_set import POLICY_DIR, archive, load_policies, restore
from app.licensing.deciding.rules import PolicySetInvalid
from app.licensing.decisions import rulebook
from app.licensing.document import contract, packs
from tests.licensing.cases import PUBLISHED, base
from tests.licensing.test_contract import a_document

POLICIES = load_policies()
NAME = "no-fakes-term-caps"
PAGE, RULES = f"packs/{NAME}.json", f"packs/{NAME}.cedar"


def built(change: Callable[[dict[str, str]], object]) -> policy_set.PolicySet:
    """Today's set, with its files changed."""
    files = dict(POLICIES.files)
    change(files)
    assert files != POLICIES.files
    return policy_set.build(files, POLICIES.schema_text)


def paged(**changes: Any) -> Callable[[dict[str, str]], object]:
    """Change what a pack says of itself."""
    return lambda files: files.update({PAGE: json.dumps(json.loads(files[PAGE]) | changes)})


def ruled(old: str, new: str) -> Callable[[dict[str, str]], object]:
    """Change a pack's rules."""
    return lambda files: files.update({RULES: files[RULES].replace(old, new)})


class TestShippedPacks:
    def test_say_what_they_are_from_when_and_that_they_are_no_legal_advice(self) -> None:
        assert set(POLICIES.packs) == {
            "eu-ai-act-art-50",
            "house-assurance",
            "netflix-genai-guidance",
            NAME,
            "ny-synthetic-performer-ads",
            "sag-aftra-commercials-2025",
            "sag-aftra-interactive-2025",
            "sag-aftra-tv-theatrical-2026",
        }
        for pack in POLICIES.packs.values():
            assert pack.title
            assert pack.source
            assert "ot legal advice" in pack.notice
            assert any(rule.pack == pack.name for rule in POLICIES.rules.values())

    def test_leave_a_contract_that_names_none_exactly_as_it_was(self) -> None:
        bare = {name: text for name, text in POLICIES.files.items() if "packs/" not in name}
        without = policy_set.build(bare, POLICIES.schema_text)
        case = read_case(base())
        with_packs, alone = decide(POLICIES, *case), decide(without, *case)
        assert with_packs.obligations == alone.obligations
        assert run_scenarios(PUBLISHED, policies=without)[1:] == (100, 0)
        assert run_scenarios(PUBLISHED, policies=POLICIES)[1:] == (100, 0)

    def test_a_pack_that_is_on_for_the_installation_holds_for_every_contract(self) -> None:
        contracts, state, request = read_case(base())
        assert decide(POLICIES, contracts, state, request).permitted
        on = replace(state, packs=("sag-aftra-tv-theatrical-2026",))
        unnamed = replace(request, script_hash=None)
        assert decide(POLICIES, contracts, on, unnamed).codes == ("TVT26_SCRIPT_NOT_NAMED",)
        assert decide(POLICIES, contracts, state, unnamed).permitted


class TestGate:
    @pytest.mark.parametrize(
        ("what", "change", "said"),
        [
            ("without a gate", ruled("when\n{", "unless\n{"), "NOFAKES_TERM_CAPPED: its first"),
            ("of another day", ruled("20250409", "20240409"), "NOFAKES_TERM_CAPPED: its first"),
            ("of another pack", ruled(NAME, "eu-ai-act-art-50"), "NOFAKES_TERM_CAPPED: its first"),
            ("page of another day", paged(**{"from": "2025-04-10"}), "TERM_CAPPED: its first"),
            ("that permits", ruled('@outcome("deny")', '@outcome("permit")'), "but does not"),
            ("without advice", paged(notice="Legal advice."), "notice"),
            ("that ends first", paged(to="2020-01-01"), "ends before it begins"),
            ("of no known kind", paged(kind="opinion"), "kind"),
            ("with more to say", paged(more=1), "more"),
            ("of no day", paged(**{"from": "2025-02-30"}), PAGE),
            ("under another name", paged(name="other"), "calls itself other"),
            ("that is no JSON", lambda files: files.update({PAGE: "{"}), PAGE),
            ("without rules", lambda files: files.pop(RULES), "no rules beside it"),
            ("without a page", lambda files: files.pop(PAGE), "no page"),
        ],
    )
    def test_refuses_a_pack(
        self, what: str, change: Callable[[dict[str, str]], object], said: str
    ) -> None:
        with pytest.raises(PolicySetInvalid, match=said) as refusal:
            built(change)
        assert NAME in str(refusal.value)

    def test_a_pack_may_not_carry_a_permit_of_its_own(self) -> None:
        permit = (
            '@id("X") @outcome("permit") @summary("s") @source("s")\n'
            "permit (principal, action, resource is Contract) when { "
            f'resource.packs.contains("{NAME}") && resource.used_on >= 20250409 }};'
        )
        with pytest.raises(PolicySetInvalid, match="X: a pack narrows and obliges"):
            built(lambda files: files.update({RULES: files[RULES] + permit}))


class TestDigest:
    def test_changes_with_what_a_pack_says_of_itself(self) -> None:
        assert built(paged(title="Another title")).digest != POLICIES.digest

    def test_an_archived_set_keeps_its_packs(self) -> None:
        restored = restore(archive(POLICIES), digest=POLICIES.digest)
        assert restored.packs == POLICIES.packs


class TestNaming:
    def test_an_offer_that_names_an_unknown_pack_is_refused_at_its_name(self) -> None:
        document = a_document()
        document["policy"] = {"packs": [NAME, "no-such-pack"]}
        with pytest.raises(contract.DocumentRefused) as refusal:
            contract.parse(document)
        (problem,) = refusal.value.problems
        assert problem.pointer == "/policy/packs/1"
        assert NAME in problem.message
        assert contract.parse(document, recorded=True).policy.packs == (NAME, "no-such-pack")

    def test_an_offer_may_name_every_pack_on_file(self) -> None:
        document = a_document()
        document["policy"] = {"packs": sorted(packs.known_packs(POLICY_DIR))}
        assert contract.parse(document).policy.packs == tuple(sorted(POLICIES.packs))

    def test_a_setting_that_names_an_unknown_pack_does_not_start(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UNDERSTUDY_POLICY_PACKS", f"{NAME}, no-such-pack")
        config.settings.cache_clear()
        rulebook.policy_set.cache_clear()
        with pytest.raises(PolicySetInvalid, match=r"UNDERSTUDY_POLICY_PACKS.*no-such-pack"):
            rulebook.today()
        rulebook.policy_set.cache_clear()
