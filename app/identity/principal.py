"""Who is asking, once that is proven."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Principal:
    """The organization behind a request, and the key it proved itself with."""

    organization_id: str
    kind: str
    api_key_id: str
