"""The log grows without gaps, forks or losses, whoever is killed, paused, restored or edited."""

import threading

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from app import db, storage
from app.config import settings
from app.transparency import note, sequencer, service
from app.transparency.errors import LogForked
from app.transparency.models import LogCheckpoint, LogLeaf, LogOutbox
from app.transparency.verify import directory_reader, verify_log
from tests.transparency.conftest import ORIGIN

QUICK_ON_POSTGRESQL = True


class TestSequence:
    def test_an_empty_log_has_no_checkpoint(self, run):
        assert run() == sequencer.Head()

    @pytest.mark.parametrize("batches", [(1,), (256,), (3, 300, 1, 300), (255, 1, 1, 255)])
    def test_every_recorded_thing_is_one_leaf_in_order(self, batches, log_rows, run, look, signer):
        recorded = []
        for batch in batches:
            recorded += log_rows(batch)
            head = run()
            assert head.size == len(recorded)
        leaves = look.exec(select(LogLeaf).order_by(LogLeaf.leaf_index)).all()
        assert [leaf.outbox_id for leaf in leaves] == recorded
        assert [leaf.leaf_index for leaf in leaves] == list(range(len(recorded)))
        assert_sound(look, signer.key)

    def test_running_again_with_nothing_new_signs_nothing(self, log_rows, run, look):
        log_rows(2)
        assert run() == run()
        assert len(look.exec(select(LogCheckpoint)).all()) == 1

    def test_takes_no_more_than_its_limit_at_once(self, log_rows, run):
        log_rows(5)
        assert [run(limit=2).size for _ in range(4)] == [2, 4, 5, 5]

    def test_what_rolls_back_never_enters_the_log(self, log, run):
        with db.writing() as session:
            service.record(session, "decision", "gen_1", {})
            session.rollback()
        assert run().size == 0

    def test_a_row_that_commits_late_is_logged_later_not_lost(self, log_rows, run, look, signer):
        # PostgreSQL shows rows in the order of commits, not of ids: an older row may come second.
        first, second = log_rows(2)
        with db.writing() as session:
            late = session.get(LogOutbox, first)
            held = late.model_dump()
            session.delete(late)
        assert run().size == 1
        with db.writing() as session:
            session.add(LogOutbox(**held))
        assert run().size == 2
        leaves = look.exec(select(LogLeaf).order_by(LogLeaf.leaf_index)).all()
        assert [leaf.outbox_id for leaf in leaves] == [second, first]
        assert_sound(look, signer.key)

    def test_a_torn_tile_of_a_power_cut_is_written_anew(self, log_rows, run, look, signer):
        log_rows(3)
        with pytest.raises(Stopped):
            run(store=StoppingStore("log/checkpoints/"))
        torn = settings().objects_dir / "log/tile/0/000.p/3"
        torn.write_bytes(torn.read_bytes()[:40])
        (settings().objects_dir / "log/tile/entries/000.p/3").write_bytes(bytes(100))
        (settings().objects_dir / "log/checkpoints").mkdir()
        (settings().objects_dir / "log/checkpoints/000000000001").write_bytes(b"")
        assert run().size == 3
        assert_sound(look, signer.key)


class TestRefuseToFork:
    """Each planted fault would make the log contradict itself; none is signed over."""

    def test_an_edited_leaf_row_stops_the_sequencer(self, log_rows, run):
        log_rows(3)
        run()
        edit(sa.update(LogLeaf).where(LogLeaf.leaf_index == 1).values(entry=b"another past"))
        log_rows(1)
        with pytest.raises(LogForked, match="leaf 1 was edited"):
            run()
        assert published_numbers() == [1]

    def test_an_edited_leaf_row_with_a_fitting_hash_stops_it_too(self, log_rows, run):
        from app.transparency.merkle import hash_leaf

        log_rows(3)
        run()
        edit(
            sa.update(LogLeaf)
            .where(LogLeaf.leaf_index == 1)
            .values(entry=b"forged", leaf_hash=hash_leaf(b"forged"))
        )
        log_rows(1)
        with pytest.raises(LogForked, match="no longer gives the signed root"):
            run()
        assert published_numbers() == [1]

    def test_no_tree_that_did_not_grow_is_ever_signed(self, log_rows, run, signer):
        log_rows(3)
        head = run()
        for entries in ((), (b"a",), (b"a", b"b", b"c")):
            growth = sequencer.Growth(head, entries)
            with pytest.raises(LogForked, match="follows none of 3"):
                sequencer.sign(growth, head.root_hash, signer)

    def test_deleted_leaves_stop_it(self, log_rows, run):
        log_rows(3)
        run()
        edit(sa.delete(LogLeaf).where(LogLeaf.leaf_index == 2))
        log_rows(1)
        with pytest.raises(LogForked, match="gone from the database"):
            run()

    def test_a_database_restored_from_before_the_last_checkpoint_stops_it(self, log_rows, run):
        log_rows(3)
        run()
        restored = log_rows(2)
        run()
        edit(  # the planted fault: the second batch is forgotten, as an old backup would have it
            sa.delete(LogCheckpoint).where(LogCheckpoint.number == 2),
            sa.delete(LogLeaf).where(LogLeaf.leaf_index >= 3),
            sa.delete(LogOutbox).where(LogOutbox.id.in_(restored)),
        )
        log_rows(7)  # and other things happen
        with pytest.raises(LogForked, match="was it restored"):
            run()
        assert published_numbers() == [1, 2]

    def test_a_lost_checkpoint_row_alone_is_found_again(self, log_rows, run, look, signer):
        log_rows(3)
        run()
        log_rows(2)
        before = run()
        edit(sa.delete(LogCheckpoint).where(LogCheckpoint.number == 2))
        assert run() == before
        assert_sound(look, signer.key)

    def test_an_edited_tile_stops_it(self, log_rows, run):
        log_rows(257)
        run()
        tile = settings().objects_dir / "log/tile/1/000.p/1"
        tile.write_bytes(bytes(32))
        log_rows(300)
        with pytest.raises(LogForked, match="signed root of 257"):
            run()
        assert published_numbers() == [1]

    @pytest.mark.parametrize("origin", ["log.example/other", ORIGIN])
    def test_another_origin_or_key_cannot_go_on_with_the_log(self, origin, log_rows, run, log):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        log_rows(1)
        run()
        log_rows(1)
        other = Ed25519PrivateKey.generate()
        stranger = note.Signer.under(origin, other.public_key(), other.sign)
        with pytest.raises(LogForked, match="another key or origin"):
            service.sequence(reading=db.reading, writing=db.writing, signer=stranger)


class TestRaceSequencers:
    def test_a_paused_sequencer_cannot_sign_over_its_rivals_larger_tree(
        self, log_rows, run, look, signer
    ):
        rival_first(log_rows, run, storage)
        assert_sound(look, signer.key)
        sizes = look.exec(select(LogCheckpoint.size).order_by(LogCheckpoint.number)).all()
        assert sizes == [8]

    def test_without_create_only_objects_that_race_would_fork_the_log(
        self, log_rows, run, look, signer
    ):
        # The planted fault: a store that overwrites, as a plain file system would.
        rival_first(log_rows, run, OverwritingStore())
        with pytest.raises(AssertionError):
            assert_sound(look, signer.key)

    def test_four_at_once_under_load_log_everything_once(self, log_rows, run, look, signer):
        failures: list[BaseException] = []
        recorded: list[str] = []
        done = threading.Event()

        def sequence_until_done() -> None:
            try:
                while not done.is_set():
                    run(limit=7)
            except BaseException as error:  # noqa: BLE001  the main thread reports it
                failures.append(error)

        threads = [threading.Thread(target=sequence_until_done) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(25):
                recorded += log_rows(3)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert failures == []
        while run().size < len(recorded):
            pass
        leaves = look.exec(select(LogLeaf)).all()
        assert sorted(leaf.outbox_id for leaf in leaves) == sorted(recorded)
        assert_sound(look, signer.key)


class Stopped(Exception):
    """Where a test stops the sequencer."""


class StoppingStore:
    """The real store, until a key of this beginning is about to be written."""

    def __init__(self, before: str) -> None:
        self._before = before

    def put_new(self, key: str, source: bytes) -> None:
        if key.startswith(self._before):
            raise Stopped(key)
        storage.put_new(key, source)

    replace = staticmethod(storage.replace)
    get = staticmethod(storage.get)
    delete = staticmethod(storage.delete)


class OverwritingStore:
    """A store without create-only objects: the fault that the race tests must notice."""

    put_new = staticmethod(storage.replace)
    replace = staticmethod(storage.replace)
    get = staticmethod(storage.get)
    delete = staticmethod(storage.delete)


class RivalStore:
    """Passes everything on, but lets a rival run first when the checkpoint is to be written."""

    def __init__(self, store, rival) -> None:
        self._store, self._rival = store, rival

    def put_new(self, key: str, source: bytes) -> None:
        if key.startswith("log/checkpoints/") and self._rival is not None:
            rival, self._rival = self._rival, None
            rival()
        self._store.put_new(key, source)

    def __getattr__(self, name: str):
        return getattr(self._store, name)


def rival_first(log_rows, run, store) -> None:
    """One sequencer, about to sign 3 leaves, is overtaken by another that publishes 8."""
    log_rows(3)

    def rival() -> None:
        log_rows(5)
        run(store=store)

    run(store=RivalStore(store, rival))


def edit(*statements: sa.Executable) -> None:
    """Do what only a superuser could."""
    with db.writing() as session:
        for statement in statements:
            session.execute(statement)


def published_numbers() -> list[int]:
    return sorted(int(path.name) for path in (settings().objects_dir / "log/checkpoints").glob("*"))


def assert_public(key: note.VerifierKey) -> None:
    """What strangers see is one log: every checkpoint in turn holds, and extends the one before."""
    read = directory_reader(settings().objects_dir / "log")
    kept = None
    for number in published_numbers():
        published = storage.get(sequencer.checkpoint_key(number))
        report = verify_log(read, published, key, kept=kept)
        assert report.holds, report
        kept = published


def assert_sound(session: Session, key: note.VerifierKey) -> None:
    """The published log is one log, and the database knows exactly it."""
    assert_public(key)
    session.rollback()  # see what is committed now
    rows = session.exec(select(LogCheckpoint).order_by(LogCheckpoint.number)).all()
    assert [row.number for row in rows] == published_numbers()
    for row in rows:
        assert storage.get(sequencer.checkpoint_key(row.number)).decode() == row.note
    assert service.compare_rows(session) is None
