"""What leaves for a vendor, and where to: the likeness to its host alone, credentials nowhere."""

import base64
import json
import logging
import re

import httpx
import pytest
import structlog
from sqlmodel import SQLModel, select
from starlette.testclient import TestClient
from structlog.testing import capture_logs
from typer.testing import CliRunner

from app import cli, config, db, models
from app.gateway import events
from app.gateway.generators import catalogue, wire
from app.gateway.generators.errors import NotSubmitted
from app.gateway.generators.veo import Veo
from app.vault import VaultOpening
from tests import scenes
from tests.gateway.vendors.story import (
    VOICE,
    a_scene,
    asked,
    configure,
    example_of,
    materials_for,
    offer,
    rendered,
)
from tests.gateway.vendors.test_every_vendor import AT_FAKE

WORDS = ("fine", "RATE429", "LOSTREPLY", "MODERATE", "EXPIRED1", "REDIRECT_PRIVATE1")
SECRET = "sesame-51f0"
assert models


@pytest.fixture
def sent(monkeypatch):
    """Everything that goes through the only door out: to whom, which path, headers, content."""
    told = []
    real = httpx.Client.stream

    def stream(client, method, url, *, content=None, headers, **options):
        told.append((headers["Host"], str(url), dict(headers), content or b""))
        return real(client, method, url, content=content, headers=headers, **options)

    monkeypatch.setattr(httpx.Client, "stream", stream)
    return told


def strangers(sent, host):
    """Name whoever but `host` was sent anything at all: a byte would be one too many."""
    return {to for to, _, _, content in sent if to != host and content}


def answered(application, keys):
    """Ask every address that is read, as each of these and as a stranger; name it and its body."""
    ids = {}
    with db.reading() as session:
        for table in SQLModel.metadata.sorted_tables:
            if "id" in table.c and (row := session.execute(select(table.c.id)).first()):
                ids[f"{table.name}_id"] = str(row[0])
    found = []
    client = TestClient(application, raise_server_exceptions=False)
    for path, verbs in application.openapi()["paths"].items():
        if "get" not in verbs:
            continue
        address = re.sub(r"\{(\w+)[^}]*\}", lambda name: ids.get(name[1], "none"), path)
        for headers in (*keys, {}):
            answer = client.get(address, headers=headers, follow_redirects=False)
            found.append((f"{path} {answer.status_code}", answer.content))
    return found


def every_row():
    """Return every row of every table as text."""
    with db.reading() as session:
        return "\n".join(
            str(tuple(row))
            for table in SQLModel.metadata.sorted_tables
            for row in session.execute(select(table))
        )


@pytest.fixture(params=[each.name for each in catalogue.VENDORS])
def capability(request, fake, monkeypatch):
    host, at = fake.base.removeprefix("http://"), AT_FAKE[request.param]
    connector = at.make(fake.base, hosts=(host,), private=True)
    connector.film_limit_bytes, connector.poll_s = 200_000, 3000.0
    connector.keeps_s, connector.timeout_s = 6 * 3600.0, 4.0
    offer(monkeypatch, connector)
    return connector.capabilities()[0]


@pytest.fixture
def scene(capability, database, monkeypatch):
    promise = f"{capability.model}=A letter (2026-10-01)"
    monkeypatch.setenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", promise)
    config.settings.cache_clear()
    (vendor,) = catalogue.offered()
    configure(vendor.name, SECRET, **AT_FAKE[vendor.name].credentials)
    with db.writing() as session:
        return a_scene(session, capability)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestEveryVendor:
    def test_likeness_goes_to_its_host_alone_and_credentials_are_seen_nowhere(
        self, scene, capability, fake, pauses, sent, caplog, tmp_path, request
    ):
        caplog.set_level(logging.DEBUG)
        before = structlog.get_config()["wrapper_class"]  # as quiet as a server of before left it
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
        request.addfinalizer(lambda: structlog.configure(wrapper_class=before))
        with db.writing() as session:
            materials = materials_for(session, scene, capability, tmp_path)
        with capture_logs() as logged:
            for word in WORDS:
                rendered(
                    asked(
                        scene, capability.model, word, **example_of(capability), materials=materials
                    ),
                    pauses,
                )
        # 1. No byte of the likeness goes anywhere but to the host of the model.
        assert strangers(sent, fake.base.removeprefix("http://")) == set()
        likeness = [scenes.PORTRAIT.read_bytes(), VOICE]
        likeness += [base64.b64encode(each) for each in likeness]
        carriers = [c for _, _, _, c in sent if any(each in c for each in likeness)]
        assert len(carriers) >= len(WORDS)
        # 2. Credentials are in the headers of calls to the vendor, and in nothing else.
        for _, url, headers, content in sent:
            assert SECRET not in url
            assert SECRET.encode() not in content
            assert (SECRET in str(headers)) == ("/cdn/" not in url)
        said = CliRunner().invoke(cli.app, ["generators", "list", "--json"]).output
        said += CliRunner().invoke(cli.app, ["generators", "credentials", "list"]).output
        for told in (every_row(), str(logged), caplog.text, said, json.dumps(catalogue.listing())):
            assert SECRET not in told
        # 3. The vault says what they were opened for; one opening serves for a while.
        with db.reading() as session:
            opened = session.exec(
                select(VaultOpening).where(VaultOpening.purpose == "vendor-call")
            ).all()
        assert {each.subject_id for each in opened} == {config.settings().worker_id}
        assert any(each.get("purpose") == "vendor-call" for each in logged)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("capability", ["google"], indirect=True)
def test_a_connector_that_falls_back_on_another_host_is_noticed(
    scene, capability, fake, pauses, sent, monkeypatch
):
    # The planted fault: where its own vendor is busy, it asks another one.
    class Faithless(Veo):
        def submit(self, job):
            try:
                return super().submit(job)
            except NotSubmitted:
                wire._breakers.clear()
                elsewhere = "http://localhost:" + fake.base.rpartition(":")[2]
                return Veo(elsewhere, private=True).submit(job)

    offer(monkeypatch, Faithless(fake.base, private=True))
    rendered(asked(scene, capability.model, "RATE429", **example_of(capability)), pauses)
    assert strangers(sent, fake.base.removeprefix("http://")) != set()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("capability", ["hedra"], indirect=True)
def test_no_answer_of_ours_holds_a_credential_or_a_likeness(
    scene, capability, fake, pauses, tmp_path, monkeypatch, application
):
    monkeypatch.setattr(events, "LONGEST_S", 0)  # a stream ends with what it has told at once
    with db.writing() as session:
        materials = materials_for(session, scene, capability, tmp_path)
    rendered(
        asked(scene, capability.model, "fine", **example_of(capability), materials=materials),
        pauses,
    )
    with db.writing() as session:
        sides = scene.production.organization, scene.desk.organization
        keys = [scenes.an_api_key(session, each) for each in sides]
    answers = answered(application, keys)
    assert len(answers) > 100
    assert any(b"gen_" in body for _, body in answers)  # not only refusals are looked at
    for where, body in answers:
        assert SECRET.encode() not in body, where
        for each in (scenes.PORTRAIT.read_bytes()[:4000], VOICE[:4000]):
            assert each not in body, where
            assert base64.b64encode(each[:3999]) not in body, where
