"""What others learn of a finished work, in plain words: one sentence for each field."""

from app.licensing.document.contract import Contract
from app.licensing.words.plain_words import Sentences, day, meant, written

LEARNS = {
    "license": "only that the replica is licensed, and if it still is",
    "credit": "also the names of both sides, and of the project",
    "use": "also what was made, where it may be shown, what is said in it, and why a license ended",
    "terms": "also this whole contract, with what is paid",
}
GRANTED_BY = {
    "performer": "The performer may sign that somebody named, such as a union or a court, "
    "learns more.",
    "licensee": "The licensee may sign that somebody named, such as a union or a court, "
    "learns more.",
    "either": "The performer or the licensee, each alone, may sign that somebody named, such as a "
    "union or a court, learns more.",
    "both": "If both sides sign for it, somebody named, such as a union or a court, learns more.",
}
SILENT = (
    "Who checks a finished file learns only that the replica is licensed, and if it still is. If "
    "both sides sign for it, somebody named learns more."
)


def of_disclosure(terms: Contract) -> Sentences:
    """Say what strangers learn, before and after the release, and who else may learn more."""
    says = terms.disclosure
    if says is None:
        return [(SILENT, "/disclosure")]
    released = "No day of release is agreed."
    if says.release_on is not None:
        clock = written(terms.grant.term.tz)
        released = f"The release is on {day(says.release_on)}, by the clock of {clock}."
    return [
        (_learns("Who checks a finished file learns", says.now), "/disclosure/now"),
        (released, "/disclosure/release_on"),
        (
            "The release changes nothing of that."
            if says.after_release is None
            else _learns("From the release on they learn", says.after_release),
            "/disclosure/after_release",
        ),
        (meant(GRANTED_BY, says.granted_by, "Letting somebody learn more"),
         "/disclosure/granted_by"),
        (_learns("At most, somebody named learns", says.verifiers), "/disclosure/verifiers"),
    ]  # fmt: skip


def _learns(who: str, level: str) -> str:
    what = LEARNS.get(level)
    return f"{who} {what}." if what else f"{who}: {written(level)}, which means nothing."
