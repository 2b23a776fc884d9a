"""Commands about the rules: read them, check them, explain a decision; who keeps an agreement."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import db
from app.cli_check import AsJson
from app.config import settings

if TYPE_CHECKING:
    from app.licensing.deciding.policy_set import PolicySet
    from app.licensing.decisions.explain import Explanation

policy_commands = typer.Typer(no_args_is_help=True, help="The rules: list, show, check, explain.")
agreement_commands = typer.Typer(no_args_is_help=True, help="Agreements and their unions.")


@policy_commands.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """List every rule by its code, and the packs."""
    from app.licensing.decisions.published import as_json as published

    policies = _policies()
    if as_json:
        print(json.dumps(published(policies), ensure_ascii=False))
        return
    for rule in policies.rules.values():
        of = f"  [{rule.pack}]" if rule.pack else ""
        print(f"{rule.outcome:<14} {rule.id:<32} {rule.summary}{of}")
    for pack in policies.packs.values():
        until = f"to {pack.last_day}" if pack.last_day else "on"
        print(f"pack {pack.name}: {pack.title}, from {pack.first_day} {until}")
    print(f"digest {policies.digest}. Not legal advice.")


@policy_commands.command("show")
def show_policy(code: Annotated[str, typer.Argument(help="TERRITORY_NOT_LICENSED")]) -> None:
    """Show one rule: what it says, its source, and its text."""
    rule = _policies().rules.get(code)
    if rule is None:
        raise typer.BadParameter(f"no rule has the code {code}; see `understudy policy list`")
    print(f"{rule.id} ({rule.outcome}, {rule.file})\n{rule.summary}")
    print(f"Source: {rule.source}")
    if rule.clause:
        print(f"Clause: {rule.clause}")
    if rule.next_step:
        print(f"Next step: {rule.next_step}")
    print(f"\n{rule.text}")


@policy_commands.command("check")
def check_policies(
    directory: Annotated[
        Path | None, typer.Argument(help="A folder of rules; default: this installation's.")
    ] = None,
) -> None:
    """Validate a folder of rules, and say of everything that is wrong in which file and rule."""
    from app.licensing.deciding.policy_set import load_policies
    from app.licensing.deciding.rules import PolicySetInvalid

    try:
        policies = load_policies(directory or settings().policies_dir)
    except PolicySetInvalid as refusal:
        for problem in refusal.problems:
            print(problem)
        raise typer.Exit(1) from None
    print(f"{len(policies.rules)} rules, {len(policies.packs)} packs, digest {policies.digest}")


@policy_commands.command("explain")
def explain_decision(
    decision_id: Annotated[str, typer.Argument(help="dec_…")], as_json: AsJson = False
) -> None:
    """Explain a decision: each clause in plain words, the rule, the facts, what would help."""
    from app.licensing.decisions.explain import explain

    with db.reading() as session:
        found = explain(session, decision_id)
    if as_json:
        print(json.dumps(dataclasses.asdict(found), default=str, ensure_ascii=False))
        return
    print(_in_words(found))


def _in_words(found: "Explanation") -> str:
    lines = [f"{found.headline} {found.at.day} {found.at:%B %Y, %H:%M:%S} UTC, {found.decision_id}"]
    for number, reason in enumerate(found.reasons, 1):
        lines += ["", f"{number}. {reason.summary} ({reason.code})"]
        if reason.clause:
            said = f" says: {reason.sentence}" if reason.sentence else ""
            lines.append(f"   The contract, {reason.clause},{said}")
        for name, value in reason.facts:
            lines.append(f"   {name}: {value}")
        lines.append(f"   Source: {reason.source}")
        if reason.next_step:
            lines.append(f"   What would help: {reason.next_step}")
    if found.obligations:
        lines += ["", f"With it come: {', '.join(found.obligations)}"]
    return "\n".join([*lines, "", found.notice])


def _policies() -> "PolicySet":
    from app.licensing.deciding.policy_set import load_policies

    return load_policies(settings().policies_dir)


@agreement_commands.command("keep")
def name_keeper(
    agreement: Annotated[str, typer.Argument(help="As contracts name it: SAG-AFTRA-TVT-2026")],
    organization_id: Annotated[str, typer.Argument(help="org_… of kind union")],
) -> None:
    """Name the union that may suspend consent under an agreement during a strike."""
    from app.identity.models import Organization
    from app.licensing.strikes import service as strikes

    with db.writing() as session:
        union = session.get(Organization, organization_id)
        if union is None:
            raise typer.BadParameter(f"no organization has the id {organization_id}")
        strikes.name_keeper(session, agreement, union)
    print(f"{agreement} is kept by {organization_id}")
