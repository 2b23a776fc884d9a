"""An offline check of a mirrored log: whatever was changed, the first difference is named."""

import shutil

import pytest

from app.transparency import merkle, note, tiles
from app.transparency.errors import NoteRefused, TileDamaged, TileNotFound
from app.transparency.verify import directory_reader, verify_log
from tests.transparency.test_note import SIGNER, WITNESS_KEY, a_cosignature

SIZE = 300  # one full bundle, one partial, and two levels of tiles
ENTRIES = [b"entry %d" % index for index in range(70_000)]


def a_mirror(directory, size=SIZE, entries=ENTRIES):
    """Write a log by its definition, as a mirror would hold it; return its checkpoint."""
    tree = merkle.Tree([merkle.hash_leaf(entry) for entry in entries[:size]])
    for tile in tiles.tiles_to_publish(0, size):
        if tile.level == tiles.ENTRIES:
            content = tiles.encode_bundle(entries[tile.start : tile.start + tile.width])
        else:
            content = tiles.encode_tile(
                [tree.subtree(8 * tile.level, tile.start + at) for at in range(tile.width)]
            )
        path = directory / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    checkpoint = note.Checkpoint(SIGNER.key.name, size, merkle.root(size, tree.subtree))
    return str(note.sign_checkpoint(checkpoint, SIGNER)).encode()


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    directory = tmp_path_factory.mktemp("log")
    return directory, a_mirror(directory)


@pytest.fixture
def mirror(pristine, tmp_path):
    """A copy of the mirror to tamper with, and its checkpoint."""
    return shutil.copytree(pristine[0], tmp_path / "log"), pristine[1]


def check(directory, checkpoint, **options):
    return verify_log(directory_reader(directory), checkpoint, SIGNER.key, **options)


class TestVerifyLog:
    @pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 513, 65_536, 65_793])
    def test_a_true_log_of_any_size_holds(self, size, tmp_path):
        report = check(tmp_path, a_mirror(tmp_path, size))
        assert report.holds, report
        assert (report.size, report.difference) == (size, None)

    @pytest.mark.parametrize(
        ("path", "at", "leaf_index"),
        [
            ("tile/entries/000", 5000, 323),
            ("tile/entries/001.p/44", 3, 256),
            ("tile/0/000", 32 * 200, 200),
            ("tile/0/001.p/44", 32 * 43 + 31, 299),
            ("tile/1/000.p/1", 0, 0),
        ],
    )
    def test_names_the_first_leaf_where_one_bit_was_flipped(self, path, at, leaf_index, mirror):
        directory, checkpoint = mirror
        content = bytearray((directory / path).read_bytes())
        at = min(at, len(content) - 1)
        content[at] ^= 1
        (directory / path).write_bytes(content)
        report = check(directory, checkpoint)
        assert not report.holds
        if path == "tile/entries/000":
            leaf_index = 255  # the byte lies in the last entry of the bundle
        assert report.difference.leaf_index == leaf_index

    def test_every_flipped_byte_of_every_published_file_is_found(self, tmp_path):
        checkpoint = a_mirror(tmp_path, 5, [b"ab", b"", b"c", b"d", b"e"])
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        flipped = 0
        for path in files:
            content = path.read_bytes()
            for at in range(len(content)):
                path.write_bytes(content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :])
                assert not check(tmp_path, checkpoint).holds, (path, at)
                flipped += 1
            path.write_bytes(content)
        assert check(tmp_path, checkpoint).holds
        assert flipped == 5 * 32 + 5 * 2 + 5

    @pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"])
    @pytest.mark.parametrize("length", [0, 31, -1])
    def test_a_truncated_file_is_named(self, path, length, mirror):
        directory, checkpoint = mirror
        (directory / path).write_bytes((directory / path).read_bytes()[:length])
        report = check(directory, checkpoint)
        assert report.difference.where == path

    def test_a_file_with_more_than_it_promises_is_named(self, mirror):
        directory, checkpoint = mirror
        with (directory / "tile/entries/001.p/44").open("ab") as file:
            file.write(b"\0\1x")
        report = check(directory, checkpoint)
        assert "holds 45 entries" in report.difference.detail

    @pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"])
    def test_a_missing_file_is_named(self, path, mirror):
        directory, checkpoint = mirror
        (directory / path).unlink()
        report = check(directory, checkpoint)
        assert report.difference.where == path
        assert report.to_json()["holds"] is False

    def test_a_log_rewritten_as_a_whole_differs_from_the_checkpoint(self, mirror, tmp_path):
        forged = tmp_path / "forged"
        a_mirror(forged, SIZE, [b"forged", *ENTRIES[1:]])
        report = check(forged, mirror[1])
        assert report.difference.where == "checkpoint"

    def test_refuses_a_checkpoint_of_another_key(self, mirror):
        other = note.VerifierKey(SIGNER.key.name, bytes(32))
        with pytest.raises(NoteRefused):
            verify_log(directory_reader(mirror[0]), mirror[1], other)


class TestCompareKeptCheckpoint:
    @pytest.mark.parametrize("size", [0, 1, 200, 256, 299, 300])
    def test_a_log_that_only_grew_holds(self, size, mirror, tmp_path):
        kept = a_mirror(tmp_path / "kept", size)
        assert check(*mirror, kept=kept).holds

    def test_a_rewritten_past_is_found_though_the_new_log_is_sound_in_itself(
        self, mirror, tmp_path
    ):
        # The planted fault: the operator rewrites leaf 7, every tile, and signs again.
        forged = tmp_path / "forged"
        checkpoint = a_mirror(forged, SIZE, [*ENTRIES[:7], b"kinder", *ENTRIES[8:]])
        assert check(forged, checkpoint).holds
        kept = a_mirror(tmp_path / "kept", 256)
        assert check(forged, checkpoint, kept=kept).difference.where == "kept checkpoint"
        assert check(forged, checkpoint, kept=mirror[1]).difference.where == "kept checkpoint"

    def test_a_shrunken_log_is_found(self, mirror, tmp_path):
        small = a_mirror(tmp_path / "small", 200)
        report = check(tmp_path / "small", small, kept=mirror[1])
        assert "counts 300 leaves, the log has only 200" in report.difference.detail


class TestReportWitnesses:
    def test_an_unwitnessed_log_says_so(self, mirror):
        assert check(*mirror, witnesses=[WITNESS_KEY]).to_json()["witnessed"] is False

    def test_a_witnessed_log_says_by_whom_and_when(self, mirror):
        directory, checkpoint = mirror
        signed = note.parse_note(checkpoint)
        cosigned = str(note.add_signatures(signed, [a_cosignature(signed.text)])).encode()
        report = check(directory, cosigned, witnesses=[WITNESS_KEY])
        assert report.witnesses == {WITNESS_KEY.name: 1_700_000_000}


class TestReadDirectory:
    def test_reads_no_file_but_tiles(self, mirror):
        (mirror[0] / "secret").write_text("no")
        for path in ("secret", "../secret", "tile/../secret", "tile/0/002"):
            with pytest.raises(TileNotFound):
                directory_reader(mirror[0])(path)

    def test_refuses_a_file_larger_than_any_bundle(self, mirror):
        with (mirror[0] / "tile/entries/000").open("r+b") as file:
            file.truncate(tiles.BUNDLE_LIMIT_BYTES + 1)
        with pytest.raises(TileDamaged, match="larger"):
            directory_reader(mirror[0])("tile/entries/000")
