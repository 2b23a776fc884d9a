"""Which VAT a supply bears, from two profiles: pure, and a house rule that no lawyer has read.

Services between businesses are taxed where the customer is (Directive 2006/112/EC, article 44);
across a border within the Union the customer accounts for the tax (article 196).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from app.ledger.splits import half_up
from app.ledger.terms import exact

EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)


class Taxed(Protocol):
    """As much of a profile as tax depends on."""

    country: str
    vat_id: str | None
    vat_rate: str | None


@dataclass(frozen=True)
class Vat:
    """One tax line: the category (UNCL 5305, as in EN 16931), its rate, and why it is not charged.

    S is charged; AE is reverse charge; O is outside the scope of the tax.
    """

    category: str
    rate: str
    reason: str = ""

    def of(self, net_minor: int) -> int:
        """Return the tax on a net sum: rounded half-up, once; of a credit, as of the charge."""
        tax = half_up(abs(net_minor) * exact(self.rate))
        return tax if net_minor >= 0 else -tax


def vat_between(supplier: Taxed, customer: Taxed) -> Vat:
    """Return the tax line of everything `supplier` bills `customer` for."""
    if supplier.vat_id is None or supplier.vat_rate is None:
        return Vat("O", "0", "The supplier is not registered for VAT.")
    if supplier.country == customer.country:
        return Vat("S", supplier.vat_rate)
    if supplier.country in EU and customer.country in EU and customer.vat_id is None:
        return Vat("S", supplier.vat_rate)  # as to a consumer: article 45
    if customer.country in EU and customer.vat_id is not None:
        return Vat("AE", "0", "Reverse charge: Directive 2006/112/EC, article 196.")
    return Vat("O", "0", "Outside the scope of VAT: Directive 2006/112/EC, article 44.")


def withheld(rate: str | None, net_minor: int) -> int:
    """Return what is kept back from a net sum: half-up, once; of a credit, as of the charge."""
    kept = half_up(abs(net_minor) * (exact(rate) if rate else Fraction(0)))
    return kept if net_minor >= 0 else -kept
