"""The contract document: what is refused and where, and what is canonical."""

import hashlib
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.licensing.document import contract
from app.licensing.document.contract import DocumentRefused
from tests.licensing.cases import base, published

SERVER_SIDE = (
    "id",
    "version",
    "status",
    "executed_at",
    "effective_at",
    "document_sha256_ok",
    "signatures",
)


def a_document() -> dict[str, Any]:
    """A document that may be offered: the agreed terms of the first published case, and pay."""
    document = {k: v for k, v in base()["contracts"][0].items() if k not in SERVER_SIDE}
    document["performer"].pop("deceased_on")
    pay = {
        "currency": "EUR",
        "model": "per_second",
        "rate_minor": "120",
        "parties": [{"id": "P1", "weight": "1", "agent": "AG1", "agent_rate": "0.10"}],
    }
    return document | {"v": 1, "compensation": pay}


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """The document with one field set."""
    document = a_document()
    *steps, last = pointer.split("/")[1:]
    place: Any = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return document


def pointers(document: dict[str, Any], *, recorded: bool = False) -> list[str]:
    """The fields a document is refused for; none when it is not refused."""
    try:
        contract.parse(document, recorded=recorded)
    except DocumentRefused as refused:
        return [problem.pointer for problem in refused.problems]
    return []


# What no document may say, at either level: (field, value, where the refusal points).
IMPOSSIBLE = [
    ("/telepathy", True, "/telepathy"),
    ("/grant/telepathy", True, "/grant/telepathy"),
    ("/signatures", [], "/signatures"),
    ("/status", "active", "/status"),
    ("/executed_at", "2026-07-10T17:00:00Z", "/executed_at"),
    ("/document_sha256_ok", True, "/document_sha256_ok"),
    ("/performer/deceased_on", None, "/performer/deceased_on"),
    ("/v", 2, "/v"),
    ("/v", "1", "/v"),
    ("/grant/quota/max_seconds", -1, "/grant/quota/max_seconds"),
    ("/grant/quota/max_seconds", "600", "/grant/quota/max_seconds"),
    ("/grant/quota/max_renders", -1, "/grant/quota/max_renders"),
    ("/grant/quota/max_renders", 1.5, "/grant/quota/max_renders"),
    ("/grant/quota/max_seconds", 10**12, "/grant/quota/max_seconds"),
    ("/grant/term/tz", "Mars/Olympus", "/grant/term/tz"),
    ("/grant/term/tz", "../../etc/passwd", "/grant/term/tz"),
    ("/grant/term/tz", "America", "/grant/term/tz"),
    ("/grant/term/end", "2026-02-30", "/grant/term/end"),
    ("/grant/term/end", None, "/grant/term/end"),
    ("/grant/term/end_at", "2026-01-01T00:00:00", "/grant/term/end_at"),
    ("/grant/realtime", "false", "/grant/realtime"),
    ("/notice_hours", -1, "/notice_hours"),
    ("/notice_hours", True, "/notice_hours"),
    ("/revocation/notice_days", -3, "/revocation/notice_days"),
    ("/data/delete_after_term_days", -1, "/data/delete_after_term_days"),
    ("/postmortem/rights_years", 0, "/postmortem/rights_years"),
    ("/paper", {"sha256": "abc", "signed_on": "2026-11-22"}, "/paper/sha256"),
    ("/paper", {"sha256": "0" * 64}, "/paper/signed_on"),
    ("/compensation/currency", "XXX", "/compensation/currency"),
    ("/compensation/rate_minor", "-1", "/compensation/rate_minor"),
    ("/disclosure", {"release_on": "2027-02-29"}, "/disclosure/release_on"),
    ("/disclosure", {"secret": True}, "/disclosure/secret"),
]
# What may be on record, where a code denies, but may not be offered.
NOT_OFFERED = [
    ("/consent/uses_description", " ", "/consent/uses_description"),
    ("/consent/clear_and_conspicuous", False, "/consent/clear_and_conspicuous"),
    ("/consent/separately_signed", False, "/consent/separately_signed"),
    ("/performer/dob", None, "/performer/dob"),
    ("/licensee", "P1", "/licensee"),
    ("/grant/projects", [], "/grant/projects"),
    ("/grant/purposes", [], "/grant/purposes"),
    ("/grant/media", [], "/grant/media"),
    ("/grant/modalities", [], "/grant/modalities"),
    ("/grant/languages", [], "/grant/languages"),
    ("/grant/purposes", ["trailer", "trailer"], "/grant/purposes"),
    ("/grant/territories/include", [], "/grant/territories/include"),
    ("/grant/territories/include", ["EU", "ATLANTIS"], "/grant/territories/include/1"),
    ("/grant/territories/exclude", ["CN-HK"], "/grant/territories/exclude/0"),
    ("/grant/territories/include", ["UK"], "/grant/territories/include/0"),
    ("/grant/languages", ["klingon"], "/grant/languages/0"),
    ("/grant/languages", ["xx"], "/grant/languages/0"),
    ("/grant/languages", ["en_US"], "/grant/languages/0"),
    ("/grant/dubbing", "perhaps", "/grant/dubbing"),
    ("/grant/training", "maybe", "/grant/training"),
    ("/grant/term/end", "2026-07-09", "/grant/term/end"),
    ("/grant/term/end_at", "2026-12-31T00:00:00Z", "/grant/term/end_at"),
    ("/grant/term/end", "2999-12-31", "/grant/term/end"),
    ("/grant/sublicense", {"mode": "listed"}, "/grant/sublicense/listed"),
    ("/grant/sublicense", {"mode": "no", "listed": ["X"]}, "/grant/sublicense/listed"),
    ("/grant/content/approval", ["nudity"], "/grant/content/approval"),
    ("/approvals", {"per_use": True, "required": [], "on_silence": "deny", "sla_hours": 1},
     "/approvals/required"),
    ("/approvals/on_silence", "shrug", "/approvals/on_silence"),
    ("/revocation/notice_days", 30, "/revocation/notice_days"),
    ("/revocation/wind_down", "notice_period", "/revocation/notice_days"),
    ("/postmortem/mode", "seance", "/postmortem/mode"),
    ("/exclusivity", {"territories": ["ATLANTIS"]}, "/exclusivity/territories/0"),
    ("/disclosure", {"now": "everything"}, "/disclosure/now"),
    ("/disclosure", {"now": "terms"}, "/disclosure/now"),
    ("/disclosure", {"after_release": "terms"}, "/disclosure/after_release"),
    ("/disclosure", {"granted_by": "anybody"}, "/disclosure/granted_by"),
    ("/disclosure", {"release_on": "2027-01-01"}, "/disclosure/after_release"),
    ("/disclosure", {"now": "use", "after_release": "credit"}, "/disclosure/after_release"),
    ("/disclosure", {"now": "credit", "verifiers": "license"}, "/disclosure/verifiers"),
    ("/disclosure", {"after_release": "use", "verifiers": "credit"}, "/disclosure/verifiers"),
    ("/disclosure", {"release_on": "2026-07-09", "after_release": "use"},
     "/disclosure/release_on"),
    ("/disclosure", {"release_on": "2999-07-09", "after_release": "use"},
     "/disclosure/release_on"),
]  # fmt: skip


class TestParse:
    def test_reads_what_may_be_offered(self):
        parsed = contract.parse(a_document())
        assert parsed.grant.projects == ("NIGHTGLASS",)

    @pytest.mark.parametrize(("pointer", "value", "where"), IMPOSSIBLE)
    @pytest.mark.parametrize("recorded", [False, True])
    def test_refuses_the_impossible_and_points_at_it(self, pointer, value, where, recorded):
        assert where in pointers(changed(pointer, value), recorded=recorded)

    @pytest.mark.parametrize(("pointer", "value", "where"), NOT_OFFERED)
    def test_refuses_to_offer_what_could_never_permit(self, pointer, value, where):
        assert pointers(changed(pointer, value)) == [where]

    @pytest.mark.parametrize(("pointer", "value", "where"), NOT_OFFERED)
    def test_accepts_on_record_what_a_rule_denies(self, pointer, value, where):
        assert pointers(changed(pointer, value), recorded=True) == []

    @pytest.mark.parametrize("field", sorted(a_document()))
    def test_needs_every_part_that_is_not_optional(self, field):
        document = a_document()
        del document[field]
        optional = field in ("policy", "compensation", "exclusivity", "paper", "standing_offer")
        assert pointers(document) == ([] if optional else [f"/{field}"])

    def test_names_every_problem_at_once(self):
        document = changed("/grant/term/tz", "Mars/Olympus")
        document["licensee"] = ""
        document["extra"] = 1
        assert set(pointers(document)) == {"/grant/term/tz", "/licensee", "/extra"}

    def test_escapes_pointers(self):
        assert pointers(changed("/grant", {**a_document()["grant"], "a/b~c": 1})) == [
            "/grant/a~1b~0c"
        ]

    def test_accepts_an_end_that_is_an_instant(self):
        document = changed("/grant/term", {
            "start": "2026-07-10", "end_at": "2026-12-31T12:00:00+01:00", "tz": "Europe/Paris",
        })  # fmt: skip
        assert contract.parse(document).grant.term.ends_at == 1798714800_000_000

    @pytest.mark.parametrize(
        "text", [b"", b"null", b"[]", b"{", b"\xff", b'{"v": NaN}', b"[" * 100_000, "\ud800"]
    )
    def test_refuses_bytes_that_are_no_document(self, text):
        with pytest.raises(DocumentRefused):
            contract.parse(text)

    def test_refuses_a_document_that_is_too_long(self):
        with pytest.raises(DocumentRefused, match="exceeds"):
            contract.parse(b" " * (contract.MAX_BYTES + 1))

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner,
                                                                    max_size=3),
        max_leaves=8,
    ), st.sampled_from(sorted(a_document())))  # fmt: skip
    @settings(max_examples=150)
    def test_refuses_nonsense_by_name(self, nonsense, field):
        document = a_document() | {field: nonsense}
        try:
            contract.parse(document)
        except DocumentRefused as refused:
            assert refused.problems  # noqa: PT017

    def test_reads_every_published_contract_on_record(self):
        from app.licensing.deciding.conformance import read_case

        assert sum(len(read_case(case)[0]) for case in published()) > 90


class TestCanonical:
    def test_does_not_depend_on_order_or_spacing(self):
        document = a_document()
        turned = json.loads(json.dumps(dict(reversed(document.items())), indent=8))
        assert contract.canonical(turned) == contract.canonical(document)
        assert contract.digest(turned) == contract.digest(document)

    def test_reads_back_as_the_same_contract(self):
        parsed = contract.parse(a_document())
        assert contract.parse(contract.canonical(parsed)) == parsed
        assert contract.canonical(contract.parse(contract.canonical(parsed))) == (
            contract.canonical(a_document())
        )

    def test_is_what_the_digest_is_taken_of(self):
        document = a_document()
        assert contract.digest(document) == (
            hashlib.sha256(contract.canonical(document)).hexdigest()
        )

    def test_changes_with_every_field(self):
        first = contract.digest(a_document())
        seen = {first}
        for pointer, value in [
            ("/grant/quota/max_seconds", 601),
            ("/grant/realtime", True),
            ("/licensee", "STUDIO_B"),
            ("/consent/uses_description", "Something else."),
            ("/compensation/rate_minor", "121"),
            ("/grant/term/end", "2026-12-30"),
        ]:
            seen.add(contract.digest(changed(pointer, value)))
        assert len(seen) == 7

    def test_is_rfc_8785(self):
        text = contract.canonical(a_document()).decode()
        assert text.startswith('{"approvals":{"on_silence":"deny","per_use":false,')
        assert json.loads(text) == a_document()


class TestJsonSchema:
    def test_accepts_the_document_and_refuses_what_parsing_refuses(self):
        validator = jsonschema_rs.validator_for(contract.json_schema())
        assert validator.is_valid(a_document())
        for pointer, value in [
            ("/telepathy", 1), ("/grant/dubbing", "perhaps"), ("/notice_hours", -1), ("/v", 2),
        ]:  # fmt: skip
            assert not validator.is_valid(changed(pointer, value))

    def test_names_its_dialect(self):
        assert contract.json_schema()["$schema"].endswith("2020-12/schema")
