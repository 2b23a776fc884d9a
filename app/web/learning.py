"""A first licensed film in an afternoon: ten steps, told once for the page and for docs/learn.

The pictures are of the real pages: `make screens` takes them while a newcomer goes this way.
"""

from dataclasses import dataclass

from fastapi import APIRouter, Response

from app.access import may
from app.language import marked
from app.web.pages import PageRoute, Visitor, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
TITLE = marked("Your first licensed film, in an afternoon")
LEAD = marked(
    "You play both sides: the performer, and the production that asks for them. It all happens on "
    "your own computer, in two empty houses made for trying. Everything works there, and nothing "
    "is billed."
)
SHORT = marked("Ten short steps. You need a portrait of yourself, or of anybody painted long ago.")
AFTER = marked(
    "That was all of it. A real production does the same, and a real performer too: the rules, the "
    "signatures and the books are the same ones."
)


@dataclass(frozen=True)
class Step:
    """What to do, why, and what it looks like; with a command or an address where one helps."""

    title: str
    said: str
    why: str
    picture: str  # the page it is of, as tests/screens.py calls it
    shows: str
    command: tuple[str, ...] = ()


STEPS = (
    Step(
        marked("Open the theatre"),
        marked(
            "Type this in the folder of Understudy. It plays a whole story first, which takes a "
            "minute, then prints links. Leave it running."
        ),
        marked("The links work on this computer only, and end when you stop it."),
        "front",
        marked("The first page"),
        (".venv/bin/understudy", "demo", "--serve"),
    ),
    Step(
        marked("Come in as the performer"),
        marked(
            "Open the link of the sandbox for your likeness. Type your name and make a passkey: "
            "your device asks for your finger, your face or its code."
        ),
        marked("There is no password here, so nobody can steal one."),
        "join",
        marked("An invitation, with a field for a name"),
    ),
    Step(
        marked("Register a likeness"),
        marked(
            "Press the button on your home page, and choose one good portrait. It is looked at "
            "while you wait."
        ),
        marked("Only an encrypted copy is kept, and it can be erased again."),
        "enroll",
        marked("A form for a name and one portrait"),
    ),
    Step(
        marked("Set your limits"),
        marked(
            "Open Limits. For each kind of scene choose never, ask me, or allowed. You see what "
            "it would change before you save it."
        ),
        marked("What is never allowed here, no contract allows later by mistake."),
        "limits",
        marked("A grid of kinds of scenes, with three choices for each"),
    ),
    Step(
        marked("Name your price, and sign it"),
        marked(
            "Open Catalogue. Let productions find you, write your terms, read them in plain "
            "words, and sign them with your passkey. Leave out that every film is shown to you "
            "first, or the last steps wait for you."
        ),
        marked("Whoever accepts these terms later has a contract with you, and no other one."),
        "terms",
        marked("Terms in plain words, with a button to sign them"),
    ),
    Step(
        marked("Come in as the production"),
        marked(
            "Open the link of the sandbox for your films in a private window, so that you are "
            "somebody else there. Make a second passkey."
        ),
        marked("Two houses, two passkeys: each side signs with its own."),
        "board",
        marked("The production’s first page"),
    ),
    Step(
        marked("Find the performer, and sign"),
        marked(
            "Open Catalogue, choose yourself, read the contract, and sign it. The license stands "
            "at once."
        ),
        marked("The price was on the page before you signed."),
        "offer",
        marked("A contract in plain words, signed by the performer"),
    ),
    Step(
        marked("Write a line, and ask what it costs"),
        marked(
            "You are at the page of a scene now. Write what shall be said, and ask. If the answer "
            "is yes, press Make it. Try a country outside the contract too, and read why it is no."
        ),
        marked("The rules answer before anything is made. Asking is free."),
        "scene",
        marked("The price of one scene, and a button to make it"),
    ),
    Step(
        marked("Watch it being made, and take it"),
        marked(
            "Stay on the page of the film, or leave it. In a few minutes it is made, marked, "
            "signed and paid, and you can download it."
        ),
        marked("In the performer’s window it now stands under Work, with what it brought."),
        "progress",
        marked("A film under way, step by step"),
    ),
    Step(
        marked("Doubt it"),
        marked(
            "Drop the file on the page Verify. Then make a smaller copy with any program, and "
            "drop that. At last press Pause everything as the performer, and ask for a scene again."
        ),
        marked("Anybody can check a file, without an account, and a no counts at once."),
        "verify",
        marked("A field to drop a file on"),
    ),
)
PICTURES = tuple(f"learn-{step.picture}.webp" for step in STEPS)


@router.get("/learn")
@may("anyone")
def show_learning(visit: Visitor) -> Response:
    """Show ten steps to a first licensed film, on this machine, where nothing is billed."""
    return page(
        visit,
        "learn.html",
        here="/learn",
        title=TITLE,
        lead=LEAD,
        short=SHORT,
        after=AFTER,
        steps=STEPS,
    )
