"""What people write is text on every page; no page leads elsewhere, whatever an address says."""

import re

import pytest
import sqlalchemy as sa
from jinja2.lexer import Lexer
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from app import config, db
from app.main import operations_of
from app.web.pages import HERE, templates
from tests.http.house import a_house
from tests.http.things import things_of
from tests.identity.authenticator import ORIGIN
from tests.people.arriving import joined

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SCRIPT = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)"
ELSEWHERE = "//evil.example/"
# Columns that hold what somebody wrote, in whatever table they stand.
WRITTEN = re.compile(
    r"name|about|line|reason|note|said|text|word|words|statement|device|title|label|description"
)
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
SAFE = {("production_film.html", "now.html")}  # a template of ours, rendered with the same escapes
LEADS = ("href", "src", "action", "formaction")
ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(\"[^\"]*\"?|'[^']*'?|[^\s\"'>]+)")


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client)


@pytest.fixture
def everybody(served, house):
    """Somebody of each house, with a name nobody has."""
    scene = house.scene
    sides = {"desk": scene.desk, "production": scene.production, "agency": scene.agency}
    return {name: joined(served, side.organization, SCRIPT) for name, side in sides.items()}


def pages_with(served, ids):
    for each in operations_of(served):
        names = set(re.findall(r"{(\w+)}", each.path))
        if each.is_page and each.verb == "GET" and names <= ids.keys():
            path = re.sub(r"{(\w+)}", lambda name: ids[name[1]], each.path)
            if not re.search(r"/events$|\.css|\.js|export", path):
                yield each, path


def planted() -> int:
    """Write a script wherever a column holds somebody's words; say in how many."""
    count = 0
    for table in SQLModel.metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, sa.String | AutoString) or column.foreign_keys:
                continue
            if not any(WRITTEN.fullmatch(part) for part in column.name.split("_")):
                continue
            with db.engine().begin() as connection:
                try:
                    connection.exec_driver_sql(
                        f'UPDATE "{table.name}" SET "{column.name}" = ? || rowid '
                        f"WHERE \"{column.name}\" <> ''",
                        (SCRIPT,),
                    )
                    count += 1
                except sa.exc.IntegrityError:
                    continue  # a code of ours, or a row that nobody may change
    return count


@ONE_DATABASE
class TestEveryPage:
    def test_shows_a_script_that_somebody_wrote_as_text(self, served, house, everybody):
        ids = things_of(house)
        assert planted() > 20
        seen = 0
        for _each, path in pages_with(served, ids):
            for who, browser in everybody.items():
                answer = browser.open(path)
                if answer.headers.get("content-disposition", "").startswith("attachment"):
                    continue  # a table to download: no browser makes a page of it
                text = answer.text
                assert SCRIPT not in text, (path, who)
                seen += ESCAPED in text
        assert seen > 20

    def test_leads_nowhere_else_whatever_its_address_asks(self, served, house, everybody):
        asked = dict.fromkeys(("next", "back", "to", "url", "return_to", "redirect"), ELSEWHERE)
        for _each, path in pages_with(served, things_of(house)):
            for browser in everybody.values():
                answer = browser.client.get(path, params=asked, headers={"Host": "evil.example"})
                led = answer.headers.get("location", "/")
                assert led.startswith("/"), path
                assert not led.startswith(("//", "/\\")), path
                assert "evil.example" not in re.sub(r'name="back" value="[^"]*"', "", answer.text)


class TestTemplates:
    """Why that holds for every field there is, and for those that are added."""

    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
    def test_escapes_all_it_is_given(self, path):
        assert templates().autoescape is True
        assert list(open_doors(path.read_text("utf-8"), path.name)) == []

    @pytest.mark.parametrize(
        "planted",
        [
            "{{ name | safe }}",
            "{% autoescape false %}{{ name }}{% endautoescape %}",
            "<input value={{ name }}>",
            '<p onclick="show({{ name }})">',
            "<script>let name = {{ name }};</script>",
            '<a href="{{ each.homepage }}">',
        ],
    )
    def test_is_caught_where_it_does_not(self, planted):
        assert list(open_doors(planted, "planted.html"))


# What may stand first in an address: each is made by our own code.
OURS = {"path", "action", "src", "to", "back", "each.path", "onward", "original.still", "bad_csv"}
OURS |= {"leads_to[0]"}


def open_doors(source: str, name: str):
    """Yield whatever in a template lets a word be more than text."""
    text, expression = "", []
    for _line, kind, value in Lexer(templates()).tokeniter(source, "template"):
        if kind in ("variable_begin", "block_begin"):
            expression = []
        elif kind in ("variable_end", "block_end"):
            said = "".join(expression)
            if said.startswith("autoescape"):
                yield "escaping is switched"
            if "|safe" in said and (name, said.removesuffix("|safe")) not in SAFE:
                yield f"not escaped: {said}"
            text += f"\x00{said}\x00" if kind == "variable_end" else ""
        elif kind == "data":
            text += value
        elif kind not in ("whitespace", "comment", "comment_begin", "comment_end"):
            expression.append(value)
    yield from _in_scripts_and_tags(text)


def _in_scripts_and_tags(text: str):
    """Yield what stands in a script, unquoted in a tag, or first in an address, of others."""
    for inside in re.findall(r"<(?:script|style)\b[^>]*>(.*?)</", text, re.DOTALL):
        if "\x00" in inside:
            yield f"in a script: {inside}"
    plain = re.sub(r"\x00[^\x00]*\x00", lambda found: re.sub(r"[\"'<>=]", "", found[0]), text)
    for tag in re.findall(r"<[a-z][^<]*?>", plain):
        for attribute, value in ATTRIBUTE.findall(tag):
            first = re.match(r"[\"']\x00([^\x00]*)\x00", value)
            if attribute.startswith("on") or attribute == "style":
                yield f"runs: {attribute}"
            elif "\x00" in value and value[0] not in "\"'":
                yield f"not quoted: {attribute}={value}"
            elif attribute in LEADS and first and first[1] not in OURS:
                yield f"leads where it is told: {first[1]}"
