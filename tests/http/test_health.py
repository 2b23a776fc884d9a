"""Whether it lives, whether it can work, how much it did."""

import sqlite3
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from app import config, db, logs, sandbox
from app.main import create_app
from tests.http.house import assert_problem


class TestHealth:
    def test_alive_ready_and_counted(self, client):
        assert client.get("/healthz").json() == {"status": "alive"}
        assert client.get("/readyz").json() == {"status": "ready"}
        metrics = client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert "understudy_generations_ended" in metrics.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestStart:
    @pytest.mark.parametrize("allowed", ["false", "true"])
    def test_says_aloud_how_untrusted_media_is_read(self, served, monkeypatch, allowed):
        monkeypatch.setattr(sandbox, "isolation", lambda: "unavailable: no such kernel")
        monkeypatch.setenv("UNDERSTUDY_ALLOW_UNSANDBOXED_MEDIA", allowed)
        monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "warning")
        config.settings.cache_clear()
        logs.configure()
        with capture_logs() as lines, TestClient(served):
            pass
        (said,) = [line for line in lines if line["event"].startswith("untrusted media")]
        assert "no such kernel" in said["event"]
        assert ("ALLOW_UNSANDBOXED_MEDIA" in said["event"]) == (allowed == "true")
        assert said["log_level"] == "warning"


class TestNotReady:
    @pytest.fixture
    def bare(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
        """A server whose database nobody has made."""
        monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
        config.settings.cache_clear()
        return TestClient(create_app(), raise_server_exceptions=False)

    def test_without_a_database_it_lives_and_is_not_ready(self, bare):
        assert bare.get("/healthz").status_code == 200
        problem = assert_problem(bare.get("/readyz"), 503, "not-ready")
        assert "understudy setup" in problem["detail"]

    def test_a_database_of_an_older_shape_is_not_ready(self, bare, sqlite_template, data_dir):
        path = data_dir / "understudy.sqlite"
        path.write_bytes(sqlite_template.read_bytes())
        db.engine.cache_clear()
        assert bare.get("/readyz").status_code == 200
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'older'")
        assert_problem(bare.get("/readyz"), 503, "not-ready")

    def test_a_database_that_is_gone_is_a_problem_and_no_crash(self, bare, monkeypatch):
        monkeypatch.setenv(
            "UNDERSTUDY_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none?connect_timeout=1"
        )
        config.settings.cache_clear()
        db.engine.cache_clear()
        assert_problem(bare.get("/readyz"), 503, "not-ready")

    def test_a_file_that_is_no_database_is_not_ready(self, bare, data_dir):
        (data_dir / "understudy.sqlite").write_bytes(b"this is not a database" * 500)
        db.engine.cache_clear()
        assert_problem(bare.get("/readyz"), 503, "not-ready")
