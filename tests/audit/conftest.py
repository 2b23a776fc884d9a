"""The auditor's tests build on the provenance room's files."""

import pytest

from app.provenance import content
from tests.provenance.conftest import authority, in_process, marked

__all__ = ["authority", "in_process", "marked"]


@pytest.fixture
def no_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave looking for marks out where a test is about something else: a miss takes seconds."""
    monkeypatch.setattr(content, "_marks", lambda _key, _look: (True, {}, ""))
