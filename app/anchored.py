"""Which rows the log anchors: every table and column of evidence, and what is none, and why.

Four kinds of columns. *Fixed* ones are written with the row. *Once* ones are empty until an act
writes them, and stay. *Moving* ones change by acts of this program. What is *left out* says why. A
test fails where a table or a column is not in here, and says what to write. (Whether the rows of
one contract are what its parties signed is another question, that of `contracts/evidence.py`.)

`marks.py` notes what acts do to these rows; `transparency/anchor.py` seals them into the log.
"""

from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Columns:
    """How a table's columns count. `born` is the column that says when a row came to be.

    `born` is an instant, or `column>table`: the row came to be with the row of that table. It is
    empty where no column tells: a forged row then cannot be told from a new one by its age.
    """

    fixed: tuple[str, ...]
    born: str
    once: tuple[str, ...] = ()
    moving: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    @cached_property
    def sealed(self) -> tuple[str, ...]:
        """Every column that a seal covers, in one order."""
        return (*self.fixed, *self.once, *self.moving)


def _table(fixed: str, born: str, *, once: str = "", moving: str = "", **left_out: str) -> Columns:
    return Columns(tuple(fixed.split()), born, tuple(once.split()), tuple(moving.split()), left_out)


CACHE = "a cache: reckoned again from other evidence"
TABLES: dict[str, Columns] = {
    # Whose likeness
    "performer": _table(
        "id organization_id created_at",
        "created_at",
        moving="agent_organization_id paused_at name seal",
    ),
    "performer_alias": _table(
        "id performer_id organization_id api_key_id added_at",
        "added_at",
        once="removed_at",
        moving="name",
    ),
    "performer_listing": _table(
        "performer_id",
        "chosen_at",
        moving="about listed_at portrait_object_id organization_id api_key_id chosen_at",
    ),
    "matching_choice": _table(
        "id performer_id number allowed organization_id api_key_id chosen_at", "chosen_at"
    ),
    "enrollment_hold": _table(
        "id performer_id templates held_at",
        "held_at",
        once="answered_at",
        moving="outcome reason",
    ),
    "enrollment_match": _table("hold_id performer_id distance_milli", "hold_id>enrollment_hold"),
    "roster_entry": _table(
        "id organization_id api_key_id reference created_at",
        "created_at",
        once="invited_at ended_at performer_id",
        moving="name address address_mac photo state reason portrait_object_id media_type"
        " expires_at mail mail_attempts mail_reply message_id",
        mail_next_at="when it is tried next, gone with the state that says so",
    ),
    "replica": _table("id performer_id version created_at", "created_at"),
    "reference_medium": _table(
        "id replica_id media_type width height size_bytes vault_object_id template_object_id"
        " commitment_salt commitment created_at",
        "created_at",
    ),
    "likeness_medium": _table(
        "id performer_id replica_id kind part media_type size_bytes length_ms vault_object_id"
        " template_object_id still_object_id commitment_salt commitment agreed organization_id"
        " api_key_id kept_at",
        "kept_at",
        once="removed_at removed_by_id removed_key_id",
    ),
    "identity_proof": _table(
        "id performer_id replica_id level organization_id document signature signing_key_id"
        " reference proven_at ends_at",
        "proven_at",
        once="revoked_at",
        moving="seal",
    ),
    "live_check": _table(
        "id performer_id replica_id api_key_id recovery_id poses asked_at expires_at",
        "asked_at",
        once="answered_at",
        moving="outcome reasons",
    ),
    "live_still": _table("mark check_id sent_at", "sent_at"),
    "mandate": _table(
        "id performer_id holder_id role acts contract_id starts_at ends_at document"
        " document_sha256 signature signing_key_id grantor_id granted_at confirmed_at",
        "granted_at",
        moving="revoked_at revoked_by seal",  # undone: revoked as of the instant it was granted
    ),
    "mandate_declaration": _table(
        "id organization_id performer_id document document_sha256 signature signing_key_id"
        " declared_at",
        "declared_at",
        once="ended_at mandate_id",
    ),
    "mandate_evidence": _table(
        "id mandate_id sha256 vault_object_id organization_id attached_at", "attached_at"
    ),
    "performer_life": _table(
        "performer_id recorded_at",
        "recorded_at",
        once="majority_on birth_object_id",
        moving="died_on seal",
    ),
    "alive_word": _table("id performer_id person_id said_at", "said_at", once="ended_at"),
    # Who signs
    "organization": _table("id kind created_at", "created_at", moving="name"),
    "api_key": _table(
        "id organization_id name prefix secret_sha256 created_at expires_at",
        "created_at",
        once="revoked_at",
    ),
    "api_key_terms": _table(
        "api_key_id actions projects contract_ids replaces_id replaced_ends_at",
        "api_key_id>api_key",
    ),
    "signing_key": _table(
        "id organization_id algorithm public_jwk created_at", "created_at", once="revoked_at"
    ),
    "person": _table("id created_at", "created_at", moving="name", zone="by whose clock they read"),
    "invitation": _table(
        "id organization_id role is_admin invited_by secret_sha256 created_at expires_at",
        "created_at",
        once="used_at retracted_at",
    ),
    "membership": _table(
        "id person_id organization_id role is_admin invitation_id created_at",
        "created_at",
        once="ended_at",
    ),
    "passkey": _table(
        "id person_id name credential_id public_key aaguid backup_eligible created_at",
        "created_at",
        once="clone_seen_at revoked_at",
        moving="backed_up sign_count last_used_at",
    ),
    "sign_in_provider": _table(
        "id organization_id issuer client_id client_auth secret email_domain"
        " authorization_endpoint token_endpoint jwks_uri names_itself named_by named_at",
        "named_at",
        once="ended_at",
    ),
    "provider_member": _table(
        "id provider_id person_id subject bound_at", "bound_at", once="ended_at"
    ),
    "passkey_signing_key": _table(
        "passkey_id organization_id signing_key_id", "signing_key_id>signing_key"
    ),
    # How somebody came back in without a device
    "recovery_code": _table(
        "id person_id code_sha256 created_at", "created_at", once="used_at retracted_at"
    ),
    "recovery": _table(
        "id person_id way organization_id begun_at opens_at expires_at",
        "begun_at",
        once="secret_sha256 cancelled_at completed_at passkey_id",
    ),
    "recovery_vouch": _table("recovery_id person_id capacity vouched_at", "vouched_at"),
    "twofold_act": _table(
        "id organization_id kind subject_id asked api_key_id proposed_at lapses_at",
        "proposed_at",
        once="refused_at settled_at done_at",
    ),
    "twofold_voice": _table("act_id who said_at", "said_at"),
    # What they were told, and what proves that it arrived
    "contact": _table(
        "id person_id channel created_at",
        "created_at",
        once="verified_at ended_at",
        moving="sealed",
    ),
    "notice": _table(
        "id organization_id person_id kind subject_id alarms_id due_at once created_at",
        "created_at",
    ),
    "notice_delivery": _table(
        "id notice_id contact_id message_id created_at",
        "created_at",
        moving="state attempts reply settled_at",
        next_at="when it is tried next, gone with the state that says so",
    ),
    "notice_seen": _table("notice_id person_id seen_at", "seen_at"),
    # Who may use what
    "contract": _table(
        "id series_id version round performer_id licensee_id author_id author_side counters_id"
        " document document_sha256 ends_at created_at",
        "created_at",
        once="offered_at first_signed_at declined_at retracted_at replaced_at executed_at"
        " effective_at withdrawn_at",
        moving="expires_at superseded_at suspended_at",
    ),
    "contract_event": _table(
        "id series_id number contract_id act actor organization_id api_key_id at note"
        " previous_sha256 evidence_sha256 seal",
        "at",
    ),
    "contract_signature": _table(
        "id contract_id role organization_id signing_key_id jws signed_at", "signed_at"
    ),
    "status_entry": _table("contract_id list_number list_index secret", ""),
    "counsel_link": _table(
        "id series_id version side shared counsel secret_sha256 organization_id api_key_id"
        " created_at expires_at",
        "created_at",
        once="revoked_at",
    ),
    "counsel_comment": _table(
        "id link_id contract_id pointer text idempotency_key request_sha256 created_at",
        "created_at",
    ),
    "disclosure_grant": _table(
        "id series_id side verifier level document document_sha256 jws signing_key_id"
        " organization_id api_key_id granted_at ends_at",
        "granted_at",
        once="revoked_at",
    ),
    "standing_offer": _table(
        "id performer_id document document_sha256 max_executions closes_at created_at",
        "created_at",
        once="signed_at signing_key_id jws retracted_at",
        moving="executions acknowledged",
        found_by=CACHE,
    ),
    "standing_offer_audience": _table("standing_offer_id who", "standing_offer_id>standing_offer"),
    "standing_offer_execution": _table(
        "contract_id standing_offer_id number", "contract_id>contract"
    ),
    "contract_paper": _table(
        "id contract_id vault_object_id sha256 size_bytes organization_id api_key_id attached_at",
        "attached_at",
    ),
    "policy_publication": _table("digest published_at", "published_at"),
    "decision": _table(
        "id organization_id generation_id phase at outcome codes shown_codes obligations"
        " determining explanations policy_digest stopping_digest request receipt receipt_sha256",
        "at",
    ),
    "boundaries": _table(
        "id performer_id number limits published organization_id api_key_id set_at", "set_at"
    ),
    "boundary_acknowledgment": _table(
        "id contract_id boundaries_id findings acknowledged_at", "acknowledged_at"
    ),
    "approval_request": _table(
        "id contract_id organization_id decision_id kind roles project script_hash content_tags"
        " sublicensee transferee training_scope use script requested_at answer_due_at",
        "requested_at",
        moving="outcome expires_at",
    ),
    "approval_answer": _table(
        "id request_id role organization_id api_key_id status answered_at expires_at",
        "answered_at",
    ),
    "agreement_keeper": _table("agreement", "named_at", moving="organization_id named_at"),
    "strike_switch": _table(
        "id agreement act takes_effect_at proposed_by proposed_at lapses_at",
        "proposed_at",
        once="confirmed_by confirmed_at effective_at",
    ),
    # What was made
    "generation": _table(
        "id organization_id decision_id generator line length_ms request payload_hex shot_id take"
        " is_draft parent_id relation created_at",
        "created_at",
        once="rendered_key rendered_sha256 marked_key output_key output_sha256 output_size_bytes"
        " output_facts released_at taken_down_at delete_at deleted_at",
        moving="state reason job_reference found_tags",
        progress_percent="what a generator says of a render under way; nothing is decided by it",
    ),
    "preview": _table(
        "id generation_id contract_id roles created_at due_at",
        "created_at",
        once="role organization_id api_key_id answered_at",
        moving="outcome reason content_tags",
    ),
    "preview_link": _table(
        "id preview_id organization_id api_key_id issued_at expires_at",
        "issued_at",
        once="opened_at",
    ),
    "emergency_stop": _table("id kind subject reason stopped_at", "stopped_at", once="lifted_at"),
    "budget": _table(
        "id organization_id project series_id currency total_minor daily_minor total_seconds"
        " daily_seconds at_once set_at api_key_id",
        "set_at",
    ),
    "shot": _table(
        "id organization_id project name series_ids created_at", "created_at", moving="chosen_id"
    ),
    "webhook": _table(
        "id organization_id api_key_id url created_at",
        "created_at",
        once="disabled_at removed_at",
        moving="failing_since",
    ),
    "generation_replica": _table(
        "generation_id replica_id performer_id contract_id", "generation_id>generation"
    ),
    "material": _table(
        "id organization_id api_key_id role media_type size_bytes length_ms width height facts"
        " vault_object_id faces_object_id commitment_salt commitment created_at",
        "created_at",
        once="deleted_at",
        moving="state reason checked_at",
    ),
    "material_consent": _table(
        "id material_id replica_id document jws signing_key_id api_key_id given_at",
        "given_at",
        once="withdrawn_at",
        moving="withdrawn_by",
    ),
    "review": _table(
        "id generation_id material_id findings faces opened_at",
        "opened_at",
        once="organization_id answered_at",
        moving="outcome answered_as reason",
    ),
    "review_match": _table("review_id performer_id distance_milli", "review_id>review"),
    "generation_material": _table("generation_id role material_id", "generation_id>generation"),
    "signed_manifest": _table(
        "id generation_id label manifest_sha256 file_sha256 size_bytes media_type openings"
        " verified_by signed_at",
        "signed_at",
    ),
    "soft_binding": _table(
        "id manifest_id kind algorithm value fingerprint", "manifest_id>signed_manifest"
    ),
    # What is owed
    "royalty_terms": _table("sha256 document stored_at", "stored_at"),
    "usage_event": _table(
        "id idempotency_key contract_id number generation_id terms_sha256 event effects"
        " corrects_number length_us note recorded_at",
        "recorded_at",
    ),
    "journal_entry": _table(
        "id usage_event_id source contract_id generation_id digest posted_at", "posted_at"
    ),
    "entry_seal": _table("entry_id lines sealed_at", "sealed_at"),
    "posting": _table("entry_id line account currency amount_minor", "entry_id>journal_entry"),
    "hold": _table(
        "id generation_id contract_id organization_id project currency length_us project_us"
        " placed_at",
        "placed_at",
        once="entry_id settled_at",
        moving="amount_minor expires_at state reason",
    ),
    "party_profile": _table(
        "id party_id number valid_from name address country vat_id vat_rate withholding_rate iban"
        " due_days api_key_id recorded_at",
        "recorded_at",
    ),
    "contract_licensee": _table("contract_id organization_id", ""),
    "credit_approval": _table(
        "id organization_id currency number amount_minor note approved_at", "approved_at"
    ),
    "invoice": _table(
        "id kind supplier_id customer_id issuer_id series number currency net_minor tax_minor"
        " withheld_minor total_minor document document_sha256 corrects_id issued_at due_at",
        "issued_at",
    ),
    "invoice_line": _table("invoice_id line entry_id account sign net_minor", "invoice_id>invoice"),
    "invoice_payment": _table("id invoice_id amount_minor paid_at", "paid_at"),
    "bank_statement": _table(
        "id iban reference closed_on currency opening_minor closing_minor file_sha256 imported_at",
        "imported_at",
    ),
    "bank_receipt": _table(
        "id statement_id iban fingerprint reference currency amount_minor booked_on payer said",
        "statement_id>bank_statement",
    ),
    "receipt_assignment": _table(
        "id receipt_id organization_id invoice_id note assigned_at", "assigned_at"
    ),
    "payout_details": _table(
        "id payee_id organization_id api_key_id vault_object_id from_at named_at", "named_at"
    ),
    "payout_order": _table("id name currency risk_carrier created_at", "created_at"),
    "payout": _table(
        "id order_id account currency amount_minor details_id created_at", "created_at"
    ),
    "payout_item": _table(
        "payout_id entry_id account attempt amount_minor funded", "payout_id>payout"
    ),
    "payout_event": _table("id payout_id number state note at", "at"),
    "ledger_period": _table("id number starts_at ends_at entries sha256 closed_at", "closed_at"),
    "ledger_period_entry": _table("entry_id period_id", "period_id>ledger_period"),
    "issued_statement": _table(
        "id period_id kind party_id about_id document document_sha256 issued_at", "issued_at"
    ),
    # Who looked at a likeness, and whose was erased
    "erasure": _table(
        "id performer_id organization_id api_key_id lost stopped stays decided_at", "decided_at"
    ),
    "vendor_copy": _table(
        "id vendor kind what performer_id contract_id generation_id sent_at",
        "sent_at",
        once="reference confirmed_at",
        moving="state detail tries next_at",
    ),
    "vault_opening": _table("id object_id purpose subject_id opened_at", "opened_at"),
    "operator_act": _table("id stated_name words at", "at"),
    "operator_act_subject": _table("act_id subject_id", "act_id>operator_act"),
    "audit_segment": _table("id number events previous_sha256 sha256 closed_at", "closed_at"),
    "audit_segment_event": _table("event_id segment_id place sha256", "segment_id>audit_segment"),
    "render_token": _table("id job_id decision_id attempt secret_sha256 issued_at", "issued_at"),
    "render_token_use": _table("token_id object_id opening_id", "token_id>render_token"),
    # What is in dispute
    "case_file": _table(
        "id generation_id file_sha256 ground asked words side organization_id api_key_id"
        " link_sha256 holds_payouts evidence evidence_sha256 opened_at answer_by",
        "opened_at",
        once="holds_from closed_at",
        moving="decide_by outcomes",
    ),
    "case_side": _table("case_id organization_id side must_accept", "case_id>case_file"),
    "case_event": _table("id case_id number kind side organization_id api_key_id words at", "at"),
    # What is promised to the log
    "log_outbox": _table(
        "id kind subject_id entry created_at",
        "created_at",
        salt="erased with a performer's data; a wrong one opens nothing",
        leaf_index="compared with the published log itself",
    ),
}

NOT_ANCHORED: dict[str, str] = {
    "external_id": "numbers of other houses; nothing is decided by them",
    "account": "names only; a posting holds the name itself",
    "contract_book": f"running totals, {CACHE}",
    "funds": "a lock; it holds no amount",
    "spending": f"what holds come to day by day, {CACHE}",
    "document_series": f"the next number of a series, {CACHE}",
    "open_invoice": f"what is left to pay, {CACHE}",
    "open_invoice_contract": f"which contracts those are of, {CACHE}",
    "answer": "the kept answer of an Idempotency-Key; the act itself is evidence",
    "performer_key": "that a key was made and destroyed; the key itself lies in a store of its own",
    "ceremony": "a challenge that is answered within minutes; what it led to is evidence",
    "person_session": "who is signed in now; an act says who did it",
    "api_key_use": "when a key was last used, to some minutes; an act says which key did it",
    "vault_object": "wrapped keys and places of ciphertexts that authenticate themselves",
    "log_leaf": "compared with the published log itself",
    "log_checkpoint": "compared with the published log itself",
    "row_mark": "what waits to be sealed, under the `evidence` key; gone once it is",
    "row_seal": "chained, and the chain is in the log",
    "database_anchor": "opened against its leaf in the log",
    "worker_beat": "which workers live at this moment",
    "render_job": "what is under way at a renderer; the generation and the vault are evidence",
    "webhook_delivery": "what is on its way to a webhook; the generation it tells of is evidence",
    "vendor_job": "what is under way at a vendor; the generation and the ledger are evidence",
    "vendor_credential": "which sealed object opens a vendor's door now; its openings are evidence",
    "alembic_version": "which shape the database has",
}

OWN_LEAF = "database-anchored"  # a leaf about the anchor itself is opened, not sealed again
