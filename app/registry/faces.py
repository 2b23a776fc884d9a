"""Find faces in a picture and describe one by 128 numbers; see docs/faces.md for what that proves.

Everything that touches pixels runs inside the sandbox only: dlib and Pillow are imported when
first used, never by the server. dlib is called directly (HOG detector, five-point landmarks,
ResNet descriptor), with the weights of the face_recognition project found by importlib.
"""

import base64
import importlib.util
import io
import math
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.registry.errors import (
    ImageAnimated,
    ImageDamaged,
    ImageEmpty,
    ImageNotSupported,
    ImageTooLarge,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    Rgb = npt.NDArray[np.uint8]

# Limits of a picture. Fifty megapixels is what good cameras make.
MAX_BYTES = 40 << 20
MAX_PIXELS = 50_000_000
# The longer sides at which faces are looked for, pixels: at any one of them the detector misses
# a face here and there that it finds at the next (docs/faces.md).
DETECTION_SIDES = (1000, 700, 500)

# Thresholds, in one place; docs/faces.md says how they were measured and how little they prove.
SAME_FACE_BELOW = 0.45  # distance under which two templates are taken for one face
OTHER_FACE_FROM = 0.6  # from here on for two; in between, nobody knows

# Of how many pairs of different faces how many lay nearer, on the pictures we have (docs/faces.md).
DIFFERENT_PAIRS = 828
NEARER = {SAME_FACE_BELOW: 0, OTHER_FACE_FROM: 200}

STILL_SIDE, STILL_QUALITY = 800, 85  # of a portrait as the catalogue shows it
EXIF_ORIENTATION = 0x0112  # 5 to 8: the picture lies on its side
TEMPLATE_LENGTH = 128
Box = tuple[int, int, int, int]  # left, top, right, bottom
MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def prepare() -> None:
    """Load libraries and weights; the sandbox's zygote calls it once, before there is a file."""
    from PIL import Image, ImageOps, WebPImagePlugin  # noqa: F401

    Image.preinit()
    for load in (_detector, _landmarks, _descriptor):
        load()


def find_faces(path: str, *, describe: bool = False) -> dict[str, Any]:
    """Read a picture and find the faces in it. Call it through the sandbox.

    Returns `media_type`, `width` and `height` in pixels as a viewer sees it (EXIF orientation
    applied), `faces` as boxes in those pixels, and `template` (128 floats) when there is exactly
    one face; `describe`: each face has its own. Raises what `errors.PICTURE_ERRORS` lists.
    """
    seen, media_type, width, height = read_upright(path)
    sightings = sightings_in(seen, width)
    found: dict[str, Any] = {
        "media_type": media_type,
        "width": width,
        "height": height,
        "faces": [{"box": list(whole)} for whole, _, _ in sightings],
    }
    if describe:
        for face, (_, pixels, box) in zip(found["faces"], sightings, strict=True):
            face["template"] = template_of(pixels, box)
    elif len(sightings) == 1:
        found["template"] = template_of(*sightings[0][1:])
    return found


def sightings_in(seen: "Image", width: int) -> "list[tuple[Box, Rgb, Box]]":
    """Look for faces at every one of `DETECTION_SIDES`; shrinks `seen`, which was `width` wide.

    Returns for each where it is in the whole picture, the pixels it was seen in, and where there.
    """
    import numpy as np

    sightings: list[tuple[Box, Rgb, Box]] = []
    for side in DETECTION_SIDES:
        seen.thumbnail((side, side))
        scale, pixels = width / seen.size[0], np.asarray(seen)
        for box in boxes_in(pixels, upsampled=1):
            left, top, right, bottom = (round(edge * scale) for edge in box)
            whole = (left, top, right, bottom)
            if not any(_same_place(whole, known) for known, _, _ in sightings):
                sightings.append((whole, pixels, box))
    return sightings


def boxes_in(pixels: "Rgb", *, upsampled: int = 0) -> list[Box]:
    """Return (left, top, right, bottom) of each roughly frontal face of at least 80 pixels.

    Each step of `upsampled` halves that size, and costs four times the work.
    """
    found = _detector()(pixels, upsampled)
    return [(box.left(), box.top(), box.right(), box.bottom()) for box in found]


def template_of(pixels: "Rgb", box: Box) -> list[float]:
    """Describe the face in `box` by 128 numbers; near ones mean faces that look alike."""
    import dlib

    shape = _landmarks()(pixels, dlib.rectangle(*box))
    return [float(number) for number in _descriptor().compute_face_descriptor(pixels, shape)]


def points_of(pixels: "Rgb", box: Box) -> list[tuple[float, float]]:
    """Return five landmarks of the face in `box`: two corners of each eye, the nose's base."""
    import dlib

    shape = _landmarks()(pixels, dlib.rectangle(*box))
    return [(float(point.x), float(point.y)) for point in shape.parts()]


def open_upright(path: str) -> "Image":
    """Read a picture upright, in RGB, and no larger than faces are looked for in."""
    return read_upright(path)[0]


def read_upright(path: str) -> "tuple[Image, str, int, int]":
    """Read a picture as `open_upright` does; with its media type, and its whole size in pixels."""
    picture = _open(Path(path))
    media_type = MEDIA_TYPES[picture.format or ""]
    seen, width, height = _decode(picture)
    return seen, media_type, width, height


def still_of(path: str) -> dict[str, Any]:
    """Return a picture as a fresh JPEG of at most `STILL_SIDE` pixels, base64; nothing beside it.

    Call it through the sandbox. Raises what `errors.PICTURE_ERRORS` lists.
    """
    return {"jpeg": jpeg_of(open_upright(path))}


def jpeg_of(picture: "Image", side: int = STILL_SIDE) -> str:
    """Write a picture as a JPEG of at most `side` pixels, base64; shrinks `picture`."""
    picture.thumbnail((side, side))
    picture.info.clear()  # else Pillow passes a comment on
    with io.BytesIO() as written:
        picture.save(written, "JPEG", quality=STILL_QUALITY)
        return base64.b64encode(written.getvalue()).decode()


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the Euclidean distance of two templates. Raises ValueError on unlike lengths."""
    return math.dist(one, other)


def false_hits(templates: int, *, below: float = SAME_FACE_BELOW) -> float:
    """Return how many wrong hits to reckon with when one face is searched among `templates`.

    The upper end of what the measured pairs allow (95 %; "rule of three" where none was wrong),
    not the likeliest number: so few pairs of four faces allow no better. Raises KeyError for a
    threshold nobody measured.
    """
    wrong = NEARER[below]
    most = wrong + 3 if wrong == 0 else wrong + 2 * math.sqrt(wrong)
    return templates * most / DIFFERENT_PAIRS


def _same_place(one: Box, other: Box) -> bool:
    """Say whether the middle of either box lies in the other."""

    def holds(box: Box, inner: Box) -> bool:
        x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
        return box[0] <= x <= box[2] and box[1] <= y <= box[3]

    return holds(one, other) or holds(other, one)


def _open(path: Path) -> "Image":
    """Open a picture by its own first bytes, and refuse by its header what is too much to read."""
    from PIL import Image, UnidentifiedImageError

    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise ImageEmpty("the file is empty: choose the picture again and send it whole")
    if size_bytes > MAX_BYTES:
        raise ImageTooLarge(f"{size_bytes} bytes are more than the {MAX_BYTES} that are read")
    Image.MAX_IMAGE_PIXELS = None  # the header is checked below, more strictly
    try:
        picture = Image.open(path, formats=("JPEG", "PNG", "WEBP"))
    except UnidentifiedImageError:
        raise ImageNotSupported(
            "the bytes are not a JPEG, PNG or WebP picture, whatever the file is called; "
            "save the picture as one of these"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageDamaged(f"the picture's header cannot be read ({error})") from None
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ImageTooLarge(
            f"{width} x {height} pixels are more than the {MAX_PIXELS} that are read; scale it down"
        )
    # MPO is what phones write for a JPEG with a depth or brightness map behind it: one picture.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise ImageAnimated("the file holds several frames; send a single picture")
    return picture


def _decode(picture: "Image") -> tuple["Image", int, int]:
    """Return the picture upright, in RGB, no larger than faces are looked for in; and its size."""
    from PIL import ImageOps

    width, height = picture.size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if picture.mode == "P":
                picture = picture.convert("RGB")
            picture.thumbnail((DETECTION_SIDES[0], DETECTION_SIDES[0]))  # JPEG: while decoding
            if picture.getexif().get(EXIF_ORIENTATION, 1) >= 5:
                width, height = height, width
            return ImageOps.exif_transpose(picture).convert("RGB"), width, height
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  decoders fail in many ways, all of them this one
        raise ImageDamaged(
            f"the picture ends early or is damaged ({error}); send it again"
        ) from None


def _weights(name: str) -> str:
    """Find a weight file of face_recognition_models without running the package.

    Its own lookup needs pkg_resources, which setuptools no longer ships.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("face_recognition_models is not installed; run `make setup`")
    return str(Path(spec.submodule_search_locations[0]) / "models" / name)


@lru_cache
def _detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


@lru_cache
def _landmarks() -> Any:
    """Load the five-point landmarks: unlike the 68-point ones, free for commercial use."""
    import dlib

    return dlib.shape_predictor(_weights("shape_predictor_5_face_landmarks.dat"))


@lru_cache
def _descriptor() -> Any:
    import dlib

    return dlib.face_recognition_model_v1(_weights("dlib_face_recognition_resnet_model_v1.dat"))
