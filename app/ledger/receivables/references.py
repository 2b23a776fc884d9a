"""Numbers that carry check digits by ISO 7064, mod 97-10: payment references and IBANs."""

import re

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_REFERENCE = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}")


def creditor_reference(text: str) -> str:
    """Return a structured creditor reference (ISO 11649) of up to 21 letters and digits."""
    body = re.sub(r"[^A-Z0-9]", "", text.upper())[-21:]
    return f"RF{98 - _remainder(body + 'RF00'):02d}{body}"


def references_in(text: str) -> list[str]:
    """Return every valid creditor reference in a text, however it is spaced."""
    packed = re.sub(r"[^A-Z0-9]", "", text.upper())
    found = []
    for match in re.finditer(r"(?=(RF[0-9]{2}[A-Z0-9]{1,21}))", packed):
        whole = match[1]
        ends = range(len(whole), 4, -1)
        found += [whole[:end] for end in ends if _remainder(whole[4:end] + whole[:4]) == 1]
    return found


def is_iban(text: str) -> bool:
    """Say whether this is an IBAN with right check digits; no bank is asked."""
    return bool(_IBAN.fullmatch(text)) and _remainder(text[4:] + text[:4]) == 1


def is_reference(text: str) -> bool:
    """Say whether this is a creditor reference with right check digits."""
    return bool(_REFERENCE.fullmatch(text)) and _remainder(text[4:] + text[:4]) == 1


def _remainder(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text)) % 97
