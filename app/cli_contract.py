"""Commands about contracts as documents: templates of the usual deals, and paper."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

contracts = typer.Typer(no_args_is_help=True, help="Contracts: templates, and paper.")
out = Console(highlight=False)


@contracts.command("templates")
def list_templates() -> None:
    """List the templates of the usual deals."""
    from app.licensing.document.template import templates

    for template in templates().values():
        out.print(f"{template.name:<20} {template.about}", markup=False)


@contracts.command("template")
def use_template(
    name: Annotated[str, typer.Argument(help="One of `understudy contract templates`.")],
    form: Annotated[bool, typer.Option("--form", help="Print the blanks as JSON to edit.")] = False,
    filled: Annotated[
        Path | None,
        typer.Option("--fill", exists=True, dir_okay=False, help="The blanks, filled in."),
    ] = None,
) -> None:
    """Show a template; print its blanks (--form), or the document once they are filled (--fill)."""
    from app.licensing.document.template import fill, template_of

    template = template_of(name)
    if filled is not None:
        print(json.dumps(fill(template, _answers(filled)), indent=2, ensure_ascii=False))
    elif form:
        empty = {key: blank.default for key, blank in template.blanks.items()}
        print(json.dumps(empty, indent=2, ensure_ascii=False))
    else:
        out.print(f"{template.title}: {template.about}", markup=False)
        for choice in template.choices:
            out.print(f"  - {choice}", markup=False)
        out.print("\nTo fill in:")
        for key, blank in template.blanks.items():
            example = json.dumps(blank.example, ensure_ascii=False)
            left = "" if blank.required else "  (may be left out)"
            out.print(f"  {key:<18} {blank.asks}{left}\n{'':<21}{example}", markup=False)


@contracts.command("export")
def export_contract(
    contract_id: Annotated[str, typer.Argument(help="con_…")],
    to: Annotated[Path, typer.Option("--out", dir_okay=False, help="Where the PDF goes.")],
) -> None:
    """Write a contract as a PDF: plain words, signature page, and the signed document inside."""
    from app import db
    from app.licensing.contracts.models import Contract
    from app.licensing.paper.service import paper_of

    with db.reading() as session:
        contract = session.get(Contract, contract_id)
        if contract is None:
            raise typer.BadParameter(f"no contract has the id {contract_id}")
        to.write_bytes(paper_of(session, contract))
        out.print(f"{to}: the document in it is {contract.document_sha256}", markup=False)


@contracts.command("signature")
def export_signature(
    contract_id: Annotated[str, typer.Argument(help="con_…")],
    role: Annotated[str, typer.Option(help="performer or licensee")],
    to: Annotated[Path, typer.Option("--out", dir_okay=False, help="Where the JSON goes.")],
) -> None:
    """Write a signature with all that checks it: `understudy verify-signature` needs no more."""
    from app import db
    from app.licensing.contracts import service, signing
    from app.licensing.contracts.models import Contract

    with db.reading() as session:
        contract = session.get(Contract, contract_id)
        found = service.signatures_of(session, contract) if contract is not None else []
        for signature in found:
            if contract is not None and signature.role == role:
                to.write_text(json.dumps(signing.exported(session, contract, signature)))
                return
    raise typer.BadParameter(f"{contract_id} is not signed by the {role}")


def _answers(file: Path) -> dict[str, object]:
    try:
        answers = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}") from None
    if not isinstance(answers, dict):
        raise typer.BadParameter(f"{file} holds no JSON object; `--form` prints one to fill in")
    return answers
