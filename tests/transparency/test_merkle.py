"""RFC 6962 trees: known answers, every small tree, and proofs that were tampered with."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transparency import merkle
from app.transparency.errors import ProofRefused

SMALL = 40

# The test vectors of the Certificate Transparency reference implementation.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def a_tree(size: int) -> merkle.Tree:
    return merkle.Tree([merkle.hash_leaf(b"entry %d" % index) for index in range(size)])


def mth(leaf_hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, read word for word: what the product's shortcuts must equal."""
    if not leaf_hashes:
        return sha256(b"").digest()
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = 1
    while split * 2 < len(leaf_hashes):
        split *= 2
    return sha256(b"\1" + mth(leaf_hashes[:split]) + mth(leaf_hashes[split:])).digest()


class TestComputeRoot:
    @pytest.mark.parametrize("size", range(9))
    def test_equals_the_reference_vectors(self, size):
        tree = merkle.Tree([merkle.hash_leaf(entry) for entry in ENTRIES])
        assert merkle.root(size, tree.subtree).hex() == ROOTS[size]

    def test_equals_the_definition_for_every_small_tree(self):
        leaf_hashes = [merkle.hash_leaf(b"%d" % index) for index in range(130)]
        tree = merkle.Tree(leaf_hashes)
        for size in range(131):
            assert merkle.root(size, tree.subtree) == mth(leaf_hashes[:size])


class TestProveInclusion:
    @pytest.mark.parametrize(("index", "size"), INCLUSION)
    def test_equals_the_reference_vectors(self, index, size):
        tree = merkle.Tree([merkle.hash_leaf(entry) for entry in ENTRIES])
        path = merkle.inclusion_path(index, size, tree.subtree)
        assert [value.hex() for value in path] == INCLUSION[index, size]

    def test_every_leaf_of_every_small_tree_is_proved(self):
        tree = a_tree(SMALL)
        for size in range(1, SMALL + 1):
            root = merkle.root(size, tree.subtree)
            for index in range(size):
                path = merkle.inclusion_path(index, size, tree.subtree)
                merkle.verify_inclusion(tree.subtree(0, index), index, size, path, root)

    def test_every_altered_proof_of_every_small_tree_is_refused(self):
        tree = a_tree(SMALL)
        for size in (1, 2, 3, 7, 8, 13, 40):
            root = merkle.root(size, tree.subtree)
            for index in range(size):
                leaf = tree.subtree(0, index)
                path = merkle.inclusion_path(index, size, tree.subtree)
                for bad in altered(path):
                    refuse_inclusion(leaf, index, size, bad, root)
                refuse_inclusion(flip(leaf), index, size, path, root)
                refuse_inclusion(leaf, index, size, path, flip(root))
                for other in range(-1, size + 1):
                    if other != index:
                        refuse_inclusion(leaf, other, size, path, root)

    @pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
    def test_no_path_leads_from_a_leaf_outside_the_tree(self, index, size):
        with pytest.raises(ValueError, match="is not in a tree"):
            merkle.inclusion_path(index, size, a_tree(3).subtree)

    @given(st.integers(1, 2000), st.data())
    def test_holds_in_larger_trees(self, size, data):
        index = data.draw(st.integers(0, size - 1))
        tree = merkle.Tree([merkle.hash_leaf(b"%d" % at) for at in range(size)])
        path = merkle.inclusion_path(index, size, tree.subtree)
        root = merkle.root(size, tree.subtree)
        merkle.verify_inclusion(tree.subtree(0, index), index, size, path, root)
        assert len(path) <= max(1, size - 1).bit_length()


class TestProveConsistency:
    @pytest.mark.parametrize(("old", "new"), CONSISTENCY)
    def test_equals_the_reference_vectors(self, old, new):
        tree = merkle.Tree([merkle.hash_leaf(entry) for entry in ENTRIES])
        path = merkle.consistency_path(old, new, tree.subtree)
        assert [value.hex() for value in path] == CONSISTENCY[old, new]

    def test_every_pair_of_small_trees_is_proved(self):
        tree = a_tree(SMALL)
        for new in range(SMALL + 1):
            new_root = merkle.root(new, tree.subtree)
            for old in range(new + 1):
                path = merkle.consistency_path(old, new, tree.subtree)
                old_root = merkle.root(old, tree.subtree)
                merkle.verify_consistency(old, old_root, new, new_root, path)

    def test_every_altered_proof_of_small_trees_is_refused(self):
        tree = a_tree(17)
        for new in range(18):
            new_root = merkle.root(new, tree.subtree)
            for old in range(new + 1):
                path = merkle.consistency_path(old, new, tree.subtree)
                old_root = merkle.root(old, tree.subtree)
                for bad in altered(path):
                    refuse_consistency(old, old_root, new, new_root, bad)
                refuse_consistency(old, flip(old_root), new, new_root, path)
                if old:  # nothing can contradict the empty tree
                    refuse_consistency(old, old_root, new, flip(new_root), path)

    def test_a_rewritten_leaf_has_no_consistency_proof(self):
        # The planted fault: one leaf of the past is replaced, the log grows on.
        old = a_tree(12)
        leaves = [old.subtree(0, index) for index in range(12)]
        leaves[4] = merkle.hash_leaf(b"another past")
        rewritten = merkle.Tree([*leaves, merkle.hash_leaf(b"new")])
        path = merkle.consistency_path(12, 13, rewritten.subtree)
        old_root = merkle.root(12, old.subtree)
        with pytest.raises(ProofRefused, match="another tree of 12 leaves"):
            merkle.verify_consistency(12, old_root, 13, merkle.root(13, rewritten.subtree), path)

    def test_a_shrunken_log_is_refused(self):
        tree = a_tree(5)
        with pytest.raises(ProofRefused, match="has lost some"):
            merkle.verify_consistency(
                5, merkle.root(5, tree.subtree), 4, merkle.root(4, tree.subtree), []
            )


def flip(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


def altered(path: list[bytes]) -> list[list[bytes]]:
    """Every proof that differs from `path` by one flip, one loss, one swap or one addition."""
    found = [[*path, bytes(32)], [bytes(32), *path], [*path, b"short"]]
    for at in range(len(path)):
        found.append([*path[:at], flip(path[at]), *path[at + 1 :]])
        found.append([*path[:at], *path[at + 1 :]])
        found.append([*path[:at], path[at][:31], *path[at + 1 :]])
    found += [[*path[:at], path[at + 1], path[at], *path[at + 2 :]] for at in range(len(path) - 1)]
    return found


def refuse_inclusion(leaf, index, size, path, root):
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(leaf, index, size, path, root)


def refuse_consistency(old, old_root, new, new_root, path):
    with pytest.raises(ProofRefused):
        merkle.verify_consistency(old, old_root, new, new_root, path)
