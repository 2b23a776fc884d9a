"""A render opens a likeness with the token of its own attempt, once, and with nothing else."""

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from app import clock, vault, vault_tokens
from app.vault import VaultObject, VaultOpening
from app.vault_tokens import LIVES, Pass, RenderToken, RenderTokenRefused, RenderTokenUse

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
pytestmark = ONE_DATABASE


def _issue(session: Session, job_id: str = "gen_1", decision_id: str = "dec_1") -> Pass:
    return vault_tokens.issue(session, job_id=job_id, decision_id=decision_id)


def _open(session: Session, thing: VaultObject, token: Pass | None, job_id: str = "gen_1") -> bytes:
    return vault.open_bytes(session, thing.id, purpose="render", subject_id=job_id, token=token)


@pytest.fixture
def thing(session: Session) -> VaultObject:
    return vault.seal(session, "per_1", "portrait", b"a likeness")


class TestRenderToken:
    def test_opens_each_object_once_and_what_it_opened_is_on_record(self, session, thing) -> None:
        other = vault.seal(session, "per_2", "portrait", b"another")
        token = _issue(session)
        assert (_open(session, thing, token), _open(session, other, token)) == (
            b"a likeness",
            b"another",
        )
        with pytest.raises(RenderTokenRefused, match="once already"):
            _open(session, thing, token)
        uses = session.exec(select(RenderTokenUse)).all()
        openings = session.exec(select(VaultOpening)).all()
        assert {(use.object_id, use.opening_id) for use in uses} == {
            (opening.object_id, opening.id) for opening in openings
        }
        (issued,) = session.exec(select(RenderToken)).all()
        assert (issued.job_id, issued.decision_id, issued.attempt) == ("gen_1", "dec_1", 1)
        assert token.secret not in issued.model_dump_json() + repr(token)

    def test_of_another_job_opens_nothing(self, session, thing) -> None:
        token = _issue(session, "gen_2")
        with pytest.raises(RenderTokenRefused, match="another job"):
            _open(session, thing, token)
        forged = Pass("gen_1", "dec_1", token.secret)
        with pytest.raises(RenderTokenRefused, match="another job"):
            _open(session, thing, forged)

    def test_of_another_decision_opens_nothing(self, session, thing) -> None:
        token = _issue(session, decision_id="dec_2")
        with pytest.raises(RenderTokenRefused, match="another decision"):
            _open(session, thing, Pass("gen_1", "dec_1", token.secret))

    def test_of_an_earlier_attempt_opens_nothing(self, session, thing) -> None:
        first, second = _issue(session), _issue(session)
        with pytest.raises(RenderTokenRefused, match="later attempt"):
            _open(session, thing, first)
        assert _open(session, thing, second) == b"a likeness"

    def test_that_is_old_or_nobodys_opens_nothing(self, session, thing, monkeypatch) -> None:
        with pytest.raises(RenderTokenRefused, match="nobody issued it"):
            _open(session, thing, Pass("gen_1", "dec_1", "guessed"))
        token, later = _issue(session), clock.now() + LIVES + timedelta(seconds=1)
        monkeypatch.setattr(clock, "now", lambda: later)
        with pytest.raises(RenderTokenRefused, match="too old"):
            _open(session, thing, token)

    def test_of_a_day_to_come_opens_nothing(self, session, thing, monkeypatch) -> None:
        token, earlier = _issue(session), clock.now() - timedelta(days=10)
        monkeypatch.setattr(clock, "now", lambda: earlier)  # else it would last ten days longer
        with pytest.raises(RenderTokenRefused, match="too old"):
            _open(session, thing, token)

    def test_is_asked_of_every_render_and_of_nothing_else(self, session, thing) -> None:
        with pytest.raises(RenderTokenRefused, match="token of its attempt"):
            _open(session, thing, None)
        with pytest.raises(RenderTokenRefused, match="nothing else"):
            vault.open_bytes(
                session, thing.id, purpose="export", subject_id="gen_1", token=_issue(session)
            )
        assert session.exec(select(VaultOpening)).all() == []  # planted faults leave one each
