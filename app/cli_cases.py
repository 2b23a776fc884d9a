"""Commands of the operator's for cases: what is open, what it is about, and how it ends."""

from typing import Annotated

import typer

from app import db

case_commands = typer.Typer(
    no_args_is_help=True, help="Disputes and take-downs: list, look, take up, extend, decide."
)
CaseId = Annotated[str, typer.Argument(help="cas_…")]
Because = Annotated[str, typer.Option("--because", help="Why: every side reads it.")]


@case_commands.command("list")
def list_cases() -> None:
    """List what is open, the one that is due first at the top."""
    from app import clock
    from app.cases import reading

    with db.reading() as session:
        for each in reading.open_cases(session):
            about = each.generation_id or f"file {(each.file_sha256 or '')[:12]}…"
            print(
                f"{each.id}  {reading.state_of(each, clock.now())}  {each.asked} of {about}, by a "
                f"{each.side}: {each.ground}; due {each.decide_by:%Y-%m-%d %H:%M} UTC"
            )


@case_commands.command("show")
def show_case(case_id: CaseId) -> None:
    """Print a case with everything said in it, and the SHA-256 of what was frozen."""
    from sqlmodel import Session

    from app.cases import reading
    from app.cases.errors import CaseNotFound
    from app.cases.models import Case

    def found(session: Session) -> Case:
        case = session.get(Case, case_id)
        if case is None:
            raise CaseNotFound(f"no case has the id {case_id[:64]}; `understudy cases list` lists")
        return case

    with db.reading() as session:
        case = found(session)
        print(f"{case.id}  {case.asked}: {case.ground}  evidence {case.evidence_sha256}")
        for each in reading.events_of(session, case.id):
            print(f"  {each.at:%Y-%m-%d %H:%M} UTC  {each.side} {each.kind}: {each.words}")
        if case.closed_at is not None:
            print(f"  ended: {', '.join(case.outcomes)}")


@case_commands.command("take-up")
def take_up(case_id: CaseId, because: Because) -> None:
    """Let a visitor's case bar erasures from now on."""
    from app.cases import service as cases

    with db.writing() as session:
        cases.take_up(session, case_id, because=because)
    print(f"{case_id} is taken up: nothing of the performers in it is erased until it ends")


@case_commands.command("extend")
def extend(
    case_id: CaseId,
    because: Because,
    days: Annotated[int, typer.Option(min=1, help="From its present end.")] = 14,
) -> None:
    """Give a case more time."""
    from app.cases import service as cases

    with db.writing() as session:
        until = cases.extend(session, case_id, days=days, because=because).decide_by
    print(f"{case_id} is to be decided by {until:%Y-%m-%d %H:%M} UTC")


@case_commands.command("decide")
def decide(
    case_id: CaseId,
    outcome: Annotated[
        list[str],
        typer.Option("--outcome", help="takedown, reversal, correction, settled or dismissed."),
    ],
    because: Because,
) -> None:
    """End a case, and do what comes of it: take the output down, give back what it cost."""
    from app.cases import service as cases

    with db.writing() as session:
        cases.decide(session, case_id, outcome, because=because)
    print(f"{case_id} ended: {', '.join(outcome)}")
