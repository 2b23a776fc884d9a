"""Every sentence a person reads goes through gettext, and is said in Spanish too."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jinja2.lexer import Lexer

from app import language
from app.web.pages import templates
from tests import words

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = sorted((ROOT / "app/web/templates").glob("*.html"))
MODULES = sorted((ROOT / "app/web").glob("*.py"))
# Said as they are in every language: names, signs, codes.
SAME = {"Understudy", "PDF", "SHA-256", "UTC", "EUR"}
CLASSES = {"act refuse", "act yes"}


@pytest.fixture(scope="module")
def said():
    return words.extracted()


class TestEveryTemplate:
    @pytest.mark.parametrize("name", [each.name for each in TEMPLATES])
    def test_marks_all_its_words(self, name):
        source = (ROOT / "app/web/templates" / name).read_text("utf-8")
        assert list(unmarked(source)) == []

    @pytest.mark.parametrize(
        "planted",
        [
            "<p>Pay now</p>",
            '<img alt="A face">',
            '{{ "two words" if a else b }}',
            "{% trans %}Fine{% endtrans %} but this",
            "{{ _('Fine') }} <b>no</b>",
        ],
    )
    def test_is_caught_with_a_word_that_is_not_marked(self, planted):
        assert list(unmarked(planted))

    @pytest.mark.parametrize(
        "fine",
        [
            '<p class="a b">{{ _("Pay now") }}</p>',
            "{% trans n=3 %}Pay {{ n }} <b>now</b>{% endtrans %}",
            '<a href="/x" aria-label="{{ _("A face") }}">{{ name }}, {{ 3 }} · – ✓</a>',
        ],
    )
    def test_is_let_through_with_marked_words(self, fine):
        assert list(unmarked(fine)) == []


class TestEveryModule:
    @pytest.mark.parametrize("name", [each.name for each in MODULES])
    def test_marks_all_its_sentences(self, name):
        assert list(sentences((ROOT / "app/web" / name).read_text("utf-8"))) == []

    def test_is_caught_with_a_sentence_that_is_not_marked(self):
        assert list(sentences('raise Refused("you may not do this")'))
        assert list(sentences('raise Refused(f"{name} may not do this")'))
        assert list(sentences("told = f\"{_('you may not')}\""))

    def test_is_let_through_with_marked_sentences(self):
        fine = 'def f():\n    """Say it."""\n    raise Refused(_("you may not %(a)s", a="x"))\n'
        assert list(sentences(fine)) == []


class TestTheSpanishCatalogue:
    def test_has_just_the_sentences_that_are_said(self, said):
        known = words.kept(language.LOCALE / "es.po", "es")
        assert {each.id for each in known} == {each.id for each in said}, "run `make words`"

    def test_leaves_nothing_in_english(self):
        known = words.kept(language.LOCALE / "es.po", "es")
        waiting = [each.id for each in words.untranslated(known)]
        assert waiting == [], "write these in app/locale/es.po"

    def test_keeps_every_placeholder_and_mark(self):
        for message in words.kept(language.LOCALE / "es.po", "es"):
            if not message.id:
                continue
            singular, *more = message.id if isinstance(message.id, tuple) else (message.id,)
            forms = message.string if more else (message.string,)
            room = [words.placeholders(each) for each in (singular, *more)]
            for form in forms:
                assert words.placeholders(form) in room, message.id


class TestTheLanguage:
    @pytest.mark.parametrize(
        ("chosen", "accepted", "expected"),
        [
            ("", "", "en"),
            ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
            ("", "fr, en;q=0.5, es;q=0.7", "es"),
            ("", "es;q=0, en", "en"),
            ("", "de;q=many", "en"),
            ("es", "en", "es"),
            ("xx", "es", "es"),
        ],
    )
    def test_is_the_chosen_one_else_what_the_browser_asks_for(self, chosen, accepted, expected):
        assert language.wanted(chosen, accepted) == expected

    def test_writes_money_and_days_as_its_readers_do(self):
        at = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
        assert language.day(at) == "4 May 2026, 09:30 UTC"
        assert language.money(-123456, "EUR") == "-1,234.56 EUR"
        with language.reading_in("es"):
            assert language.day(at) == "4 de mayo de 2026, 09:30 UTC"
            assert language.money(-123456, "EUR") == "-1\u00a0234,56 EUR"
        assert language.reads() == "en"


def unmarked(source: str):
    """Yield the words of a template that no mark holds: in its text, attributes and expressions."""
    env = templates()
    text, in_trans = "", False
    expression: list[tuple[str, str]] = []
    for _line, kind, value in Lexer(env).tokeniter(source, "template"):
        if kind == "block_begin" or kind == "variable_begin":
            expression = []
        elif kind in ("block_end", "variable_end"):
            first = expression[0][1] if expression else ""
            if kind == "block_end" and first in ("trans", "endtrans"):
                in_trans = first == "trans"
            elif first not in ("extends", "include", "from", "import"):
                yield from spoken(expression)
            text += "\x00" if kind == "variable_end" else ""
            expression = []
        elif kind == "data":
            text += "" if in_trans else value
        elif kind not in ("whitespace", "comment", "comment_begin", "comment_end"):
            expression.append((kind, value))
    text = re.sub(r"<code>[^<]*</code>", " ", text)  # what a program is called, is called so
    shown = re.findall(r'(?:alt|aria-label|title|placeholder)="([^"]*)"', text)
    shown.append(re.sub(r"<[^>]*>", " ", text))
    for each in shown:
        for word in re.findall(r"[^\W\d_][\w'’-]*[^\W\d_]", re.sub(r"&\w+;|\w+_\S*", " ", each)):
            if word not in SAME:
                yield word


def spoken(expression: list[tuple[str, str]]):
    """Yield strings of an expression that read as words and stand in no call of `_`."""
    for place, (kind, value) in enumerate(expression):
        if kind != "string" or value[1:-1] in CLASSES:
            continue
        before = [each for _kind, each in expression[max(0, place - 2) : place]]
        if before == ["_", "("] or before[:1] == ["ngettext"]:
            continue
        if re.search(r"[^\W\d_]\s+[^\W\d_]|^.[✓✕?–→] |^.[A-Z][a-z]", value):
            yield value


def sentences(source: str):
    """Yield the strings of a module that read as sentences and that no mark holds."""
    tree = ast.parse(source)
    fine = {id(each) for part in _fine(tree) for each in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):  # gettext's tools look into no f-string
            for each in ast.walk(node):
                if isinstance(each, ast.Call) and _named(each.func) in MARKS:
                    yield each.lineno, "marked inside an f-string"
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in fine
            and re.search(r"[^\W\d_]{2,} [^\W\d_]+ ?|[a-z]{2}\.$|^[✓✕?–→] \w", node.value)
        ):
            yield node.lineno, node.value


def _fine(tree: ast.AST):
    """Yield what is marked, what is a docstring, and what a header says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _named(node.func) in MARKS:
            yield from node.args
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node
        if isinstance(node, ast.Dict):
            yield from (
                value for key, value in zip(node.keys, node.values, strict=True) if _header(key)
            )


MARKS = {"_", "ngettext", "marked", "compile", "Lexer"}


def _named(func: ast.expr) -> str:
    return func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")


def _header(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and bool(
        re.fullmatch(r"[A-Z][A-Za-z-]*-[A-Za-z-]*", str(key.value))
    )
