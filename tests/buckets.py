"""A bucket over real HTTP: moto's server, in a process of the test's own."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto.server import ThreadedMotoServer

from app import config, storage

BUCKET = "understudy-objects"


@contextmanager
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """Point the settings at an empty folder of a bucket; yields the server, to be stopped early.

    Call it after the settings point at the test's data directory.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "tester",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "UNDERSTUDY_OBJECT_URL": f"s3://{BUCKET}/{secrets.token_hex(8)}",
        "UNDERSTUDY_OBJECT_URL_OVER_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
    config.settings.cache_clear()
    storage.forget_stores()
    try:
        yield server
    finally:
        server.stop()
        storage.forget_stores()
