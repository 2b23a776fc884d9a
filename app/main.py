"""The HTTP server: every room's routes, problem documents, health and metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
import structlog
from fastapi import Depends, FastAPI, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from app import access, bodies, db, headers, logs, migrate, problems, sandbox
from app.access import may
from app.audit import api as audit
from app.audit import api_events as audit_events
from app.audit import api_soft_bindings as soft_bindings
from app.audit.bundle import api as bundles
from app.cases import api as cases
from app.config import settings
from app.errors import AppError
from app.gateway import api as gateway
from app.gateway import api_authorizations as authorizations
from app.gateway import api_batches as batches
from app.gateway import api_budgets as budgets
from app.gateway import api_events as events
from app.gateway import api_notification as notification
from app.gateway import api_previews as previews
from app.gateway import api_quotes as quotes
from app.gateway import api_render_jobs as renderers
from app.gateway import api_simulations as simulations
from app.gateway import api_takes as takes
from app.gateway import api_webhooks as webhooks
from app.gateway import api_withdrawal as withdrawal
from app.gateway.materials import api as materials
from app.gateway.materials import api_consents as material_consents
from app.identity import api as identity
from app.identity import api_api_keys as api_keys
from app.identity import recorded
from app.identity.api_edge import insist_clock
from app.identity.errors import ClockInDoubt
from app.ledger import api as ledger
from app.ledger.receivables import api as receivables
from app.licensing.boundaries import api as boundaries
from app.licensing.boundaries import api_preferences as preferences
from app.licensing.contracts import api as contracts
from app.licensing.contracts import api_counsel as counsel
from app.licensing.contracts import api_life as contract_life
from app.licensing.contracts import api_templates as templates
from app.licensing.contracts.service import contract_of
from app.licensing.decisions import api as decisions
from app.licensing.decisions import api_approvals as approvals
from app.licensing.decisions import api_policies as policies
from app.licensing.decisions import published, rulebook
from app.licensing.disclosures import api as disclosures
from app.licensing.errors import ContractNotFound
from app.licensing.mandates import api as mandates
from app.licensing.mandates import api_identity as identities
from app.licensing.paper import api as paper
from app.licensing.standing import api as standing
from app.licensing.standing import api_catalogue as catalogue
from app.licensing.status import api as statuses
from app.licensing.strikes import api as strikes
from app.notices import api as notices
from app.obligations import api as obligations
from app.payments import api as payments
from app.payments import api_payouts as payouts
from app.privacy import api as privacy
from app.provenance import api as certificates
from app.registry import api as registry
from app.registry import api_likeness as likenesses
from app.registry import api_listing as listings
from app.registry import api_live as live_checks
from app.registry import api_named as named
from app.registry.imports import api as roster_imports
from app.registry.service import parties_of
from app.transparency import api as transparency
from app.twofold import api as api_key_rotation
from app.unions import api as unions
from app.web import agency as agency_pages
from app.web import (
    agency_import,
    agency_invitation,
    agency_preview,
    agency_statements,
    operator_payouts,
    performer,
    performer_catalogue,
    performer_counter,
    performer_data,
    performer_identity,
    performer_limits,
    performer_payouts,
    performer_preview,
    performer_work,
    production,
    production_house,
    production_members,
    union_estates,
)
from app.web import cases as case_pages
from app.web import catalogue as catalogue_pages
from app.web import clocks as clocks_page
from app.web import disclosing as disclosing_pages
from app.web import enrolling as enrolling_pages
from app.web import film as film_pages
from app.web import languages as languages_page
from app.web import learning as learning_page
from app.web import lent as lent_pages
from app.web import likeness as likeness_pages
from app.web import mandates as mandate_pages
from app.web import notices as notices_pages
from app.web import obligations as obligations_page
from app.web import operator as operator_page
from app.web import people as people_pages
from app.web import policies as policies_page
from app.web import portraits as portrait_pages
from app.web import providers as providers_pages
from app.web import public as public_pages
from app.web import recovery as recovery_pages
from app.web import signing as signing_pages
from app.web import twofold as twofold_pages
from app.web import union as union_pages
from app.worker import Worker

logger = structlog.get_logger()

ABOUT = """
Digital replicas act only by contract: every use is decided by written rules, every output carries
its provenance, every second is paid.

Every route but verification, soft bindings, certificates, the rules, license state, templates,
published preferences, keys, counsel's links, log and health needs an API key (`understudy api-key
create`).
Every POST that acts takes an `Idempotency-Key`. Refusals are problem documents (RFC 9457) with a
stable `code`.
"""


class NotReady(AppError):
    """The server is up and cannot work yet."""

    status, code = 503, "not-ready"


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    await run_in_threadpool(recorded.look)  # before this start writes anything itself
    await run_in_threadpool(_publish_policies)
    worker = Worker() if settings().worker_in_process else None
    if worker:  # in a thread: DBOS may not be launched where an event loop runs
        await run_in_threadpool(worker.start)
    else:  # a worker says so itself
        logger.warning(await run_in_threadpool(sandbox.notice))
    yield
    if worker:
        await run_in_threadpool(worker.stop)


def _publish_policies() -> None:
    """Read the rules, or do not start; and put a new set on the public log."""
    rulebook.today()
    try:
        with db.writing() as session:
            published.publish_today(session)
    except sa.exc.DBAPIError:
        logger.warning("the rules are published once the database is ready: `understudy setup`")


def create_app() -> FastAPI:
    """Build the application; the settings decide whether it also runs the pipeline."""
    logs.configure()
    app = FastAPIOffline(
        title="Understudy",
        version="0.1.0",
        description=ABOUT,
        lifespan=_lifespan,
        dependencies=[Depends(insist_clock)],
    )
    app.router.routes.insert(0, authorizations.quick)  # asked most: nothing is looked at before it
    app.include_router(authorizations.router)
    app.include_router(public_pages.people_only)  # before the API's routes at the same addresses
    for room in (
        identity,
        registry,
        contracts,
        decisions,
        gateway,
        events,
        batches,
        takes,
        webhooks,
        ledger,
        notices,
        payments,
        privacy,
        audit,
    ):
        app.include_router(room.router)
    for subject in (
        api_keys,
        api_key_rotation,
        approvals,
        audit_events,
        boundaries,
        budgets,
        bundles,
        cases,
        catalogue,
        certificates,
        contract_life,
        counsel,
        disclosures,
        identities,
        listings,
        likenesses,
        live_checks,
        mandates,
        material_consents,
        materials,
        notification,
        named,
        obligations,
        paper,
        payouts,
        policies,
        preferences,
        previews,
        quotes,
        renderers,
        roster_imports,
        standing,
        simulations,
        soft_bindings,
        statuses,
        strikes,
        templates,
        transparency,
        unions,
        withdrawal,
    ):
        app.include_router(subject.router)
    app.include_router(policies_page.router)
    app.include_router(public_pages.router)
    app.include_router(clocks_page.router)
    app.include_router(languages_page.router)
    app.include_router(learning_page.router)
    app.include_router(people_pages.router)
    app.include_router(likeness_pages.scripts)
    app.include_router(notices_pages.router)
    app.include_router(recovery_pages.router)
    app.include_router(lent_pages.router)
    app.include_router(twofold_pages.router)
    app.include_router(mandate_pages.router)
    app.include_router(providers_pages.router)
    for portal in (
        performer,
        performer_catalogue,
        performer_counter,
        performer_limits,
        performer_payouts,
        performer_work,
        performer_preview,
        performer_data,
        performer_identity,
        production,
        production_house,
        production_members,
        catalogue_pages,
        film_pages,
        enrolling_pages,
        likeness_pages,
        portrait_pages,
    ):
        app.include_router(portal.router)
    app.include_router(signing_pages.router)
    app.include_router(disclosing_pages.router)
    app.include_router(case_pages.router)
    app.include_router(union_pages.router)
    app.include_router(union_estates.router)
    app.include_router(operator_page.router)
    app.include_router(operator_payouts.router)
    app.include_router(agency_pages.router)
    app.include_router(agency_import.router)
    app.include_router(agency_preview.router)
    app.include_router(agency_statements.router)
    app.include_router(agency_invitation.router)
    app.include_router(obligations_page.router)
    app.include_router(ledger.books(contract_of, ContractNotFound))
    app.include_router(receivables.router_of(parties_of))
    app.add_middleware(bodies.Limits)
    app.add_exception_handler(AppError, problems.on_app_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.add_exception_handler(sa.exc.DataError, problems.on_unkeepable)
    app.add_exception_handler(RecursionError, problems.on_unkeepable)
    app.add_exception_handler(Exception, problems.on_defect)
    _add_health(app)
    _describe_when_asked(app)
    _say_headers(app)
    operations_of(app)
    return app


def operations_of(app: FastAPI) -> list[access.Operation]:
    """List every operation with who may call it. Raises RuleMissing: such a server starts not."""
    return list(access.operations(app.router.routes))


def _say_headers(app: FastAPI) -> None:
    """Put the headers of every answer around all else, the answer to a defect too."""
    plain = app.build_middleware_stack
    app.build_middleware_stack = lambda: headers.Headers(plain())  # type: ignore[method-assign]


def _describe_when_asked(app: FastAPI) -> None:
    """Make the OpenAPI document once, when somebody first reads it: it takes longer than all else.

    FastAPI keeps it under `openapi_schema`.
    """
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = operations_of(app)
            timely = {
                (each.verb.lower(), each.path): (ClockInDoubt,)
                for each in found
                if not each.rule.at_any_time
            }
            access.describe(problems.complete(plain(), timely), found)
        return app.openapi_schema or {}

    app.openapi = described  # type: ignore[method-assign]


def _add_health(app: FastAPI) -> None:
    @app.get("/healthz", tags=["health"], responses=problems.shows({"status": "alive"}))
    @may("anyone", at_any_time=True)
    def is_alive() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "alive"}

    @app.get(
        "/readyz",
        tags=["health"],
        responses={
            **problems.shows({"status": "ready"}),
            **problems.problems(NotReady, ClockInDoubt),
        },
    )
    @may("anyone", at_any_time=True)
    def is_ready() -> dict[str, str]:
        """Say that the database answers and is migrated, and that the clock can be believed."""
        try:
            with db.reading() as session:
                found = session.scalar(sa.text("SELECT version_num FROM alembic_version"))
        except (sa.exc.SQLAlchemyError, OSError):
            raise NotReady("the database does not answer; run `understudy setup`") from None
        if found != migrate.newest():
            raise NotReady("the database has another shape; run `understudy setup`")
        recorded.look()
        recorded.insist_clock()
        return {"status": "ready"}

    @app.get(
        "/metrics",
        tags=["health"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    @may("anyone", at_any_time=True)
    def read_metrics() -> Response:
        """Give counters in the Prometheus text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
