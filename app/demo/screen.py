"""What the demo shows in a terminal: steps with a sign, one table at the end, nothing more."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.audit.service import Verdict
from app.gateway.generators.local import LICENSE_NOTICE
from app.gateway.models import STATES
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.document.contract import recorded
from app.licensing.words import plain_language
from app.money import format_minor

# The clauses a permit for one scene rests on; the rest of the contract is not in question here.
CLAUSES = ("/grant/projects", "/grant/territories", "/grant/term", "/grant/quota", "/grant/content")
TONES = {"intact": "green", "recovered": "yellow"}


class Screen:
    """Prints the demo's progress, or nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(quiet=quiet, highlight=False)
        self._console.print(
            f"\n[bold]Understudy[/]  one licensed generation\n[dim]{LICENSE_NOTICE}[/]\n"
        )

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that a step is under way, then that it is done and how long it took."""
        begun = time.monotonic()
        with self._console.status(title):
            yield
        self._console.print(f"[green]✓[/] {title} [dim]{time.monotonic() - begun:.1f} s[/]")

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[str, str], None]]:
        """Show how far a generation has come; the caller tells its state, and that in words."""
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("held", total=STATES.index("released"))

            def show(state: str, words: str) -> None:
                done = min(STATES.index(state), STATES.index("released"))
                progress.update(task, description=f"  {words:<14}", completed=done)

            begun = time.monotonic()
            yield show
        self._console.print(f"[green]✓[/] {title} [dim]{time.monotonic() - begun:.1f} s[/]")

    def note(self, text: str) -> None:
        """Say one thing a step has found."""
        self._console.print(f"    {text}", markup=False)

    def decision(self, decision: Decision, contract: Contract) -> None:
        """Print a decision with the clauses that determined it."""
        self.note(
            f"{decision.outcome} under {contract.id}, decided by {decision.policy_digest[:16]}"
        )
        for explanation in decision.explanations:
            self.note(f"{explanation['policy']}: {explanation['summary']}")
        for sentence, pointer in plain_language.sentences(recorded(contract.document.encode())):
            if pointer.startswith(CLAUSES):
                self.note(f"  {pointer:<22} {sentence}")

    def end(
        self,
        summary: Mapping[str, Any],
        verdicts: Mapping[str, Verdict],
        money: Sequence[tuple[str, int, str]],
        files: Mapping[str, Path],
    ) -> None:
        """Print the one-screen summary, and what to try next."""
        self._console.print()
        table = Table("File", "Verdict", "Why", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name, verdict in verdicts.items():
            tone = TONES.get(verdict.verdict, "red")
            table.add_row(files[name].name, f"[{tone}]{verdict.verdict}[/]", verdict.sentence)
        self._console.print(table)
        self._console.print()
        book = Table("Account", "Amount", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        book.columns[1].justify = "right"
        for account, amount_minor, currency in money:
            book.add_row(account, format_minor(amount_minor, currency))
        self._console.print(book)
        self._console.print(
            f"\nBooks balanced: {_yes(summary['ledger_balanced'])}   "
            f"log verified: {_yes(summary['log_verified'])}   "
            f"{summary['elapsed_s']} s"
        )
        out, command = files["original"].parent, ".venv/bin/understudy"
        here = f"UNDERSTUDY_DATA_DIR={out}/installation {command}"
        self._console.print(
            f"\nThe files and contact-sheet.png are in [bold]{out}[/].\nTry next:\n"
            f"  {command} demo --portrait YOUR.jpg --line 'Your own words.'\n"
            f"  {here} verify {files['reencoded']}\n"
            f"  {here} serve\n",
        )


def _yes(value: bool) -> str:
    return "[green]yes[/]" if value else "[red]no[/]"
