"""Run a suite of decisions (`consent-scenarios/1`) through the product's own schema and rules.

The adapter below translates field names and decides nothing: the contract document goes through
`contract.parse`, the decision through `decide`, with the same policies as everything else.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.licensing.deciding.decide import Decision, PolicySet, decide, load_policies
from app.licensing.deciding.inputs import (
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

SCHEMA = "consent-scenarios/1"
# What a scenario's contract holds besides the agreed terms: facts of the server.
SERVER_FACTS = frozenset(
    "id version status executed_at effective_at document_sha256_ok signatures "
    "ratified_at ratified ratified_on ratification ratified_at_18 "
    "court_approved court_approval court_approved_at paused unpaid_since "
    "identity_level identity_floor".split()
)


def run_scenarios(path: Path, *, policies: PolicySet | None = None) -> tuple[list[str], int, int]:
    """Decide every case; return (one line per mismatch, passed, failed).

    Raises ValueError when the file is not such a suite.
    """
    suite = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    if not isinstance(suite, dict) or suite.get("schema") != SCHEMA:
        raise ValueError(f"{path.name} is not a {SCHEMA} suite")
    rules = policies or load_policies()
    mismatches = []
    for case in suite["scenarios"]:
        line = _mismatch(case, rules)
        if line:
            mismatches.append(f"{case['id']}: {line}")
    return mismatches, len(suite["scenarios"]) - len(mismatches), len(mismatches)


def decide_case(case: dict[str, Any], policies: PolicySet) -> Decision:
    """Decide one case. Raises DocumentRefused or ValueError when it cannot be read."""
    return decide(policies, *read_case(case))


def read_case(case: dict[str, Any]) -> tuple[list[ContractInForce], State, UseRequest]:
    """Translate a case into what `decide` is asked with.

    Raises DocumentRefused where the contract is none, ValueError or KeyError on other nonsense.
    """
    state = case["state"]
    contracts = [_contract(item, state) for item in case["contracts"]]
    return contracts, _state(state), _request(case["request"])


def _mismatch(case: dict[str, Any], policies: PolicySet) -> str:
    expected = case["expected"]
    try:
        decision = decide_case(case, policies)
    except (ValueError, KeyError, TypeError) as error:
        return f"could not be read: {type(error).__name__}: {error}"
    differences = [
        f"{what} {got} instead of {wanted}"
        for what, got, wanted in (
            ("decision", decision.outcome, expected["decision"]),
            ("codes", sorted(decision.codes), sorted(expected["reason_codes"])),
            ("obligations", sorted(decision.obligations), sorted(expected["obligations"])),
        )
        if got != wanted
    ]
    return "; ".join([*differences, *decision.errors])


def _contract(item: dict[str, Any], state: dict[str, Any]) -> ContractInForce:
    document = {key: value for key, value in item.items() if key not in SERVER_FACTS}
    performer = dict(document["performer"])
    deceased_on = performer.pop("deceased_on", None)
    document |= {"v": 1, "performer": performer}
    withdrawals = [
        _instant(withdrawal["at"])
        for withdrawal in state.get("revocations") or ()
        if withdrawal.get("contract_id") in (item["id"], None)
        and withdrawal.get("performer") in (performer["id"], None)
    ]
    used = (state.get("usage") or {}).get(performer["id"]) or {}
    return ContractInForce(
        id=item["id"],
        version=item["version"],
        status=item["status"],
        terms=contract.parse(json.dumps(document, default=float), recorded=True),
        executed_at=_instant(item.get("executed_at")),
        effective_at=_instant(item.get("effective_at")),
        intact=item["document_sha256_ok"] is True,
        signatures=tuple(
            SignatureFact(
                role=signature["role"],
                signed_at=_instant(signature.get("signed_at")),
                authority_verified=signature.get("authority") == "verified",
                valid=signature.get("valid") is True,
                in_ink=signature.get("in_ink") is True,
            )
            for signature in item["signatures"]
        ),
        usage=Usage(
            seconds=Decimal(used.get("seconds") or 0),
            reserved_seconds=Decimal(used.get("reserved") or 0),
            renders=used.get("renders") or 0,
            reserved_renders=used.get("reserved_renders") or 0,
        ),
        withdrawn_at=min((at for at in withdrawals if at is not None), default=None),
        paused=item.get("paused") is True,
        unpaid_since=_instant(item.get("unpaid_since")),
        deceased_on=None if deceased_on is None else date.fromisoformat(deceased_on),
        court_approved=any(bool(item.get(name)) for name in SERVER_FACTS if "court" in name),
        ratified_at=_ratified_at(item),
        identity_level=item.get("identity_level") or 0,
        identity_floor=item.get("identity_floor") or 0,
    )


def _state(state: dict[str, Any]) -> State:
    return State(
        strikes=tuple(
            StrikeFact(s["agreement"], _needed(s["from"]), _instant(s.get("to")))
            for s in state.get("strikes") or ()
        ),
        approvals=tuple(
            ApprovalFact(
                role=a["role"],
                status=a["status"],
                at=_instant(a.get("at")),
                expires_at=_instant(a.get("expires_at")),
                script_hash=a.get("script_hash"),
                content_tags=tuple(a.get("content_tags") or ()),
                sublicensee=a.get("sublicensee"),
                transferee=a.get("transferee"),
                training_scope=a.get("training_scope"),
                authority_verified=a.get("authority", "verified") == "verified",
                performer=a.get("performer"),
                contract_id=a.get("contract_id"),
            )
            for a in state.get("approvals") or ()
        ),
        exclusives=tuple(
            ExclusiveFact(
                performer=e["performer"],
                licensee=e["licensee"],
                signed_at=_needed(e["signed_at"]),
                from_at=_needed(e["from"]),
                until_at=_instant(e.get("until")),
                category=e.get("category"),
                territories=_tuple(e.get("territories")),
                media=_tuple(e.get("media")),
                holdback_days=e.get("holdback_days") or 0,
            )
            for e in state.get("other_exclusives") or ()
        ),
        generators={
            name: generator.get("trains_on_inputs") is not False
            for name, generator in (state.get("generators") or {}).items()
        },
        packs=_tuple(state.get("packs")) or (),
        notice_given_at=_instant(state.get("notice_given_at")),
        engaged_at=_instant(state.get("engaged_at")),
    )


def _request(item: dict[str, Any]) -> UseRequest:
    content = item.get("content") or {}
    photography = item.get("principal_photography_start")
    return UseRequest(
        action=item["action"],
        phase=item.get("phase") or "authorize",
        requester_org=item["requester_org"],
        performers=tuple(item["performers"]),
        at=_needed(item["at"]),
        project=item.get("project"),
        purpose=item.get("purpose"),
        medium=item.get("medium"),
        territories=_tuple(item.get("territories")),
        languages=_tuple(item.get("languages")),
        modalities=_tuple(item.get("modalities")),
        tags=_tuple(content.get("tags")),
        script_hash=content.get("script_hash"),
        brand_category=content.get("brand_category"),
        depicted_age=content.get("depicted_age"),
        generator=item.get("generator"),
        seconds=None if item.get("seconds") is None else Decimal(item["seconds"]),
        renders=item.get("renders") or 1,
        realtime=bool(item.get("realtime")),
        training=bool(item.get("training")),
        training_scope=item.get("training_scope"),
        is_dub=bool(item.get("is_dub")),
        principal_photography_start=None
        if photography is None
        else date.fromisoformat(photography[:10]),
        sublicensed_from=item.get("sublicensed_from"),
        exhibit_until=_instant(item.get("exhibit_until")),
        permit_issued_at=_instant(item.get("permit_issued_at")),
        idempotent_replay=bool(item.get("idempotent_replay")),
        background_count_shortfall=item.get("background_count_shortfall") or 0,
        role=item.get("role"),
        edit_kind=item.get("edit_kind"),
        transferee=item.get("transferee"),
        services_at=_instant(item.get("services_at")),
        exemption_claim=item.get("exemption_claim"),
    )


def _ratified_at(item: dict[str, Any]) -> datetime | None:
    """Return when the performer, of age, ratified; a bare yes is as old as the contract."""
    said = [item[name] for name in SERVER_FACTS if "ratif" in name and item.get(name)]
    if not said:
        return None
    return _instant(said[0] if isinstance(said[0], str) else item["executed_at"])


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else _needed(text)


def _needed(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
