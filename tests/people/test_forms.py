"""A form is ours, and a page shows what was said as text."""

import re

import pytest
from fastapi.routing import APIRoute
from sqlmodel import select

from app import config, db
from app.identity.models_people import Invitation, Membership, Passkey
from app.main import operations_of
from app.web import (
    agency,
    agency_import,
    agency_invitation,
    agency_preview,
    agency_statements,
    catalogue,
    clocks,
    enrolling,
    film,
    likeness,
    operator_payouts,
    pages,
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
from app.web import disclosing as disclosing_pages
from app.web import lent as lent_pages
from app.web import mandates as mandate_pages
from app.web import notices as notices_pages
from app.web import obligations as obligations_page
from app.web import operator as operator_page
from app.web import people as people_pages
from app.web import portraits as portrait_pages
from app.web import providers as providers_pages
from app.web import recovery as recovery_pages
from app.web import signing as signing_pages
from app.web import twofold as twofold_pages
from app.web import union as union_pages
from tests.http.browser import OURS, Browser, first_link
from tests.people.visiting import ONE_DATABASE, refused

PAGES = [
    route
    for room in (
        people_pages,
        signing_pages,
        disclosing_pages,
        notices_pages,
        obligations_page,
        recovery_pages,
        lent_pages,
        likeness,
        twofold_pages,
        mandate_pages,
        union_pages,
        union_estates,
        operator_page,
        operator_payouts,
        agency,
        agency_import,
        agency_preview,
        agency_invitation,
        agency_statements,
        providers_pages,
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
        catalogue,
        enrolling,
        film,
        portrait_pages,
        clocks,
    )
    for route in room.router.routes
    if isinstance(route, APIRoute)
]
# Read piece by piece, once it is known who sends them: tests/people/test_live_checks.py and
# test_enrolling.py and test_likeness.py beside it, test_import_pages.py and test_union_pages.py of
# tests/http.
UPLOADS = {
    "/agency/import",
    "/performer/enroll",
    "/performer/identity/checks/{live_check_id}",
    "/performer/likeness/photos",
    "/performer/likeness/voices",
    "/recovery/{secret}/checks/{live_check_id}",
    "/union/estates/read",
}
POSTS = sorted({route.path for route in PAGES if "POST" in route.methods} - UPLOADS)


class TestForms:
    """A form is ours three times over; each sign alone is missed."""

    @pytest.mark.parametrize("path", POSTS)
    @ONE_DATABASE
    def test_no_form_goes_through_from_elsewhere(self, griet, path):
        griet.open("/account")
        before = contents()
        for headers, token in (
            (OURS | {"Origin": "https://evil.example"}, None),
            (OURS | {"Origin": "null"}, None),
            (OURS | {"Sec-Fetch-Site": "cross-site"}, None),
            (OURS | {"Sec-Fetch-Site": "same-site"}, None),
            ({}, None),
            (OURS, ""),
            (OURS, "0" * 64),
            (OURS, "é"),
        ):
            more = {} if token is None else {"form_token": token}
            fields = {
                "role": "guardian",
                "name": "A",
                "device": "B",
                "ceremony": "c",
                "answer": "{}",
            }
            refused(griet.send(path, headers=headers, **fields, **more), "form-refused")
        assert contents() == before

    def test_nothing_a_person_may_send_is_without_that_guard(self):
        # Whoever adds a form: take `Posted`, not `Visitor`.
        unguarded = [
            route.path
            for route in PAGES
            if route.methods - {"GET", "HEAD"}
            and not any(each.call is pages._posted for each in route.dependant.dependencies)
            and route.path not in UPLOADS
        ]
        assert unguarded == []

    @ONE_DATABASE
    def test_pages_run_nothing_of_others_and_are_framed_by_nobody(self, griet):
        for path in ("/sign-in", "/account", "/confirm", "/account/passkeys/new", "/join/x"):
            headers = griet.open(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["cache-control"] == "no-store"
            assert not re.search(r"<script(?![^>]*src=\"/static/)|\son\w+=|style=", griet.page)

    @ONE_DATABASE
    def test_a_name_is_text_whatever_it_says(self, served, house):
        browser = Browser(served)
        browser.join(first_link(house), "<script>alert(1)</script>")
        browser.open("/account")
        assert "<script>alert" not in browser.page
        assert "&lt;script&gt;alert" in browser.page


def contents():
    with db.reading() as session:
        return [
            [row.model_dump() for row in session.exec(select(model))]
            for model in (Membership, Invitation, Passkey)
        ]


FOREIGN = ({"Origin": "https://evil.example"}, OURS | {"Sec-Fetch-Site": "cross-site"}, {})
# Changes nothing but a cookie that says which language to read in.
HARMLESS = {"/language"}


@ONE_DATABASE
def test_no_page_of_the_whole_server_is_changed_from_elsewhere(served, griet, monkeypatch):
    """Asked of every operation there is, by its route: whoever adds a page need not add it here."""
    for kind in ("rate_files", "rate_lookups"):  # all from one address, at once
        monkeypatch.setattr(config.settings(), kind, "")
    griet.open("/account")
    fields, before, asked = {"form_token": griet.value("form_token")}, contents(), 0
    for each in operations_of(served):
        if each.is_page and each.verb != "GET" and each.path not in HARMLESS:
            path = re.sub(r"{\w+}", "x", each.path)
            for headers in FOREIGN:
                answer = griet.client.request(each.verb, path, data=fields, headers=headers)
                assert answer.status_code == 403, f"{each.verb} {each.path} went through"
                assert "form-refused" in answer.text, f"{each.verb} {each.path}"
                asked += 1
    assert asked > 150
    assert contents() == before
