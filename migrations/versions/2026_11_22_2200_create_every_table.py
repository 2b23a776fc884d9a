"""Create every table."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_2200"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account", sa.Column("name", sa.String(), nullable=False), sa.PrimaryKeyConstraint("name")
    )
    op.create_table(
        "contract_book",
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.Column(
            "totals", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint("contract_id"),
    )
    op.create_table(
        "log_checkpoint",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root_hash", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cosignatures", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(root_hash) = 32", name="log_checkpoint_root"),
        sa.CheckConstraint("size > 0", name="log_checkpoint_size"),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("size"),
    )
    op.create_table(
        "log_outbox",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('contract-executed', 'consent-withdrawn', 'strike-switched', 'decision', 'output-released', 'journal-entry', 'key-rotated', 'policy-published')",
            name="log_outbox_kind",
        ),
        sa.CheckConstraint("salt IS NULL OR length(salt) = 16", name="log_outbox_salt"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("leaf_index"),
    )
    op.create_index(op.f("ix_log_outbox_subject_id"), "log_outbox", ["subject_id"], unique=False)
    op.create_index(
        "ix_log_outbox_waiting",
        "log_outbox",
        ["created_at", "id"],
        unique=False,
        sqlite_where=sa.text("leaf_index IS NULL"),
        postgresql_where=sa.text("leaf_index IS NULL"),
    )
    op.create_table(
        "organization",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('performer', 'agency', 'production')", name="organization_kind"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "performer_key",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(wrapped_key IS NULL) = (destroyed_at IS NOT NULL)", name="performer_key_destroyed"
        ),
        sa.PrimaryKeyConstraint("owner_id"),
    )
    op.create_table(
        "royalty_terms",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column(
            "document", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "signed_manifest",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.Column("file_sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column(
            "openings", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(file_sha256) = 64", name="signed_manifest_file_sha256"),
        sa.CheckConstraint("length(manifest_sha256) = 64", name="signed_manifest_sha256"),
        sa.CheckConstraint("size_bytes > 0", name="signed_manifest_size"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("file_sha256"),
        sa.UniqueConstraint("generation_id"),
        sa.UniqueConstraint("label"),
        sa.UniqueConstraint("manifest_sha256"),
    )
    op.create_table(
        "answer",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "idempotency_key"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("prefix"),
    )
    op.create_index(
        op.f("ix_api_key_organization_id"), "api_key", ["organization_id"], unique=False
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=True),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column(
            "codes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "shown_codes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "obligations", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "determining", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "explanations", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.Column("stopping_digest", sa.String(), nullable=False),
        sa.Column(
            "request", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("receipt_sha256", sa.String(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('permit', 'needs-approval', 'deny')", name="decision_outcome"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_decision_generation_id"), "decision", ["generation_id"], unique=False)
    op.create_index(
        op.f("ix_decision_organization_id"), "decision", ["organization_id"], unique=False
    )
    op.create_table(
        "log_leaf",
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outbox_id", sa.String(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("leaf_index >= 0", name="log_leaf_index"),
        sa.CheckConstraint("length(leaf_hash) = 32", name="log_leaf_hash"),
        sa.ForeignKeyConstraint(
            ["outbox_id"],
            ["log_outbox.id"],
        ),
        sa.PrimaryKeyConstraint("leaf_index"),
        sa.UniqueConstraint("outbox_id"),
    )
    op.create_table(
        "performer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("agent_organization_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_organization_id"],
            ["organization.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_performer_organization_id"), "performer", ["organization_id"], unique=False
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column(
            "public_jwk", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_signing_key_organization_id"), "signing_key", ["organization_id"], unique=False
    )
    op.create_table(
        "soft_binding",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("manifest_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column(
            "fingerprint", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.CheckConstraint("kind IN ('watermark', 'fingerprint')", name="soft_binding_kind"),
        sa.ForeignKeyConstraint(
            ["manifest_id"],
            ["signed_manifest.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("manifest_id", "kind", name="soft_binding_one_of_a_kind"),
    )
    op.create_index(
        op.f("ix_soft_binding_manifest_id"), "soft_binding", ["manifest_id"], unique=False
    )
    op.create_index(
        "soft_binding_payload",
        "soft_binding",
        ["algorithm", "value"],
        unique=True,
        sqlite_where=sa.text("kind = 'watermark'"),
        postgresql_where=sa.text("kind = 'watermark'"),
    )
    op.create_index("soft_binding_value", "soft_binding", ["algorithm", "value"], unique=False)
    op.create_table(
        "usage_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=True),
        sa.Column("terms_sha256", sa.String(), nullable=False),
        sa.Column(
            "event", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "effects", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("corrects_number", sa.Integer(), nullable=True),
        sa.Column("length_us", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("corrects_number < number", name="usage_event_corrects_earlier"),
        sa.CheckConstraint("number >= 0", name="usage_event_number"),
        sa.ForeignKeyConstraint(
            ["terms_sha256"],
            ["royalty_terms.sha256"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("contract_id", "number", name="usage_event_contract_number"),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index(
        op.f("ix_usage_event_generation_id"), "usage_event", ["generation_id"], unique=False
    )
    op.create_table(
        "vault_object",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size_bytes >= 0", name="vault_object_size"),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["performer_key.owner_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_vault_object_owner_id"), "vault_object", ["owner_id"], unique=False)
    op.create_table(
        "contract",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("licensee_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("executed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["licensee_id"],
            ["organization.id"],
        ),
        sa.ForeignKeyConstraint(
            ["performer_id"],
            ["performer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", "licensee_id", "document_sha256"),
    )
    op.create_index(op.f("ix_contract_licensee_id"), "contract", ["licensee_id"], unique=False)
    op.create_index(op.f("ix_contract_performer_id"), "contract", ["performer_id"], unique=False)
    op.create_table(
        "generation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("generator", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("length_ms", sa.Integer(), nullable=False),
        sa.Column(
            "request", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("payload_hex", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("job_reference", sa.String(), nullable=True),
        sa.Column("rendered_key", sa.String(), nullable=True),
        sa.Column("rendered_sha256", sa.String(), nullable=True),
        sa.Column("marked_key", sa.String(), nullable=True),
        sa.Column("output_key", sa.String(), nullable=True),
        sa.Column("output_sha256", sa.String(), nullable=True),
        sa.Column("output_size_bytes", sa.Integer(), nullable=True),
        sa.Column(
            "output_facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('held', 'submitting', 'rendering', 'rendered', 'inspected', 'marked', 'signed', 'released', 'refused', 'quarantined', 'failed')",
            name="generation_state",
        ),
        sa.CheckConstraint("length_ms > 0", name="generation_length"),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decision.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("payload_hex"),
    )
    op.create_index(
        op.f("ix_generation_organization_id"), "generation", ["organization_id"], unique=False
    )
    op.create_index(
        op.f("ix_generation_output_sha256"), "generation", ["output_sha256"], unique=False
    )
    op.create_index(op.f("ix_generation_state"), "generation", ["state"], unique=False)
    op.create_table(
        "journal_entry",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("usage_event_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["usage_event_id"],
            ["usage_event.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("usage_event_id"),
    )
    op.create_index(
        op.f("ix_journal_entry_contract_id"), "journal_entry", ["contract_id"], unique=False
    )
    op.create_index(
        op.f("ix_journal_entry_generation_id"), "journal_entry", ["generation_id"], unique=False
    )
    op.create_table(
        "replica",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name="replica_version_counts"),
        sa.ForeignKeyConstraint(
            ["performer_id"],
            ["performer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", "version", name="replica_version_once"),
    )
    op.create_index(op.f("ix_replica_performer_id"), "replica", ["performer_id"], unique=False)
    op.create_table(
        "vault_opening",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('render', 'enrollment', 'owner-viewing', 'export')",
            name="vault_opening_purpose",
        ),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["vault_object.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_vault_opening_object_id"), "vault_opening", ["object_id"], unique=False
    )
    op.create_table(
        "contract_signature",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("signing_key_id", sa.String(), nullable=False),
        sa.Column("jws", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contract.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.ForeignKeyConstraint(
            ["signing_key_id"],
            ["signing_key.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("contract_id", "role"),
    )
    op.create_index(
        op.f("ix_contract_signature_contract_id"),
        "contract_signature",
        ["contract_id"],
        unique=False,
    )
    op.create_table(
        "entry_seal",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["journal_entry.id"],
        ),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_table(
        "generation_replica",
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("replica_id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contract.id"],
        ),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["performer_id"],
            ["performer.id"],
        ),
        sa.ForeignKeyConstraint(
            ["replica_id"],
            ["replica.id"],
        ),
        sa.PrimaryKeyConstraint("generation_id", "replica_id"),
    )
    op.create_index(
        op.f("ix_generation_replica_contract_id"),
        "generation_replica",
        ["contract_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_generation_replica_performer_id"),
        "generation_replica",
        ["performer_id"],
        unique=False,
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("length_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'captured') = (entry_id IS NOT NULL)", name="hold_entry"),
        sa.CheckConstraint("(state = 'placed') = (settled_at IS NULL)", name="hold_settled"),
        sa.CheckConstraint(
            "state IN ('placed', 'captured', 'voided', 'expired')", name="hold_state"
        ),
        sa.CheckConstraint("amount_minor >= 0 AND length_us >= 0", name="hold_not_negative"),
        sa.CheckConstraint("length(currency) = 3", name="hold_currency"),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["journal_entry.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id", "contract_id", name="hold_generation_contract"),
    )
    op.create_index("hold_contract_state", "hold", ["contract_id", "state"], unique=False)
    op.create_table(
        "reference_medium",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("replica_id", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("vault_object_id", sa.String(), nullable=False),
        sa.Column("template_object_id", sa.String(), nullable=False),
        sa.Column("commitment_salt", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "width > 0 AND height > 0 AND size_bytes > 0", name="reference_medium_size"
        ),
        sa.ForeignKeyConstraint(
            ["replica_id"],
            ["replica.id"],
        ),
        sa.ForeignKeyConstraint(
            ["template_object_id"],
            ["vault_object.id"],
        ),
        sa.ForeignKeyConstraint(
            ["vault_object_id"],
            ["vault_object.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_reference_medium_replica_id"), "reference_medium", ["replica_id"], unique=False
    )
    op.create_table(
        "posting",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name="posting_currency"),
        sa.ForeignKeyConstraint(
            ["account"],
            ["account.name"],
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["entry_seal.entry_id"],
            name="posting_is_sealed",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("entry_id", "line"),
    )
    op.create_index("posting_account_currency", "posting", ["account", "currency"], unique=False)


def downgrade() -> None:
    op.drop_index("posting_account_currency", table_name="posting")
    op.drop_table("posting")
    op.drop_index(op.f("ix_reference_medium_replica_id"), table_name="reference_medium")
    op.drop_table("reference_medium")
    op.drop_index("hold_contract_state", table_name="hold")
    op.drop_table("hold")
    op.drop_index(op.f("ix_generation_replica_performer_id"), table_name="generation_replica")
    op.drop_index(op.f("ix_generation_replica_contract_id"), table_name="generation_replica")
    op.drop_table("generation_replica")
    op.drop_table("entry_seal")
    op.drop_index(op.f("ix_contract_signature_contract_id"), table_name="contract_signature")
    op.drop_table("contract_signature")
    op.drop_index(op.f("ix_vault_opening_object_id"), table_name="vault_opening")
    op.drop_table("vault_opening")
    op.drop_index(op.f("ix_replica_performer_id"), table_name="replica")
    op.drop_table("replica")
    op.drop_index(op.f("ix_journal_entry_generation_id"), table_name="journal_entry")
    op.drop_index(op.f("ix_journal_entry_contract_id"), table_name="journal_entry")
    op.drop_table("journal_entry")
    op.drop_index(op.f("ix_generation_state"), table_name="generation")
    op.drop_index(op.f("ix_generation_output_sha256"), table_name="generation")
    op.drop_index(op.f("ix_generation_organization_id"), table_name="generation")
    op.drop_table("generation")
    op.drop_index(op.f("ix_contract_performer_id"), table_name="contract")
    op.drop_index(op.f("ix_contract_licensee_id"), table_name="contract")
    op.drop_table("contract")
    op.drop_index(op.f("ix_vault_object_owner_id"), table_name="vault_object")
    op.drop_table("vault_object")
    op.drop_index(op.f("ix_usage_event_generation_id"), table_name="usage_event")
    op.drop_table("usage_event")
    op.drop_index("soft_binding_value", table_name="soft_binding")
    op.drop_index(
        "soft_binding_payload",
        table_name="soft_binding",
        sqlite_where=sa.text("kind = 'watermark'"),
        postgresql_where=sa.text("kind = 'watermark'"),
    )
    op.drop_index(op.f("ix_soft_binding_manifest_id"), table_name="soft_binding")
    op.drop_table("soft_binding")
    op.drop_index(op.f("ix_signing_key_organization_id"), table_name="signing_key")
    op.drop_table("signing_key")
    op.drop_index(op.f("ix_performer_organization_id"), table_name="performer")
    op.drop_table("performer")
    op.drop_table("log_leaf")
    op.drop_index(op.f("ix_decision_organization_id"), table_name="decision")
    op.drop_index(op.f("ix_decision_generation_id"), table_name="decision")
    op.drop_table("decision")
    op.drop_index(op.f("ix_api_key_organization_id"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_table("answer")
    op.drop_table("signed_manifest")
    op.drop_table("royalty_terms")
    op.drop_table("performer_key")
    op.drop_table("organization")
    op.drop_index(
        "ix_log_outbox_waiting",
        table_name="log_outbox",
        sqlite_where=sa.text("leaf_index IS NULL"),
        postgresql_where=sa.text("leaf_index IS NULL"),
    )
    op.drop_index(op.f("ix_log_outbox_subject_id"), table_name="log_outbox")
    op.drop_table("log_outbox")
    op.drop_table("log_checkpoint")
    op.drop_table("contract_book")
    op.drop_table("account")
