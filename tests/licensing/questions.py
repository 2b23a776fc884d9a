"""Generated questions: whole documents, the state of the world, and a use, mostly in scope.

Every field varies; most draws take what permits, so that a single fault often decides.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

from app.licensing.deciding.inputs import (
    ACTIONS,
    ApprovalFact,
    ContractInForce,
    ExclusiveFact,
    SignatureFact,
    State,
    StrikeFact,
    Usage,
    UseRequest,
)
from app.licensing.document import contract
from tests.licensing.cases import base

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
SIGNED = datetime(2026, 7, 10, 17, tzinfo=UTC)
PEOPLE = ("P1", "P2", "P3")
TAGS = ("smoking", "nudity", "graphic_violence", "stunt")
PLACES = ("US", "US-NY", "US-CA", "DE", "FR", "EU", "CN", "HK", "NORTH_AMERICA", "GB", "ATLANTIS")
BRANDS = ("cola", "soft_drinks", "beverages", "beer", "tobacco", "cigarettes")
AGREEMENTS = ("SAG-AFTRA-IMA-2025", "SAG-AFTRA-TVT-2026")
SCRIPTS = ("sha256:aaa", "sha256:bbb")


@dataclass(frozen=True)
class Question:
    """What `decide` is asked: contracts, the state of the world, one use."""

    contracts: tuple[ContractInForce, ...]
    state: State
    request: UseRequest

    def ask(self, **changes: Any) -> "Question":
        """The same question about a use that differs."""
        return replace(self, request=replace(self.request, **changes))

    def given(self, **changes: Any) -> "Question":
        """The same question in a world that differs."""
        return replace(self, state=replace(self.state, **changes))

    def each(self, change: Any) -> "Question":
        """The same question with every contract changed."""
        return replace(self, contracts=tuple(change(each) for each in self.contracts))


class Pick:
    """Takes what is usual, and now and then something else: seldom in a calm world."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._seldom = random.choice([0.01, 0.03, 0.1])

    def __call__(self, usual: Any, *others: Any) -> Any:
        return usual if self.random.random() > self._seldom else self.one_of(*others)

    def one_of(self, *choices: Any) -> Any:
        """Take any of these, each as likely as the others; what is made is made when taken."""
        chosen = self.random.choice(choices)
        return chosen() if callable(chosen) else chosen

    def several(self, make: Callable[["Pick"], Any], most: int) -> tuple[Any, ...]:
        """Make none to a few."""
        return tuple(make(self) for _ in range(self.random.randint(0, most)))

    def some(self, pool: tuple[str, ...], most: int = 3) -> tuple[str, ...]:
        """Take a few of a pool, none of them twice, in any order."""
        return tuple(self.random.sample(pool, self.random.randint(0, most)))

    def shuffled(self, values: Any) -> Any:
        """Put what is listed into another order; nothing stays nothing."""
        return None if values is None else tuple(self.random.sample(values, len(values)))

    def instant(self, days: int = 60) -> datetime:
        """Take an instant near the one that most questions are about."""
        return NOW + timedelta(days=self.random.randint(-days, days))


@lru_cache(maxsize=1)
def _base_document() -> dict[str, Any]:
    kept = set(contract.Contract.model_fields)
    document = {key: value for key, value in base()["contracts"][0].items() if key in kept}
    document["performer"].pop("deceased_on")
    return document | {"v": 1}


def document_of(pick: Pick, performer: str) -> contract.Contract:
    """Make a document of this performer's, with a grant that is mostly wide."""
    whole = _base_document()
    changes = {
        "instrument": pick("EBDR", "BADR"),
        "performer": {
            "id": performer,
            "name": performer,
            "dob": pick("1990-05-04", "2010-01-15", "2008-11-22"),
        },
        "licensee": pick("STUDIO_A", "STUDIO_B"),
        "grant": {**whole["grant"], **_grant(pick, whole["grant"]["term"])},
        "approvals": {
            "per_use": pick.one_of(False, False, True),
            "required": pick(["performer"], ["performer", "agent"], []),
            "on_silence": pick("deny", "wait"),
            "sla_hours": 48,
        },
        "revocation": {
            "wind_down": pick("stop_now", "finish_in_flight", "notice_period"),
            "notice_days": pick(0, 30),
            "existing_outputs": pick("keep", "remove"),
            "removal_days": pick(0, 7),
            "expiry_in_flight": pick("stop", "finish"),
        },
        "postmortem": {
            "mode": pick("continue", "terminate", "estate_reapproval"),
            "rights_years": pick(70, 1),
        },
        "policy": {
            "max_term_years": pick(None, 1),
            "minor_court_approval": pick(False, True),
        },
    }
    return contract.parse(whole | changes, recorded=True)


def _grant(pick: Pick, term: dict[str, Any]) -> dict[str, Any]:
    return {
        "projects": pick(["NIGHTGLASS", "OTHER_FILM"], ["*"], ["OTHER_FILM"]),
        "purposes": pick(["film_scene", "trailer", "advertising"], ["trailer"]),
        "media": pick(["theatrical", "svod", "social"], ["svod"]),
        "modalities": pick(["face", "voice"], ["face"]),
        "territories": {
            "include": pick(("WORLD",), ("US", "EU", "HK"), ("EU",)),
            "exclude": pick((), ("US-NY",), ("CN",), ("DE", "FR")),
        },
        "languages": pick(["en", "es"], ["es-MX"], ["*"]),
        "dubbing": pick("yes", "no", "listed", "cba_default"),
        "realtime": pick.one_of(True, False),
        "training": pick("yes", "no", "project_model_only", "with_approval"),
        "quota": {
            "max_seconds": pick(None, 30, 600),
            "max_renders": pick(None, 1, 20),
            "max_seconds_per_output": pick(None, 5, 60),
        },
        "term": {
            **term,
            "start": pick("2026-07-10", "2026-11-25", "2025-10-01"),
            "end": pick("2026-12-31", "2026-11-20", "2030-01-01"),
            "tz": pick("America/Los_Angeles", "Asia/Tokyo"),
        },
        "sublicense": pick(
            {"mode": "yes"},
            {"mode": "no"},
            {"mode": "listed", "listed": ["VENDOR", "X"]},
            {"mode": "with_approval"},
        ),
        "content": {
            "prohibited": pick.one_of((), ("smoking",), ("nudity",)),
            "approval": pick.one_of((), ("graphic_violence", "stunt")),
            "blocked_brand_categories": pick((), ("tobacco",), ("beverages",)),
        },
    }


def contract_of(pick: Pick, performer: str, id_: str, version: int) -> ContractInForce:
    """Make one version of a contract with what the server knows of it."""
    executed_at = pick(SIGNED, NOW, NOW - timedelta(days=9))
    roles = pick(
        ("performer", "guardian", "licensee"),
        ("performer", "licensee"),
        ("estate_rep", "licensee"),
        ("licensee",),
    )
    verified = pick(True, False)
    return ContractInForce(
        id=id_,
        version=version,
        status=pick("active", "suspended", "draft"),
        terms=document_of(pick, performer),
        executed_at=executed_at,
        effective_at=executed_at + timedelta(days=pick(0, 3)),
        intact=pick(True, False),
        signatures=tuple(SignatureFact(role, executed_at, verified, True) for role in roles),
        usage=Usage(Decimal(pick(0, 20)), Decimal(pick(0, 5)), pick(0, 19), 0),
        withdrawn_at=pick(None, lambda: pick.instant(20), lambda: pick.instant(20)),
        paused=pick(False, True),
        unpaid_since=pick(None, lambda: pick.instant(20), lambda: pick.instant(20)),
        deceased_on=pick(None, date(2026, 11, 1), date(1956, 2, 29)),
        court_approved=pick(False, True),
        ratified_at=pick(None, NOW),
    )


def approval_of(pick: Pick) -> ApprovalFact:
    """Make somebody's answer to something."""
    names = pick.one_of("", "", "", "tags", "sublicensee", "transferee", "training")
    return ApprovalFact(
        role=pick.one_of("performer", "performer", "agent", "estate_rep", "union"),
        status=pick.one_of("approved", "approved", "rejected", "timed_out", "pending"),
        at=pick.one_of(NOW - timedelta(days=1), lambda: pick.instant(3), None),
        expires_at=pick(None, lambda: pick.instant(10)),
        script_hash=pick.one_of(SCRIPTS[0], *SCRIPTS, None),
        content_tags=pick.some(TAGS) if names == "tags" else (),
        sublicensee="VENDOR" if names == "sublicensee" else None,
        transferee="STUDIO_C" if names == "transferee" else None,
        training_scope="project_model" if names == "training" else None,
        authority_verified=pick(True, False),
        performer=pick(None, "P2"),
        contract_id=pick(None, "C1"),
    )


def exclusive_of(pick: Pick) -> ExclusiveFact:
    """Make a promise to somebody, mostly to somebody else."""
    return ExclusiveFact(
        performer=pick.one_of(*PEOPLE),
        licensee=pick("BRAND", "STUDIO_A"),
        signed_at=pick.instant(200),
        from_at=pick.instant(),
        until_at=pick(None, pick.instant),
        category=pick.one_of("soft_drinks", "beer", None),
        territories=pick.one_of(None, lambda: pick.some(PLACES)),
        media=pick(None, ("social",)),
        holdback_days=pick(0, 30),
    )


def strike_of(pick: Pick) -> StrikeFact:
    """Make a strike that mostly does not concern the contracts."""
    return StrikeFact(pick(*AGREEMENTS), pick.instant(), pick(None, pick.instant))


def state_of(pick: Pick) -> State:
    """Make the world at the instant asked about."""
    return State(
        strikes=pick.several(strike_of, 1),
        approvals=pick.several(approval_of, 4),
        exclusives=pick.several(exclusive_of, 1),
        generators=pick({"GEN_INHOUSE": False}, {"GEN_INHOUSE": True}, {}),
        notice_given_at=pick(NOW - timedelta(days=9), None, pick.instant),
        engaged_at=pick(None, pick.instant),
    )


def request_of(pick: Pick, performers: tuple[str, ...]) -> UseRequest:
    """Make one use by one company."""
    vendor = pick(False, True)
    return UseRequest(
        action=pick.one_of("generate", "generate", lambda: pick.one_of(*ACTIONS)),
        requester_org="VENDOR" if vendor else "STUDIO_A",
        sublicensed_from="STUDIO_A" if vendor else None,
        performers=performers,
        at=pick(NOW, pick.instant, lambda: pick.instant(400)),
        phase=pick("authorize", "release_output"),
        project=pick("NIGHTGLASS", "SEQUEL", None),
        purpose=pick("film_scene", "advertising", "set_security", None),
        medium=pick("svod", "social", "ctv", None),
        territories=pick(("HK",), lambda: pick.some(PLACES[:-1]), lambda: pick.some(PLACES), None),
        languages=pick(("en-US",), ("es-MX", "en"), ("ja",), None),
        modalities=pick(("face",), ("face", "voice"), None),
        tags=pick.one_of((), (), lambda: pick.some(TAGS, 2)),
        script_hash=pick(*SCRIPTS, None),
        brand_category=pick(None, *BRANDS),
        depicted_age=pick(None, 17, 30),
        generator=pick("GEN_INHOUSE", "GEN_PUBLIC_BETA", None),
        seconds=Decimal(pick(5, 10, 100)),
        renders=pick(1, 2),
        realtime=pick(False, True),
        training=pick(False, True),
        training_scope=pick("project_model", None),
        is_dub=pick(False, True),
        principal_photography_start=pick(date(2026, 9, 1), date(2027, 7, 1), None),
        exhibit_until=pick(None, lambda: pick.instant(90)),
        permit_issued_at=pick(None, lambda: pick.instant(20)),
        idempotent_replay=pick(False, True),
        background_count_shortfall=pick(0, 1),
        role=pick(None, "principal"),
        edit_kind=pick("trim", "dialogue_replacement", None),
        transferee=pick("STUDIO_C", None),
        services_at=pick(NOW, pick.instant, None),
        exemption_claim=pick(None, "parody"),
    )


def question_of(pick: Pick, *, versions: int = 2) -> Question:
    """Make a whole question: one to three performers, most with a contract, some with several."""
    performers = pick.one_of(PEOPLE[:1], PEOPLE[:1], PEOPLE[:2], PEOPLE)
    found = [
        contract_of(pick, performer, id_, version)
        for number, performer in enumerate(performers, start=1)
        for id_ in pick((f"C{number}",), (f"C{number}", f"D{number}"), ())
        for version in range(1, 1 + pick.random.randint(1, versions))
    ]
    return Question(tuple(found), state_of(pick), request_of(pick, performers))
