"""`understudy generators`: what there is, whose credentials are here, which jobs are in doubt."""

import json
import sys
from typing import Annotated, Any

import typer

from app import db
from app.cli_check import AsJson
from app.config import settings
from app.gateway import buying, events, progress, rendering, shown, unreturned, vendor_copies
from app.gateway.generators import catalogue, credentials

generator_commands = typer.Typer(
    no_args_is_help=True, help="Generators: their models, vendors' credentials, jobs in doubt."
)
credential_commands = typer.Typer(no_args_is_help=True, help="What proves to vendors who calls.")
job_commands = typer.Typer(no_args_is_help=True, help="Jobs of which nobody can tell if they run.")
copy_commands = typer.Typer(no_args_is_help=True, help="Likenesses that vendors did not delete.")
generator_commands.add_typer(credential_commands, name="credentials")
generator_commands.add_typer(job_commands, name="jobs")
generator_commands.add_typer(copy_commands, name="copies")
Vendor = Annotated[str, typer.Argument(help="As `understudy generators list` names it.")]
GenerationId = Annotated[str, typer.Argument(help="gen_…, as `generators jobs list` prints it.")]


@generator_commands.command("list")
def list_generators(as_json: AsJson = False) -> None:
    """List every model: whose it is, whether it is available here, what it can do."""
    models = catalogue.listing()
    if as_json:
        print(json.dumps(models))
        return
    for model in models:
        print(f"{model['model']:<29} {model['vendor']:<10} {model['state']}")
        if model["reason"]:
            print(f"  {model['reason']}")
        if "seconds" in model:
            for text in (
                _what_it_does(model),
                _what_becomes_of_it(model),
                model["evidence"],
                *model["license_notes"],
            ):
                print(f"  {text}")


def _what_it_does(model: dict[str, Any]) -> str:
    """Say in one line what goes into a model, what comes out, and what its vendor asks."""
    low, high = model["seconds"]
    few, many = model["references"]
    said = [model["output"] + (f" of {low:g} to {high:g} s" if high else "")]
    said.append(f"{few} to {many} references" if many > few else f"references: {few}")
    said += [f"needs {role}" for role in model["materials_needed"]]
    said += [
        f"takes {role}" for role in model["materials"] if role not in model["materials_needed"]
    ]
    if price := model["price"]:
        asked = f"{price['amount']} {price['currency']} per {price['unit']} ({price['read_on']})"
        said.append(f"{asked}, as said by: {price['source']}")
    elif model["vendor"] not in {"local", "renderer"}:  # of those nothing is bought
        said.append("no price known")
    said += [f"{width}x{height}" for width, height in model["sizes"]]
    if model["output"] == "video":
        said.append("with sound" if model["audio"] else "silent")
        said.append("the mouth follows the words" if model["lip_sync"] else "no lip-sync")
    return ", ".join(said)


def _what_becomes_of_it(model: dict[str, Any]) -> str:
    """Say in one line what the vendor does with what it is sent, and writes into what it makes."""
    word = model["attested_by"] or "nobody's word"
    if model["attestation_read_on"]:
        word += f", read on {model['attestation_read_on']}"
    said = [
        ("learns" if model["trains_on_inputs"] else "does not learn") + f" from inputs ({word})"
    ]
    said.append(f"inbound credentials: {model['inbound_provenance']}")
    said.append(f"deletes: {model['deletion'] or 'no call known'}")
    if model["retires_on"]:
        said.append(f"retires on {model['retires_on']}")
    return "; ".join(said)


@generator_commands.command("renderers")
def list_renderers() -> None:
    """Say how many jobs each renderer outside took and never handed in, and what is due."""
    with db.reading() as session:
        for model, (late, taken) in unreturned.counted(session).items():
            print(f"{model}  never handed in: {late} of {taken} that were due")
        for model, organization_id in settings().renderer_organizations.items():
            for job, generation in rendering.jobs_of(session, organization_id):
                if generation.generator == model:
                    print(f"{job.id}  {model}  {job.state}  due {job.due_at.isoformat()[:16]}")


@generator_commands.command("under-way")
def list_under_way() -> None:
    """List the generations that have not ended, oldest first: how far each is, and who is next."""
    with db.reading() as session:
        for each in shown.under_way(session):
            waits_for = events.WAITS_FOR[each.state]
            print(f"{each.id}  {each.generator}  {progress.in_words(each)}  waits for {waits_for}")


@credential_commands.command("set")
def set_credentials(vendor: Vendor) -> None:
    """Keep a vendor's credentials: one JSON object, from standard input, never from an argument."""
    names = {each.name for each in catalogue.VENDORS}
    if vendor not in names:
        raise typer.BadParameter(f"choose one of {', '.join(sorted(names))}")
    try:
        content = json.loads(sys.stdin.read())
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise typer.BadParameter("give one JSON object of texts, as docs/generators says")
    with db.writing() as session:
        credentials.keep(session, vendor, content)
    print(f"kept the credentials for {vendor}: {', '.join(sorted(content))}")


@credential_commands.command("list")
def list_credentials(as_json: AsJson = False) -> None:
    """List whose credentials are here, since when, and what their parts are called."""
    with db.reading() as session:
        rows = [
            {"vendor": each.vendor, "names": each.names, "kept_at": each.kept_at.isoformat()}
            for each in credentials.kept(session)
        ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['vendor']:<12} {', '.join(row['names'])}  since {str(row['kept_at'])[:16]}")


@credential_commands.command("remove")
def remove_credentials(vendor: Vendor) -> None:
    """Forget a vendor's credentials: its models are not configured from then on."""
    with db.writing() as session:
        credentials.drop(session, vendor)
    print(f"there are no credentials for {vendor}")


@job_commands.command("list")
def list_jobs(as_json: AsJson = False) -> None:
    """List the jobs to look for at the vendor's: their reply was lost, their holds stay."""
    with db.reading() as session:
        rows = [
            {
                "generation": job.generation_id,
                "vendor": job.vendor,
                "model": job.model,
                "ordered_at": job.created_at.isoformat(),
                "why": job.detail,
            }
            for job in buying.unsettled(session)
        ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['generation']}  {row['model']}  since {row['ordered_at'][:16]}")
        print(f"  {row['why']}")


@job_commands.command("found")
def job_found(
    generation_id: GenerationId,
    reference: Annotated[str, typer.Argument(help="What the vendor calls the job.")],
) -> None:
    """Go on with a job that you found at the vendor's: its result is fetched and used."""
    buying.settle_found(generation_id, reference)
    print(f"{generation_id} goes on with the vendor's job")


@job_commands.command("absent")
def job_absent(generation_id: GenerationId) -> None:
    """Say that you looked and the vendor has no such job: the hold is let go."""
    with db.writing() as session:
        buying.settle_absent(session, generation_id)
    print(f"{generation_id} has ended; nothing was charged")


@copy_commands.command("list")
def list_copies() -> None:
    """List the copies at vendors that a person must ask about: no call deletes or confirms them."""
    with db.reading() as session:
        for copy in vendor_copies.unconfirmed(session):
            print(f"{copy.id}  {copy.vendor}  {copy.reference or 'unnamed'}  {copy.performer_id}")
            print(f"  {copy.what}; sent {copy.sent_at.isoformat()[:16]}; {copy.detail}")


@copy_commands.command("confirm")
def confirm_copy(
    copy_id: Annotated[str, typer.Argument(help="vcp_…, as `generators copies list` prints it.")],
    note: Annotated[str, typer.Option(help="Who at the vendor's confirmed it, and when.")],
) -> None:
    """Put down that you have the vendor's word that a copy is gone: certificates leave it out."""
    with db.writing() as session:
        vendor_copies.confirm(session, copy_id, note=note)
    print(f"{copy_id} is gone")
