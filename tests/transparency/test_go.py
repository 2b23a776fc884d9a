"""Go's own reader of such logs accepts everything we publish, and nothing that was changed."""

import base64
import itertools
import shutil

import pytest

from app import db
from app.config import settings
from app.transparency import merkle, note, service
from app.transparency.errors import NoteRefused
from tests.transparency import go_checker
from tests.transparency.test_note import WITNESS_KEY, a_cosignature

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("go")]

BATCHES = (1, 2, 4, 248, 1, 44)  # sizes 1, 3, 7, 255, 256, 300: partial and full tiles
SIZE = sum(BATCHES)
FLIP = 0x04


@pytest.fixture(scope="module")
def checker(tmp_path_factory):
    """Build the Go program once."""
    return go_checker.build(tmp_path_factory.mktemp("go"))


@pytest.fixture
def database(data_dir, sqlite_template):
    """One database: what is published is the same bytes on both."""
    shutil.copy(sqlite_template, data_dir / "understudy.sqlite")
    yield "sqlite"
    db.engine().dispose()


@pytest.fixture
def published(log_rows, run):
    """A log that grew in batches, published by the sequencer; return its directory."""
    for batch in BATCHES:
        log_rows(batch)
        run()
    return settings().objects_dir / "log"


@pytest.fixture
def ask(checker, signer):
    """Put questions about this log to Go; return what it accepted."""

    def put(*questions):
        named = [{"key": str(signer.key), **question} for question in questions]
        return [answer["accepted"] for answer in go_checker.ask(checker, named)]

    return put


def inclusion(leaf_index, size=None):
    with db.reading() as session:
        proof = service.inclusion_proof(session, leaf_index, size=size).to_json()
    return {"ask": "inclusion", **proof}


def consistency(old, size=None):
    with db.reading() as session:
        proof = service.consistency_proof(session, old, size=size).to_json()
    return {
        "ask": "consistency",
        "old": proof["old_checkpoint"],
        "checkpoint": proof["new_checkpoint"],
        "path": proof["path"],
    }


def checkpoint(size=None):
    with db.reading() as session:
        return service.checkpoint_text(service.checkpoint_at(session, size))


def flipped(raw: bytes):
    """Yield the bytes with each of them changed in turn."""
    for at in range(len(raw)):
        yield raw[:at] + bytes([raw[at] ^ FLIP]) + raw[at + 1 :]


def flipped_paths(path):
    """Yield a path with every byte of every hash changed in turn, then of other lengths."""
    for at, value in enumerate(path):
        for other in flipped(bytes.fromhex(value)):
            yield [*path[:at], other.hex(), *path[at + 1 :]]
    yield path[:-1]
    yield [*path, path[0]]
    yield path[::-1]


SIZES = list(itertools.accumulate(BATCHES))


class TestGoAccepts:
    def test_every_checkpoint_and_every_proof_against_each(self, published, ask):
        questions = [{"ask": "checkpoint", "checkpoint": checkpoint(size)} for size in SIZES]
        questions += [inclusion(index, size) for size in SIZES for index in range(0, size, 7)]
        questions += [
            consistency(*pair) for pair in itertools.combinations_with_replacement(SIZES, 2)
        ]
        assert all(ask(*questions))

    def test_every_tile_and_makes_the_same_proofs_from_them(self, published, checker, signer):
        question = {
            "ask": "tiles",
            "key": str(signer.key),
            "checkpoint": checkpoint(),
            "directory": str(published),
        }
        (answer,) = go_checker.ask(checker, [question])
        assert answer["accepted"], answer
        assert answer["records"] == [inclusion(index)["path"] for index in range(SIZE)]
        for size in SIZES:
            assert answer["trees"][size - 1] == consistency(size)["path"]

    def test_a_checkpoint_that_carries_a_witness(self, published, ask):
        signed = note.parse_note(checkpoint().encode())
        cosigned = note.add_signatures(signed, [a_cosignature(signed.text)])
        assert note.witnessed_by(cosigned, [WITNESS_KEY])
        assert ask({"ask": "checkpoint", "checkpoint": str(cosigned)}) == [True]

    def test_and_we_accept_what_go_signs(self, checker):
        root = base64.b64encode(bytes(32)).decode()
        text = f"go.example/log\n7\n{root}\n"
        seed = base64.b64encode(b"g" * 32).decode()
        (answer,) = go_checker.ask(checker, [{"ask": "sign", "key": seed, "text": text}])
        key, _, signed = answer["note"].partition("\n")
        opened = note.open_checkpoint(signed.encode(), note.VerifierKey.parse(key))
        assert (opened.size, opened.root) == (7, bytes(32))


class TestGoRefuses:
    def test_a_checkpoint_with_any_byte_flipped(self, published, ask, signer):
        changed = []
        for raw in flipped(checkpoint().encode()):
            try:
                text = raw.decode()
            except UnicodeDecodeError:  # no JSON can carry it, and no note either
                continue
            changed.append(text)
        answers = ask(*({"ask": "checkpoint", "checkpoint": text} for text in changed))
        assert not any(answers)
        for text in changed:
            with pytest.raises(NoteRefused):
                note.open_checkpoint(text.encode(), signer.key)

    def test_a_proof_with_any_byte_flipped(self, published, ask):
        for proof in (inclusion(11), inclusion(299), consistency(255), consistency(7)):
            changed = [{**proof, "path": path} for path in flipped_paths(proof["path"])]
            assert len(changed) > 32 * len(proof["path"])
            assert not any(ask(*changed))

    def test_a_leaf_with_any_byte_flipped(self, published, ask):
        proof = inclusion(42)
        entries = [raw.decode(errors="replace") for raw in flipped(proof["entry"].encode())]
        assert len(entries) == len(proof["entry"])
        assert not any(ask(*({**proof, "entry": entry} for entry in entries)))

    def test_a_leaf_at_another_place(self, published, ask):
        proof = inclusion(42)
        places = [index for index in range(-1, SIZE + 2) if index != 42]
        assert not any(ask(*({**proof, "leaf_index": index} for index in places)))

    def test_another_tree_size_even_under_the_true_signature(self, published, ask, signer):
        # Of the last leaf: a proof of an earlier one says little about what lies to its right.
        newest = note.parse_checkpoint(note.parse_note(checkpoint().encode()).text)
        proof, same = inclusion(SIZE - 1), consistency(SIZE)
        for size in (0, 1, 255, 299, 301, 512, 1 << 40):
            lie = note.Checkpoint(newest.origin, size, newest.root)
            signed = str(note.sign_checkpoint(lie, signer))
            asked = [
                {"ask": "checkpoint", "checkpoint": signed},
                {**proof, "checkpoint": signed},
                {**same, "checkpoint": signed},
            ]
            if size:  # Go reads no tile of an empty tree
                asked.append({"ask": "tiles", "checkpoint": signed, "directory": str(published)})
            assert ask(*asked) == [True, *([False] * (len(asked) - 1))], size

    def test_a_tile_or_bundle_with_a_byte_flipped(self, published, checker, signer):
        files = [path for path in (published / "tile").rglob("*") if path.is_file()]
        wanted = {"ask": "tiles", "key": str(signer.key), "checkpoint": checkpoint()}
        tried = 0
        for path in files:
            content = path.read_bytes()
            for at in (0, 40, len(content) - 1):
                if at >= len(content) or not _of_this_size(path):
                    continue
                path.write_bytes(content[:at] + bytes([content[at] ^ FLIP]) + content[at + 1 :])
                question = {**wanted, "directory": str(published)}
                assert not go_checker.ask(checker, [question])[0]["accepted"], (path, at)
                tried += 1
            path.write_bytes(content)
        assert tried >= 5 * 2

    def test_a_tree_hashed_without_the_prefixes_of_rfc_6962(self, log_rows, run, ask, monkeypatch):
        # The planted fault: a log consistent in itself, and not the one that was promised.
        monkeypatch.setattr(merkle, "hash_leaf", lambda entry: merkle.sha256(entry).digest())
        log_rows(3)
        run()
        assert ask({"ask": "checkpoint", "checkpoint": checkpoint()}, inclusion(1)) == [True, False]


def _of_this_size(path):
    """Only the widest tile of each place is read for the newest checkpoint."""
    return ".p" not in str(path) or path.name == str(SIZE % 256) or "tile/1/" in str(path)
