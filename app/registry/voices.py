"""A performer's voice: a shown sentence read aloud, listened to at once, kept, taken back.

What was said is not compared with the sentence, and nobody says here whose voice it is. It is kept
in the vault beside the photos (`likeness.py`); nothing speaks with it.
"""

import hashlib
from pathlib import Path

from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from sqlmodel import Session

from app import sandbox, vault
from app.identity.principal import Principal
from app.language import marked
from app.registry import likeness, recordings
from app.registry.errors import SOUND_ERRORS, VoiceRefused
from app.registry.models import Performer
from app.registry.models_likeness import LikenessMedium

# By their number, which is kept: a sentence is never changed, only a new one added.
SENTENCES = {
    "1": marked(
        "My voice is mine. I lend it when I say so, for as long as I say so, and I take it back "
        "whenever I like."
    ),
    "2": marked(
        "On a quiet morning the old theatre smelled of dust, paint and coffee, and forty chairs "
        "waited in the dark."
    ),
    "3": marked(
        "Could you tell me the way? I have walked for three hours, and every street here looks "
        "just like the last one!"
    ),
}
MOST_BYTES = 24 << 20
READ_WALL_S, READ_CPU_S, READ_MEMORY_BYTES = 60, 30, 1280 << 20


class _Heard(BaseModel):
    """What the sandboxed reader must have said; it read untrusted bytes, so it is checked."""

    media_type: str = Field(pattern="^audio/(wav|flac|ogg|mpeg|mp4|webm)$")
    length_ms: int = Field(ge=0, le=1000 * (recordings.MAX_SOUND_S + 1))
    voiced_s: FiniteFloat = Field(ge=0)
    spoken: FiniteFloat = Field(ge=0)
    between: FiniteFloat = Field(ge=0)
    clipped: FiniteFloat = Field(ge=0, le=1)


def listen(path: Path) -> recordings.Recording:
    """Hear a recording in the sandbox and measure it. Call it outside transactions.

    Raises any of `errors.SOUND_ERRORS`, and what `sandbox.run` raises.
    """
    said = sandbox.run(
        "app.registry.recordings:hear",
        {"path": str(path.resolve())},
        wall_s=READ_WALL_S,
        cpu_s=READ_CPU_S,
        memory_bytes=READ_MEMORY_BYTES,
        reads=[path],
        refusals=SOUND_ERRORS,
    )
    try:
        heard = _Heard.model_validate(said)
    except ValidationError:
        raise sandbox.SandboxCrashed(
            "the process that heard the recording gave no sensible answer", reason="answer"
        ) from None
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size_bytes = path.stat().st_size
    return recordings.Recording(**heard.model_dump(), size_bytes=size_bytes, sha256=sha256)


def keep_voice(
    session: Session,
    performer: Performer,
    sentence: str,
    path: Path,
    heard: recordings.Recording,
    *,
    by: Principal,
) -> LikenessMedium | VoiceRefused:
    """Keep a good recording, in the place of one of the same sentence; else say what to do better.

    Raises LikenessErased.
    """
    session.refresh(performer, with_for_update=True)
    vault.check_not_erased(session, performer.id)
    if reasons := recordings.judge(heard):
        return VoiceRefused(reasons)
    for before in likeness.kept_of(session, performer.id):
        if (before.kind, before.part) == ("voice", sentence):
            likeness.remove(session, before, by=by)
    medium = LikenessMedium(
        **likeness.facts_of(session, performer, "voice", sentence, by),
        **likeness.committed(heard.sha256),
        media_type=heard.media_type,
        size_bytes=heard.size_bytes,
        length_ms=heard.length_ms,
        vault_object_id=vault.seal(session, performer.id, "voice", path).id,
    )
    session.add(medium)
    session.flush()
    return medium
