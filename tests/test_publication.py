"""The installation's own log: whatever was promised is published, also after a kill half way."""

import pytest
from sqlmodel import Session

from app import db, keys, publication
from app.transparency import sequencer, service
from app.transparency.errors import CheckpointNotFound


class TestPublishWaiting:
    def test_publishes_what_waits(self, database: str) -> None:
        with db.writing() as session:
            service.record(session, "decision", "dec_1", {"receipt": "00"})
        publication.publish_waiting()
        report = publication.check_log()
        assert (report.holds, report.size) == (True, 2)  # and the anchor of the database

    def test_takes_up_leaves_a_killed_sequencer_had_assigned(self, database: str) -> None:
        with db.writing() as session:
            service.record(session, "decision", "dec_1", {"receipt": "00"})
        with db.writing() as session:
            sequencer.assign_leaves(session)  # and here the sequencer was killed
        publication.publish_waiting()
        assert publication.check_log().size == 2

    def test_signs_nothing_when_nothing_waits(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with db.writing() as session:
            service.record(session, "decision", "dec_1", {"receipt": "00"})
        publication.publish_waiting()
        monkeypatch.setattr(keys, "sign", lambda *_: pytest.fail("it signed"))
        publication.publish_waiting()

    def test_an_empty_log_says_so(self, session: Session) -> None:
        with pytest.raises(CheckpointNotFound):
            publication.check_log()
