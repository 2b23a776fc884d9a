"""The released original, shown beside a file that was recovered from it, to compare by eye.

A still shows what was made, so it is for whom the contracts tell that (`use`): their parties,
verifiers who were granted as much, and everybody where and when the contracts say so. Everybody
else learns who may see it, and nothing more: by default no stranger sees one. Nothing here says
that anything is genuine.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Base64Bytes, BaseModel, Field, ValidationError
from sqlmodel import Session

from app import sandbox, storage
from app.gateway.errors import OutputNotReleased
from app.gateway.handing_out import check_handing_out
from app.gateway.models import Generation
from app.licensing.document.disclosure import FACTS, rank

SEEN_FROM = FACTS["use"]
MOST_CHARACTERS = 400_000
SHOWN = (
    "This is the released original, to compare with. Where your file differs from it, nothing here"
    " says which change is whose."
)
NOT_SHOWN = (
    "The released original is shown to the parties of its contracts, to verifiers they granted it"
    " to, and to everybody from the day on that its contracts say so. If you are one of them, sign"
    " in or send your key."
)
NOT_KEPT = "The released original cannot be shown: it is not kept here any more."
NO_PICTURES = "The released original has no pictures that could be shown."
LIMITS = {"wall_s": 60.0, "cpu_s": 20, "memory_bytes": 1 << 30}


class _Answer(BaseModel):
    jpeg: Annotated[str, Field(max_length=MOST_CHARACTERS)] | None


class _Jpeg(BaseModel):
    content: Base64Bytes


def beside(session: Session, generation_id: str, *, level: str) -> dict[str, str | None]:
    """Return what is shown of a released original at a level: `still`, a data URL, and `said`."""
    if rank(level) < rank(SEEN_FROM):
        return {"still": None, "said": NOT_SHOWN}
    generation = session.get(Generation, generation_id)
    if generation is None or generation.released_at is None or generation.output_key is None:
        return {"still": None, "said": NOT_KEPT}
    try:
        check_handing_out(session, generation)
    except OutputNotReleased as withheld:
        return {"still": None, "said": f"The released original is not shown: {withheld.detail}"}
    with sandbox.private_directory() as directory:
        path = directory / Path(generation.output_key).name
        try:
            storage.fetch(generation.output_key, path)
            said = _still(path)
        except (storage.ObjectMissing, sandbox.SandboxCrashed, sandbox.SandboxTimeout):
            return {"still": None, "said": NOT_KEPT}
    if said is None:
        return {"still": None, "said": NO_PICTURES}
    return {"still": f"data:image/jpeg;base64,{said}", "said": SHOWN}


def _still(path: Path) -> str | None:
    """Have a child make the still; what it gives is a JPEG or nothing."""
    answer: dict[str, Any] = sandbox.run(
        "app.gateway.stills:still_of",
        {"path": str(path.resolve())},
        wall_s=LIMITS["wall_s"],
        cpu_s=int(LIMITS["cpu_s"]),
        memory_bytes=int(LIMITS["memory_bytes"]),
        reads=[path],
    )
    try:
        jpeg = _Answer.model_validate(answer).jpeg
        if jpeg is not None and not _Jpeg(content=jpeg.encode()).content.startswith(
            b"\xff\xd8\xff"
        ):
            return None
    except ValidationError:
        return None
    return jpeg
