"""What is said of a row, or a photo, that is not taken in: why, and what to do. English, marked."""

from app.language import marked
from app.registry.imports.models import RosterEntry

WHY = {
    "cells": (
        marked("the row has more or fewer cells than the first line"),
        marked("Look for a comma or a line break inside a name, and put it in quotes."),
    ),
    "empty": (marked("it is empty"), marked("Fill it in.")),
    "too-long": (marked("it is too long"), marked("Write it shorter.")),
    "unprintable": (
        marked("it holds a sign that cannot be shown"),
        marked("Type it in again by hand."),
    ),
    "no-address": (marked("it is no mail address"), marked("Look at the address again.")),
    "twice": (
        marked("another row has the same"),
        marked("Give each performer a reference, an address and a photo of their own."),
    ),
    "differs": (
        marked("this reference waits already, and says something else"),
        marked("Take the one that waits back, or send the row as it was."),
    ),
    "said-no": (
        marked("this person said no"),
        marked("They are not asked again under this reference. Talk to them first."),
    ),
    "waits": (
        marked("another row of yours waits for an answer from this address"),
        marked("Wait for the answer, or take that row back. One mailbox is asked once at a time."),
    ),
    "asked-lately": (
        marked("this address was asked within the last 30 days"),
        marked("Talk to the person first, or send it again later."),
    ),
    "full": (
        marked("too many people of yours wait for an answer"),
        marked("Send the row again once some have answered."),
    ),
    "no-photo": (
        marked("its photo has not come yet"),
        marked("Send the photo; the table need not be sent again."),
    ),
    "no-mail": (
        marked("the mail with the link did not arrive"),
        marked("Take it back, and send the row again with another address."),
    ),
    "photo-unnamed": (
        marked("no row that waits names this photo"),
        marked("Look at how its name is written in the table."),
    ),
    "photo-twice": (
        marked("two photos have this name"),
        marked("Rename one, in the table too."),
    ),
    "photo-locked": (marked("it needs a password"), marked("Pack it again without one.")),
    "photo-packed": (
        marked("it is packed in a way we do not read"),
        marked("Make a plain zip."),
    ),
    "photo-too-large": (marked("the photo is too large"), marked("Save it smaller.")),
    "photo-bomb": (
        marked("it unpacks to far more than a photo does"),
        marked("Save it as JPEG, PNG or WebP, and pack it again."),
    ),
    "photo-damaged": (marked("it does not unpack"), marked("Pack it again.")),
    "no-face-found": (
        marked("no face was found"),
        marked("Send one from the front, in even light."),
    ),
    "several-faces-found": (
        marked("more than one face is in it"),
        marked("Crop it to the one face."),
    ),
}
NO_USE = (
    marked("the photo cannot be read"),
    marked("Send another one, as JPEG, PNG or WebP."),
)


def why(code: str) -> tuple[str, str]:
    """Say why something is not taken in, and what to do, by the code that the service gives."""
    return WHY.get(code, NO_USE)


def problem_of(entry: RosterEntry) -> str:
    """Return the code of what a row that waits lacks from the agency; "" for nothing."""
    if entry.state == "no-photo":
        return "no-photo"
    if entry.state == "unfit":
        return entry.reason
    return "no-mail" if entry.mail == "failed" else ""
