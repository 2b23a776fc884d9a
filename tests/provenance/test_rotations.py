"""A certificate that takes another's place is on the public log, once, whoever made it."""

from unittest.mock import Mock

import pytest
from sqlmodel import select

from app import config, db
from app.provenance import certificate_files, pki, rotations
from app.transparency import service as transparency
from app.transparency.models import LogOutbox
from app.worker import Worker
from tests.provenance.making import OCSP_URL, an_authority

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def directory(database):
    return an_authority(config.settings().keys_dir).directory


def on_record() -> list[str]:
    with db.reading() as session:
        return [
            row.subject_id
            for row in session.exec(select(LogOutbox).where(LogOutbox.kind == rotations.KIND))
        ]


class TestWorker:
    def test_puts_each_rotation_on_record_once_and_no_first_certificate(self, directory):
        worker = Worker()
        worker._record_rotations()
        assert on_record() == []
        pki.give_signer(directory, "org_1", ocsp_url=OCSP_URL)
        for series in ("claim", "claim@org_1", "claim"):
            pki.rotate(directory, series, ocsp_url=OCSP_URL)
        for each in (worker, worker, Worker()):
            each._record_rotations()
        later = [each for each in certificate_files.every(directory) if each.number > 1]
        assert {each.name for each in later} == {"claim.2", "claim.3", "claim@org_1.2"}
        assert sorted(on_record()) == sorted(rotations.subject_of(each) for each in later)

    def test_looks_again_where_the_database_did_not_answer(self, directory, monkeypatch):
        worker = Worker()
        pki.rotate(directory, "claim", ocsp_url=OCSP_URL)
        with monkeypatch.context() as broken:
            broken.setattr(db, "writing", Mock(side_effect=OSError("no database")))
            with pytest.raises(OSError, match="no database"):
                worker._record_rotations()
        assert on_record() == []
        worker._record_rotations()
        assert len(on_record()) == 1


class TestEvidence:
    def test_opens_the_leaf_and_that_of_another_does_not(self, directory):
        pki.rotate(directory, "claim", ocsp_url=OCSP_URL)
        pki.rotate(directory, "tsa", ocsp_url=OCSP_URL)
        with db.writing() as session:
            assert rotations.record(session, directory) == 2
            claim, tsa = (each for each in certificate_files.every(directory) if each.number > 1)
            subject = rotations.subject_of(claim)
            for evidence, opens in ((claim, True), (tsa, False)):
                said = rotations.evidence(evidence)
                assert transparency.bears_out(session, rotations.KIND, subject, said) is opens
