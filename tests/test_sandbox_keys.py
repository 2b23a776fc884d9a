"""A child that embeds or detects is given the watermark key; no other secret is anywhere in it."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from app import keys, sandbox
from app.config import settings
from app.gateway import marking, outputs
from app.provenance import verify
from tests.test_sandbox import linux_only, no_leftovers, run

__all__ = ["no_leftovers"]


def secrets() -> dict[str, bytes]:
    """A piece of every key file that nobody could guess."""
    pieces = {}
    for path in settings().keys_dir.iterdir():
        content = path.read_bytes()
        if content.startswith(b"-----BEGIN"):
            if b"PRIVATE" not in content:
                continue
            content = base64.b64decode(b"".join(content.splitlines()[1:-1]))[36:48]
        pieces[path.stem] = content
    return pieces


def search(**given: str) -> list[str]:
    """The secrets that a child finds in its memory; asking tells it none."""
    wanted = {}
    for name, piece in secrets().items():
        for spelled in (piece, piece.hex().encode(), base64.b64encode(piece)):
            head, digest = spelled[:4].hex(), hashlib.sha256(spelled).hexdigest()
            wanted[f"{name} {len(spelled)}"] = [head, digest, len(spelled)]
    found = run("search_memory", args={"given": given, "wanted": wanted}, cpu_s=60, wall_s=120)
    return sorted({name.split()[0] for name in found["found"]})


@linux_only
class TestInTheChild:
    def test_is_the_watermark_keys_and_no_other_secret(self, monkeypatch):
        keys.begin_epoch("watermark")
        for name, piece in secrets().items():  # nor does it inherit one
            monkeypatch.setenv(f"UNDERSTUDY_{name.upper().replace('-', '_')}", piece.hex())
        assert len(secrets()) >= 8
        known = {f"epoch_{n}": key.hex() for n, key in keys.epochs("watermark").items()}
        assert search(**known) == ["watermark", "watermark.2"]

    def test_another_one_would_be_found(self):
        """The planted fault: a caller who hands over too much."""
        given = {"watermark_key_hex": keys.secret("watermark").hex()}
        assert search(**given, careless=keys.secret("link").hex()) == ["link", "watermark"]


class TestHandedOver:
    @pytest.fixture
    def handed(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What callers tell their children, as it is sent."""
        sent: list[str] = []

        def record(function: str, args: dict[str, Any], **options: object) -> dict[str, Any]:
            sent.append(json.dumps(args))
            for path in options.get("writes", ()):  # type: ignore[attr-defined]
                (path / Path(args["target"]).name).touch()
            return {}

        monkeypatch.setattr(sandbox, "run", record)
        return sent

    def test_to_detect_and_to_embed_is_the_watermark_key_alone(self, handed, tmp_path):
        path, key = tmp_path / "film.mp4", keys.secret("watermark")
        path.write_bytes(os.urandom(99))
        verify.read_content(path, {1: key})
        verify._read_claims(path, {})
        verify._find_remains(path)
        for kind in outputs.KINDS.values():
            marked = tmp_path / kind.output / "marked"
            marked.parent.mkdir()
            marking.mark_output(path, marked, bytes(8), key, kind.marked_by)
        told = "".join(handed)
        assert key.hex() in told
        for name, piece in secrets().items():
            assert (piece.hex() in told) == (name == "watermark")
