"""The log over HTTP: public, cacheable, and nothing but the log."""

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import db
from app.config import settings
from app.errors import AppError
from app.problems import on_app_error
from app.transparency import note, service, tiles
from app.transparency.api import router
from app.transparency.proof import verify_proof
from app.transparency.verify import verify_log
from tests.transparency.test_note import WITNESS_KEY, a_cosignature


@pytest.fixture
def client(log):
    app = FastAPI()
    app.include_router(router)
    app.add_exception_handler(AppError, on_app_error)
    return TestClient(app)


class TestReadLog:
    def test_says_plainly_that_nobody_outside_has_witnessed_it(self, client, log_rows, run, signer):
        log_rows(3)
        run()
        found = client.get("/log").json()
        assert (found["origin"], found["size"]) == (signer.key.name, 3)
        assert (found["witnessed"], found["witnesses"]) == (False, [])
        assert found["says"].startswith("Unwitnessed: nobody but this installation vouches")

    def test_names_who_has_witnessed_it_and_when(self, client, log_rows, run):
        log_rows(3)
        run()
        with db.writing() as session:
            text = note.parse_note(service.checkpoint_at(session).note.encode()).text
            line = str(a_cosignature(text, at=1_700_000_000))
            service.add_cosignatures(session, 3, [line], [WITNESS_KEY])
        found = client.get("/log").json()
        assert found["witnesses"] == [{"name": WITNESS_KEY.name, "seen_at": "2023-11-14T22:13:20Z"}]
        assert found["says"] == f"Witnessed by {WITNESS_KEY.name}."

    def test_an_empty_log_has_nothing_to_say(self, client):
        assert client.get("/log").status_code == 404


class TestReadCheckpoint:
    def test_answers_the_newest_note_uncached(self, client, log_rows, run, signer):
        log_rows(3)
        run()
        answer = client.get("/log/checkpoint")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert note.open_checkpoint(answer.content, signer.key).size == 3

    def test_an_empty_log_has_none(self, client):
        answer = client.get("/log/checkpoint")
        assert (answer.status_code, answer.json()["code"]) == (404, "checkpoint-not-found")


class TestReadTile:
    def test_a_stranger_checks_the_whole_log_over_http(self, client, log_rows, run, signer):
        log_rows(257)
        run()

        def read(path: str) -> bytes:
            answer = client.get(f"/log/{path}")
            assert answer.status_code == 200, path
            return answer.content

        assert verify_log(read, client.get("/log/checkpoint").content, signer.key).holds

    def test_tiles_never_change_and_say_so(self, client, log_rows, run):
        log_rows(257)
        run()
        for path in ("0/000", "0/001.p/1", "1/000.p/1", "entries/000", "entries/001.p/1"):
            answer = client.get(f"/log/tile/{path}")
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert len(client.get("/log/tile/0/000").content) == 256 * 32
        bundle = client.get("/log/tile/entries/000").content
        assert len(tiles.decode_bundle(bundle, 256)) == 256

    @pytest.mark.parametrize(
        "path",
        [
            "0/001",
            "0/000.p/2",
            "0/000.p/999",
            "64/000",
            "entries/",
            "../checkpoints/000000000001",
            "0/..%2f..%2fcheckpoints%2f000000000001",
            "..%2F..%2F..%2Fkeys%2Flog.pem",
            "%2e%2e/%2e%2e/%2e%2e/keys/log.pem",
            "/etc/passwd",
            "0/000%00",
            "0\\000",
        ],
    )
    def test_every_other_path_is_no_tile(self, path, client, log_rows, run):
        log_rows(1)
        run()
        assert (settings().keys_dir / "log.pem").exists()
        answer = client.get(f"/log/tile/{path}")
        assert answer.status_code == 404
        assert b"PRIVATE" not in answer.content


class TestListLeaves:
    def test_shows_commitments_to_whoever_knows_the_id_and_nothing_else(
        self, client, log_rows, run
    ):
        with db.writing() as session:
            for kind in ("decision", "output-released"):
                service.record(session, kind, "gen_known", {"performer": "Jane Doe"})
        run()
        with db.writing() as session:
            service.record(session, "consent-withdrawn", "gen_known", {})
        answer = client.get("/v1/log/leaves/gen_known")
        leaves = answer.json()["leaves"]
        assert [leaf["leaf_index"] for leaf in leaves] == [0, 1, None]
        assert leaves[2]["leaf_hash"] is None
        assert json.loads(leaves[0]["entry"]).keys() == {"at", "commitment", "kind", "v"}
        assert "Jane" not in answer.text
        assert "salt" not in answer.text

    def test_an_unknown_id_has_no_leaves(self, client):
        assert client.get("/v1/log/leaves/gen_unknown").json()["leaves"] == []


class TestProve:
    def test_answers_proofs_that_hold_offline(self, client, log_rows, run, signer):
        ids = log_rows(3)
        run()
        log_rows(1)
        run()
        for query in ("leaf=2", f"leaf={ids[2]}", "leaf=2&size=3"):
            document = client.get(f"/v1/log/proof?{query}").text
            verify_proof(document, signer.key)
            assert json.loads(document)["leaf_index"] == 2
        document = client.get("/v1/log/consistency?old=3&size=4").text
        assert verify_proof(document, signer.key).size == 4

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("leaf=7", 404),
            ("leaf=obx_" + "0" * 26, 404),
            ("leaf=0&size=9", 404),
            ("leaf=-1", 422),
            ("leaf=1%00", 422),
            ("leaf=" + "9" * 30, 422),
            ("leaf=0&size=0", 422),
            ("leaf=0&size=" + "9" * 30, 422),
            ("", 422),
        ],
    )
    def test_what_cannot_be_proved_is_a_problem(self, query, status, client, log_rows, run):
        log_rows(1)
        run()
        assert client.get(f"/v1/log/proof?{query}").status_code == status
