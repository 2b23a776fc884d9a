"""What a generator hands over, by what was asked of it: who looks at it, who marks it, its names.

What comes back is untrusted: its first bytes say which of the names we know it gets, and the
children named here say whether it is what those bytes promise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from app.gateway.models import Generation
from app.provenance.media import sniff
from app.provenance.sign import MEDIA_TYPES

UNKNOWN = ".bin"  # of what is none of the kinds that were asked for: it is never signed
_SOUNDS = {"audio/mpeg": ".mp3", "audio/wav": ".wav", "audio/mp4": ".m4a"}
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


@dataclass(frozen=True)
class Kind:
    """One kind of output, named as in `Capability.output`.

    `looked_at_by` and `marked_by` are functions that the sandbox runs. `suffixes` name what may
    come back by what its first bytes promise, where the kind has more than one format.
    """

    output: str
    looked_at_by: str
    marked_by: str
    suffixes: Mapping[str, str] = field(default_factory=dict)
    suffix: str = UNKNOWN
    lasts: bool = True  # it has a length, which is asked for and paid by
    shows: bool = True  # it has a size, and faces to compare

    def named(self, result: Path) -> Path:
        """Give a file that came back the suffix of its format."""
        kind = sniff(result)
        suffix = self.suffixes.get(kind.media_type, self.suffix) if kind else self.suffix
        return result.rename(result.with_suffix(suffix))

    def marked(self, source: Path) -> Path:
        """Name the marked copy of a file, beside it: a picture that is no JPEG becomes PNG."""
        kept = self.output != "image" or source.suffix == ".jpg"
        return source.with_name(f"marked{source.suffix if kept else '.png'}")


KINDS = {
    kind.output: kind
    for kind in (
        Kind("video", "app.gateway.frames:look_at_video", "app.gateway.embedding:embed",
             suffix=".mp4"),
        Kind("image", "app.gateway.frames:look_at_picture", "app.gateway.embedding:embed_picture",
             suffixes=_SUFFIXES, lasts=False),
        Kind("audio", "app.gateway.sounds:look_at_sound", "app.gateway.embedding:embed_sound",
             suffixes=_SOUNDS, shows=False),
    )
}  # fmt: skip
FILM = KINDS["video"]
SENT: dict[str, dict[str, str]] = {  # as OpenAPI says what may be sent
    media_type: {} for media_type in ("video/mp4", "image/jpeg", "image/png", *_SOUNDS)
}


def kind_of(generation: Generation) -> Kind:
    """Return the kind of output that was asked for."""
    return KINDS[generation.request.get("output", FILM.output)]


def suffix_of(key: str) -> str:
    """Return the suffix that an object was stored under."""
    return PurePosixPath(key).suffix


def media_type_of(key: str | None) -> str:
    """Return the media type of a stored output, by the name it was stored under."""
    return MEDIA_TYPES.get(suffix_of(key or ""), "application/octet-stream")
