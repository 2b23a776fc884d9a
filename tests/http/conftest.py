"""A server of this test's own, on a database of each kind, without a worker."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app import config, logs
from tests.http.house import House, a_house


@pytest.fixture
def served(database: str, application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")
    config.settings.cache_clear()
    logs.configure()
    return application


@pytest.fixture
def client(served: FastAPI) -> Iterator[TestClient]:
    with TestClient(served, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def house(client: TestClient) -> House:
    return a_house(client)
