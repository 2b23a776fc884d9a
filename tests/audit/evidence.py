"""Files as they come to the auditor: released, tiny, grafted, encoded anew."""

import struct
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from sqlmodel import Session, select

from app.audit.service import Verdict, verify_file
from app.provenance import service as provenance
from app.provenance.models import SignedManifest
from app.provenance.service import SignedOutput
from tests.provenance import making
from tests.provenance.conftest import KEY
from tests.provenance.making import Authority

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def always_licensed(_session: Session, _generation_id: str, _at: datetime) -> str:
    return "licensed"


def never_logged(_session: Session, _generation_id: str) -> dict[str, Any]:
    return {"state": "absent", "record": None, "leaf_index": None}


def look(session: Session, path: Path, authority: Authority) -> Verdict:
    return verify_file(
        session,
        path,
        **authority.trust,
        watermark_keys={1: KEY},
        license_state=always_licensed,
        log_inclusion=never_logged,
    )


def release(
    session: Session,
    authority: Authority,
    src: Path,
    out: Path,
    payload: bytes = making.PAYLOAD,
) -> SignedOutput:
    """Sign, pass the gate, and keep the manifest: what the pipeline does."""
    described = making.a_manifest(src, payload)
    output = provenance.sign_output(src, out, described, desk=authority.desk)
    provenance.register(session, output)
    return output


def tiny(path: Path, seed: int = 1) -> Path:
    """Media too small to carry a mark, so that looking for one is over at once."""
    if path.suffix[1:] in ("jpg", "png", "webp"):
        cv2.imwrite(str(path), making.a_picture(48, 40, seed))
        return path
    if path.suffix[1:] in ("mp4", "mov"):
        making.write_video(path, [making.a_picture(48, 48, seed + n) for n in range(6)])
        return path
    return making.make_media(path, seed)


def first_generation(session: Session) -> str:
    return session.exec(select(SignedManifest.generation_id).order_by(SignedManifest.id)).first()


def graft(png: Path, manifest: bytes) -> Path:
    """Put another manifest of the same length into a signed PNG's caBX chunk."""
    whole = png.read_bytes()
    at = whole.index(b"caBX")
    (size,) = struct.unpack(">I", whole[at - 4 : at])
    assert size == len(manifest)
    chunk = b"caBX" + manifest
    end = at + 4 + size + 4
    grafted = png.with_name("grafted.png")
    grafted.write_bytes(whole[:at] + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[end:])
    return grafted


def reencode(src: Path, dst: Path, *, width: int, height: int, crf: int) -> None:
    with av.open(str(src)) as container:
        frames = [
            frame.reformat(width=width, height=height).to_ndarray(format="bgr24")
            for frame in container.decode(video=0)
        ]
    making.write_video(dst, frames, crf=crf)
