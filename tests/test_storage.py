"""Objects are written once and read whole, in a directory and in a bucket over real HTTP."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlmodel import Session

from app import db, publication, storage, vault
from app.config import settings
from app.storage import ObjectExists, ObjectMissing, StorageUnavailable
from tests.buckets import BUCKET, bucket

LARGE_BYTES = 9 << 20  # more than one part


@pytest.fixture(params=["directory", "bucket"])
def store(
    request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    if request.param == "directory":
        yield "directory"
        return
    with bucket(monkeypatch):
        yield "bucket"


def keys_in_store(kind: str) -> set[str]:
    if kind == "directory":
        top = settings().objects_dir
        return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
    folder = settings().object_url.removeprefix(f"s3://{BUCKET}/") + "/"
    listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=folder).get("Contents", [])
    return {each["Key"].removeprefix(folder) for each in listed}


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(storage, "WHOLE_BYTES", 1 << 20)
    path = tmp_path / "film"
    path.write_bytes(os.urandom(1 << 20) * (LARGE_BYTES >> 20))
    return path


class TestWriteOnce:
    def test_what_was_put_is_what_is_read(self, store: str, tmp_path: Path) -> None:
        storage.put_new("a/b/c", b"twelve bytes")
        assert storage.get("a/b/c") == b"twelve bytes"
        assert storage.open_range("a/b/c", 7, 5) == b"bytes"
        storage.fetch("a/b/c", tmp_path / "fetched")
        assert (tmp_path / "fetched").read_bytes() == b"twelve bytes"
        assert storage.exists("a/b/c")
        assert keys_in_store(store) == {"a/b/c"}

    def test_the_same_bytes_again_are_fine_and_others_are_refused(self, store: str) -> None:
        storage.put_new("once", b"these")
        storage.put_new("once", b"these")
        with pytest.raises(ObjectExists, match="once already holds other bytes"):
            storage.put_new("once", b"those")
        assert storage.get("once") == b"these"

    def test_a_large_file_is_written_once_too(self, store: str, large: Path) -> None:
        storage.put_new("film", large)
        storage.put_new("film", large)
        other = large.with_name("other")
        other.write_bytes(b"another beginning" + large.read_bytes()[17:])
        with pytest.raises(ObjectExists):
            storage.put_new("film", other)
        storage.fetch("film", large.with_name("fetched"))
        assert large.with_name("fetched").read_bytes() == large.read_bytes()
        assert keys_in_store(store) == {"film"}, "a part was left lying"

    def test_of_eight_rivals_one_wins(self, store: str) -> None:
        def put(number: int) -> bool:
            try:
                storage.put_new("rivals", f"I am {number}".encode())
            except ObjectExists:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(put, range(8)))
        assert won.count(True) == 1
        assert storage.get("rivals") == f"I am {won.index(True)}".encode()

    def test_a_store_that_overwrites_is_found(
        self, store: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The planted fault: without the condition the second writer wins, unseen."""
        put = storage.obstore.put

        def put_anyway(*what: Any, mode: str) -> Any:
            assert mode == "create"
            return put(*what)

        monkeypatch.setattr(storage.obstore, "put", put_anyway)
        storage.put_new("once", b"these")
        storage.put_new("once", b"those")
        assert storage.get("once") == b"those"

    def test_to_replace_and_to_delete_are_asked_for_by_name(self, store: str) -> None:
        storage.put_new("head", b"one")
        storage.replace("head", b"two")
        assert storage.get("head") == b"two"
        storage.delete("head")
        storage.delete("head")
        assert not storage.exists("head")

    def test_what_lies_under_a_name_is_deleted_together(self, store: str) -> None:
        for key in ("a/1", "a/2", "ab/3"):
            storage.put_new(key, b"bytes")
        storage.delete_under("a/", but={"a/2"})
        storage.delete_under("none/")
        assert keys_in_store(store) == {"a/2", "ab/3"}

    def test_an_absent_object_is_named(self, store: str, tmp_path: Path) -> None:
        for read in (
            lambda: storage.get("nobody"),
            lambda: storage.open_range("nobody", 0, 1),
            lambda: storage.fetch("nobody", tmp_path / "none"),
        ):
            with pytest.raises(ObjectMissing, match="nobody"):
                read()
        assert not (tmp_path / "none").exists()


class TestBucket:
    def test_holds_the_vault_in_cipher_and_the_log_that_verifies(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        likeness = b"the unmistakable likeness of somebody " * 50_000
        with bucket(monkeypatch):
            with db.writing() as session:
                thing = vault.seal(session, "per_1", "portrait", likeness)
            publication.publish_log()
            assert _opened(thing.id) == likeness
            assert publication.check_log().holds
            assert likeness[:38] not in storage.get(thing.storage_key)
            assert not settings().objects_dir.exists(), "something was kept on the local disk"

    def test_that_is_gone_is_an_outage_and_not_a_lost_object(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with bucket(monkeypatch) as server:
            storage.put_new("kept", b"bytes")
            monkeypatch.setattr(storage, "ANSWER_WITHIN", storage.timedelta(seconds=0.3))
            storage.forget_stores()
            server.stop()
            for act in (
                lambda: storage.get("kept"),
                lambda: storage.exists("kept"),
                lambda: storage.put_new("more", b"bytes"),
            ):
                with pytest.raises(StorageUnavailable, match="its URL in the settings"):
                    act()

    def test_that_is_not_there_says_so(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with bucket(monkeypatch):
            monkeypatch.setenv("UNDERSTUDY_OBJECT_URL", "s3://nobodys-bucket/x")
            storage.settings.cache_clear()
            with pytest.raises((StorageUnavailable, ObjectMissing)):
                storage.put_new("key", b"bytes")


def _opened(object_id: str) -> bytes:
    with Session(db.engine()) as session:
        return vault.open_bytes(session, object_id, purpose="export", subject_id="per_1")
