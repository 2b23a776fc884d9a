"""Bank details of payees: named by the payee alone, sealed in the vault, opened to pay.

Only the party itself names its account: a performer's own desk, never an agent; an agent its own.
It counts once two people of that party agreed to it (`app/twofold`).
"""

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from app import clock, vault
from app.identity.models import Organization
from app.identity.principal import Principal
from app.ledger.receivables.invoices import party_of
from app.ledger.receivables.references import is_iban
from app.payments.errors import BankAccountRefused, PayeeMustAct, PayeeNotFound
from app.payments.models_details import PayoutDetails
from app.registry.models import Performer
from app.twofold import service as twofold
from app.twofold.models import TwofoldAct

KIND = "payout-details"  # of acts that take two people
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account that money can be sent to. It never shows as text, so that no log has it."""

    holder: str = field(repr=False)
    iban: str = field(repr=False)
    bic: str = field(default="", repr=False)


def bank_account(holder: str, iban: str, bic: str = "") -> BankAccount:
    """Read an account as people write it. Raises BankAccountRefused, without repeating it."""
    account = BankAccount(
        holder.strip(), re.sub(r"\s", "", iban).upper(), re.sub(r"\s", "", bic).upper()
    )
    if not account.holder.isprintable() or not any(map(str.isalnum, account.holder)):
        raise BankAccountRefused("the account has no holder; write the name the bank knows")
    if not is_iban(account.iban):
        raise BankAccountRefused("the IBAN is mistyped: its check digits do not fit the rest")
    if account.bic and not _BIC.fullmatch(account.bic):
        raise BankAccountRefused("the BIC is mistyped: it has 8 or 11 letters and digits")
    return account


def propose_account(
    session: Session,
    principal: Principal,
    payee_id: str,
    account: BankAccount,
    *,
    from_at: datetime | None = None,
) -> TwofoldAct:
    """Propose where a payee is paid, from when two people agree on, or later; sealed from now on.

    Raises PayeeNotFound, PayeeMustAct, and BankAccountRefused for an instant gone by.
    """
    _check_is_payee(session, principal.organization_id, payee_id)
    if from_at is not None and from_at < clock.now():
        raise BankAccountRefused("an account is named from now or later, never for the past")
    sealed = vault.seal(
        session, f"payee:{payee_id}", "bank-account", json.dumps(asdict(account)).encode()
    )
    asked = {
        "vault_object_id": sealed.id,
        "from_at": None if from_at is None else from_at.isoformat(),
    }
    return twofold.propose(
        session,
        KIND,
        payee_id,
        asked,
        organization_id=principal.organization_id,
        api_key_id=principal.api_key_id,
    )


def put_in_force(session: Session, act: TwofoldAct) -> PayoutDetails:
    """Have a payee paid at the account that two people agreed to; never for a time gone by."""
    twofold.note_done(session, act)
    at = clock.now()
    details = PayoutDetails(
        payee_id=act.subject_id,
        organization_id=str(act.organization_id),
        api_key_id=act.api_key_id,
        vault_object_id=act.asked["vault_object_id"],
        from_at=max(at, asked_from(act) or at),
        named_at=at,
    )
    session.add(details)
    session.flush()
    return details


def asked_from(act: TwofoldAct) -> datetime | None:
    """Return from when on a proposed account is to count; None for at once."""
    said = act.asked["from_at"]
    return None if said is None else datetime.fromisoformat(said)


def named_before(session: Session, organization_id: str) -> list[PayoutDetails]:
    """List what a house named before it took two people, newest first: it counts as it did."""
    agreed = session.exec(
        select(TwofoldAct.asked).where(
            TwofoldAct.organization_id == organization_id,
            TwofoldAct.kind == KIND,
            col(TwofoldAct.done_at).is_not(None),
        )
    )
    by_two = {asked["vault_object_id"] for asked in agreed}
    theirs = (
        select(PayoutDetails)
        .where(PayoutDetails.organization_id == organization_id)
        .order_by(col(PayoutDetails.named_at).desc(), col(PayoutDetails.id).desc())
    )
    return [each for each in session.exec(theirs) if each.vault_object_id not in by_two]


def account_to_see(session: Session, act: TwofoldAct) -> BankAccount:
    """Unseal what was proposed, for who is to agree to it; the vault records that."""
    sealed = vault.open_bytes(
        session, act.asked["vault_object_id"], purpose="owner-viewing", subject_id=act.id
    )
    return BankAccount(**json.loads(sealed))


def details_in_force(session: Session, payee_id: str) -> PayoutDetails | None:
    """Return where a payee is paid now: what was last named from an instant gone by."""
    return session.exec(
        select(PayoutDetails)
        .where(PayoutDetails.payee_id == payee_id, PayoutDetails.from_at <= clock.now())
        .order_by(col(PayoutDetails.from_at).desc(), col(PayoutDetails.id).desc())
        .limit(1)
    ).first()


def open_account(session: Session, details: PayoutDetails, *, subject_id: str) -> BankAccount:
    """Unseal an account to pay to it; the vault records for which order."""
    sealed = vault.open_bytes(
        session, details.vault_object_id, purpose="export", subject_id=subject_id
    )
    return BankAccount(**json.loads(sealed))


def paid_to(session: Session, account: str) -> str | None:
    """Return the id of the details by which a payable account is paid now, if any were named."""
    details = details_in_force(session, party_of(account))
    return details.id if details else None


def _check_is_payee(session: Session, organization_id: str, payee_id: str) -> None:
    if payee_id == organization_id:
        return
    performer = session.get(Performer, payee_id)
    sides = performer and {performer.organization_id, performer.agent_organization_id}
    if performer is None or organization_id not in (sides or ()):
        raise PayeeNotFound(f"no payee of yours has the id {payee_id[:64]}")
    desk = session.get_one(Organization, performer.organization_id)
    if desk.id != organization_id or desk.kind != "performer":
        raise PayeeMustAct("only the performer's own desk names where they are paid, not an agent")
