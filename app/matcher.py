"""The matcher: the one process of a machine that holds the templates to be searched.

Started by `app/registry/matching.py` with the socket it listens at, the lock that says it is the
only one, and a pipe whose end tells that whoever started it is gone: then it goes too, and the next
search starts another. It opens templates from the vault itself, each opening on record, and answers
with performers and distances; no template leaves it.
"""

import ctypes
import os
import resource
import select
import socket
import sys
from contextlib import suppress
from typing import Any

from sqlmodel import Session

import app.models  # noqa: F401  the vault's records refer to every room
from app import db, vault
from app.registry import matching
from app.registry.nearest import ExactIndex, Index

SUBJECT = "matcher"
AT_ONCE = 50  # openings in one transaction: others write too
SLOW_S = 30  # who asks and does not finish is hung up on


class Gallery:
    """The index, kept the same as what performers allow now."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._stand: tuple[object, ...] = ()
        self._whose: dict[str, str] = {}  # a sealed template to its performer

    def refresh(self) -> None:
        """Open what was newly allowed, forget what no longer is; one look where nothing changed."""
        with db.reading() as session:
            stand = matching.stand(session)
        if stand == self._stand:
            return
        with db.reading() as session:
            self._whose = dict(matching.searchable(session))
        for gone in self._index.held() - set(self._whose):
            self._index.drop(gone)
        missing = sorted(set(self._whose) - self._index.held())
        for at in range(0, len(missing), AT_ONCE):
            with db.writing() as session:
                for object_id in missing[at : at + AT_ONCE]:
                    self._open(session, object_id)
        self._stand = stand

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Search for each template that was asked for, among all but those who were named."""
        self.refresh()
        but, most, below = set(asked["but"]), int(asked["most"]), float(asked["below"])
        theirs = sum(who in but for who in self._whose.values()) if but else 0
        found = []
        for template in asked["templates"]:
            near = self._index.search(template, below=below, most=most + theirs)
            hits = [
                {"performer_id": self._whose[key], "distance": distance}
                for key, distance in near
                if self._whose[key] not in but
            ]
            found.append(hits[:most])
        return {"found": found, "searched": len(self._whose) - theirs}

    def _open(self, session: Session, object_id: str) -> None:
        with suppress(vault.LikenessErased):
            packed = vault.open_bytes(session, object_id, purpose="matching", subject_id=SUBJECT)
            self._index.put(object_id, matching.unpack(packed)[0])


def serve(listening: socket.socket, alive: int, gallery: Gallery) -> None:
    """Answer one question after another until the other end of `alive` is closed."""
    while True:
        ready, _, _ = select.select([listening.fileno(), alive], [], [])
        if alive in ready:
            return
        line, _ = listening.accept()
        with line, suppress(OSError, ValueError, KeyError, TypeError):
            line.settimeout(SLOW_S)
            if matching.is_ours(line):
                matching.send(line, _answer(gallery, matching.receive(line)))


def _answer(gallery: Gallery, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return gallery.answer(asked)
    except Exception as error:  # noqa: BLE001  whoever asked must not take silence for no match
        return {"broken": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Serve on the descriptors named on the command line: socket, lock, pipe."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # no other process of this user reads its memory
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    listening, _lock, alive = (int(each) for each in sys.argv[1:])
    with socket.socket(fileno=listening) as at:
        serve(at, alive, Gallery(ExactIndex()))
    os._exit(0)


if __name__ == "__main__":
    main()
