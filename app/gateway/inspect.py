"""Step 4: look at what a generator returned before anything is made of it.

The file is untrusted: a vendor, or whoever sits between, may return anything. It is decoded in the
sandbox from its first frame to its last; what it says of itself is not believed. Faces are looked
for in sampled frames and compared with the licensed performers' templates here, in memory; no
template of a face in an output is kept. docs/faces.md says how little a match proves, and what is
heard of a voice.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from app import sandbox
from app.registry.faces import OTHER_FACE_FROM, SAME_FACE_BELOW, TEMPLATE_LENGTH, distance

LENGTH_TOLERANCE_S = 0.25
SILENCE, SHORTEST_SOUND_S = 0.001, 0.2  # root mean square (-60 dB); seconds
STRANGE_FRAMES = 1  # of a film: one frame alone may be a detector's mistake
OTHER_PEOPLE = "other_people"
VOICE_LEAST_S = 0.2  # less of a voice than this is none
DOUBTS = frozenset(  # a person looks, and listens
    {"no-face", "not-the-performer", "another-face", "no-voice", "voice-not-licensed"}
)
READ_WALL_S, READ_CPU_S, READ_MEMORY_BYTES = 180, 180, 1536 << 20


class SampledFace(BaseModel):
    """A face seen in a sampled frame: where, and how far from the nearest licensed performer."""

    at_s: FiniteFloat = Field(description="Seconds from the first frame.")
    box: tuple[int, int, int, int] = Field(description="Left, top, right, bottom, pixels.")
    distance: FiniteFloat | None = Field(None, description="Null when there was no template.")


class OutputFacts(BaseModel):
    """What decoding a result showed; `unreadable` says why there is nothing else, if so."""

    unreadable: str = ""
    duration_s: FiniteFloat = 0
    size_bytes: int = Field(0, ge=0)
    container: str = ""
    video_codec: str = ""
    audio_codec: str = ""
    streams: list[str] = Field([], max_length=64, description="Kind and codec of each stream.")
    width: int = 0
    height: int = 0
    frame_count: int = Field(0, ge=0)
    frames_sampled: int = Field(0, ge=0)
    sample_rate: int = Field(0, ge=0)
    loudness: FiniteFloat = Field(0, description="Of a recording: root mean square, 0 to 1.")
    voiced_s: FiniteFloat = Field(0, ge=0, description="Seconds with the pitch of a voice.")
    speech_s: FiniteFloat = Field(0, ge=0, description="Of those, seconds of speech alone.")
    faces: list[SampledFace] = Field([], max_length=1000)


class Finding(str):
    """One reason not to release a result: `code: sentence`."""

    __slots__ = ("code",)
    code: str

    def __new__(cls, code: str, detail: str) -> "Finding":
        finding = super().__new__(cls, f"{code}: {detail}")
        finding.code = code
        return finding


class _Face(BaseModel):
    at_s: FiniteFloat
    box: tuple[int, int, int, int]
    template: list[FiniteFloat] = Field(min_length=TEMPLATE_LENGTH, max_length=TEMPLATE_LENGTH)


class _Seen(OutputFacts):
    """What the sandboxed reader must have said; it read untrusted bytes, so it is checked."""

    described: list[_Face] = Field([], max_length=1000)


def inspect_output(
    path: Path,
    templates: Sequence[Sequence[float]] = (),
    *,
    by: str = "app.gateway.frames:look_at_video",
) -> OutputFacts:
    """Decode a result in the sandbox, by a function of `app.gateway.frames`; say what is in it.

    `templates` are those of the licensed performers' replicas. A file that cannot be read, or that
    breaks its reader, is a fact (`unreadable`) and no error; SandboxUnavailable is raised.
    """
    return look(path, templates, by=by)[0]


def look(
    path: Path,
    templates: Sequence[Sequence[float]],
    *,
    by: str = "app.gateway.frames:look_at_video",
) -> tuple[OutputFacts, list[list[float]]]:
    """Like `inspect_output`; return beside it the templates of faces that are not clearly theirs.

    Those stay in memory: they are searched for, and kept nowhere.
    """
    try:
        said = sandbox.run(
            by,
            {"path": str(path.resolve())},
            wall_s=READ_WALL_S,
            cpu_s=READ_CPU_S,
            memory_bytes=READ_MEMORY_BYTES,
            reads=[path],
        )
        seen = _Seen.model_validate(said)
    except (sandbox.SandboxTimeout, sandbox.SandboxMemory, sandbox.SandboxCrashed) as error:
        return OutputFacts(unreadable=error.code, size_bytes=path.stat().st_size), []
    except ValidationError:
        return OutputFacts(unreadable="sandbox-crashed", size_bytes=path.stat().st_size), []
    compared = [
        SampledFace(
            at_s=face.at_s,
            box=face.box,
            distance=min((distance(face.template, t) for t in templates), default=None),
        )
        for face in seen.described
    ]
    facts = seen.model_dump(exclude={"described", "faces", "size_bytes"})
    strange = [
        face.template
        for face, known in zip(seen.described, compared, strict=True)
        if known.distance is None or known.distance >= SAME_FACE_BELOW
    ]
    return OutputFacts(**facts, faces=compared, size_bytes=path.stat().st_size), strange


def check_output(
    facts: OutputFacts,
    *,
    length_s: float | None,
    size: Sequence[int] | None = None,
    tolerance_s: float = LENGTH_TOLERANCE_S,
    others_may_appear: bool = False,
) -> list[Finding]:
    """List every reason not to release a result that was asked for with this length and size.

    Pure. A picture has no length: None. `others_may_appear` is for scenes that were declared to
    show people without a replica.
    An empty list means that nothing was found, not that nothing is there.
    """
    if facts.unreadable:
        return [Finding(facts.unreadable, "the result cannot be read as what was asked for")]
    if facts.frame_count == 0:
        return [Finding("no-frames", "the result has a video stream without a single frame")]
    findings = []
    if length_s is not None and abs(facts.duration_s - length_s) > tolerance_s:
        lasts = f"the result lasts {facts.duration_s:.2f} s, and {length_s:.2f} s were asked for"
        findings.append(Finding("not-the-length", lasts))
    if size is not None and (facts.width, facts.height) != tuple(size):
        sides = f"{facts.width} x {facts.height} pixels, and {size[0]} x {size[1]} were asked for"
        findings.append(Finding("not-the-size", f"the result has {sides}"))
    if not facts.faces:
        nobody = f"no face was found in {facts.frames_sampled} sampled frames"
        return [*findings, Finding("no-face", nobody)]
    most = 0 if facts.frames_sampled == 1 else STRANGE_FRAMES
    return [*findings, *_check_faces(facts.faces, most, others_may_appear=others_may_appear)]


def check_sound(facts: OutputFacts, *, longest_s: float) -> list[Finding]:
    """List every reason not to release a recording that may last so long at the most. Pure."""
    if facts.unreadable:
        return [Finding(facts.unreadable, "the result cannot be read as what was asked for")]
    findings = []
    if facts.duration_s > longest_s + LENGTH_TOLERANCE_S:
        lasts = f"the result lasts {facts.duration_s:.2f} s, and may last {longest_s:.2f} s"
        findings.append(Finding("not-the-length", lasts))
    if facts.loudness < SILENCE or facts.duration_s < SHORTEST_SOUND_S:
        findings.append(Finding("no-sound", "nothing is to be heard in the result"))
    return findings


def check_voice(
    facts: OutputFacts, *, wanted: bool, licensed: bool, others_may_speak: bool = False
) -> list[Finding]:
    """Say whether a voice is missing where one is `wanted`, or there where none is `licensed`.

    Pure. Whose voice it is nobody says here. `others_may_speak` is for scenes that were declared
    to show people without a replica.
    """
    if facts.unreadable:
        return []
    if wanted and facts.voiced_s < VOICE_LEAST_S:
        silent = "no voice is to be heard, and one was asked for; a person should listen"
        return [Finding("no-voice", silent)]
    if not licensed and not others_may_speak and facts.speech_s > 0:
        speaks = f"{facts.speech_s:.1f} s sound like speech, and the scene uses no voice"
        return [Finding("voice-not-licensed", f"{speaks}; a person should listen")]
    return []


def content_tags(facts: OutputFacts, *, people: int) -> list[str]:
    """Name what decoding found of content that a contract may prohibit, by its tags. Pure.

    One thing can be told honestly today: `other_people`, where a sampled frame shows more faces
    than `people`, the licensed performers of the scene. No classifier looks for anything else.
    """
    frames: dict[float, int] = {}
    for face in facts.faces:
        frames[face.at_s] = frames.get(face.at_s, 0) + 1
    return [OTHER_PEOPLE] if max(frames.values(), default=0) > people else []


def _check_faces(
    seen: Sequence[SampledFace], most: int, *, others_may_appear: bool
) -> Iterator[Finding]:
    """Compare what was seen with who is licensed; faces without a distance say nothing.

    In a film `most` frames may show a face that looks strange; a picture is looked at once.
    """
    known = [(face.at_s, face.distance) for face in seen if face.distance is not None]
    nearest = min((distance for _, distance in known), default=0)
    if nearest >= SAME_FACE_BELOW:
        detail = f"the nearest face is {nearest:.2f} from the licensed performers, and from"
        yield Finding("not-the-performer", f"{detail} {SAME_FACE_BELOW} on a person should look")
    settled = {at_s for at_s, distance in known if distance < SAME_FACE_BELOW}
    # Beside a licensed face, a doubtful one is another: nobody appears twice in a frame.
    strange = {
        at_s
        for at_s, distance in known
        if distance >= (SAME_FACE_BELOW if at_s in settled else OTHER_FACE_FROM)
    }
    if nearest < SAME_FACE_BELOW and len(strange) > most and not others_may_appear:
        detail = f"{len(strange)} of the sampled frames show a face that is none of the licensed"
        yield Finding("another-face", f"{detail} performers; a person should look")
