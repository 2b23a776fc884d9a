"""Routes of what a performer gives of themselves beside the portrait: give, list, take back."""

from datetime import datetime
from typing import BinaryIO

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.datastructures import FormData

from app import db, rates
from app.access import may
from app.config import settings
from app.errors import AppError
from app.identity.api_edge import Act, Acting, Reading, act_refusals, read_refusals
from app.identity.errors import FileMissing, UploadMalformed
from app.identity.uploads import file_of, form_body, keep, limited_form
from app.problems import InvalidRequest, invalid, problem_of
from app.registry import likeness, photos, service, voices
from app.registry.errors import (
    PICTURE_ERRORS,
    SOUND_ERRORS,
    ImageTooLarge,
    MediumNotFound,
    PerformerUnknown,
    PhotoRefused,
    SoundTooLong,
    VoiceRefused,
)
from app.sandbox import (
    SandboxCrashed,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
    private_directory,
)
from app.vault import LikenessErased

router = APIRouter(prefix="/v1", tags=["registry"])
MEDIUM_ID, PERFORMER_ID = "lmd_01JD3Z6N8Q4C0R2T5V7X9Y1B3D", "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
UPLOAD_ERRORS: tuple[type[AppError], ...] = (
    FileMissing,
    UploadMalformed,
    InvalidRequest,
    SandboxTimeout,
    SandboxMemory,
    SandboxCrashed,
    SandboxUnavailable,
)
YES = {
    "type": "string",
    "enum": ["yes"],
    "description": "That they agree; in which words, `agreed` of the answer repeats.",
}
PHOTO = form_body(
    pose={
        "type": "string",
        "enum": list(photos.POSES),
        "description": "`straight` first; `left` is the person's own left.",
    },
    photo={"type": "string", "format": "binary", "description": "JPEG, PNG or WebP."},
    agreed=YES,
)

VOICE = form_body(
    sentence={
        "type": "string",
        "enum": list(voices.SENTENCES),
        "description": "Which one is read aloud. "
        + " ".join(f"{number}: *{text}*" for number, text in voices.SENTENCES.items()),
    },
    recording={
        "type": "string",
        "format": "binary",
        "description": "WAV, FLAC, Ogg, MP3, M4A or WebM; 4 s to 2 minutes.",
    },
    agreed=YES,
)


class LikenessMediumRead(BaseModel):
    """A photo or recording that is kept; what it shows never leaves but in an export."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=[MEDIUM_ID])
    performer_id: str = Field(examples=[PERFORMER_ID])
    replica_id: str = Field(examples=["rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kind: str = Field(examples=["photo"], description="photo or voice.")
    part: str = Field(
        examples=["left"], description="The pose of a photo; the number of the sentence read aloud."
    )
    media_type: str = Field(examples=["image/jpeg"])
    size_bytes: int = Field(examples=[402133])
    length_ms: int = Field(examples=[0], description="Of a recording.")
    agreed: str = Field(examples=[likeness.AGREED["photo"]])
    organization_id: str = Field(examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kept_at: datetime
    removed_at: datetime | None = Field(examples=[None], description="Since then nothing opens it.")


class LikenessMediumListed(LikenessMediumRead):
    """One of the list: how often anything of it was opened; for what, the audit events say."""

    opened: int = Field(examples=[3])


class LikenessMediaList(BaseModel):
    """What a performer gave and did not remove, oldest first: at most one for each part."""

    items: list[LikenessMediumListed]


@router.get("/performers/{performer_id}/likeness", responses=read_refusals(PerformerUnknown))
@may("performer", "representative", to="read")
def list_likeness(performer_id: str, read: Reading) -> LikenessMediaList:
    """List the photos and recordings a performer gave beside the portrait, and has not removed."""
    service.performer_in_place(read.session, read.organization_id, performer_id, stops=True)
    kept = likeness.kept_of(read.session, performer_id)
    times = likeness.opened_times(read.session, kept)
    items = [
        LikenessMediumListed(
            **LikenessMediumRead.model_validate(each).model_dump(), opened=times[each.id]
        )
        for each in kept
    ]
    return LikenessMediaList(items=items)


@router.post(
    "/performers/{performer_id}/photos",
    status_code=201,
    response_model=LikenessMediumRead,
    responses=act_refusals(
        PerformerUnknown, LikenessErased, PhotoRefused, *PICTURE_ERRORS, *UPLOAD_ERRORS
    ),
    openapi_extra=PHOTO,
)
@may("performer", "representative", to="likeness")
async def give_photo(performer_id: str, request: Request, act: Acting) -> Response:
    """Give one photo of the enrolled face in one pose; it is checked at once, or refused.

    Light, sharpness, one face, that of the portrait, turned as asked: `reasons` of a refusal says
    all that is to be done better, and nothing is kept. It takes the place of one in the same pose.
    Nothing is rendered from it. So many a day as enrollments.
    """
    limit_bytes = settings().upload_limit_bytes
    async with limited_form(request, limit_bytes, too_large=ImageTooLarge) as form:
        pose = said_part(form, "pose", photos.POSES)
        return await run_in_threadpool(
            _give_photo, act, performer_id, pose, file_of(form, "photo").file
        )


def said_part(form: FormData, field: str, known: tuple[str, ...]) -> str:
    """Return which part a form gives, with their word. Raises InvalidRequest."""
    part = form.get(field)
    wrong = {} if part in known else {f"/body/{field}": f"one of {', '.join(known)}"}
    if form.get("agreed") != "yes":
        wrong["/body/agreed"] = "nothing is kept of anybody who did not say yes"
    if wrong:
        raise invalid(wrong)
    return str(part)


def _give_photo(act: Act, performer_id: str, pose: str, photo: BinaryIO) -> Response:
    with private_directory() as directory:
        path = directory / "photo"
        with db.reading() as session:
            service.performer_in_place(session, act.organization_id, performer_id)
        digest = keep(photo, path, settings().upload_limit_bytes, too_large=ImageTooLarge)
        rates.take_enrollment(act.organization_id)
        seen = likeness.look_at_photo(path)

        def give(session: Session) -> tuple[int, BaseModel]:
            performer = service.performer_in_place(session, act.organization_id, performer_id)
            kept = likeness.keep_photo(session, performer, pose, path, seen, by=act.principal)
            if isinstance(kept, PhotoRefused):
                return kept.status, problem_of(kept)
            return 201, LikenessMediumRead.model_validate(kept)

        return act.once(digest + pose.encode(), give)


@router.post(
    "/performers/{performer_id}/voices",
    status_code=201,
    response_model=LikenessMediumRead,
    responses=act_refusals(
        PerformerUnknown, LikenessErased, VoiceRefused, *SOUND_ERRORS, *UPLOAD_ERRORS
    ),
    openapi_extra=VOICE,
)
@may("performer", "representative", to="likeness")
async def give_voice(performer_id: str, request: Request, act: Acting) -> Response:
    """Give a recording of one sentence read aloud; it is listened to at once, or refused.

    Length, loudness, noise, whether anybody speaks: `reasons` of a refusal says all that is to be
    done better, and nothing is kept. It takes the place of one of the same sentence. Nothing speaks
    with it. So many a day as enrollments.
    """
    async with limited_form(request, voices.MOST_BYTES, too_large=SoundTooLong) as form:
        sentence = said_part(form, "sentence", tuple(voices.SENTENCES))
        return await run_in_threadpool(
            _give_voice, act, performer_id, sentence, file_of(form, "recording").file
        )


def _give_voice(act: Act, performer_id: str, sentence: str, recording: BinaryIO) -> Response:
    with private_directory() as directory:
        path = directory / "voice"
        with db.reading() as session:
            service.performer_in_place(session, act.organization_id, performer_id)
        digest = keep(recording, path, voices.MOST_BYTES, too_large=SoundTooLong)
        rates.take_enrollment(act.organization_id)
        heard = voices.listen(path)

        def give(session: Session) -> tuple[int, BaseModel]:
            performer = service.performer_in_place(session, act.organization_id, performer_id)
            kept = voices.keep_voice(session, performer, sentence, path, heard, by=act.principal)
            if isinstance(kept, VoiceRefused):
                return kept.status, problem_of(kept)
            return 201, LikenessMediumRead.model_validate(kept)

        return act.once(digest + sentence.encode(), give)


@router.post(
    "/likeness-media/{likeness_medium_id}/removal",
    response_model=LikenessMediumRead,
    responses=act_refusals(MediumNotFound),
)
@may("performer", "representative", to="likeness")
def remove_likeness_medium(likeness_medium_id: str, act: Acting) -> Response:
    """Take a photo or a recording back: from then on nothing opens it. For ever."""

    def remove(session: Session) -> tuple[int, LikenessMediumRead]:
        medium = likeness.medium_of(session, act.organization_id, likeness_medium_id)
        likeness.remove(session, medium, by=act.principal)
        return 200, LikenessMediumRead.model_validate(medium)

    return act.once(b"", remove)
