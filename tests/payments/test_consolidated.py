"""One statement over everybody an agency represents is the sum of theirs, to the minor unit."""

import csv
import io
import json
import re
from dataclasses import replace

import pypdf
import pytest
import sqlalchemy as sa

from app.ledger.service import balances, refund_entry
from app.payments import consolidated
from app.payments.consolidated import SUMS, Consolidated, consolidate
from app.payments.errors import StatementNotFound
from app.payments.models import IssuedStatement
from app.payments.statements import issue_statements
from tests.payments.stories import Story, an_hour_later, closed
from tests.scenes import a_scene, offered, represent, sign


def a_performer_of(session, agency, *, rate_minor, named):
    """Somebody with an agency, paid by the second; a tenth of it is the agency's."""
    scene = replace(a_scene(session, signed=False), agency=agency)

    def change(document):
        document["compensation"]["rate_minor"] = rate_minor

    scene = offered(session, scene, change)
    represent(session, scene, agency.organization)
    sign(session, scene)
    scene.performer.name = named
    session.add(scene.performer)
    session.flush()
    return Story(scene, agency.organization)


@pytest.fixture
def agency(session):
    return a_scene(session, signed=False).agency


@pytest.fixture
def people(session, agency):
    return [
        a_performer_of(session, agency, rate_minor=rate, named=name)
        for name, rate in (("=Griet", 1250), ("Anna", 333), ("Maria", 101))
    ]


def issue(session):
    period = closed(session)
    return period, issue_statements(session, period)


def differs(found: Consolidated, issued: list[IssuedStatement]) -> list[str]:
    """Name every sum of a sheet that is not the sum of the statements themselves."""
    wrong = []
    for sheet in found.sheets:
        for name in SUMS:
            singly = sum(
                total[name]
                for each in issued
                if each.kind == "performer"
                for total in json.loads(each.document)["totals"]
                if total["currency"] == sheet.currency
            )
            wrong += [name] if singly != sheet.sums[name] else []
        (own,) = [
            total
            for each in issued
            if each.kind == "agent"
            for total in json.loads(each.document)["totals"]
            if total["currency"] == sheet.currency
        ]
        earned = own["posted_minor"] + own["corrected_minor"]
        said = sheet.commission_minor + sheet.together_minor + sheet.former_minor
        wrong += ["commission"] if said != earned else []
    return wrong


class TestConsolidated:
    def test_is_the_sum_of_the_single_statements_and_what_the_books_say(
        self, session, agency, people, monkeypatch
    ):
        for story in (*people, people[0]):
            story.use(session)
        first, issued = issue(session)
        found = consolidate(session, agency.organization.id, first.id)
        assert differs(found, issued) == []
        (sheet,) = found.sheets
        assert [line.performer for line in sheet.lines] == ["=Griet", "Anna", "Maria"]
        books = balances(session)
        for line in sheet.lines:
            owed = -books[f"performer:{line.performer_id}:payable", "EUR"]
            assert line.sums["closing_minor"] == owed
        earned = -books[f"agent:{agency.organization.id}:payable", "EUR"]
        assert sum(line.commission_minor for line in sheet.lines) == earned > 0
        # A correction falls into the next period, and the next sheet begins where this one ended.
        an_hour_later(monkeypatch)
        refund_entry(
            session, people[1].use(session), amount_minor=500, key="late", reason="delivered late"
        )
        an_hour_later(monkeypatch)
        second, issued = issue(session)
        after = consolidate(session, agency.organization.id, second.id)
        assert differs(after, issued) == []
        theirs = {line.performer: line.sums["opening_minor"] for line in after.sheets[0].lines}
        before = {line.performer: line.sums["closing_minor"] for line in sheet.lines}
        assert theirs["Anna"] == before["Anna"]

    def test_a_line_that_was_left_out_is_noticed(self, session, agency, people):
        for story in people:
            story.use(session)
        period, issued = issue(session)
        fewer = [each for each in issued if each.kind == "performer"][1:]
        own = next(each for each in issued if each.kind == "agent")
        found = consolidate(session, agency.organization.id, period.id)
        assert differs(replace(found, sheets=consolidated.sheets(fewer, own)), issued)

    def test_has_nobody_elses_people_and_tells_nobody_else(self, session, agency, people):
        other = a_scene(session, signed=False).agency
        stranger = a_performer_of(session, other, rate_minor=900, named="Jan")
        for story in (people[0], stranger):
            story.use(session)
        period, _ = issue(session)
        (sheet,) = consolidate(session, agency.organization.id, period.id).sheets
        assert [line.performer for line in sheet.lines] == ["=Griet"]
        for party in (people[0].scene.production, stranger.scene.production):
            with pytest.raises(StatementNotFound):
                consolidate(session, party.organization.id, period.id)
        with pytest.raises(StatementNotFound):
            consolidate(session, agency.organization.id, "prd_unknown")

    def test_takes_the_same_queries_for_one_performer_and_for_many(
        self, session, agency, people, monkeypatch
    ):
        agency_id = agency.organization.id

        def asked(period_id):
            said = []
            listen = lambda *args: said.append(args[2])  # noqa: E731
            sa.event.listen(session.get_bind(), "before_cursor_execute", listen)
            found = consolidate(session, agency_id, period_id)
            sa.event.remove(session.get_bind(), "before_cursor_execute", listen)
            return len(found.sheets[0].lines), len(said)

        people[0].use(session)
        one, _ = issue(session)
        an_hour_later(monkeypatch)
        for story in people[1:]:
            story.use(session)
        an_hour_later(monkeypatch)
        many, _ = issue(session)
        ids = one.id, many.id
        session.expunge_all()
        first, second = (asked(each) for each in ids)
        assert first[0] < second[0]
        assert first[1] == second[1] == 2

    def test_is_written_as_csv_json_and_pdf_with_the_same_sums(self, session, agency, people):
        for story in people:
            story.use(session)
        period, _ = issue(session)
        found = consolidate(session, agency.organization.id, period.id)
        (sheet,) = found.sheets
        *lines, _together, _former, everybody = csv.DictReader(
            io.StringIO(consolidated.as_csv(found))
        )
        assert lines[0]["performer"] == "'=Griet"
        for name in SUMS:
            assert sum(int(line[name]) for line in lines) == int(everybody[name])
            assert int(everybody[name]) == sheet.sums[name]
        assert json.loads(consolidated.as_json(found))["sheets"][0]["sums"] == {
            **sheet.sums, "commission_minor": sheet.commission_minor,
        }  # fmt: skip
        made = consolidated.as_pdf(found, "Delft Talent")
        assert made == consolidated.as_pdf(found, "Delft Talent")
        text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages)
        assert "Delft Talent" in text
        assert "Maria" in text

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_says_whose_commission_stands_apart_and_the_paper_adds_up(
        self, session, agency, people
    ):
        for story in people[:2]:
            story.use(session)
        represent(session, people[0].scene, None)
        period, issued = issue(session)
        found = consolidate(session, agency.organization.id, period.id)
        (sheet,) = found.sheets
        assert [line.performer for line in sheet.lines] == ["Anna"]
        assert sheet.together_minor == 0
        earned = sheet.own["posted_minor"]
        assert sheet.former_minor == earned - sheet.commission_minor > 0
        rows = {each["performer"]: each for each in csv.DictReader(io.StringIO(
            consolidated.as_csv(found)))}  # fmt: skip
        apart = rows["commission on performers you no longer represent"]
        assert apart["commission_minor"] == str(sheet.former_minor)
        assert rows["in all"]["commission_minor"] == str(earned)
        written = json.loads(consolidated.as_json(found))["sheets"][0]
        assert written["commission_former_minor"] == sheet.former_minor
        # Some of it on both together, as a statement of the agency's may have it.
        own = next(each for each in issued if each.kind == "agent")
        document = json.loads(own.document)
        document["lines"][0]["performers"] = [{"id": "per_1"}, {"id": "per_2"}]
        changed = IssuedStatement(**own.model_dump() | {"document": json.dumps(document)})
        hers = [each for each in issued if each.party_id == sheet.lines[0].performer_id]
        (both,) = consolidated.sheets(hers, changed)
        assert both.together_minor == document["lines"][0]["amount_minor"]
        made = consolidated.as_pdf(replace(found, sheets=[replace(sheet, together_minor=7)]), "A")
        text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages)
        parts = [int(said.replace(".", "")) for said in re.findall(r"commission ([\d.]+)", text)]
        assert parts == [sheet.commission_minor, 7, sheet.former_minor, earned]
        assert own.id in text
