"""RFC 6962 trees: hashing, roots, proofs and their verification. Pure, without I/O.

A tree is read through a `Subtree`: a function of (level, index) that returns the hash over the
leaves [index << level, (index + 1) << level). Only complete subtrees are ever asked for, so one
reader serves every smaller tree as well.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from app.transparency.errors import ProofRefused

HASH_SIZE_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]


def hash_leaf(entry: bytes) -> bytes:
    """Return the leaf hash of an entry: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree in memory: every complete subtree is kept, so any proof costs O(log n) look-ups."""

    def __init__(self, leaf_hashes: Sequence[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf_hash in leaf_hashes:
            self.append(leaf_hash)

    @property
    def size(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0])

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf by its hash."""
        level, completed = 0, leaf_hash
        self._levels[0].append(completed)
        while len(self._levels[level]) % 2 == 0:
            completed = hash_children(self._levels[level][-2], self._levels[level][-1])
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(completed)

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of one complete subtree: the reader that the functions below want."""
        return self._levels[level][index]


def root(size: int, subtree: Subtree) -> bytes:
    """Return the root of the first `size` leaves; the empty tree's root is SHA-256 of nothing."""
    return _hash_range(0, size, subtree) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the hashes that lead from leaf `index` to the root of `size` leaves, leaf end first.

    RFC 9162, 2.1.3.1. Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            path.append(_hash_range(middle, end, subtree))
            end = middle
        else:
            path.append(_hash_range(start, middle, subtree))
            start = middle
    return path[::-1]


def consistency_path(old_size: int, new_size: int, subtree: Subtree) -> list[bytes]:
    """Return the hashes that prove the tree of `old_size` leaves a prefix of that of `new_size`.

    RFC 9162, 2.1.4.1; empty for equal sizes and for the empty tree, which is a prefix of any.
    Raises ValueError unless 0 <= old_size <= new_size.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a tree of {old_size} leaves is no prefix of one of {new_size}")
    if old_size in (0, new_size):
        return []
    path, start, end = [], 0, new_size
    while end != old_size:
        middle = start + _largest_power_below(end - start)
        if old_size <= middle:
            path.append(_hash_range(middle, end, subtree))
            end = middle
        else:
            path.append(_hash_range(start, middle, subtree))
            start = middle
    if start:  # the old root is not itself a node of the new tree: name its last subtree
        path.append(_hash_range(start, end, subtree))
    return path[::-1]


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root_hash: bytes
) -> None:
    """Prove that the leaf is the `index`-th of the tree under `root_hash`, or raise ProofRefused.

    RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        raise ProofRefused(f"leaf {index} cannot be in a tree of {size} leaves")
    _check_lengths(leaf_hash, root_hash, *path)
    node, last, computed = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            raise ProofRefused("the inclusion path is longer than the tree is high")
        if node & 1 or node == last:
            computed = hash_children(sibling, computed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            computed = hash_children(computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofRefused("the inclusion path ends before it reaches the root")
    if computed != root_hash:
        raise ProofRefused(
            f"leaf {index} is not in this tree of {size} leaves: its path leads to "
            f"{computed.hex()}, the root is {root_hash.hex()}"
        )


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Prove that the newer tree only appended to the older one, or raise ProofRefused.

    RFC 9162, 2.1.4.2, and the empty tree as a prefix of any.
    """
    _check_lengths(old_root, new_root, *path)
    if not 0 <= old_size <= new_size:
        raise ProofRefused(f"a log of {new_size} leaves has lost some of an earlier {old_size}")
    if old_size in (0, new_size):
        if path:
            raise ProofRefused("nothing needs proving here, and yet the proof holds hashes")
        if old_root != (new_root if old_size else EMPTY_ROOT):
            raise ProofRefused(f"two different roots claim a tree of {old_size} leaves")
        return
    computed_old, computed_new = _fold_consistency(old_size, old_root, new_size, path)
    if computed_old != old_root:
        raise ProofRefused(f"the proof rebuilds another tree of {old_size} leaves than the old one")
    if computed_new != new_root:
        raise ProofRefused(f"the proof rebuilds another tree of {new_size} leaves than the new one")


def _fold_consistency(
    old_size: int, old_root: bytes, new_size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    # 1. A whole old tree is its own first node; otherwise the proof names it.
    hashes = list(path)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise ProofRefused("the consistency proof is empty")
    # 2. Climb to the highest complete subtree that ends the old tree.
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    # 3. Rebuild both roots side by side.
    computed_old = computed_new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofRefused("the consistency proof is longer than the tree is high")
        if node & 1 or node == last:
            computed_old = hash_children(sibling, computed_old)
            computed_new = hash_children(sibling, computed_new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            computed_new = hash_children(computed_new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofRefused("the consistency proof ends before it reaches the root")
    return computed_old, computed_new


def _hash_range(start: int, end: int, subtree: Subtree) -> bytes:
    """Hash [start, end), where `start` is aligned as in every node of an RFC 6962 tree."""
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(subtree(level, start >> level))
        start += 1 << level
    computed = parts.pop()
    while parts:
        computed = hash_children(parts.pop(), computed)
    return computed


def _largest_power_below(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _check_lengths(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE_BYTES:
            raise ProofRefused(f"a hash has {len(value)} bytes; SHA-256 has {HASH_SIZE_BYTES}")
