"""What others learn of a finished work, in plain words: one sentence for each field."""

from datetime import datetime

from app.language import _, marked
from app.language import day as moment
from app.licensing.document.contract import Contract
from app.licensing.words.plain_words import Sentences, day, meant, quoted, written

LEARNS = {
    "license": marked("only that the replica is licensed, and if it still is"),
    "credit": marked("also the names of both sides, and of the project"),
    "use": marked(
        "also what was made, where it may be shown, what is said in it, and why a license ended"
    ),
    "terms": marked("also this whole contract, with what is paid"),
}
GRANTED_BY = {
    "performer": marked(
        "The performer may sign that somebody named, such as a union or a court, learns more."
    ),
    "licensee": marked(
        "The licensee may sign that somebody named, such as a union or a court, learns more."
    ),
    "either": marked(
        "The performer or the licensee, each alone, may sign that somebody named, such as a "
        "union or a court, learns more."
    ),
    "both": marked(
        "If both sides sign for it, somebody named, such as a union or a court, learns more."
    ),
}
SILENT = marked(
    "Who checks a finished file learns only that the replica is licensed, and if it still is. If "
    "both sides sign for it, somebody named learns more."
)
NOW = marked("Who checks a finished file learns")
THEN = marked("From the release on they learn")
AT_MOST = marked("At most, somebody named learns")
# What somebody named is shown, of each level all of the one before.
SHOWN = {
    "credit": marked("the names of both sides, and of the project"),
    "use": marked(
        "the names of both sides and of the project; what was made, where it may be shown, what "
        "is said in it, and why a license ended"
    ),
    "terms": marked(
        "the names of both sides and of the project; what was made, where it may be shown, what "
        "is said in it, and why a license ended; and this whole contract, with what is paid"
    ),
}
ROLES = {
    "broadcaster": marked("broadcaster"),
    "union": marked("union"),
    "court": marked("court"),
}
COUNTS = {
    "alone": marked("It counts at once."),
    "both": marked(
        "The other side has signed for them too: it counts at once, as far as both have signed."
    ),
    "waits": marked(
        "This contract wants both sides for it, and the other side has not signed: nothing more "
        "is shown until they do."
    ),
}


def of_grant(
    *, verifier: str, role: str, level: str, until: datetime, contract_id: str, counts: str
) -> Sentences:
    """Say a grant before it is signed, with what it does; `counts`: one of COUNTS."""
    who, shown = quoted(verifier), _(SHOWN[level])
    said = (
        _("%(who)s, as %(role)s, is shown %(what)s.", who=who, role=_(ROLES[role]), what=shown)
        if role in ROLES
        else _("%(who)s is shown %(what)s.", who=who, what=shown),
        _(
            "That is so for every finished work under the contract %(contract)s, also what is "
            "finished later, until %(end)s.",
            contract=written(contract_id),
            end=moment(until),
        ),
        _(COUNTS[counts]),
        _("You can end it at once, at any moment. What they saw until then they know."),
        _("The public log holds that something was granted, and when; not to whom, and not what."),
    )
    return [(sentence, "") for sentence in said]


def of_disclosure(terms: Contract) -> Sentences:
    """Say what strangers learn, before and after the release, and who else may learn more."""
    says = terms.disclosure
    if says is None:
        return [(_(SILENT), "/disclosure")]
    released = _("No day of release is agreed.")
    if says.release_on is not None:
        clock = written(terms.grant.term.tz)
        released = _(
            "The release is on %(day)s, by the clock of %(clock)s.",
            day=day(says.release_on),
            clock=clock,
        )
    return [
        (_learns(NOW, says.now), "/disclosure/now"),
        (released, "/disclosure/release_on"),
        (
            _("The release changes nothing of that.")
            if says.after_release is None
            else _learns(THEN, says.after_release),
            "/disclosure/after_release",
        ),
        (meant(GRANTED_BY, says.granted_by, _("Letting somebody learn more")),
         "/disclosure/granted_by"),
        (_learns(AT_MOST, says.verifiers), "/disclosure/verifiers"),
    ]  # fmt: skip


def _learns(who: str, level: str) -> str:
    if level in LEARNS:
        return f"{_(who)} {_(LEARNS[level])}."
    return _("%(about)s: %(value)s, which means nothing.", about=_(who), value=written(level))
