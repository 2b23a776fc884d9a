"""Whose certificates these are: the country, organization and name that each of them states."""

import json
import re
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from app.provenance.errors import SubjectRefused

FILE = "subject.json"  # beside the certificates; no secret
COUNTRY, ORGANIZATION = "ZZ", "Understudy installation"  # ZZ: user-assigned, no country
LONGEST = 64  # X.520, upper bounds


def name_organization(directory: Path, *, country: str, organization: str) -> None:
    """Say whose certificates the next ones are; those there are keep their name until rotated.

    `country` is ISO 3166, two letters. Raises SubjectRefused.
    """
    if not re.fullmatch("[A-Z]{2}", country):
        raise SubjectRefused(f"{country!r} is no country code; write two letters such as NL")
    if not organization.isprintable() or not 1 <= len(organization.strip()) <= LONGEST:
        raise SubjectRefused(f"an organization's name has 1 to {LONGEST} printable letters")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = directory / f"{FILE}.{secrets.token_hex(8)}.partial"
    said = {"v": 1, "country": country, "organization": organization.strip()}
    partial.write_text(json.dumps(said))
    partial.replace(directory / FILE)


def subject_of(directory: Path, common_name: str) -> x509.Name:
    """Return what the next certificate of this installation states: C, O and CN."""
    try:
        said = json.loads((directory / FILE).read_text())
    except FileNotFoundError:
        said = {"country": COUNTRY, "organization": ORGANIZATION}
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, said["country"]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, said["organization"]),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
