"""Statements say what the books say, to whom it concerns, linked to output and clause."""

import csv
import io
import json

import pypdf
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from app import db, language
from app.cli import app as command
from app.ledger.clauses import clauses_of
from app.ledger.service import balances, post_usage, refund_entry, reverse_entry
from app.licensing.decisions import service as decisions
from app.payments import paper, statements
from app.payments.errors import StatementNotFound
from app.payments.models import IssuedStatement
from tests.ledger.factories import a_captured_entry, event_of, terms_of
from tests.payments.stories import a_story, closed, told


def document(statement):
    return json.loads(statement.document)


@pytest.fixture
def story(session):
    return a_story(session)


class TestIssue:
    def test_every_party_has_one_and_they_come_to_what_the_books_say(self, session, story):
        entry = story.use(session)
        issued = told(session, closed(session))
        assert set(issued) == {"performer", "agent", "production", "union", "usage"}
        sums = {kind: document(issued[kind])["totals"][0] for kind in issued if kind != "usage"}
        # 5 s at 12.50 are 62.50; a tenth to the agent; 21 % on top to the fund.
        assert {kind: total["closing_minor"] for kind, total in sums.items()} == {
            "performer": 5625, "agent": 625, "production": 7563, "union": 1313,
        }  # fmt: skip
        books = balances(session, contract_id=story.scene.contract.series_id)
        assert books["performer:" + story.scene.performer.id + ":payable", "EUR"] == -5625
        assert document(issued["production"])["lines"][0]["entry_id"] == entry.id

    def test_a_line_names_output_contract_entry_and_the_clause_that_set_the_rate(
        self, session, story
    ):
        entry = story.use(session)
        (line,) = document(told(session, closed(session))["performer"])["lines"]
        contract = story.scene.contract
        assert line["output"]["generation_id"] == entry.generation_id
        assert line["output"]["sha256"] == "a" * 64
        assert line["output"]["project"] == "NIGHTGLASS"
        assert line["contract"] == {
            "id": contract.series_id, "version": 1, "document_sha256": contract.document_sha256,
        }  # fmt: skip
        assert (line["entry_sha256"], line["quantities"]["seconds"]) == (entry.digest, "5")
        said = {each["pointer"]: each["said"] for each in line["clauses"]}
        assert said["/compensation/rate_minor"] == "Each second costs 12.50 EUR."
        assert "10 %" in said["/compensation/parties/0"]
        assert next(iter(said)) == "/compensation/rate_minor"

    def test_every_pointer_leads_into_the_signed_document(self, session, story):
        story.use(session)
        signed = json.loads(story.scene.contract.document)
        for statement in told(session, closed(session)).values():
            for line in document(statement)["lines"]:
                for clause in line.get("clauses", ()):
                    place = signed
                    for step in clause["pointer"].split("/")[1:]:
                        place = place[int(step)] if isinstance(place, list) else place[step]
                    assert clause["said"]

    def test_again_issues_nothing_new_and_changes_nothing(self, session, story):
        story.use(session)
        period = closed(session)
        first = told(session, period)
        story.use(session)
        assert {k: v.document_sha256 for k, v in told(session, period).items()} == {
            k: v.document_sha256 for k, v in first.items()
        }

    def test_what_was_left_undone_is_issued_when_repeated(self, session, story):
        story.use(session)
        period = closed(session)
        with session.begin_nested() as savepoint:
            told(session, period)
            savepoint.rollback()
        assert len(told(session, period)) == 5

    def test_parties_that_are_not_registered_here_have_statements_all_the_same(self, session):
        a_captured_entry(session)
        issued = told(session, closed(session))
        assert {kind: each.party_id for kind, each in issued.items()} == {
            "performer": "P1", "agent": "AG1",
        }  # fmt: skip
        assert document(issued["agent"])["lines"][0]["contract"]["version"] is None


class TestCorrections:
    def test_fall_into_the_open_period_and_name_the_one_they_correct(self, session, story):
        entry = story.use(session)
        first = told(session, closed(session))["performer"]
        kept = first.document
        reversal = reverse_entry(session, entry, reason="unusable")
        second = document(told(session, closed(session))["performer"])
        (line,) = second["lines"]
        assert (line["what"], line["entry_id"]) == ("reversal", reversal.id)
        assert line["corrects"] == {"entry_id": entry.id, "period": 1}
        assert line["clauses"] == document(first)["lines"][0]["clauses"]
        assert second["totals"] == [
            {
                "currency": "EUR",
                "opening_minor": 5625,
                "posted_minor": 0,
                "corrected_minor": -5625,
                "moved_minor": 0,
                "closing_minor": 0,
            }
        ]
        session.expire_all()
        assert session.get_one(IssuedStatement, first.id).document == kept

    def test_a_refund_within_the_period_names_it_too(self, session, story):
        entry = story.use(session)
        refund_entry(session, entry, amount_minor=1000, key="k", reason="late")
        totals = document(told(session, closed(session))["production"])["totals"]
        assert (totals[0]["posted_minor"], totals[0]["corrected_minor"]) == (7563, -1000)

    def test_closing_is_the_next_opening(self, session, story):
        closings = []
        for _ in range(3):
            story.use(session)
            total = document(told(session, closed(session))["agent"])["totals"][0]
            closings.append((total["opening_minor"], total["closing_minor"]))
        assert closings == [(0, 625), (625, 1250), (1250, 1875)]


class TestUsageReport:
    def test_tells_the_union_who_what_and_how_long_and_no_money(self, session, story):
        story.use(session)
        issued = told(session, closed(session))["usage"]
        assert (issued.party_id, issued.about_id) == (
            story.union.id, story.scene.production.organization.id,
        )  # fmt: skip
        report = document(issued)
        (line,) = report["lines"]
        assert line["performer"] == {"id": story.scene.performer.id, "name": "The Girl"}
        assert (line["output"]["project"], line["seconds"]) == ("NIGHTGLASS", "5")
        assert line["day_equivalents"] is None
        assert report["totals"][0]["day_equivalents"] is None
        assert "minor" not in issued.document
        assert "EUR" not in issued.document

    def test_days_are_those_that_were_reported(self, session):
        story = a_story(session)
        from app.ledger import service as ledger
        from app.licensing.decisions import service as decisions

        terms = decisions.compensation_of(story.scene.contract)
        for number, days in enumerate(("0.5", "0.25")):
            ledger.post_usage(
                session,
                story.scene.contract.series_id,
                terms=terms,
                event=event_of(seconds="7.25", days=days),
                key=f"by hand {number}",
            )
        (total,) = document(told(session, closed(session))["usage"])["totals"]
        assert (total["uses"], total["seconds"], total["day_equivalents"]) == (2, "14.5", "0.75")

    def test_what_was_reversed_is_taken_back(self, session, story):
        entry = story.use(session)
        reverse_entry(session, entry, reason="unusable")
        report = document(told(session, closed(session))["usage"])
        assert [line["seconds"] for line in report["lines"]] == ["5", "-5"]
        assert report["totals"][0] | {"performer": None} == {
            "performer": None, "uses": 0, "seconds": "0", "day_equivalents": None,
        }  # fmt: skip


class TestWhoReads:
    def test_each_side_reads_its_own_and_everybody_else_learns_nothing(self, session, story):
        story.use(session)
        issued = told(session, closed(session))
        scene = story.scene
        may = {
            scene.desk.organization.id: {"performer"},
            scene.agency.organization.id: {"performer", "agent"},
            scene.production.organization.id: {"production"},
            story.union.id: {"union", "usage"},
            "org_" + "0" * 26: set(),
        }
        for organization_id, kinds in may.items():
            listed = statements.statements_for(session, organization_id)
            assert {each.kind for each in listed} == kinds
            for kind, statement in issued.items():
                if kind in kinds:
                    found = statements.statement_of(session, organization_id, statement.id)
                    assert found.id == statement.id
                else:
                    with pytest.raises(StatementNotFound):
                        statements.statement_of(session, organization_id, statement.id)

    def test_a_union_of_another_agreement_is_told_nothing(self, session, story):
        from tests.licensing import unions

        other, _ = unions.a_union(session, "ANOTHER-2026")
        story.use(session)
        told(session, closed(session))
        assert statements.statements_for(session, other.organization_id) == []

    def test_a_rule_that_lets_agents_read_productions_statements_is_found(
        self, session, story, monkeypatch
    ):
        monkeypatch.setattr(statements, "seen_by", lambda _organization_id: sa.true())
        with pytest.raises(AssertionError):
            self.test_each_side_reads_its_own_and_everybody_else_learns_nothing(session, story)


class TestShapes:
    def test_csv_has_the_same_lines_and_runs_no_formula(self, session, story):
        story.use(session, project="NIGHTGLASS")
        statement = told(session, closed(session))["performer"]
        (row,) = csv.DictReader(io.StringIO(paper.as_csv(statement)))
        (line,) = document(statement)["lines"]
        assert row["amount_minor"] == str(line["amount_minor"]) == "5625"
        assert row["generation_id"] == line["output"]["generation_id"]
        assert row["clauses"].split()[0] == "/compensation/rate_minor"
        hostile = paper.table(["a"], [{"a": text} for text in ("=1+1", "-1", "+1", "@x", -5)])
        assert hostile.split("\r\n")[1:-1] == ["'=1+1", "'-1", "'+1", "'@x", "-5"]

    @pytest.mark.parametrize("kind", ["performer", "agent", "production", "union", "usage"])
    def test_pdf_is_readable_holds_the_json_and_is_the_same_each_time(self, session, story, kind):
        entry = story.use(session)
        reverse_entry(session, entry, reason="字 #panic()")
        statement = told(session, closed(session))[kind]
        pdf = paper.as_pdf(statement)
        assert pdf == paper.as_pdf(statement)
        reader = pypdf.PdfReader(io.BytesIO(pdf), strict=True)
        assert reader.attachments["statement.json"][0] == statement.document.encode()
        text = "".join(page.extract_text() for page in reader.pages)
        assert paper.TITLES[kind] in text
        assert entry.generation_id in text
        if kind == "performer":
            assert "56.25 EUR" in text
            assert "Each second costs 12.50 EUR." in text
            assert "Corrects" in text

    def test_pdf_is_in_the_readers_language_over_the_same_json(self, session, story):
        story.use(session)
        issued = told(session, closed(session))
        statement = issued["performer"]
        assert statements.clauses_in_words(session, statement) == {}  # kept in English already
        with language.reading_in("es"):
            clauses = statements.clauses_in_words(session, statement)
            pdf = paper.as_pdf(statement, clauses)
            usage = paper.as_pdf(issued["usage"])
        reader = pypdf.PdfReader(io.BytesIO(pdf), strict=True)
        assert reader.attachments["statement.json"][0] == statement.document.encode()
        text = "".join(page.extract_text() for page in reader.pages)
        for said in ("Lo que ganó tu réplica", "56,25 EUR", "Cada segundo cuesta 12,50 EUR.",
                     "5 segundos", "uso · NIGHTGLASS"):  # fmt: skip
            assert said in text
        assert "Each second" not in text
        english = "".join(
            page.extract_text()
            for page in pypdf.PdfReader(io.BytesIO(paper.as_pdf(statement))).pages
        )
        assert "Each second costs 12.50 EUR." in english
        told_union = "".join(
            page.extract_text() for page in pypdf.PdfReader(io.BytesIO(usage)).pages
        )
        assert "Cómo se usaron las réplicas" in told_union
        assert "escenas de película" in told_union

    def test_the_usage_report_names_pictures_which_last_no_time(self, session, story):
        generation = story.scene.ask(session)[1]
        entry = post_usage(
            session,
            story.scene.contract.series_id,
            terms=decisions.compensation_of(story.scene.contract).model_copy(
                update={"model": "per_render"}
            ),
            event=event_of(renders=1),
            key=generation.id,
            generation_id=generation.id,
        )
        report = document(told(session, closed(session))["usage"])
        assert [(x["what"], x["seconds"]) for x in report["lines"]] == [("use", "0")]
        reverse_entry(session, entry, reason="wrong")
        report = document(told(session, closed(session))["usage"])
        assert [x["what"] for x in report["lines"]] == ["reversal"]
        assert report["totals"][0]["uses"] == -1

    def test_the_usage_report_as_csv_has_seconds_and_no_money(self, session, story):
        story.use(session)
        written = paper.as_csv(told(session, closed(session))["usage"])
        (row,) = csv.DictReader(io.StringIO(written))
        assert (row["performer"], row["seconds"], row["day_equivalents"]) == ("The Girl", "5", "")
        assert "minor" not in written


class TestNeverChanges:
    def test_the_database_refuses_to_edit_a_statement(self, session, story):
        story.use(session)
        told(session, closed(session))
        session.commit()
        for verb in ("UPDATE issued_statement SET document = ''", "DELETE FROM issued_statement"):
            with pytest.raises(DBAPIError, match="append-only"):
                session.execute(sa.text(verb))
            session.rollback()


class TestClauses:
    def test_name_what_may_have_changed_the_price(self):
        terms = terms_of(
            floor_minor="100", realtime_multiplier="2", language_surcharge="0.1",
            included_languages=1, scale_floor_minor="50",
        )  # fmt: skip
        found = clauses_of(terms, event_of(seconds="1", languages=2), "agent:AG1:payable")
        assert [each.removeprefix("/compensation/") for each in found] == [
            "rate_minor", "language_surcharge", "floor_minor", "parties/0", "scale_floor_minor",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("event", "first"),
        [
            ({"advance": True}, "advance"),
            ({"period_end": True}, "minimum_guarantee_minor"),
            ({"principal_minor": "5", "days_late": 2}, "annual_rate"),
            ({"seconds": "5"}, "rate_minor"),
        ],
    )
    def test_the_first_is_the_one_that_set_the_rate(self, event, first):
        found = clauses_of(terms_of(), event_of(**event), "performer:P1:payable")
        assert found[0] == f"/compensation/{first}"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestCommand:
    def run(self, *words: str):
        return CliRunner().invoke(command, ["statement", *words])

    def test_closes_lists_and_shows(self, database, tmp_path):
        with db.writing() as session:
            story = a_story(session)
            story.use(session)
        tomorrow = self.run("close", "--until", "2126-01-01")
        assert "period-not-over" in tomorrow.output or tomorrow.exit_code
        with db.writing() as session:
            period = closed(session)
        until = f"{period.ends_at:%Y-%m-%dT%H:%M:%S}"
        assert self.run("close", "--until", until).exit_code != 0  # within the closed one
        with db.writing() as session:
            issued = told(session, period)
        listed = self.run("list", "--period", "1").output
        assert all(each.id in listed for each in issued.values())
        statement = issued["performer"]
        assert json.loads(self.run("show", statement.id).output) == document(statement)
        assert "5625" in self.run("show", statement.id, "--csv").output
        assert self.run("show", statement.id, "--out", str(tmp_path / "a.pdf")).exit_code == 0
        assert (tmp_path / "a.pdf").read_bytes() == paper.as_pdf(statement)

    def test_close_issues_and_may_be_repeated(self, database):
        with db.writing() as session:
            a_story(session).use(session)
        from datetime import timedelta

        from app import clock

        real = clock.now()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: real + timedelta(days=2))
            until = f"{real + timedelta(days=1):%Y-%m-%d}"
            first, again = (self.run("close", "--until", until) for _ in range(2))
        assert "1 of kind usage" in first.output
        assert (first.exit_code, first.output) == (0, again.output)
