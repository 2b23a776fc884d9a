"""What the pages say of the code is so: settings, names, links, states, floors, licenses, words."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from app.config import Settings
from app.gateway import models, pipeline

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LINK = re.compile(
    r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)"
)
CODE = re.compile(r"```.*?```", re.DOTALL)
ROW = re.compile(r"^\| (.+?) \|$", re.MULTILINE)
SETTING = re.compile(r"\bUNDERSTUDY_[A-Z_]*[A-Z]\b")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _rows(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column is headed so."""
    found: list[list[str]] = []
    inside = False
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line[:1] == "|" else []
        if not cells:
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside and not set(cells[0]) <= {"-"}:
            found.append(cells)
    return found


def _links(page: Path) -> Iterator[tuple[str, str]]:
    for match in LINK.finditer(CODE.sub("", page.read_text("utf-8"))):
        target = match["target"] or match["image"]
        if not target.startswith(("http://", "https://", "mailto:")):
            yield match["text"] or "", target


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings make, as code hosts spell them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text("utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def _defined(file: Path) -> set[str]:
    """Return what a Python file defines at its top: functions, classes, constants."""
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _dead_links(page: Path) -> list[str]:
    dead = []
    for text, target in _links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            dead.append(f"[{text}]({target})")
    return dead


def _missing_names(page: Path) -> list[str]:
    """List links that name something in code (`name`) which the linked file does not define."""
    missing = []
    for text, target in _links(page):
        code = re.fullmatch(r"`(?:\w+\.)?(\w+)`", text)
        file = (page.parent / target).resolve()
        if code and file.suffix == ".py" and file.exists() and code[1] not in _defined(file):
            missing.append(f"{text} is not in {target}")
    return missing


class TestLinkPages:
    @pytest.mark.parametrize("page", PAGES, ids=_name)
    def test_every_relative_link_leads_somewhere(self, page: Path) -> None:
        assert _dead_links(page) == []

    @pytest.mark.parametrize("page", PAGES, ids=_name)
    def test_every_linked_name_is_defined_where_the_link_says(self, page: Path) -> None:
        assert _missing_names(page) == []

    def test_a_dead_link_and_a_wrong_name_are_noticed(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        (tmp_path / "code.py").write_text("def render(): ...\n")
        page.write_text(
            "# A page\n[`render`](code.py) [here](#a-page) [`rend`](code.py) [x](no.md)"
        )
        assert _dead_links(page) == ["[x](no.md)"]
        assert _missing_names(page) == ["`rend` is not in code.py"]

    def test_every_page_that_code_sends_its_reader_to_exists(self) -> None:
        files = [*ROOT.glob("app/**/*.py"), *ROOT.glob("watermark/**/*.py")]
        named = {
            page
            for file in files
            for page in re.findall(r"\bdocs/[\w/.-]+\.md\b", file.read_text())
        }
        assert named
        assert sorted(page for page in named if not (ROOT / page).exists()) == []


class TestListSettings:
    def test_every_setting_stands_in_the_table_with_its_default(self) -> None:
        written = {row[0]: row[1] for row in _rows(DOCS / "configuration.md", "environment name")}
        prefix = Settings.model_config["env_prefix"]
        real = {
            f"`{prefix}{name.upper()}`": self._shown(field.default)
            for name, field in Settings.model_fields.items()
        }
        assert written == real

    def test_every_setting_named_in_code_or_on_a_page_exists(self) -> None:
        files = [*ROOT.glob("app/**/*.py"), *PAGES, ROOT / "Makefile"]
        prefix = Settings.model_config["env_prefix"]
        real = {f"{prefix}{name.upper()}" for name in Settings.model_fields}
        named = {name for file in files for name in SETTING.findall(file.read_text("utf-8"))}
        assert named - real == set()

    @staticmethod
    def _shown(default: object) -> str:
        if default is None or default == "":
            return "empty"
        return f"`{str(default).lower() if isinstance(default, bool) else default}`"


class TestTellGeneration:
    def test_the_states_are_those_of_the_code_in_order(self) -> None:
        written = [row[0].strip("`") for row in _rows(DOCS / "generation.md", "state")]
        assert tuple(written) == models.STATES

    def test_the_endings_are_those_of_the_code(self) -> None:
        rows = _rows(DOCS / "generation.md", "state")
        endings = {row[0].strip("`") for row in rows if row[1].startswith("an ending")}
        assert endings == models.FINAL

    def test_every_state_leads_to_later_ones_only(self) -> None:
        for state, _, later in _rows(DOCS / "generation.md", "state"):
            at = models.STATES.index(state.strip("`"))
            assert set(re.findall(r"`(\w+)`", later)) <= set(models.STATES[at + 1 :])
            assert bool(later) == (state.strip("`") not in models.FINAL)

    def test_every_stage_is_told_in_the_order_it_runs(self) -> None:
        text = (DOCS / "generation.md").read_text("utf-8")
        told = re.findall(r"\[`(\w+)`\]\(\.\./app/gateway/pipeline\.py\)", text)
        stages = [stage.__name__ for stage in pipeline.STAGES]
        assert [name for name in told if name in stages] == stages


class TestDrawFloors:
    def test_the_floors_are_those_that_lint_enforces(self) -> None:
        text = (DOCS / "architecture.md").read_text("utf-8")
        written = re.findall(r"```floors\n(.*?)```", text, re.DOTALL)[0].strip().splitlines()
        contracts = PROJECT["tool"]["importlinter"]["contracts"]
        assert written == next(each["layers"] for each in contracts if each["type"] == "layers")

    def test_every_import_contract_is_named(self) -> None:
        text = (DOCS / "architecture.md").read_text("utf-8")
        names = [contract["name"] for contract in PROJECT["tool"]["importlinter"]["contracts"]]
        assert [name for name in names if f"**{name}**" not in text] == []


class TestNameLicenses:
    PAGE = DOCS / "licenses.md"
    FAMILIES = re.compile(r"MIT|BSD|Apache|ISC|PSF|MPL|Mozilla|Boost|CMU", re.IGNORECASE)

    def test_every_direct_dependency_is_listed_and_nothing_else(self) -> None:
        asked = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
        names = {re.match(r"[\w.-]+", requirement)[0] for requirement in asked}  # type: ignore[index]
        assert {row[0] for row in _rows(self.PAGE, "package")} == names

    def test_each_license_is_the_one_the_package_states(self) -> None:
        wrong = {
            name: (written.strip("`"), _license_of(name))
            for name, written, *_ in _rows(self.PAGE, "package")
            if written.strip("`") != _license_of(name)
        }
        assert wrong == {}

    def test_every_locked_package_has_a_license_known_here_or_is_named(self) -> None:
        text = self.PAGE.read_text("utf-8")
        locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
        installed = {each.name.lower().replace("_", "-") for each in metadata.distributions()}
        unknown = [
            name
            for name in locked
            if name in installed
            and not self.FAMILIES.search(_license_of(name))
            and not re.search(rf"(\| |`){re.escape(name)}[ `]", text)
        ]
        assert unknown == []

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_the_switch_that_this_page_promises_takes_the_puppet_off_the_list(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from app import config
        from app.gateway.generators import catalogue

        def rendering_here() -> list[str]:
            return [each["model"] for each in catalogue.listing() if each["vendor"] == "local"]

        assert rendering_here()
        assert catalogue.notices()
        monkeypatch.setenv("UNDERSTUDY_LOCAL_GENERATOR", "false")
        config.settings.cache_clear()
        assert rendering_here() == []
        assert catalogue.notices() == ()


def _license_of(name: str) -> str:
    """Return what an installed package says its license is, in its own words."""
    said = metadata.metadata(name)
    for field in ("License-Expression", "License"):
        stated = str(next(iter(said.get_all(field) or []), "")).strip()
        if stated and "\n" not in stated:
            return stated
    kinds = [kind for kind in said.get_all("Classifier") or [] if kind.startswith("License ::")]
    return "; ".join(kind.rpartition(" :: ")[2] for kind in kinds) or "none stated"


class TestKeepWords:
    def test_no_page_rule_or_line_of_code_uses_a_word_the_glossary_rules_out(self) -> None:
        words = [row[0] for row in _rows(DOCS / "glossary.md", "not")]
        assert words
        spelled = "|".join(_spellings(word) for word in words)
        pattern = re.compile(rf"\b(?:{spelled})\b", re.IGNORECASE)
        files = [page for page in PAGES if page.name != "glossary.md"]
        files += [*ROOT.glob("app/**/*.py"), *ROOT.glob("watermark/**/*.py")]
        files += ROOT.glob("policies/**/*.cedar")
        found = [
            f"{_name(file)}: {match[0]}"
            for file in files
            for match in pattern.finditer(file.read_text("utf-8"))
        ]
        assert found == []

    @pytest.mark.parametrize("said", ["log entries", "log entry", "revokes consent", "Avatars"])
    def test_other_forms_of_a_ruled_out_word_are_noticed(self, said: str) -> None:
        words = {"log entry", "revoke consent", "avatar"}
        assert any(re.fullmatch(_spellings(word), said, re.IGNORECASE) for word in words)


def _spellings(words: str) -> str:
    """Return a pattern for a word or phrase, its plural, its past, over line ends too."""
    forms = []
    for word in words.split():
        stem = word.removesuffix("y").removesuffix("e")
        forms.append(f"{re.escape(stem)}(?:y|ies|e|es|ed|ing|s)?")
    return r"\s+".join(forms)


class TestKeepDecisions:
    FILES = sorted(DOCS.glob("decisions/0*.md"))
    PARTS = ("Context", "Decision", "Consequences", "What we measured or read")

    def test_they_are_numbered_without_a_gap_and_listed(self) -> None:
        assert [int(file.name[:4]) for file in self.FILES] == list(range(1, len(self.FILES) + 1))
        listed = (DOCS / "decisions" / "README.md").read_text("utf-8")
        assert [file.name for file in self.FILES if f"({file.name})" not in listed] == []

    @pytest.mark.parametrize("file", FILES, ids=_name)
    def test_each_has_the_parts_of_the_one_format(self, file: Path) -> None:
        parts = re.findall(r"^## (.+)$", file.read_text("utf-8"), re.MULTILINE)
        assert tuple(parts) == self.PARTS
        assert re.match(rf"# {file.name[:4]}: \S", file.read_text("utf-8"))


class TestKeepMerged:
    @pytest.mark.parametrize("page", [*PAGES, ROOT / "requirements.lock"], ids=_name)
    def test_no_two_versions_stand_side_by_side(self, page: Path) -> None:
        assert re.findall(r"^(?:<{7}|>{7}) .*$", page.read_text("utf-8"), re.MULTILINE) == []


class TestKeepChangelog:
    def test_the_version_of_the_package_has_a_section(self) -> None:
        text = (ROOT / "CHANGELOG.md").read_text("utf-8")
        assert f"## [{PROJECT['project']['version']}] - " in text
