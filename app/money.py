"""Money is an integer of minor units and an ISO 4217 code; this file knows the codes."""

import re

# ISO 4217 active currencies whose minor unit is not two digits (amendment 176 and later).
ZERO_DIGITS = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
)
THREE_DIGITS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
TWO_DIGITS = frozenset(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP "
    "PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
    "TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG".split()
)
CURRENCIES = ZERO_DIGITS | TWO_DIGITS | THREE_DIGITS


def check_currency(code: str) -> str:
    """Return the code, or raise ValueError when it is not an active ISO 4217 currency."""
    if code not in CURRENCIES:
        raise ValueError(f"{code!r} is not an ISO 4217 currency; write a code such as EUR or JPY")
    return code


def minor_digits(code: str) -> int:
    """Return how many decimals one major unit of the currency has: 0, 2 or 3."""
    check_currency(code)
    return 0 if code in ZERO_DIGITS else 3 if code in THREE_DIGITS else 2


def parse_minor(text: str, currency: str) -> int:
    """Read an amount of major units, `"1234.50"`, as minor units; ValueError where it is none."""
    digits = minor_digits(currency)
    match = re.fullmatch(r"(-?)(\d{1,13})(?:\.(\d+))?", text)
    if match is None or len(match[3] or "") > digits:
        raise ValueError(f"{text!r} is no amount of {currency}; write it as 1234.50, unspaced")
    minor = int(match[2] + (match[3] or "").ljust(digits, "0"))
    return -minor if match[1] else minor


def format_minor(amount_minor: int, currency: str) -> str:
    """Render minor units for people: `format_minor(-123456, "EUR")` is "-1,234.56 EUR"."""
    digits = minor_digits(currency)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**digits)
    text = f"{sign}{whole:,}" + (f".{part:0{digits}d}" if digits else "")
    return f"{text} {currency}"
