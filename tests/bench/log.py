"""What the log costs: leaves appended beside leaves hashed, a proof beside a signature."""

import statistics
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session, select

from app import db, keys
from app.transparency import merkle, note, service
from app.transparency.growth import GrownTree, Growth, Head
from app.transparency.models import LogLeaf

Timed = Callable[[], object]


def measure(*, leaves: int, appended: int, rounds: int) -> dict[str, Any]:
    """Measure a proof in a tree of so many leaves, and the growth of the log by `appended`."""
    return {"proof": _proof(leaves, 200 * rounds), "append": _append(appended, rounds)}


def _proof(leaves: int, times: int) -> dict[str, Any]:
    """A proof from the middle of a tree: its size, and its verification beside Ed25519's."""
    tree = merkle.Tree([merkle.hash_leaf(b"%d" % index) for index in range(leaves)])
    index = leaves // 2 - 1
    path = merkle.inclusion_path(index, leaves, tree.subtree)
    root, leaf = merkle.root(leaves, tree.subtree), merkle.hash_leaf(b"%d" % index)
    private = Ed25519PrivateKey.generate()
    message = root * 5  # about as long as a checkpoint
    signature, public = private.sign(message), private.public_key()
    took = _in_turn(
        {
            "proof": lambda: merkle.verify_inclusion(leaf, index, leaves, path, root),
            "Ed25519": lambda: public.verify(signature, message),
        },
        times,
    )
    return {
        "leaves": leaves,
        "bytes": len(b"".join(path)),
        "verified, us": {name: round(value * 1e6, 1) for name, value in took.items()},
        "proof / Ed25519": round(took["proof"] / took["Ed25519"], 3),
    }


def _append(several: int, rounds: int) -> dict[str, Any]:
    """Leaves through the sequencer (rows, tiles, flushes, checkpoint), in memory, and hashed."""
    signer = note.Signer.under(
        "bench.example/log", keys.public_key("log"), lambda data: keys.sign("log", data)
    )
    logged_s, grown_s, hashed_s = [], [], []
    for number in range(rounds):
        with db.writing() as session:
            for each in range(several):
                service.record(session, "decision", f"gen_{number}_{each}", {"permitted": True})
        begun = time.perf_counter()
        head = service.sequence(reading=db.reading, writing=db.writing, signer=signer)
        logged_s.append(time.perf_counter() - begun)
        with db.reading() as session:
            entries = _newest(session, several, head.size)
        took = _in_turn(
            {
                "grown": lambda entries=entries: GrownTree(
                    Growth(Head(), tuple(entries)), lambda _path: b""
                ).root(len(entries)),
                "hashed": lambda entries=entries: [sha256(entry).digest() for entry in entries],
            },
            3,
        )
        grown_s.append(took["grown"])
        hashed_s.append(took["hashed"])
    logged, grown, hashed = (several / statistics.median(s) for s in (logged_s, grown_s, hashed_s))
    return {
        "leaves a batch": several,
        "leaves per second": {
            "logged, durable": round(logged),
            "grown in memory": round(grown),
            "SHA-256 alone": round(hashed),
        },
        "logged / SHA-256": round(logged / hashed, 5),
        "grown / SHA-256": round(grown / hashed, 3),
    }


def _newest(session: Session, several: int, size: int) -> list[bytes]:
    return list(
        session.exec(
            select(LogLeaf.entry)
            .where(LogLeaf.leaf_index >= size - several)
            .order_by(LogLeaf.leaf_index)  # type: ignore[arg-type]
        )
    )


def _in_turn(things: dict[str, Timed], times: int) -> dict[str, float]:
    seen: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(times):
        for name, thing in things.items():
            begun = time.perf_counter()
            thing()
            seen[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seen.items()}
