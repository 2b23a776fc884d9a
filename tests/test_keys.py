"""Keys are made whole or not at all, and making them can always be tried again."""

import os
from pathlib import Path

import pytest

from app import keys
from watermark import payload


class TestCreateMissing:
    def test_goes_on_after_a_kill_under_the_same_process_id(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a container every process has the same id as the one that was killed."""
        key = data_dir / "keys" / "log.pem"
        key.unlink()

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as killed:
            killed.setattr(os, "link", die)
            killed.setattr(Path, "unlink", lambda *_: None)  # a kill tidies nothing up
            with pytest.raises(KeyboardInterrupt):
                keys.create_missing()
        assert not key.exists()
        assert keys.create_missing() == ["log"]
        assert key.stat().st_mode & 0o777 == 0o600


class TestEpochs:
    def test_the_newest_is_in_force_and_three_are_tried(self, data_dir: Path) -> None:
        first = keys.secret("watermark")
        assert keys.epochs("watermark") == {1: first}
        assert [keys.begin_epoch("watermark") for _ in range(3)] == [2, 3, 4]
        tried = keys.epochs("watermark")
        assert list(tried) == [4, 3, 2]
        assert keys.secret("watermark") == tried[4]
        assert len({first, *tried.values()}) == 4
        assert (data_dir / "keys" / "watermark.4.key").stat().st_mode & 0o777 == 0o600
        assert len(tried) == keys.EPOCHS_TRIED == payload.MAX_KEYS

    def test_one_that_was_put_aside_is_not_made_again(self, data_dir: Path) -> None:
        keys.begin_epoch("watermark")
        (data_dir / "keys" / "watermark.key").unlink()
        assert keys.create_missing() == []
        assert list(keys.epochs("watermark")) == [2]
        assert keys.begin_epoch("watermark") == 3

    def test_that_another_process_began_are_seen(self, data_dir: Path) -> None:
        before = keys.secret("watermark")
        (data_dir / "keys" / "watermark.2.key").write_bytes(b"b" * 32)
        assert keys.secret("watermark") == b"b" * 32
        assert keys.epochs("watermark") == {2: b"b" * 32, 1: before}

    def test_an_older_one_is_not_taken_for_the_newest_on_record(self, data_dir: Path) -> None:
        """Planted fault: whoever takes what is there marks with a key that was retired."""
        assert keys.begin_epoch("watermark") == 2
        (data_dir / "keys" / "watermark.2.key").unlink()
        for ask in (keys.secret, keys.epochs):
            with pytest.raises(keys.KeyMissing, match=r"watermark\.2\.key is missing"):
                ask("watermark", 2)
        assert keys.begin_epoch("watermark", 2) == 3  # never another second one
        assert list(keys.epochs("watermark", 3)) == [3, 1]

    @pytest.mark.parametrize("purpose", ["evidence", "vault-root", "link"])
    def test_other_secrets_have_none_and_a_copy_beside_them_is_nothing(
        self, data_dir: Path, purpose: str
    ) -> None:
        """Planted fault: were a copy an epoch, it would be the live secret at once."""
        before = keys.secret(purpose)
        for name in ("2", "20261128"):
            (data_dir / "keys" / f"{purpose}.{name}.key").write_bytes(b"c" * 32)
        assert keys.secret(purpose) == before
        for ask in (keys.epochs, keys.begin_epoch):
            with pytest.raises(keys.KeyMissing, match="has no epochs"):
                ask(purpose)

    @pytest.mark.parametrize("name", ["0", "1", "02", "²", "old", "20261128", "2.old"])
    def test_a_file_that_is_named_otherwise_is_no_epoch(self, data_dir: Path, name: str) -> None:
        before = keys.secret("watermark")
        (data_dir / "keys" / f"watermark.{name}.key").write_bytes(b"c" * 32)
        assert keys.epochs("watermark") == {1: before}

    def test_another_purpose_is_no_secret(self, data_dir: Path) -> None:
        with pytest.raises(keys.KeyMissing):
            keys.secret("nothing")
