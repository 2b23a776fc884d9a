"""A performer's likeness, piece by piece: photos, then their voice, and who opened what."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile

from app import db, rates, vault
from app.access import may
from app.config import settings
from app.errors import AppError
from app.gateway.api_files import Wanted, play_bytes
from app.identity.api_edge import limited
from app.identity.models import Organization
from app.identity.models_people import Person
from app.identity.uploads import keep, limited_form
from app.language import _, marked
from app.recovery import service as recovery
from app.registry import likeness, photos, portraits, voices
from app.registry import service as registry
from app.registry.errors import (
    ImageTooLarge,
    MediumNotFound,
    PerformerUnknown,
    PhotoRefused,
    SoundTooLong,
    VoiceRefused,
)
from app.registry.models import Performer
from app.registry.models_likeness import LikenessMedium
from app.sandbox import private_directory
from app.vault import VaultObject, VaultOpening
from app.web.enrolling import NO_PICTURE
from app.web.enrolling import WHY as PICTURES
from app.web.live import SAY
from app.web.pages import HERE as PAGES
from app.web.pages import (
    RECORDING,
    PageRoute,
    Posted,
    Visit,
    Visitor,
    check_sent_from_here,
    check_token,
    page,
    see,
    text_in,
)
from app.web.seats import Seat, acting_seat, principal_of, seat_of

router = APIRouter(prefix="/performer/likeness", include_in_schema=False, route_class=PageRoute)
scripts = APIRouter(include_in_schema=False)
HERE = "/performer/likeness"
OPENINGS = 60  # looked at, and shown in fewer lines
POSES = {
    "straight": (marked("From the front"), marked("Even light on your whole face, and no hat.")),
    "left": (marked("To your left"), marked("About half way to your shoulder.")),
    "right": (marked("To your right"), marked("About half way to your shoulder.")),
    "up": (marked("Chin up"), marked("Look at where the wall meets the ceiling.")),
}
NO_RECORDING = "recording-missing"
HEARD = {
    NO_RECORDING: marked("Choose a recording first."),
    "too-short": marked("It is too short. Read the whole sentence, slowly."),
    "too-long": marked("It is too long. Read the sentence once, and stop."),
    "too-quiet": marked("You are hardly heard. Come closer to the microphone."),
    "too-loud": marked("It is too loud and distorted. Move away from the microphone a little."),
    "noisy": marked("There is noise behind you. Find a quiet room, and shut the window."),
    "no-voice": marked("No voice was heard. Speak aloud, and do not whisper."),
    "sound-not-supported": marked("Send a recording as M4A, MP3, WAV, Ogg, FLAC or WebM."),
    "sound-too-long": marked("The recording is too long or too large. Two minutes are enough."),
    "sound-damaged": marked("The recording is damaged and cannot be heard to its end."),
}
WHY = {
    **PICTURES,
    **HEARD,
    "no-face": marked("No face was found. Hold the phone at eye level, in even light."),
    "several-faces": marked("More than one face is in it. Be alone in the picture."),
    "another-face": marked(
        "It does not resemble your portrait enough. Take off glasses or a hat, and use the light "
        "you had then."
    ),
    "too-dark": marked("It is too dark. Face a window, or put on a light."),
    "too-bright": marked("Parts of your face are white. Step out of the sun."),
    "uneven-light": marked("One side of your face lies in shadow. Turn towards the light."),
    "blurred": marked("It is not sharp. Wipe the lens, hold still, and take it again."),
    "too-small": marked("Your face is too small in it. Come closer."),
    "straight-first": marked("Take the photo from the front first."),
}
OPENED_FOR = {
    "render": marked("to make a film"),
    "enrollment": marked("to compare a new photo with it"),
    "owner-viewing": marked("to be looked at or heard"),
    "export": marked("to be taken out"),
    "evidence": marked("as evidence"),
    "vendor-call": marked("for a vendor"),
    "matching": marked("to search for this face"),
    "live-check": marked("for a live check"),
    "catalogue": marked("for the catalogue"),
}
THINGS = {
    "portrait": marked("the portrait"),
    "template": marked("the measure of the portrait"),
    "photo": marked("a photo"),
    "photo-still": marked("a small copy of a photo"),
    "photo-template": marked("the measure of a photo"),
    "voice": marked("a recording of the voice"),
}
PerformerId = Annotated[str, Form(max_length=40)]
Of = Annotated[str, Query(max_length=40)]


@router.get("")
@may("desk")
def show_likeness(
    visit: Visitor, of: Of = "", take: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Show what is kept of a performer, ask for the next photo, and say who opened what."""
    return _shown(visit, of, take)


def _shown(visit: Visit, of: str, take: str, *, problems: Sequence[str] = ()) -> Response:
    with db.reading() as session:
        seat = seat_of(session, visit, "performer")
        every = [
            each
            for each in registry.performers_in_place(session, seat.organization.id)
            if not vault.is_erased(session, each.id)
        ]
        performer = next((each for each in every if each.id == of), every[0] if every else None)
        if not of:  # a desk with the living and the dead begins with who is its to show
            opened = (each for each in every if _opens(session, seat, each))
            performer = next(opened, performer)
        if of and (performer is None or performer.id != of):
            raise PerformerUnknown(_("no performer of yours has the id %(id)s", id=of[:64]))
        shown: dict[str, Any] = {"seat": seat, "performer": performer, "others": every}
        if performer is not None:
            registry.performer_opened_to(session, seat.organization.id, performer.id)
            shown |= _pieces(session, performer, take)
    answer = page(
        visit,
        "performer_likeness.html",
        status=422 if problems else 200,
        here=HERE,
        problems=problems,
        of_voice=take in voices.SENTENCES,
        **shown,
    )
    answer.headers.update(RECORDING)
    return answer


@scripts.get("/static/recorder.js")
@may("anyone", at_any_time=True)
def show_script() -> Response:
    """Give the script that records a voice into the page's own form."""
    text = (PAGES / "static" / "recorder.js").read_text("utf-8")
    return Response(
        text, media_type="text/javascript", headers={"Cache-Control": "public, max-age=3600"}
    )


def _opens(session: Session, seat: Seat, performer: Performer) -> bool:
    try:
        registry.performer_opened_to(session, seat.organization.id, performer.id)
    except PerformerUnknown:
        return False
    return True


def _pieces(session: Session, performer: Performer, take: str) -> dict[str, Any]:
    kept = likeness.kept_of(session, performer.id)
    taken = {each.part: each for each in kept if each.kind == "photo"}
    missing = [pose for pose in photos.POSES if pose not in taken]
    read = {each.part: each for each in kept if each.kind == "voice"}
    unread = [number for number in voices.SENTENCES if number not in read]
    return {
        "poses": [(pose, *POSES[pose], SAY[pose], taken.get(pose)) for pose in photos.POSES],
        "next": take if take in photos.POSES else (missing or [""])[0],
        "missing": len(missing),
        "sentences": [(n, text, read.get(n)) for n, text in voices.SENTENCES.items()],
        "next_sentence": take if take in voices.SENTENCES else (unread or [""])[0],
        "times": likeness.opened_times(session, kept),
        "agreed": likeness.AGREED,
        "opened": _opened(session, performer),
    }


def _opened(session: Session, performer: Performer) -> list[dict[str, Any]]:
    """Say who or what opened what lately: what came in a row, for one thing and one day, once."""
    found = likeness.openings_of(session, performer.id, limit=OPENINGS)

    def alike(each: tuple[VaultOpening, VaultObject]) -> tuple[str, str, str, str]:
        opening, thing = each
        return thing.kind, opening.purpose, opening.subject_id, f"{opening.opened_at:%Y-%m-%d}"

    names: dict[str, str] = {}
    lines = []
    for (kind, purpose, subject_id, _day), same in groupby(found, alike):
        openings = list(same)
        if subject_id not in names:
            names[subject_id] = _name_of(session, performer, subject_id)
        lines.append(
            {
                "what": THINGS.get(kind, marked("something else")),
                "why": OPENED_FOR.get(purpose, marked("for something else")),
                "name": names[subject_id],
                "film": subject_id if subject_id.startswith("gen_") else "",
                "at": openings[0][0].opened_at,
                "times": len(openings),
            }
        )
    return lines


def _name_of(session: Session, performer: Performer, subject_id: str) -> str:
    """Name whom something was opened for, where it has a name."""
    if subject_id == performer.id:
        return performer.name
    found: Organization | Person | None = None
    if subject_id.startswith("org_"):
        found = session.get(Organization, subject_id)
    elif subject_id.startswith("psn_"):
        found = session.get(Person, subject_id)
    return subject_id if found is None else found.name


@router.post("/photos", dependencies=[limited("files")])
@may("desk")
async def give_photo(request: Request, visit: Visitor) -> Response:
    """Check one photo at once and keep it, or say what to do better. As the API does.

    Wants a passkey used minutes ago. Who asks is known before the picture is read.
    """
    check_sent_from_here(request)
    await run_in_threadpool(_seat, visit)
    limit_bytes = settings().upload_limit_bytes
    async with limited_form(request, limit_bytes, too_large=ImageTooLarge) as form:
        check_token(visit, form)
        return await run_in_threadpool(_give_photo, visit, form)


def _seat(visit: Visit) -> Seat:
    with db.reading() as session:
        recovery.check_may_bind(session, visit.fresh(session).id)
        return acting_seat(session, visit, "performer")


def _give_photo(visit: Visit, form: FormData) -> Response:
    of, pose, photo = text_in(form, "performer_id"), text_in(form, "pose"), form.get("photo")
    problems: Sequence[str] = ()
    if not isinstance(photo, UploadFile) or not photo.size:
        problems = [NO_PICTURE]
    elif text_in(form, "mine") != "yes":
        problems = ["not-agreed"]
    else:
        try:
            problems = _keep_photo(visit, of, pose, photo)
        except AppError as refusal:
            if refusal.code not in WHY:
                raise
            problems = [refusal.code]
    if problems:
        return _shown(visit, of, pose, problems=[_why(each) for each in problems])
    return see(f"{HERE}?of={of}")


def _why(code: str) -> str:
    if code in WHY:
        return _(WHY[code])
    return _("This pose was not seen: %(pose)s", pose=_(SAY[code.removeprefix("pose-")]))


def _keep_photo(visit: Visit, of: str, pose: str, photo: UploadFile) -> Sequence[str]:
    """Look at the photo in the sandbox, then keep it, or return what is to be done better."""
    if pose not in photos.POSES:
        pose = photos.POSES[0]
    with private_directory() as directory:
        path = directory / "photo"
        with db.reading() as session:
            house = _theirs(session, visit, of)[0].organization.id
        keep(photo.file, path, settings().upload_limit_bytes, too_large=ImageTooLarge)
        rates.take_enrollment(house)
        seen = likeness.look_at_photo(path)
        with db.writing() as session:
            seat, performer = _theirs(session, visit, of)  # the seat may have ended meanwhile
            by = principal_of(session, seat)
            kept = likeness.keep_photo(session, performer, pose, path, seen, by=by)
    return kept.reasons if isinstance(kept, PhotoRefused) else ()


def _theirs(session: Session, visit: Visit, of: str) -> tuple[Seat, Performer]:
    seat = acting_seat(session, visit, "performer")
    return seat, registry.performer_in_place(session, seat.organization.id, of)


@router.post("/voices", dependencies=[limited("files")])
@may("desk")
async def give_voice(request: Request, visit: Visitor) -> Response:
    """Listen to a sentence read aloud and keep it, or say what to do better. As the API does.

    Wants a passkey used minutes ago. Who asks is known before the recording is read.
    """
    check_sent_from_here(request)
    await run_in_threadpool(_seat, visit)
    async with limited_form(request, voices.MOST_BYTES, too_large=SoundTooLong) as form:
        check_token(visit, form)
        return await run_in_threadpool(_give_voice, visit, form)


def _give_voice(visit: Visit, form: FormData) -> Response:
    of, recording = text_in(form, "performer_id"), form.get("recording")
    sentence = text_in(form, "sentence")
    if sentence not in voices.SENTENCES:
        sentence = "1"
    if not isinstance(recording, UploadFile) or not recording.size:
        problems: Sequence[str] = [NO_RECORDING]
    elif text_in(form, "mine") != "yes":
        problems = ["not-agreed"]
    else:
        try:
            problems = _keep_voice(visit, of, sentence, recording)
        except AppError as refusal:
            if refusal.code not in WHY:
                raise
            problems = [refusal.code]
    if problems:
        return _shown(visit, of, sentence, problems=[_why(each) for each in problems])
    return see(f"{HERE}?of={of}#voice")


def _keep_voice(visit: Visit, of: str, sentence: str, recording: UploadFile) -> Sequence[str]:
    """Hear the recording in the sandbox, then keep it, or return what is to be done better."""
    with private_directory() as directory:
        path = directory / "voice"
        with db.reading() as session:
            house = _theirs(session, visit, of)[0].organization.id
        keep(recording.file, path, voices.MOST_BYTES, too_large=SoundTooLong)
        rates.take_enrollment(house)
        heard = voices.listen(path)
        with db.writing() as session:
            seat, performer = _theirs(session, visit, of)  # the seat may have ended meanwhile
            by = principal_of(session, seat)
            kept = voices.keep_voice(session, performer, sentence, path, heard, by=by)
    return kept.reasons if isinstance(kept, VoiceRefused) else ()


@router.post("/{likeness_medium_id}/removal")
@may("desk")
def remove(visit: Posted, likeness_medium_id: str) -> Response:
    """Take a photo or a recording back, for ever. Wants a passkey used minutes ago."""
    with db.writing() as session:
        visit.fresh(session)
        seat = acting_seat(session, visit, "performer")
        medium = likeness.medium_of(session, seat.organization.id, likeness_medium_id)
        likeness.remove(session, medium, by=principal_of(session, seat))
    return see(f"{HERE}?of={medium.performer_id}")


@router.get("/portrait", dependencies=[limited("files")])
@may("desk")
def show_portrait(visit: Visitor, of: Of) -> Response:
    """Show a performer their own portrait, small; that it was opened is on record."""
    with private_directory() as directory:
        picture = directory / "portrait"
        with db.writing() as session:
            seat = seat_of(session, visit, "performer")
            performer = registry.performer_opened_to(session, seat.organization.id, of)
            portraits.take_out(
                session, performer, picture, purpose="owner-viewing", viewer_id=seat.person.id
            )
        still = portraits.make_still(picture)
    return Response(still, media_type="image/jpeg")


@router.get("/{likeness_medium_id}/still")
@may("desk")
def show_still(visit: Visitor, likeness_medium_id: str) -> Response:
    """Show a performer the small copy of a photo of theirs; that it was opened is on record."""
    with db.writing() as session:
        seat, medium = _medium(session, visit, likeness_medium_id)
        still = likeness.open_medium(session, medium, viewer_id=seat.person.id, still=True)
    return Response(still, media_type="image/jpeg")


@router.get("/{likeness_medium_id}/sound")
@may("desk")
def play_sound(visit: Visitor, likeness_medium_id: str, wanted: Wanted = "") -> Response:
    """Play a performer a recording of theirs; each time it is opened is on record."""
    with db.writing() as session:
        seat, medium = _medium(session, visit, likeness_medium_id)
        if medium.kind != "voice":
            raise MediumNotFound(_("this is a photo, and has no sound"))
        sound = likeness.open_medium(session, medium, viewer_id=seat.person.id)
    return play_bytes(sound, medium.media_type, wanted)


def _medium(session: Session, visit: Visit, medium_id: str) -> tuple[Seat, LikenessMedium]:
    seat = seat_of(session, visit, "performer")
    return seat, likeness.medium_of(session, seat.organization.id, medium_id)
