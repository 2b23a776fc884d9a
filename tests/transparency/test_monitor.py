"""Whoever looks again and again sees every fork, rollback, change and loss; and no false alarm."""

import json
import shutil
import threading
from datetime import timedelta

import pytest
import uvicorn
from typer.testing import CliRunner

from app import clock, db
from app.cli_log import log_commands
from app.config import settings
from app.main import create_app
from app.transparency import merkle, monitor, note, service
from app.transparency.errors import WatchUnreadable
from app.transparency.leaf import make_leaf
from app.transparency.verify import directory_reader
from tests.transparency.conftest import ORIGIN
from tests.transparency.test_note import SIGNER, WITNESS_KEY, a_cosignature
from tests.transparency.test_verify import a_mirror

NOW = clock.now()
ENTRIES = [
    make_leaf("decision", f"dec_{index}", {"n": index}, at=NOW, salt=b"s" * 16).entry
    for index in range(600)
]
FORGED = make_leaf("decision", "dec_x", {"n": -1}, at=NOW, salt=b"s" * 16).entry


def look(watch, directory, checkpoint, **options):
    options.setdefault("at", NOW)
    return monitor.look(watch, checkpoint=checkpoint, read=directory_reader(directory), **options)


def listed(index, **changes):
    entry = {"id": f"obx_{index}", "kind": "decision", "entry": ENTRIES[index].decode()}
    return entry | {"leaf_index": index} | changes


@pytest.fixture
def watch():
    return monitor.Watch(SIGNER.key)


@pytest.fixture
def seen(watch, tmp_path):
    """A watch that has seen a log of 300 leaves."""
    found = look(watch, tmp_path / "300", a_mirror(tmp_path / "300", 300, ENTRIES))
    assert found.alarms == ()
    return watch


def kinds(found):
    return [alarm["alarm"] for alarm in found.alarms]


class TestLook:
    @pytest.mark.parametrize("steps", [(1, 2, 3), (255, 256, 257), (300, 512, 600), (256, 600)])
    def test_a_log_that_only_grows_raises_no_alarm(self, watch, steps, tmp_path):
        before = 0
        for size in steps:
            found = look(watch, tmp_path / str(size), a_mirror(tmp_path / str(size), size, ENTRIES))
            assert found.alarms == ()
            assert (found.news["size"], found.news["new_leaves"]) == (size, size - before)
            assert found.news["witnessed"] is False
            watch, before = monitor.Watch.load(watch.save()), size

    def test_looking_twice_finds_nothing_new(self, seen, tmp_path):
        checkpoint = a_mirror(tmp_path / "300", 300, ENTRIES)
        assert look(seen, tmp_path / "300", checkpoint).news["new_leaves"] == 0

    def test_needs_only_the_tiles_of_what_is_new(self, seen, tmp_path):
        checkpoint = a_mirror(tmp_path / "600", 600, ENTRIES)
        (tmp_path / "600/tile/entries/000").unlink()
        assert look(seen, tmp_path / "600", checkpoint).alarms == ()

    def test_an_older_checkpoint_is_a_rollback(self, seen, tmp_path):
        found = look(seen, tmp_path / "200", a_mirror(tmp_path / "200", 200, ENTRIES))
        assert kinds(found) == ["rollback"]
        assert found.alarms[0]["kept_checkpoint"] == seen.checkpoint

    @pytest.mark.parametrize("size", [300, 301, 512, 600])
    @pytest.mark.parametrize("at", [0, 7, 255, 256, 299])
    def test_a_past_rewritten_and_signed_anew_is_a_fork(self, seen, size, at, tmp_path):
        kept = seen.checkpoint
        rewritten = [*ENTRIES[:at], FORGED, *ENTRIES[at + 1 :]]
        found = look(seen, tmp_path / "forged", a_mirror(tmp_path / "forged", size, rewritten))
        assert kinds(found) == ["fork"]
        assert seen.checkpoint == kept  # the evidence stays

    @pytest.mark.parametrize("at", range(0, 200, 7))
    def test_a_flipped_byte_of_the_checkpoint_is_tampering(self, seen, at, tmp_path):
        checkpoint = bytearray(a_mirror(tmp_path / "600", 600, ENTRIES))
        checkpoint[at % len(checkpoint)] ^= 1
        assert kinds(look(seen, tmp_path / "600", bytes(checkpoint))) == ["tamper"]

    @pytest.mark.parametrize(
        "path", ["tile/entries/001", "tile/entries/002.p/88", "tile/0/001", "tile/0/002.p/88"]
    )
    @pytest.mark.parametrize("at", [0, 2, 999, -1])
    def test_a_flipped_byte_of_a_new_tile_or_bundle_is_found(self, seen, path, at, tmp_path):
        checkpoint = a_mirror(tmp_path / "600", 600, ENTRIES)
        file = tmp_path / "600" / path
        content = bytearray(file.read_bytes())
        content[at] ^= 1
        file.write_bytes(content)
        assert kinds(look(seen, tmp_path / "600", checkpoint))[0] in {"tamper", "missing-leaf"}

    @pytest.mark.parametrize("path", ["tile/entries/001", "tile/0/002.p/88", "tile/1/000.p/2"])
    def test_a_missing_file_is_a_missing_leaf(self, seen, path, tmp_path):
        checkpoint = a_mirror(tmp_path / "600", 600, ENTRIES)
        (tmp_path / "600" / path).unlink()
        assert kinds(look(seen, tmp_path / "600", checkpoint)) == ["missing-leaf"]

    def test_an_entry_that_is_no_leaf_is_found(self, seen, tmp_path):
        strange = [*ENTRIES[:400], b'{"name":"Griet"}', *ENTRIES[401:]]
        found = look(seen, tmp_path / "600", a_mirror(tmp_path / "600", 600, strange))
        assert kinds(found) == ["tamper"]

    def test_a_monitor_that_compares_no_roots_would_miss_the_fork(
        self, seen, tmp_path, monkeypatch
    ):
        # The planted fault: with the comparison gone, the test above would have no alarm to find.
        kept = note.open_checkpoint(seen.checkpoint.encode(), SIGNER.key)
        real = merkle.root
        monkeypatch.setattr(
            merkle, "root", lambda size, tree: kept.root if size == 300 else real(size, tree)
        )
        rewritten = [FORGED, *ENTRIES[1:]]
        found = look(seen, tmp_path / "forged", a_mirror(tmp_path / "forged", 600, rewritten))
        assert found.alarms == ()


class TestWatchIds:
    def test_news_about_a_watched_id_is_told_once(self, seen, tmp_path):
        checkpoint = a_mirror(tmp_path / "600", 600, ENTRIES)
        seen.subjects["dec_7"] = {}
        for expected in ([{"subject": "dec_7", "kind": "decision", "id": "obx_7"}], []):
            found = look(seen, tmp_path / "600", checkpoint, leaves=lambda _: [listed(7)])
            assert found.alarms == ()
            assert found.news["about_watched"] == expected

    @pytest.mark.parametrize(
        "now",
        [
            [],
            [listed(7, leaf_index=8)],
            [listed(7, entry=ENTRIES[8].decode())],
            [listed(7, entry="{}")],
            [listed(7, leaf_index=None)],
        ],
    )
    def test_a_leaf_that_was_seen_and_is_gone_or_another_is_an_alarm(self, seen, now, tmp_path):
        checkpoint = a_mirror(tmp_path / "600", 600, ENTRIES)
        seen.subjects["dec_7"] = {"obx_7": listed(7)}
        found = look(seen, tmp_path / "600", checkpoint, leaves=lambda _: now)
        assert "missing-leaf" in kinds(found)
        assert seen.subjects["dec_7"] == {"obx_7": listed(7)}

    def test_a_leaf_that_the_list_claims_and_the_log_lacks_is_an_alarm(self, seen, tmp_path):
        checkpoint = a_mirror(tmp_path / "600", 600, ENTRIES)
        seen.subjects["dec_7"] = {}
        lie = listed(7, entry=FORGED.decode())
        found = look(seen, tmp_path / "600", checkpoint, leaves=lambda _: [lie])
        assert kinds(found) == ["missing-leaf"]

    @pytest.mark.parametrize(("waited", "alarms"), [(59, []), (61, ["missing-leaf"])])
    def test_a_promise_must_be_kept_within_the_hour(self, seen, waited, alarms, tmp_path):
        seen.subjects["dec_7"] = {}
        found = look(
            seen, tmp_path / "300", seen.checkpoint.encode(),
            leaves=lambda _: [listed(7, leaf_index=None)], at=NOW + timedelta(minutes=waited),
        )  # fmt: skip
        assert kinds(found) == alarms

    def test_a_mirror_is_held_to_what_was_seen(self, seen, tmp_path):
        seen.subjects["dec_7"] = {"obx_7": listed(7)}
        checkpoint = a_mirror(tmp_path / "600", 600, ENTRIES)
        assert look(seen, tmp_path / "600", checkpoint).alarms == ()
        seen.subjects["dec_7"] = {"obx_7": listed(7, entry=FORGED.decode())}
        assert kinds(look(seen, tmp_path / "600", checkpoint)) == ["missing-leaf"]


class TestWitnesses:
    def test_a_witness_is_named_and_a_false_one_is_an_alarm(self, watch, tmp_path):
        checkpoint = a_mirror(tmp_path / "300", 300, ENTRIES)
        signed = note.parse_note(checkpoint)
        true = str(note.add_signatures(signed, [a_cosignature(signed.text)])).encode()
        false = str(note.add_signatures(signed, [a_cosignature("other\n")])).encode()
        assert kinds(look(watch, tmp_path / "300", false, witnesses=[WITNESS_KEY])) == ["tamper"]
        found = look(watch, tmp_path / "300", true, witnesses=[WITNESS_KEY])
        assert found.news["witnesses"] == {WITNESS_KEY.name: 1_700_000_000}


class TestKeepState:
    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"v":2}', '{"v":1,"key":3}', "x"])
    def test_a_state_of_another_form_is_refused(self, text):
        with pytest.raises(WatchUnreadable):
            monitor.Watch.load(text)

    @pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"leaves":[{}]}', b'{"leaves":3}'])
    def test_so_is_a_list_of_leaves(self, answer):
        with pytest.raises(WatchUnreadable):
            monitor.listed_leaves(answer)


@pytest.fixture
def served(log, monkeypatch):
    """A real server of this installation on the loopback address."""
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_ORIGIN", ORIGIN)
    monkeypatch.setenv("UNDERSTUDY_LOG_WITNESSES", str(WITNESS_KEY))
    settings.cache_clear()
    server = uvicorn.Server(uvicorn.Config(create_app(), port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


class TestCommand:
    def monitor(self, *words):
        done = CliRunner().invoke(log_commands, ["monitor", *map(str, words)])
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]

    def test_watches_a_served_installation(self, served, log_rows, run, signer, tmp_path):
        state = tmp_path / "state.json"
        words = (served, "--state", state, "--key", signer.key, "--allow-private")
        log_rows(3)
        run()
        code, (news,) = self.monitor(*words, "--subject", "gen_1")
        assert (code, news["size"] >= 3) == (0, True)  # the server had leaves of its own to promise
        size = news["size"] + 300
        assert [each["subject"] for each in news["about_watched"]] == ["gen_1"]
        log_rows(300)
        run()
        code, (news,) = self.monitor(*words)
        assert (code, news["new_leaves"], len(news["about_watched"])) == (0, 300, 1)
        # The operator rewrites the past and signs it afresh, under the same key.
        forged = a_mirror(tmp_path / "forged", size, ENTRIES)
        shutil.rmtree(settings().objects_dir / "log/tile")
        shutil.copytree(tmp_path / "forged/tile", settings().objects_dir / "log/tile")
        root = note.parse_checkpoint(note.parse_note(forged).text).root
        lie = note.sign_checkpoint(note.Checkpoint(ORIGIN, size, root), signer)
        with db.writing() as session:
            service.checkpoint_at(session).note = str(lie)
        code, (alarm,) = self.monitor(*words)
        assert (code, alarm["alarm"]) == (1, "fork")

    def test_calls_this_machine_only_when_told_to(self, served, signer, tmp_path):
        words = ["monitor", served, "--state", str(tmp_path / "s"), "--key", str(signer.key)]
        done = CliRunner().invoke(log_commands, words)
        assert done.exception.code == "egress-refused"

    def test_says_that_a_log_cannot_be_reached(self, signer, tmp_path):
        code, (alarm,) = self.monitor(
            tmp_path, "--state", tmp_path / "state.json", "--key", signer.key
        )
        assert (code, alarm["alarm"]) == (2, "unreachable")

    def test_keeps_a_witnesss_line_and_serves_it(self, served, log_rows, run, signer, tmp_path):
        log_rows(3)
        run()
        words = (served, "--state", tmp_path / "state.json", "--key", signer.key)
        words = (*words, "--allow-private", "--witness", WITNESS_KEY)
        assert self.monitor(*words)[1][0]["witnessed"] is False
        with db.reading() as session:
            signed = note.parse_note(service.checkpoint_at(session).note.encode())
        cosigned = note.add_signatures(signed, [a_cosignature(signed.text)])
        file = tmp_path / "cosigned"
        for line in (a_cosignature(signed.text, at=5), a_cosignature("another\n")):
            file.write_text(str(note.add_signatures(signed, [line])).replace("AAAF", "AAAG"))
            assert CliRunner().invoke(log_commands, ["cosign", str(file)]).exit_code == 1
        file.write_text(str(cosigned))
        done = CliRunner().invoke(log_commands, ["cosign", str(file)])
        assert done.exit_code == 0, done.exception
        assert self.monitor(*words)[1][0]["witnesses"] == {WITNESS_KEY.name: 1_700_000_000}
