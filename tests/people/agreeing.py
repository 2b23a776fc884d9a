"""Two operators who agree to what a command asked for, without their browsers."""

from datetime import timedelta

from sqlmodel import Session, col, select
from typer.testing import CliRunner

from app import db
from app.cli import app
from app.identity import operators, people
from app.identity.models_people import Person
from app.twofold import service
from app.twofold.errors import SecondPersonNeeded
from app.twofold.models import TwofoldAct


def by_two(*words: str) -> str:
    """Give a command that takes two operators, have them agree, and give it again."""
    agreed(*words)
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def agreed(*words: str) -> None:
    """Give a command that takes two operators, and have them agree to it."""
    asked = CliRunner().invoke(app, list(words))
    assert isinstance(asked.exception, SecondPersonNeeded), asked.output
    with db.writing() as session:
        waiting = select(TwofoldAct).where(col(TwofoldAct.settled_at).is_(None))
        act = session.exec(waiting.order_by(col(TwofoldAct.id))).all()[-1]
        for each in _two(session):
            service.agree(session, act.id, each)


def make_two_operators() -> None:
    with db.writing() as session:
        for name in ("Ada", "Bob"):
            person = Person(name=name)
            session.add(person)
            session.flush()
            seat = people.join(session, operators.invite_from_the_machine(session)[0], person)
            seat.created_at -= timedelta(days=8)
            session.add(seat)


def _two(session: Session) -> list[str]:
    return [each.person.id for each in operators.operators(session)]
