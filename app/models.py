"""Every table in one import, for migrations: rooms own their tables, this file only names them."""

from app import heartbeat, marks, trail, vault, vault_tokens
from app.audit import models_events as audit_events
from app.cases import models as cases
from app.gateway import models as gateway
from app.gateway import models_budgets as budgets
from app.gateway import models_previews as previews
from app.gateway import models_render_jobs as render_jobs
from app.gateway import models_stops as stops
from app.gateway import models_takes as takes
from app.gateway import models_vendor_copies as vendor_copies
from app.gateway import models_vendor_credentials as vendor_credentials
from app.gateway import models_vendor_jobs as vendor_jobs
from app.gateway import models_webhooks as webhooks
from app.gateway.materials import models as materials
from app.gateway.materials import models_consents as material_consents
from app.gateway.reviews import models as reviews
from app.identity import models as identity
from app.identity import models_people as people
from app.identity import models_providers as providers
from app.ledger import models as ledger
from app.ledger import models_payouts as payouts
from app.ledger import models_periods as periods
from app.ledger.receivables import models as receivables
from app.ledger.receivables import models_receipts as receipts
from app.licensing.approvals import models as approvals
from app.licensing.boundaries import models as boundaries
from app.licensing.contracts import models as contracts
from app.licensing.contracts import models_counsel as counsel
from app.licensing.contracts import models_paper as paper
from app.licensing.contracts import models_status as statuses
from app.licensing.decisions import models as decisions
from app.licensing.decisions import models_policies as policies
from app.licensing.disclosures import models as disclosures
from app.licensing.standing import models as standing
from app.licensing.strikes import models as strikes
from app.notices import models as notices
from app.payments import models as payments
from app.payments import models_details as details
from app.privacy import models as privacy
from app.provenance import models as provenance
from app.recovery import models as recovery
from app.registry import models as registry
from app.registry import models_identity as identities
from app.registry import models_likeness as likenesses
from app.registry import models_listing as listings
from app.registry import models_live as live_checks
from app.registry import models_mandates as mandates
from app.registry import models_named as named
from app.registry import models_resemblance as resemblance
from app.registry.imports import models as imports
from app.transparency import models as transparency
from app.transparency import models_anchor as anchors
from app.twofold import models as twofold

__all__ = [
    "anchors",
    "approvals",
    "audit_events",
    "boundaries",
    "budgets",
    "cases",
    "contracts",
    "counsel",
    "decisions",
    "details",
    "disclosures",
    "gateway",
    "heartbeat",
    "identities",
    "identity",
    "imports",
    "ledger",
    "likenesses",
    "listings",
    "live_checks",
    "mandates",
    "marks",
    "material_consents",
    "materials",
    "named",
    "notices",
    "paper",
    "payments",
    "payouts",
    "people",
    "periods",
    "policies",
    "previews",
    "privacy",
    "provenance",
    "providers",
    "receipts",
    "receivables",
    "recovery",
    "registry",
    "render_jobs",
    "resemblance",
    "reviews",
    "standing",
    "statuses",
    "stops",
    "strikes",
    "takes",
    "trail",
    "transparency",
    "twofold",
    "vault",
    "vault_tokens",
    "vendor_copies",
    "vendor_credentials",
    "vendor_jobs",
    "webhooks",
]
