"""Which contract governs a performer's part in a use (conformance/README.md)."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.licensing.deciding.inputs import ContractInForce, UseRequest

# The licensor's side; a loan-out company belongs to it only with verified authority.
LICENSOR_ROLES = frozenset({"performer", "guardian", "estate_rep", "union_for_estate"})
# A contract in one of these states has not come into being, whatever was signed.
NOT_EXECUTED = frozenset(
    {"draft", "sent", "offered", "countered", "declined", "lapsed", "retracted", "void"}
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the search for a performer's contract came; `governing` is one per contract id."""

    contracts: int
    contracts_with_requester: int
    governing: tuple[ContractInForce, ...]


def executed(contract: ContractInForce) -> bool:
    """Whether both sides signed and the contract is more than a draft; an agent is no side."""
    if contract.status in NOT_EXECUTED:
        return False
    signed = [signature for signature in contract.signatures if signature.valid]
    licensor = any(
        signature.role in LICENSOR_ROLES
        or (signature.role == "loan_out" and signature.authority_verified)
        for signature in signed
    )
    return licensor and any(signature.role == "licensee" for signature in signed)


def standing(performer: str, contracts: Iterable[ContractInForce], request: UseRequest) -> Standing:
    """Find what governs: of each contract's executed versions, the highest already effective.

    Where none is effective yet, the lowest version stands, and its terms say why not. Several
    contracts of one performer with one licensee are each kept; one that permits is enough.
    """
    theirs = [contract for contract in contracts if contract.terms.performer.id == performer]
    parties = {request.requester_org, request.sublicensed_from}
    with_requester = [contract for contract in theirs if contract.terms.licensee in parties]
    signed = [contract for contract in with_requester if executed(contract)]
    governing = []
    for contract_id in sorted({contract.id for contract in signed}):
        versions = sorted(
            (contract for contract in signed if contract.id == contract_id),
            key=lambda contract: contract.version,
        )
        effective = [
            contract
            for contract in versions
            if contract.effective_at is not None and contract.effective_at <= request.at
        ]
        governing.append(effective[-1] if effective else versions[0])
    return Standing(len(theirs), len(with_requester), tuple(governing))
