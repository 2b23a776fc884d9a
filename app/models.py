"""Every table in one import, for migrations: rooms own their tables, this file only names them."""

from app import vault
from app.gateway import models as gateway
from app.gateway import models_previews as previews
from app.identity import models as identity
from app.ledger import models as ledger
from app.licensing import models as licensing
from app.licensing import models_approvals as approvals
from app.licensing import models_boundaries as boundaries
from app.licensing import models_counsel as counsel
from app.licensing import models_paper as paper
from app.licensing import models_policies as policies
from app.licensing import models_standing as standing
from app.licensing import models_strikes as strikes
from app.provenance import models as provenance
from app.registry import models as registry
from app.transparency import models as transparency

__all__ = [
    "approvals",
    "boundaries",
    "counsel",
    "gateway",
    "identity",
    "ledger",
    "licensing",
    "paper",
    "policies",
    "previews",
    "provenance",
    "registry",
    "standing",
    "strikes",
    "transparency",
    "vault",
]
