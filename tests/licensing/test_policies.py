"""The policy files: valid, complete, named by one digest, and every word of them needed."""

import json

import pytest

from app.licensing.deciding import policy_set
from app.licensing.deciding.policy_set import POLICY_DIR, changed_on_disk, load_policies
from app.licensing.deciding.rules import OUTCOMES, PolicySetInvalid
from tests.licensing import mutants
from tests.licensing.cases import PUBLISHED

POLICIES = load_policies()
GOOD = """
@id("PERMIT") @outcome("permit") @summary("s") @source("s")
permit (principal, action, resource);
@id("NO") @outcome("deny") @summary("s") @source("s")
forbid (principal, action, resource is Contract) when { resource.paused };
"""
SCHEMA = (POLICY_DIR / "schema.cedarschema").read_text()


def built(text: str) -> policy_set.PolicySet:
    return policy_set.build({"a.cedar": text}, SCHEMA)


class TestPolicyFiles:
    def test_have_one_rule_for_each_published_code(self):
        suite = json.loads(PUBLISHED.read_text())
        by_outcome = {
            outcome: {
                rule.id
                for rule in POLICIES.rules.values()
                if rule.outcome == outcome and not rule.pack
            }
            for outcome in OUTCOMES
        }
        assert by_outcome["deny"] == set(suite["deny_codes"]) | {
            "POLICY_PACK_UNKNOWN",
            "LICENSEE_IN_ARREARS",
            "IDENTITY_NOT_PROVEN",
            "INK_NOT_ACCEPTED",
        }
        assert by_outcome["needs-approval"] == set(suite["approval_codes"])
        assert set(POLICIES.standing_obligations) == set(suite["always_on_permit"])

    def test_tell_what_each_refusal_means_and_what_would_unblock_it(self):
        for rule in POLICIES.rules.values():
            if rule.outcome in ("deny", "needs-approval"):
                assert rule.summary.endswith(".")
                assert rule.next_step.endswith(".")
                assert rule.clause == "" or rule.clause.startswith("/")

    def test_point_at_clauses_that_the_contract_has(self):
        from tests.licensing.test_contract import a_document

        for rule in POLICIES.rules.values():
            place = a_document()
            for step in rule.clause.split("/")[1:]:
                optional = {"max_term_years", "minor_court_approval", "packs", "payment_grace_days"}
                optional |= {"performer_identity", "ink"}
                assert step in place or step in optional, rule.clause
                place = place.get(step, {})

    def test_name_no_fact_after_a_code(self):
        codes = {code.lower() for code in POLICIES.rules}
        words = set(SCHEMA.replace(":", " ").replace(",", " ").lower().split())
        assert codes & words == set()

    def test_keep_their_lines_short(self):
        for path in POLICY_DIR.rglob("*.cedar"):
            assert max(len(line) for line in path.read_text().splitlines()) <= 100, path


class TestLoadPolicies:
    def test_gives_the_same_digest_whatever_the_comments_and_the_order(self):
        one, two = GOOD.split("@id", 2)[1:]
        swapped = f"// a comment\n@id{two}\n@id{one}"
        assert built(swapped).digest == built(GOOD).digest

    def test_gives_another_digest_when_a_rule_changes(self):
        assert built(GOOD.replace("resource.paused", "!resource.paused")).digest != (
            built(GOOD).digest
        )

    def test_gives_another_digest_when_a_source_changes(self):
        assert built(GOOD.replace('@source("s")', '@source("t")')).digest != built(GOOD).digest

    def test_gives_another_digest_when_the_schema_changes(self):
        other = SCHEMA.replace("terms", "facts") + "// different\n"
        assert policy_set.build({"a.cedar": GOOD}, other).digest != built(GOOD).digest

    @pytest.mark.parametrize(
        ("what", "text"),
        [
            ("does not parse", GOOD + "permit ("),
            ("unknown fact", GOOD.replace("resource.paused", "resource.beloved")),
            ("wrong type", GOOD.replace("resource.paused", "resource.licensee")),
            ("no id", GOOD.replace('@id("NO")', "")),
            ("the same id twice", GOOD + GOOD),
            ("no summary", GOOD.replace('@summary("s")', "")),
            ("an outcome nobody knows", GOOD.replace('"deny"', '"maybe"')),
            ("a permit that calls itself a denial", GOOD.replace("forbid", "permit")),
            ("no base rule", GOOD.replace("PERMIT", "OTHER")),
            ("a template", GOOD.replace("principal,", "principal == ?principal,")),
            ("nothing at all", ""),
        ],
    )
    def test_refuses_a_set_that_cannot_be_relied_on(self, what, text):
        with pytest.raises(PolicySetInvalid):
            built(text)

    def test_refuses_a_folder_without_a_schema(self, tmp_path):
        (tmp_path / "a.cedar").write_text(GOOD)
        with pytest.raises(PolicySetInvalid, match="cannot be read"):
            load_policies(tmp_path)

    def test_notices_a_file_that_changed_while_running(self, tmp_path):
        (tmp_path / "a.cedar").write_text(GOOD)
        (tmp_path / "schema.cedarschema").write_text(SCHEMA)
        loaded = load_policies(tmp_path)
        assert not changed_on_disk(loaded)
        (tmp_path / "a.cedar").write_text(GOOD.replace("resource.paused", "!resource.paused"))
        assert changed_on_disk(loaded)
        (tmp_path / "a.cedar").write_text("nonsense")
        assert changed_on_disk(loaded)

    def test_reads_folders_below(self, tmp_path):
        (tmp_path / "house").mkdir()
        first, second = GOOD.split('@id("NO")')
        (tmp_path / "a.cedar").write_text(first)
        (tmp_path / "house" / "b.cedar").write_text('@id("NO")' + second)
        (tmp_path / "schema.cedarschema").write_text(SCHEMA)
        assert load_policies(tmp_path).rules["NO"].file == "house/b.cedar"


class TestMutationControl:
    def test_every_rule_deleted_or_inverted_is_noticed(self):
        survivors = [f"{m.rule}: {m.what}" for m, _ in mutants.Control().survivors(mutants.coarse)]
        assert survivors == []

    @pytest.mark.slow
    def test_every_word_of_every_rule_changed_is_noticed(self):
        survivors = {
            (mutant.rule, mutant.what) for mutant, _ in mutants.Control().survivors(mutants.fine)
        }
        assert survivors == mutants.EQUIVALENT.keys()
