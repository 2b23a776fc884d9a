"""How payments say no."""

from app.errors import AppError, NotFound


class StatementNotFound(NotFound):
    """The statement does not exist, or is not for the caller: the answer is the same."""

    code = "statement-not-found"


class PayeeNotFound(NotFound):
    """The payee does not exist, or is not the caller's: the answer is the same."""

    code = "payee-not-found"


class PayeeMustAct(AppError):
    """Only the payee itself names where it is paid."""

    status, code = 403, "payee-must-act"


class BankAccountRefused(AppError):
    """The bank account cannot be paid to as it is written."""

    status, code = 422, "bank-account-refused"


class DebtorMissing(AppError):
    """The operator does not say from which account payouts go."""

    status, code = 409, "debtor-missing"


class CurrencyNotTransferable(AppError):
    """The file for banks is for euro; other currencies go by the CSV."""

    status, code = 409, "currency-not-transferable"
