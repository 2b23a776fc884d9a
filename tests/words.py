"""Bring the catalogues up to date: every sentence that `_`, `ngettext`, `marked` or trans marks.

    python -m tests.words

New sentences come in without a translation, for somebody to write; a sentence that is said no more
goes. What is translated stays as it was written.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from app.language import LANGUAGES, LOCALE, SOURCE
from app.licensing.deciding.policy_set import load_policies

ROOT = Path(__file__).parent.parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None}
TEMPLATE = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
MARKS = re.compile(r"\b(_|ngettext|marked)\(")
HEADER = (
    "# What pages and notices say, in another language: `make words` brings the list up to date."
)


def main() -> None:
    said = extracted()
    for language in LANGUAGES:
        if language != SOURCE:
            path = LOCALE / f"{language}.po"
            write(path, brought_up_to_date(said, path, language))
            known = kept(path, language)
            print(f"{path.name}: {len(known)} sentences, {len(list(untranslated(known)))} wait")


def extracted() -> Catalog:
    """Collect what is marked in the templates and the code, each with the files it is said in."""
    said = Catalog(charset="utf-8")
    for path in sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "app").rglob("*.html")]):
        method = _method(path)
        if method:
            options = TEMPLATE if method == "jinja2" else None
            for _line, message, _comments, context in extract_from_file(
                method, str(path), keywords=KEYWORDS, options=options
            ):
                place = str(path.relative_to(ROOT))
                said.add(message, locations=[(place, 0)], context=context)
    for text, place in ruled():
        said.add(text, locations=[(place, 0)])
    return said


def ruled() -> Iterator[tuple[str, str]]:
    """Yield what the rules say of themselves to people, each with its file."""
    policies = load_policies(ROOT / "policies")
    for rule in policies.rules.values():
        for text in filter(None, (rule.summary, rule.next_step)):
            yield text, f"policies/{rule.file}"
    for pack in policies.packs.values():
        yield pack.notice, f"policies/packs/{pack.name}.json"


def _method(path: Path) -> str:
    if path.suffix == ".html":
        return "jinja2"
    return "python" if MARKS.search(path.read_text("utf-8")) else ""


def brought_up_to_date(said: Catalog, path: Path, language: str) -> Catalog:
    """Return the catalogue with just the sentences that are said, translations as they were."""
    before = kept(path, language) if path.exists() else Catalog(locale=language)
    after = Catalog(locale=language, charset="utf-8")
    after._num_plurals, after._plural_expr = before.num_plurals, before.plural_expr
    for message in said:
        if message.id:
            old = before.get(message.id, message.context)
            after.add(
                message.id,
                old.string if old else None,
                locations=message.locations,
                context=message.context,
            )
    return after


def kept(path: Path, language: str) -> Catalog:
    """Read a catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=language)


def write(path: Path, catalogue: Catalog) -> None:
    """Write a catalogue in the order of files, without dates and line numbers: it merges well."""
    text = BytesIO()
    write_po(text, catalogue, width=10_000, sort_by_file=True, omit_header=True, no_location=False,
             include_lineno=False)  # fmt: skip
    plural = f"nplurals={catalogue.num_plurals}; plural={catalogue.plural_expr};"
    header = (
        f'{HEADER}\nmsgid ""\nmsgstr ""\n"Language: {catalogue.locale}\\n"\n'
        f'"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: {plural}\\n"\n\n'
    )
    path.write_text(header + text.getvalue().decode().strip() + "\n", "utf-8")


def untranslated(catalogue: Catalog) -> Iterator[Message]:
    """Yield what has no translation yet, or not in every form."""
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and not all(forms):
            yield message


def placeholders(text: str) -> list[str]:
    """Return the names a sentence leaves room for, and the marks around its words, sorted."""
    return sorted(re.findall(r"%\(\w+\)[sd]|%%|</?\w+|`", text))


if __name__ == "__main__":
    main()
