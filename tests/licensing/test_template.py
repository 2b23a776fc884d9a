"""Templates of the usual deals: each fills into an offer that permits its use and no other."""

import copy
import json
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import app as command
from app.ledger.quotes import quote
from app.ledger.usage import UsageEvent
from app.licensing.deciding.conformance import decide_case
from app.licensing.deciding.decide import load_policies
from app.licensing.document import contract
from app.licensing.document.template import Template, fill, template_of, templates
from app.licensing.errors import ContractInvalid, TemplateNotFound
from app.licensing.words.plain_words import WORDS
from tests.licensing.cases import base
from tests.licensing.test_plain_language import unsaid

NAMES = (
    "archive-estate", "background-replica", "commercial-spot", "dubbing", "feature-scene",
    "game-voice", "indie-scene",
)  # fmt: skip
SERVER_SIDE = (
    "id", "version", "status", "executed_at", "effective_at", "document_sha256_ok",
)  # fmt: skip
AT = "2026-12-24T12:00:00Z"
YES = {"status": "approved", "at": AT, "authority": "verified", "script_hash": "sha256:aaa"}
DIED = "1990-01-01"
# What each is for, and one use nearby that it does not cover, with the code that says so.
TYPICAL: dict[str, dict[str, Any]] = {
    "indie-scene": {"purpose": "film_scene", "medium": "festival"},
    "feature-scene": {"purpose": "film_scene", "medium": "theatrical", "territories": ["WORLD"]},
    "commercial-spot": {"purpose": "advertising", "medium": "social", "territories": ["US-CA"]},
    "game-voice": {"purpose": "videogame_dialogue", "medium": "videogame", "modalities": ["voice"]},
    "background-replica": {"purpose": "background", "modalities": ["face", "body"],
                           "role": "background"},
    "dubbing": {"purpose": "dubbing", "medium": "svod", "languages": ["es-ES"], "is_dub": True},
    "archive-estate": {"purpose": "exhibition", "medium": "museum"},
}  # fmt: skip
ATYPICAL = [
    ("indie-scene", {"purpose": "trailer"}, "PURPOSE_NOT_LICENSED"),
    ("indie-scene", {"medium": "broadcast"}, "MEDIUM_NOT_LICENSED"),
    ("indie-scene", {"territories": ["US"]}, "TERRITORY_NOT_LICENSED"),
    ("indie-scene", {"content": {"tags": ["nudity"]}}, "CONTENT_PROHIBITED"),
    ("feature-scene", {"project": "NIGHTGLASS II"}, "PROJECT_NOT_LICENSED"),
    ("feature-scene", {"training": True}, "TRAINING_PROHIBITED"),
    ("commercial-spot", {"content": {"brand_category": "beer"}}, "BRAND_CATEGORY_BLOCKED"),
    ("commercial-spot", {"exhibit_until": "2028-01-01T00:00:00Z"}, "RELEASE_AFTER_TERM"),
    ("game-voice", {"realtime": True}, "REALTIME_NOT_CONSENTED"),
    ("game-voice", {"modalities": ["voice", "face"]}, "MODALITY_NOT_LICENSED"),
    ("background-replica", {"modalities": ["face", "voice"]}, "MODALITY_NOT_LICENSED"),
    ("background-replica", {"seconds": 16}, "QUOTA_EXCEEDED"),
    ("background-replica", {"role": "principal"}, "BACKGROUND_UPGRADE_CONSENT"),
    ("dubbing", {"languages": ["ja"]}, "LANGUAGE_NOT_LICENSED"),
    ("archive-estate", {"purpose": "advertising", "medium": "social"}, "PURPOSE_NOT_LICENSED"),
    ("archive-estate", {"content": {"tags": ["drug_use"]}}, "CONTENT_PROHIBITED"),
]


def answers_for(template: Template) -> dict[str, Any]:
    """Answer every blank as its example shows."""
    return {name: copy.deepcopy(blank.example) for name, blank in template.blanks.items()}


def a_case(name: str, **changes: Any) -> dict[str, Any]:
    """Write a case under the filled template: signed, with every yes it asks for."""
    document, case = template_of(name).example(), base()
    signed = {key: case["contracts"][0][key] for key in SERVER_SIDE}
    estate = name == "archive-estate"
    role = "estate_rep" if estate else "performer"
    signatures = [{"role": who, "signed_at": signed["executed_at"], "authority": "verified",
                   "valid": True} for who in (role, "licensee")]  # fmt: skip
    performer = document["performer"] | {"deceased_on": DIED if estate else None}
    grant, content = document["grant"], changes.pop("content", {})
    request = case["request"] | {
        "performers": [performer["id"]],
        "requester_org": document["licensee"],
        "project": grant["projects"][0],
        "territories": grant["territories"]["include"],
        "languages": grant["languages"],
        "generator": grant["generators"][0],
        "seconds": 5,
        "at": AT,
        **TYPICAL[name],
        **changes,
    }
    request["content"] = request["content"] | content
    case["contracts"] = [document | signed | {"performer": performer, "signatures": signatures}]
    case["state"] |= {
        "usage": {performer["id"]: {"seconds": 0, "reserved": 0, "renders": 0}},
        "generators": {request["generator"]: {"trains_on_inputs": False}},
        "approvals": [YES | {"role": role}] if document["approvals"]["per_use"] else [],
    }
    return case | {"request": request}


class TestTemplates:
    def test_are_those_of_the_usual_deals(self):
        assert tuple(templates()) == NAMES
        with pytest.raises(TemplateNotFound, match="indie-scene"):
            template_of("handshake")

    @pytest.mark.parametrize("name", NAMES)
    def test_each_blank_stands_somewhere_and_says_what_it_asks(self, name):
        template = template_of(name)
        assert all(template.places().values())
        assert all(blank.asks.endswith(".") for blank in template.blanks.values())
        assert len(template.choices) >= 4

    @pytest.mark.parametrize("name", NAMES)
    def test_each_is_a_whole_document_that_may_be_offered_once_filled(self, name):
        terms = contract.parse(template_of(name).example())
        assert terms.compensation is not None
        assert terms.grant.training == "no"
        assert not terms.grant.realtime
        assert {"nudity", "sexually_explicit"} <= set(terms.grant.content.prohibited)
        assert not terms.grant.content.preview_waived
        assert terms.approvals.on_silence == "deny"
        assert terms.compensation.parties[0].agent_rate == "0.10"

    @pytest.mark.parametrize("name", NAMES)
    def test_each_is_told_whole_in_plain_words(self, name):
        document = template_of(name).example()
        assert unsaid(document) == []
        grant = document["grant"]
        used = {*grant["purposes"], *grant["media"], *grant["modalities"],
                *grant["content"]["prohibited"], *grant["content"]["approval"]}  # fmt: skip
        assert used <= set(WORDS)

    @pytest.mark.parametrize("name", NAMES)
    def test_each_prices_what_a_generation_counts(self, name):
        """Seconds, renders, uses: a template nobody can generate under would help nobody."""
        terms = contract.parse(template_of(name).example()).compensation
        assert terms is not None
        counted = UsageEvent(id="gen", seconds="5", renders=1, count=1, languages=1, realtime=False)
        assert quote(terms, counted).licensee_minor > 0

    @pytest.mark.parametrize("name", NAMES)
    def test_each_permits_its_typical_use(self, name):
        decision = decide_case(a_case(name), load_policies())
        assert (decision.outcome, sorted(decision.codes)) == ("permit", [])

    @pytest.mark.parametrize(("name", "changes", "code"), ATYPICAL)
    def test_each_refuses_what_it_is_not_for(self, name, changes, code):
        decision = decide_case(a_case(name, **changes), load_policies())
        assert decision.outcome in {"deny", "needs-approval"}
        assert code in decision.codes

    @pytest.mark.parametrize("name", ["commercial-spot", "dubbing", "archive-estate"])
    def test_where_each_use_needs_a_yes_silence_is_no_permit(self, name):
        case = a_case(name)
        case["state"]["approvals"] = []
        assert decide_case(case, load_policies()).outcome != "permit"


class TestFill:
    @pytest.mark.parametrize("name", NAMES)
    def test_points_at_every_blank_that_is_left(self, name):
        template = template_of(name)
        with pytest.raises(ContractInvalid) as refused:
            fill(template, {})
        pointed = {error["pointer"] for error in refused.value.extra["errors"]}
        needed = {at for blank, places in template.places().items()
                  if template.blanks[blank].required for at in places}  # fmt: skip
        assert pointed == needed
        assert "/compensation/rate_minor" in pointed

    def test_takes_null_for_a_blank_that_is_left(self):
        template = template_of("indie-scene")
        with pytest.raises(ContractInvalid, match="fill in project"):
            fill(template, answers_for(template) | {"project": None})

    def test_refuses_an_answer_to_a_blank_there_is_not(self):
        template = template_of("indie-scene")
        with pytest.raises(ContractInvalid, match="no blank 'fee'"):
            fill(template, answers_for(template) | {"fee": "1.00"})

    def test_does_without_an_agent(self):
        template = template_of("indie-scene")
        answers = answers_for(template)
        del answers["agent_id"], answers["agent_rate"]
        terms = contract.parse(fill(template, answers))
        assert terms.representation.agent is None
        assert terms.compensation is not None
        assert terms.compensation.parties[0].agent is None

    @pytest.mark.parametrize(
        ("amount", "currency", "minor"),
        [("12.50", "EUR", "1250"), ("12", "JPY", "12"), ("0.001", "KWD", "1"),
         ("1/3", "EUR", "100/3")],
    )  # fmt: skip
    def test_turns_money_into_minor_units_exactly(self, amount, currency, minor):
        template = template_of("indie-scene")
        changes = {"rate": amount, "least": "0", "currency": currency}
        document = fill(template, answers_for(template) | changes)
        assert document["compensation"]["rate_minor"] == minor

    @pytest.mark.parametrize(
        ("blank", "answer", "pointer"),
        [("rate", 12.5, "/compensation/rate_minor"), ("rate", "-1", "/compensation/rate_minor"),
         ("currency", "XXX", "/compensation/rate_minor"), ("territories", ["ATLANTIS"],
          "/grant/territories/include/0"), ("languages", "en", "/grant/languages"),
         ("end", "2020-01-01", "/grant/term/end"), ("seconds", -1, "/grant/quota/max_seconds"),
         ("performer_dob", "May", "/performer/dob"),
         ("agent_rate", None, "/compensation/parties/0")],
    )  # fmt: skip
    def test_points_at_an_answer_that_does_not_fit(self, blank, answer, pointer):
        template = template_of("indie-scene")
        with pytest.raises(ContractInvalid) as refused:
            fill(template, answers_for(template) | {blank: answer})
        assert pointer in {error["pointer"] for error in refused.value.extra["errors"]}

    def test_leaves_the_template_as_it_is(self):
        template = template_of("indie-scene")
        before = template.model_dump_json()
        fill(template, answers_for(template))["grant"]["territories"]["include"].append("XX")
        assert template.model_dump_json() == before


class TestCommand:
    def test_prints_a_form_and_then_the_document(self, tmp_path):
        template, file = template_of("indie-scene"), tmp_path / "answers.json"
        assert "indie-scene" in _understudy("templates").output
        assert "The price of one second." in _understudy("template", "indie-scene").output
        form = json.loads(_understudy("template", "indie-scene", "--form").output)
        assert set(form) == set(template.blanks)
        file.write_text(json.dumps(form))
        left = _understudy("template", "indie-scene", "--fill", str(file))
        assert isinstance(left.exception, ContractInvalid)
        file.write_text(json.dumps(form | answers_for(template)))
        done = _understudy("template", "indie-scene", "--fill", str(file))
        assert json.loads(done.output) == template.example()

    @pytest.mark.parametrize("text", ["[]", "no json"])
    def test_refuses_a_file_that_is_no_form(self, tmp_path, text):
        (tmp_path / "a.json").write_text(text)
        said = _understudy("template", "dubbing", "--fill", str(tmp_path / "a.json"))
        assert said.exit_code == 2


def _understudy(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["contract", *arguments])
