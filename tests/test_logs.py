"""Tests that the log goes where, and as far down, as it was last told."""

import json
import logging
from pathlib import Path

import httpx
import pytest
import structlog

from app import logs
from app.config import settings

logger = structlog.get_logger()


@pytest.fixture(autouse=True)
def the_log_as_it_was():
    """Give the log and the settings back as they were; a test here changes both."""
    root = logging.getLogger()
    handlers, level, config = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**config)
    settings.cache_clear()


def configure(monkeypatch: pytest.MonkeyPatch, level: str, file: Path) -> None:
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", level)
    settings.cache_clear()
    logs.configure(file)


class TestConfigure:
    def test_a_logger_that_spoke_before_follows_the_latest_call(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(monkeypatch, "error", tmp_path / "quiet")
        logger.info("unheard")
        logger.error("heard", generation="gen_1")
        configure(monkeypatch, "info", tmp_path / "open")
        logger.info("heard-too")
        assert [json.loads(line)["event"] for line in (tmp_path / "quiet").open()] == ["heard"]
        line = json.loads((tmp_path / "open").read_text())
        assert (line["event"], line["level"]) == ("heard-too", "info")
        assert line["at"].endswith("Z")

    def test_no_link_is_written_by_the_client_that_opens_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(monkeypatch, "debug", tmp_path / "log")
        sealed = "https://films.example/9f/film.mp4?token=secret"
        answers = httpx.MockTransport(lambda _: httpx.Response(200))
        with httpx.Client(transport=answers) as client:
            client.get(sealed)
        logger.info("done")
        assert [json.loads(line)["event"] for line in (tmp_path / "log").open()] == ["done"]
