"""A mail server for the invitations of agencies."""

from tests.notices.conftest import certificate, postbox  # noqa: F401 - fixtures
