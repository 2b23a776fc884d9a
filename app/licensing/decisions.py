"""Decisions on record: gather the facts under their locks, decide, keep the answer, sign it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from app import clock, keys
from app.config import settings
from app.ids import new_id
from app.identity.models import SigningKey
from app.ledger import service as ledger
from app.ledger.terms import CompensationTerms
from app.licensing import contract as documents
from app.licensing import receipt as receipts
from app.licensing.decide import PolicySet, decide, load_policies
from app.licensing.errors import DecisionNotFound, SignatureRefused
from app.licensing.inputs import (
    ContractInForce,
    ExclusiveFact,
    SignatureFact,
    State,
    Usage,
    UseRequest,
)
from app.licensing.models import Contract, Decision
from app.licensing.service import signatures_of
from app.licensing.signatures import check_detached
from app.registry.models import Performer
from app.transparency import service as transparency

_REQUEST = TypeAdapter(UseRequest)
# What somebody without a contract may learn: that there is none for them, and conflicts.
STRANGER_CODES = frozenset(
    {"CONTRACT_NOT_FOUND", "EXCLUSIVITY_CONFLICT", "EXCLUSIVITY_AMBIGUOUS", "REQUEST_INCOMPLETE"}
)


@dataclass(frozen=True)
class Judged:
    """A recorded decision, and for a permit the contract that governs each performer."""

    decision: Decision
    contracts: Mapping[str, Contract]


def with_performers(
    use: UseRequest, performers: tuple[str, ...], *, requester_org: str
) -> UseRequest:
    """Fill in who is in the scene and who asks: facts the server knows, never the caller's word."""
    return replace(use, performers=performers, requester_org=requester_org)
