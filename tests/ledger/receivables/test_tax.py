"""Which VAT a supply bears, and numbers with check digits."""

from dataclasses import dataclass

import pytest

from app.ledger.receivables.references import creditor_reference, is_iban, references_in
from app.ledger.receivables.tax import Vat, vat_between, withheld


@dataclass
class Business:
    country: str
    vat_id: str | None = "X"
    vat_rate: str | None = "0.21"


class TestVatBetween:
    @pytest.mark.parametrize(
        ("supplier", "customer", "category", "tax_minor"),
        [
            (Business("NL"), Business("NL"), "S", 210),
            (Business("NL"), Business("NL", None, None), "S", 210),
            (Business("NL"), Business("DE"), "AE", 0),
            (Business("NL"), Business("DE", None, None), "S", 210),
            (Business("NL"), Business("US", None, None), "O", 0),
            (Business("US", None, None), Business("NL"), "O", 0),
            (Business("GB"), Business("NL"), "AE", 0),
            (Business("GB"), Business("GB"), "S", 210),
            (Business("GB"), Business("CH"), "O", 0),
        ],
    )
    def test_follows_where_both_are_and_who_is_registered(
        self, supplier, customer, category, tax_minor
    ):
        vat = vat_between(supplier, customer)
        assert (vat.category, vat.of(1000)) == (category, tax_minor)
        assert (vat.category == "S") is (vat.reason == "")

    @pytest.mark.parametrize(("net", "tax"), [(1, 0), (2, 0), (3, 1), (50, 11), (-50, -11)])
    def test_rounds_half_up_once_and_a_credit_as_its_charge(self, net, tax):
        assert Vat("S", "0.21").of(net) == tax

    @pytest.mark.parametrize(("rate", "kept"), [(None, 0), ("0.15", 150), ("1/3", 333)])
    def test_withholding_is_of_the_net_sum(self, rate, kept):
        assert withheld(rate, 1000) == kept == -withheld(rate, -1000)


class TestReferences:
    def test_carry_check_digits_of_iso_11649(self):
        assert creditor_reference("539007547034") == "RF18539007547034"  # the standard's example
        assert "RF18539007547034" in references_in("Rechnung RF18 5390 0754 7034, Danke")
        assert "RF18539007547035" not in references_in("RF18539007547035")

    @pytest.mark.parametrize(
        ("text", "is_one"),
        [
            ("NL91ABNA0417164300", True),
            ("NL91ABNA0417164301", False),
            ("DE89370400440532013000", True),
            ("DE89 3704 0044 0532 0130 00", False),
            ("", False),
        ],
    )
    def test_an_iban_has_right_check_digits(self, text, is_one):
        assert is_iban(text) is is_one
