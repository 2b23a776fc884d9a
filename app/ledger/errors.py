"""How the ledger says no."""

from app.errors import AppError, NotFound


class RoyaltyRefused(AppError):
    """The terms do not say what this event costs, so nothing is posted."""

    status, code = 422, "royalty-refused"


class AmountTooLarge(RoyaltyRefused):
    """The event would post more than 10^15 minor units on one line; books and JSON end there."""

    code = "amount-too-large"


class EventIncomplete(RoyaltyRefused):
    """The quantity that the terms price is missing from the event."""

    code = "usage-event-incomplete"


class TermNotAgreed(RoyaltyRefused):
    """The event needs a term that the contract does not have."""

    code = "term-not-agreed"


class AdvanceAlreadyPaid(RoyaltyRefused):
    """An advance is paid once per licence."""

    status, code = 409, "advance-already-paid"


class NothingToCorrect(RoyaltyRefused):
    """The event to reverse or refund was never posted, or is reversed already."""

    status, code = 409, "nothing-to-correct"


class RefundExceedsCharge(RoyaltyRefused):
    """More would be given back than is still charged."""

    status, code = 409, "refund-exceeds-charge"


class HoldNotFound(NotFound):
    """No hold stands for this generation and contract."""

    code = "hold-not-found"


class HoldDiffers(AppError):
    """The same generation already holds something else under this contract."""

    status, code = 409, "hold-differs"


class HoldSettled(AppError):
    """The hold was voided, captured or has expired; it ends once."""

    status, code = 409, "hold-settled"


class CaptureExceedsHold(AppError):
    """The use costs more than was held for it."""

    status, code = 409, "capture-exceeds-hold"


class FundsLacking(AppError):
    """The licensee may not spend this much: neither prepaid money nor approved credit is left."""

    status, code = 402, "funds-lacking"


class CreditRefused(AppError):
    """This cannot be approved as anybody's credit."""

    status, code = 422, "credit-refused"


class PartyUnknown(NotFound):
    """The party is unknown, or somebody else speaks for it."""

    code = "party-unknown"


class ProfileRefused(AppError):
    """A profile begins today or later, unless it is the first; it names no payee's account."""

    status, code = 409, "profile-refused"


class ProfileMissing(AppError):
    """A party has not said what invoices call it and which tax it bears."""

    status, code = 409, "profile-missing"


class InvoiceNotFound(NotFound):
    """The invoice is unknown, or between others."""

    code = "invoice-not-found"


class InvoiceNotCreditable(AppError):
    """A credit note is not credited itself."""

    status, code = 409, "invoice-not-creditable"


class NothingToInvoice(AppError):
    """Everything these parties owe each other was billed already."""

    status, code = 409, "nothing-to-invoice"


class StatementRefused(AppError):
    """The file is no bank statement that adds up; nothing of it was kept."""

    status, code = 422, "statement-refused"


class ReceiptNotFound(NotFound):
    """The receipt, or whom it should be assigned to, is unknown."""

    code = "receipt-not-found"


class ReceiptAssigned(AppError):
    """The receipt is somebody's money already."""

    status, code = 409, "receipt-assigned"


class PostingKeyReused(AppError):
    """One key posts one event; the second event under it is another one."""

    status, code = 409, "posting-key-reused"


class EntryUnbalanced(AppError):
    """The postings of an entry do not sum to zero in every currency; a defect, never a state."""

    code = "entry-unbalanced"


class EntryNotReversible(AppError):
    """The entry is itself a correction, or none of it is left to reverse."""

    status, code = 409, "entry-not-reversible"


class PeriodNotFound(NotFound):
    """No period of this number is closed."""

    code = "period-not-found"


class PeriodNotOver(AppError):
    """A period is closed when it is over, not before."""

    status, code = 409, "period-not-over"


class PeriodOutOfOrder(AppError):
    """The instant lies within a closed period, and that never changes."""

    status, code = 409, "period-out-of-order"


class NothingToPay(AppError):
    """No payee can be paid: nothing is open, funded, or has an account to go to."""

    status, code = 409, "nothing-to-pay"


class PayoutNameTaken(AppError):
    """An order of payouts of this name is for other money."""

    status, code = 409, "payout-name-taken"


class PayoutNotFound(NotFound):
    """No payout, or no order of them, is called this; or it is not for the caller."""

    code = "payout-not-found"


class PayoutStands(AppError):
    """The payout is in a state that does not lead to the one asked for."""

    status, code = 409, "payout-stands"
