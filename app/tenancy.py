# ruff: noqa: S608 - every text is put together from what this file says
"""Whose each row is: said once for every table, and held by PostgreSQL itself (row-level security).

A request that looks at what is its organization's runs as the role `understudy_tenant`, with the
organization named in its transaction, and then sees rows of that organization only, whatever a
query forgot to say. Everybody else (workers, the command line, acts and the rules, which weigh
contracts of many) is the house and sees all. SQLite has nothing of the kind.

`lay` writes the policies anew after every migration, so that they are those of this file.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel import Session

from app.errors import AppError

ROLE = "understudy_tenant"
ME = "current_setting('app.organization', true)"

# What an organization has to do with a thing: asked by its id, answered past all policies.
STANDS: dict[str, str] = {
    "side": f"EXISTS (SELECT FROM performer WHERE id = $1 AND {ME} IN (organization_id,"
    " agent_organization_id)) OR EXISTS (SELECT FROM mandate WHERE performer_id = $1"
    f" AND {ME} IN (holder_id, grantor_id))",  # what a mandate no longer lets one see, services say
    "mandate": f"EXISTS (SELECT FROM mandate WHERE id = $1 AND ({ME} IN (holder_id, grantor_id)"
    " OR tenant_side(performer_id)))",
    "party": f"$1 = {ME} OR tenant_side($1)",
    "account": "tenant_party(split_part($1, ':', 2))",
    "performer": "tenant_side($1) OR EXISTS (SELECT FROM contract WHERE performer_id = $1"
    f" AND licensee_id = {ME}) OR EXISTS (SELECT FROM standing_offer o WHERE o.performer_id = $1"
    " AND tenant_offer(o.id)) OR EXISTS (SELECT FROM generation_replica WHERE performer_id = $1"
    " AND tenant_generation(generation_id))",
    "listed": "EXISTS (SELECT FROM performer_listing WHERE performer_id = $1"
    " AND listed_at IS NOT NULL) AND NOT EXISTS (SELECT FROM performer_life"
    " WHERE performer_id = $1 AND died_on IS NOT NULL)",
    "contract": "EXISTS (SELECT FROM contract WHERE id = $1"
    f" AND (licensee_id = {ME} OR tenant_side(performer_id)))",
    "series": "EXISTS (SELECT FROM contract WHERE series_id = $1"
    f" AND (licensee_id = {ME} OR tenant_side(performer_id)))",
    "offer": "EXISTS (SELECT FROM standing_offer WHERE id = $1 AND (tenant_side(performer_id)"
    " OR (signed_at IS NOT NULL AND (retracted_at IS NULL OR EXISTS"
    " (SELECT FROM standing_offer_execution e JOIN contract c ON c.id = e.contract_id"
    f" WHERE e.standing_offer_id = $1 AND c.licensee_id = {ME}))"
    " AND EXISTS (SELECT FROM standing_offer_audience a"
    f" WHERE a.standing_offer_id = $1 AND (a.who = {ME} OR a.who = (SELECT 'kind:' || h.kind"
    f" FROM organization h WHERE h.id = {ME}))))))",
    "generation": f"EXISTS (SELECT FROM generation WHERE id = $1 AND organization_id = {ME})"
    " OR EXISTS (SELECT FROM generation_replica WHERE generation_id = $1"
    " AND tenant_side(performer_id)) OR EXISTS (SELECT FROM render_job WHERE generation_id = $1"
    f" AND organization_id = {ME})",
    "entry": "EXISTS (SELECT FROM journal_entry WHERE id = $1 AND (tenant_contract(contract_id)"
    " OR tenant_generation(generation_id))) OR EXISTS (SELECT FROM posting WHERE entry_id = $1"
    " AND tenant_account(account))",
    "invoice": "EXISTS (SELECT FROM invoice WHERE id = $1"
    " AND (tenant_party(supplier_id) OR tenant_party(customer_id)))",
    "payout": "EXISTS (SELECT FROM payout WHERE id = $1 AND tenant_account(account))",
    "replica": "EXISTS (SELECT FROM replica WHERE id = $1 AND tenant_performer(performer_id))",
    "medium": "EXISTS (SELECT FROM replica WHERE id = $1 AND tenant_side(performer_id))",
    "preview": "EXISTS (SELECT FROM preview WHERE id = $1 AND tenant_generation(generation_id))",
    "case": f"EXISTS (SELECT FROM case_side WHERE case_id = $1 AND organization_id = {ME})",
    "link": f"EXISTS (SELECT FROM counsel_link WHERE id = $1 AND organization_id = {ME})",
    "material": f"EXISTS (SELECT FROM material WHERE id = $1 AND organization_id = {ME})",
    "request": "EXISTS (SELECT FROM approval_request WHERE id = $1"
    " AND tenant_contract(contract_id))",
    "twofold": f"EXISTS (SELECT FROM twofold_act WHERE id = $1 AND organization_id = {ME})",
    "notice": f"EXISTS (SELECT FROM notice WHERE id = $1 AND {ME} IN (organization_id, alarms_id))",
    "member": f"EXISTS (SELECT FROM membership WHERE person_id = $1 AND organization_id = {ME})",
    "key": f"EXISTS (SELECT FROM api_key WHERE id = $1 AND organization_id = {ME})",
    "manifest": "EXISTS (SELECT FROM signed_manifest WHERE id = $1"
    " AND tenant_generation(generation_id))",
}


def _by(**columns: str) -> str:
    """A row is seen by whoever stands so to any of these columns; `me` is the organization."""
    return " OR ".join(
        f"{column} = {ME}" if how == "me" else f"tenant_{how}({column})"
        for column, how in columns.items()
    )


_CONTRACT, _GENERATION = _by(contract_id="contract"), _by(generation_id="generation")
_MINE = _by(organization_id="me")
OWNED: dict[str, str] = {
    # Whose likeness
    "performer": _by(organization_id="me", agent_organization_id="me", id="performer")
    + " OR tenant_listed(id)",
    "replica": _by(performer_id="performer"),
    "reference_medium": _by(replica_id="medium"),
    "likeness_medium": _by(performer_id="side"),
    "vault_object": "tenant_party(owner_id) OR tenant_account(owner_id)"  # per_, org_, payee:…
    " OR tenant_series(split_part(owner_id, ':', 2))",  # contract:…
    "performer_key": _by(owner_id="party"),
    "vault_opening": "EXISTS (SELECT FROM vault_object o WHERE o.id = object_id)",
    "performer_alias": _by(performer_id="side"),
    "performer_listing": _by(performer_id="side") + " OR tenant_listed(performer_id)",
    "matching_choice": _by(performer_id="side"),
    "enrollment_hold": _by(performer_id="side"),
    "roster_entry": _MINE,
    "performer_life": _by(performer_id="side"),
    "alive_word": _by(performer_id="side"),
    "identity_proof": _by(performer_id="side"),
    "live_check": _by(performer_id="side"),
    "external_id": _by(performer_id="side"),
    "mandate": _by(id="mandate"),
    "mandate_declaration": _MINE,
    "mandate_evidence": _by(mandate_id="mandate"),
    "erasure": _by(performer_id="side"),
    "operator_act_subject": "tenant_party(subject_id) OR tenant_contract(subject_id)"
    " OR tenant_series(subject_id)",
    "operator_act": "EXISTS (SELECT FROM operator_act_subject s WHERE s.act_id = operator_act.id)",
    # Who asks
    "api_key": _MINE,
    "api_key_terms": _by(api_key_id="key"),
    "api_key_use": _by(api_key_id="key"),
    "answer": _MINE,
    "membership": _MINE,
    "invitation": _MINE,
    "passkey_signing_key": _MINE,
    "sign_in_provider": _MINE,
    "twofold_act": _MINE,
    "twofold_voice": _by(act_id="twofold"),
    # What is told to whom
    "notice": _by(organization_id="me", alarms_id="me"),
    "notice_delivery": _by(notice_id="notice"),
    "notice_seen": _by(notice_id="notice"),
    "contact": _by(person_id="member"),
    # Who may use what
    "contract": _by(licensee_id="me", performer_id="side"),
    "contract_event": _by(contract_id="contract"),
    "contract_signature": _CONTRACT,
    "contract_book": _CONTRACT,
    "contract_licensee": _CONTRACT,
    "contract_paper": _CONTRACT,
    "status_entry": _CONTRACT,
    "boundary_acknowledgment": _CONTRACT,
    "boundaries": _by(performer_id="performer"),
    "counsel_link": _MINE,
    "counsel_comment": _by(link_id="link", contract_id="contract"),
    "disclosure_grant": _by(series_id="series"),
    "case_file": _by(id="case"),
    "case_side": _by(case_id="case"),
    "case_event": _by(case_id="case"),
    "standing_offer": _by(id="offer"),
    "standing_offer_audience": _by(standing_offer_id="offer"),
    "standing_offer_execution": _by(contract_id="contract", standing_offer_id="offer"),
    "approval_request": _CONTRACT,
    "approval_answer": _by(request_id="request"),
    "decision": _by(organization_id="me", generation_id="generation"),
    # What was made
    "generation": _by(organization_id="me", id="generation"),
    "generation_replica": _GENERATION,
    "preview": _GENERATION,
    "preview_link": _by(preview_id="preview"),
    "shot": _MINE,
    "budget": _MINE,
    "webhook": _MINE,
    "render_job": _by(organization_id="me", generation_id="generation"),
    "material": _MINE,
    "generation_material": _GENERATION,
    "material_consent": _by(material_id="material"),
    "review": _GENERATION,
    "vendor_copy": _by(performer_id="side", contract_id="contract", generation_id="generation"),
    "signed_manifest": _GENERATION,
    "soft_binding": _by(manifest_id="manifest"),
    # What is owed
    "hold": _by(contract_id="contract", generation_id="generation"),
    "spending": _MINE,
    "usage_event": _by(contract_id="contract", generation_id="generation"),
    "journal_entry": _by(contract_id="contract", generation_id="generation", id="entry"),
    "posting": _by(account="account", entry_id="entry"),
    "entry_seal": _by(entry_id="entry"),
    "ledger_period_entry": _by(entry_id="entry"),
    "account": _by(name="account"),
    "funds": _MINE,
    "party_profile": _by(party_id="party"),
    "credit_approval": _MINE,
    "invoice": _by(supplier_id="party", customer_id="party"),
    "invoice_line": _by(invoice_id="invoice"),
    "invoice_payment": _by(invoice_id="invoice"),
    "open_invoice": _MINE,
    "open_invoice_contract": _CONTRACT,
    "document_series": _by(issuer_id="party"),
    "receipt_assignment": _MINE,
    "payout": _by(account="account"),
    "payout_event": _by(payout_id="payout"),
    "payout_item": _by(payout_id="payout"),
    "payout_details": _by(payee_id="party"),
    "issued_statement": _by(party_id="party"),
}
OPEN: dict[str, str] = {
    "organization": "names of houses stand in contracts; no secret is in it",
    "signing_key": "public halves: whoever checks a contract needs the other side's",
    "log_outbox": "what waits for the public log: hashes under salts",
    "log_leaf": "the public log",
    "log_checkpoint": "the public log",
    "policy_publication": "rules that are published",
    "royalty_terms": "kept under their own hash, found by whoever has the contract",
    "agreement_keeper": "which union keeps an agreement is public",
    "strike_switch": "a strike is public once it is confirmed; the service holds back what is not",
    "emergency_stop": "whoever is stopped is told so",
    "audit_segment": "digests that the public log commits to",
    "audit_segment_event": "likewise",
    "ledger_period": "when books were closed, and how many entries they had",
    "payout_order": "a name and a currency",
    "alembic_version": "which shape the database has",
}
CLOSED: dict[str, str] = {
    "live_still": "marks under a secret of the house, by which a picture is known again",
    "enrollment_match": "names whom a face may resemble: for the operator alone",
    "review_match": "names whom a doubt may be about: for the operator alone",
    "person": "people are looked up for pages, by the house",
    "passkey": "likewise",
    "provider_member": "likewise",
    "person_session": "likewise",
    "ceremony": "likewise",
    "recovery": "likewise",
    "recovery_code": "likewise",
    "recovery_vouch": "likewise",
    "bank_statement": "the operator's account",
    "bank_receipt": "the operator's account",
    "database_anchor": "what the house seals",
    "row_mark": "what the house seals",
    "row_seal": "what the house seals",
    "render_token": "for workers",
    "render_token_use": "for workers",
    "vendor_job": "for workers",
    "webhook_delivery": "for workers and the command line",
    "vendor_credential": "the operator's",
    "worker_beat": "for workers",
}


class TenancyNotPossible(AppError):
    """The database does not let row-level security be laid."""

    status, code = 409, "tenancy-not-possible"


def enter(session: Session, organization_id: str) -> None:
    """See what is this organization's, and nothing else, until the transaction ends."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(_ENTER, {"organization": organization_id, "role": ROLE})


_ENTER = sa.text(
    "SELECT set_config('app.organization', :organization, true), set_config('role', :role, true)"
)


def lift(connection: sa.Connection) -> None:
    """Take the policies away, so that what they speak of may change its shape."""
    if connection.dialect.name != "postgresql":
        return
    for table, policy in connection.execute(_POLICIES).all():
        connection.execute(sa.text(f'DROP POLICY "{policy}" ON "{table}"'))
        connection.execute(sa.text(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'))
    for (function,) in connection.execute(_FUNCTIONS).all():
        connection.execute(sa.text(f"DROP FUNCTION {function}"))


def lay(connection: sa.Connection) -> None:
    """Lay the policies of this file over the tables there are. Raises TenancyNotPossible."""
    if connection.dialect.name != "postgresql":
        return
    lift(connection)
    _need_role(connection)
    schema = connection.execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    there = set(sa.inspect(connection).get_table_names())
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {ROLE}",
        f"GRANT USAGE ON SCHEMA {schema} TO {ROLE}",
        "SET LOCAL check_function_bodies = off",  # they name each other
        *(_function(name, body, schema) for name, body in STANDS.items()),
    ]
    statements += [
        f"GRANT SELECT ON {table} TO {ROLE}" for table in sorted(there & {*OWNED, *OPEN})
    ]
    for table in sorted(there & OWNED.keys()):
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {ROLE} USING ({OWNED[table]})",
            f"CREATE POLICY house ON {table} USING (current_user <> '{ROLE}')",
        ]
    for statement in statements:
        connection.execute(sa.text(statement.replace(":", r"\:")))


def _function(name: str, body: str, schema: str) -> str:
    return (
        f"CREATE FUNCTION tenant_{name}(text) RETURNS boolean LANGUAGE sql STABLE"
        f" SECURITY DEFINER SET search_path = {schema} AS $body$ SELECT {body} $body$"
    )


def _need_role(connection: sa.Connection) -> None:
    is_there = sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    try:
        with connection.begin_nested():
            if connection.execute(is_there, {"role": ROLE}).first() is None:
                connection.execute(sa.text(f"CREATE ROLE {ROLE} NOLOGIN"))
            connection.execute(sa.text(f"GRANT {ROLE} TO CURRENT_USER"))
    except sa.exc.ProgrammingError:
        raise TenancyNotPossible(
            f"whoever owns the tables may not make the role {ROLE}, or not use it: have an "
            f"administrator of PostgreSQL run `CREATE ROLE {ROLE} NOLOGIN` and grant it to the "
            "owner WITH ADMIN OPTION, then set up again"
        ) from None


def unclassed(tables: Mapping[str, object]) -> set[str]:
    """Name what this file does not speak of once, and what it speaks of in vain."""
    said = [*OWNED, *OPEN, *CLOSED]
    twice = {each for each in said if said.count(each) > 1}
    return twice | (set(tables) ^ (set(said) - {"alembic_version"}))


_POLICIES = sa.text(
    "SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema()"
    " AND policyname IN ('tenant', 'house')"
)
_FUNCTIONS = sa.text(
    "SELECT p.oid::regprocedure::text FROM pg_proc p"
    " WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'tenant\\_%'"
)
