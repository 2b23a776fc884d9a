"""Whose certificates these are: the country, organization and name that each of them states."""

import json
import re
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from app.provenance.errors import SubjectRefused

FILE = "subject.json"  # beside the certificates; no secret
OWN_FILE = "subject@{}.json"  # of a signer with certificates of its own
COUNTRY, ORGANIZATION = "ZZ", "Understudy installation"  # ZZ: user-assigned, no country
LONGEST = 64  # X.520, upper bounds


def name_organization(
    directory: Path, *, country: str, organization: str, signer: str = ""
) -> None:
    """Say whose certificates the next ones are; those there are keep their name until rotated.

    With `signer`, an organization's id: those of its own series alone. `country` is ISO 3166, two
    letters. Raises SubjectRefused.
    """
    if not re.fullmatch("[A-Z]{2}", country):
        raise SubjectRefused(f"{country!r} is no country code; write two letters such as NL")
    if not organization.isprintable() or not 1 <= len(organization.strip()) <= LONGEST:
        raise SubjectRefused(f"an organization's name has 1 to {LONGEST} printable letters")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = directory / f"{FILE}.{secrets.token_hex(8)}.partial"
    said = {"v": 1, "country": country, "organization": organization.strip()}
    partial.write_text(json.dumps(said))
    partial.replace(directory / (OWN_FILE.format(signer) if signer else FILE))


def subject_of(directory: Path, common_name: str, *, signer: str = "") -> x509.Name:
    """Return what the next certificate of this installation states: C, O and CN.

    A signer with a series of its own may have been given a name; else it has the house's.
    """
    said = {"country": COUNTRY, "organization": ORGANIZATION}
    for file in (OWN_FILE.format(signer), FILE):
        if (directory / file).exists():
            said = json.loads((directory / file).read_text())
            break
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, said["country"]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, said["organization"]),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
