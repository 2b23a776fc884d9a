"""The auditor's tests build on the provenance room's files."""

from tests.provenance.conftest import authority, in_process, marked

__all__ = ["authority", "in_process", "marked"]
