"""Keys are made whole or not at all, and making them can always be tried again."""

import os
from pathlib import Path

import pytest

from app import keys


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
