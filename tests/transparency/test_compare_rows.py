"""Edits of the database behind the log's back are found, and the first one is named."""

import pytest
import sqlalchemy as sa

from app.transparency import service
from app.transparency.merkle import hash_leaf
from app.transparency.models import LogLeaf, LogOutbox
from tests.transparency.test_sequencer import edit

OTHER = '{"at":"2026-11-22T09:30:15.123Z"}'


class TestCompareRows:
    def test_an_untouched_database_holds(self, log_rows, run, look):
        log_rows(300)
        run()
        log_rows(1)  # waits; is no difference
        assert service.compare_rows(look) is None

    @pytest.mark.parametrize(
        "statement",
        [
            sa.update(LogLeaf).where(LogLeaf.leaf_index == 270).values(entry=OTHER.encode()),
            sa.update(LogLeaf)
            .where(LogLeaf.leaf_index == 270)
            .values(entry=OTHER.encode(), leaf_hash=hash_leaf(OTHER.encode())),
            sa.update(LogLeaf).where(LogLeaf.leaf_index == 270).values(leaf_hash=bytes(32)),
            sa.delete(LogLeaf).where(LogLeaf.leaf_index == 270),
            sa.update(LogOutbox).where(LogOutbox.leaf_index == 270).values(entry=OTHER),
            sa.update(LogOutbox).where(LogOutbox.leaf_index == 270).values(leaf_index=None),
        ],
        ids=["entry", "entry-and-hash", "hash", "deleted", "outbox-entry", "outbox-index"],
    )
    def test_an_edited_row_is_named(self, statement, log_rows, run, look):
        log_rows(300)
        run()
        edit(statement)
        assert service.compare_rows(look).leaf_index == 270

    def test_the_first_of_several_edits_is_named(self, log_rows, run, look):
        log_rows(300)
        run()
        edit(sa.update(LogLeaf).where(LogLeaf.leaf_index >= 40).values(leaf_hash=bytes(32)))
        assert service.compare_rows(look).leaf_index == 40
