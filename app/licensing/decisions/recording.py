"""How a decision is kept: its receipt signed, its facts under fresh salts, its leaf promised.

Every decision is written here, so it is plain statements: what a fact is as JSON is written once,
for its digest and for the record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import Counter
from pydantic import TypeAdapter
from pydantic_core import to_json

from app import keys
from app.db import Json
from app.ids import new_id
from app.licensing.deciding.decide import Decision as Answer
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import receipt as receipts
from app.licensing.decisions.models import Decision
from app.licensing.decisions.rulebook import today
from app.marks import in_order
from app.statements import JsonText, Statement
from app.transparency import service as transparency

logger = structlog.get_logger()
UNDECIDABLE = Counter("understudy_undecidable", "Decisions denied because nothing could be decided")
_USE = TypeAdapter(UseRequest)
# What somebody without a contract may learn: that there is none for them, and conflicts.
STRANGER_CODES = frozenset(
    {"CONTRACT_NOT_FOUND", "EXCLUSIVITY_CONFLICT", "EXCLUSIVITY_AMBIGUOUS", "REQUEST_INCOMPLETE"}
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as its asking party sees it, freshly recorded."""

    id: str
    at: datetime
    outcome: str
    codes: list[str]
    obligations: list[str]
    explanations: list[dict[str, Any]]
    policy_digest: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A use and what was decided of it; whether who asks is a party of every contract."""

    use: UseRequest
    answer: Answer
    is_party: bool


_RECORD = Statement(
    sa.insert(Decision).values(
        {
            each.name: sa.bindparam(
                each.name, type_=JsonText() if isinstance(each.type, Json) else each.type
            )
            for each in sa.inspect(Decision).columns
        }
    )
)


def record(connection: sa.Connection, judged: Sequence[Judged]) -> list[Recorded]:
    """Keep the answers and sign their receipts; a stranger's copy says no more than one may."""
    made = [_made(each) for each in judged]
    _RECORD.run_many(connection, [row for _, row in made])
    transparency.record_many(
        connection,
        [("decision", each.id, {"receipt": row["receipt_sha256"]}) for each, row in made],
    )
    for (each, _), taken in zip(made, judged, strict=True):
        if taken.answer.errors:
            UNDECIDABLE.inc()
            logger.error(
                "a decision could not be evaluated", decision=each.id, errors=taken.answer.errors
            )
    return [each for each, _ in made]


def _made(judged: Judged) -> tuple[Recorded, dict[str, Any]]:
    """Return a decision as its asking party sees it, and its row."""
    use, answer, is_party = judged.use, judged.answer, judged.is_party
    decision_id = new_id("dec")
    shown = shown_codes(answer, is_party=is_party)
    statement, disclosures = receipts.state(answer, generation_id=decision_id, at=use.at)
    statement["codes"] = shown
    recorded = Recorded(
        id=decision_id,
        at=use.at,
        outcome=answer.outcome,
        codes=shown,
        obligations=[*answer.standing_obligations, *answer.obligations],
        explanations=list(explanations(answer, shown, is_party=is_party)),
        policy_digest=answer.policy_digest,
        receipt=receipts.sign_receipt(statement, lambda data: keys.sign("receipt", data)),
    )
    return recorded, {
        "id": decision_id,
        "organization_id": use.requester_org,
        "generation_id": None,
        "phase": use.phase,
        "at": use.at,
        "outcome": answer.outcome,
        "codes": in_order(answer.codes),
        "shown_codes": in_order(shown),
        "obligations": in_order(recorded.obligations),
        "determining": in_order(answer.policy_ids),
        "explanations": in_order(recorded.explanations),
        "policy_digest": answer.policy_digest,
        "stopping_digest": answer.stopping_digest or answer.policy_digest,
        "request": (
            b'{"disclosures":[%b],"findings":%b,"governing":%b,"use":%b}'
            % (
                b",".join(disclosures),
                to_json([(each.code, each.contract_id) for each in answer.findings]),
                to_json(answer.governing),
                in_order(_USE.dump_python(use, mode="json")).encode(),
            )
        ).decode(),
        "receipt": recorded.receipt,
        "receipt_sha256": receipts.receipt_hash(statement),
    }


def explanations(
    answer: Answer, shown: Sequence[str], *, is_party: bool
) -> Iterator[dict[str, Any]]:
    """Say of each determining rule what it means, its source, and what would unblock it."""
    rules = today().rules
    found = {finding.code: finding for finding in answer.findings}
    for code in shown or answer.policy_ids:
        rule, finding = rules.get(code), found.get(code)
        yield {
            "policy": code,
            "outcome": rule.outcome if rule else "deny",
            "summary": rule.summary if rule else "The facts could not be evaluated.",
            "source": rule.source if rule else "",
            "contract_id": finding.contract_id if finding and is_party else "",
            "clause": finding.clause if finding and is_party else "",
            "next_step": rule.next_step if rule else "Ask the operator to look at the log.",
        }


def shown_codes(answer: Answer, *, is_party: bool) -> list[str]:
    """Return the codes whoever asked may see: all for a party of every contract, few for others."""
    if is_party or answer.permitted:
        return list(answer.codes)
    return sorted(STRANGER_CODES & set(answer.codes)) or ["CONTRACT_NOT_FOUND"]
