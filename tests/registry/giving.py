"""Photos that a performer gives, without reading a picture; and a real one, small enough to be
read soon."""

import io
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from sqlmodel import Session

from app.identity.principal import Principal
from app.registry import likeness, photos, recordings
from app.registry import service as registry
from app.registry.models import Performer
from app.registry.models_likeness import LikenessMedium
from tests.scenes import PORTRAIT

POINTS = ((0.38, 0.4), (0.42, 0.4), (0.58, 0.4), (0.62, 0.4), (0.5, 0.58))
GOOD = photos.Photo(
    media_type="image/jpeg",
    width=900,
    height=1200,
    size_bytes=20,
    sha256="ab" * 32,
    still=b"\xff\xd8\xff a still",
    faces=1,
    points=POINTS,
    template=(0.1,) * 128,
    face_width=300,
    light=0.5,
    contrast=0.2,
    glare=0.0,
    aside=0.1,
    sharpness=0.08,
)

HEARD = recordings.Recording(
    media_type="audio/mp4",
    size_bytes=20,
    sha256="cd" * 32,
    length_ms=6000,
    voiced_s=3.0,
    spoken=0.1,
    between=0.002,
    clipped=0.0,
)


def aimed(aside: float = 0.0, below: float = 0.9, **changes: Any) -> photos.Photo:
    """A good photo of a face whose nose stands so against its eyes, in distances of the eyes."""
    points = (*POINTS[:4], (0.5 + 0.2 * aside, 0.4 + 0.2 * below))
    return replace(GOOD, points=points, **changes)


SEEN = {
    "straight": aimed(),
    "left": aimed(0.12),
    "right": aimed(-0.12),
    "up": aimed(below=0.75),
}


def a_photo(
    session: Session, scene: Any, pose: str = "straight", *, by: Principal
) -> LikenessMedium:
    """Keep a photo of the performer of a scene."""
    performer = session.get_one(Performer, scene.performer.id)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "photo"
        path.write_bytes(b"\xff\xd8 a photo as sent")
        kept = likeness.keep_photo(session, performer, pose, path, SEEN[pose], by=by)
    assert isinstance(kept, LikenessMedium), kept
    return kept


@cache
def small_portrait() -> bytes:
    """The sample portrait, small enough to be read soon."""
    with Image.open(PORTRAIT) as picture, io.BytesIO() as written:
        picture.thumbnail((400, 400))
        picture.save(written, "JPEG", quality=92)
        return written.getvalue()


@cache
def small_face() -> registry.Portrait:
    """What the sandboxed reader says of `small_portrait`: a portrait to enroll with."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "portrait"
        path.write_bytes(small_portrait())
        return registry.inspect_portrait(path)
