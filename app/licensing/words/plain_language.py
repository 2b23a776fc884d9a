"""A contract in plain words, for whoever signs it; each sentence knows the field it was said from.

Every field has one sentence, and one pointer has one sentence: what differs between two documents
differs in the sentence of that field. Nothing is said that the document does not say.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.language import SOURCE, _, marked, reading_in
from app.licensing.document.contract import Contract, parse
from app.licensing.words.plain_disclosure import of_disclosure
from app.licensing.words.plain_grant import (
    of_amount,
    of_approvals,
    of_limits,
    of_others,
    of_places,
    of_time,
    of_use,
)
from app.licensing.words.plain_money import about_money
from app.licensing.words.plain_words import (
    AGREEMENTS,
    IDENTITY,
    INSTRUMENTS,
    Sentences,
    count,
    day,
    either,
    meant,
    named,
    quoted,
    word,
    written,
)

Names = Mapping[str, str]
WIND_DOWN = {
    "stop_now": marked("The performer may withdraw at any time, and everything stops at once."),
    "finish_in_flight": marked(
        "The performer may withdraw at any time; what was already allowed before may be finished, "
        "and nothing new is made."
    ),
    "notice_period": marked(
        "The performer may withdraw at any time; it takes effect after a notice."
    ),
}
EXISTING = {
    "keep": marked("Finished work may stay, after a withdrawal and after the contract ends."),
    "remove": marked("Finished work comes down after a withdrawal, and when the contract ends."),
}
DEATH = {
    "continue": marked("After the performer's death the contract goes on."),
    "terminate": marked("With the performer's death the contract ends."),
    "estate_reapproval": marked(
        "After the performer's death, those who inherit must say yes again."
    ),
}


class Section(NamedTuple):
    """One heading and the sentences under it, each with the pointer of its field."""

    heading: str
    sentences: Sentences


def sections(
    document: Contract | Mapping[str, Any], *, names: Names | None = None, tongue: str = SOURCE
) -> list[Section]:
    """Say a whole contract under headings, in reading order. `names`: registered names by id.

    In English unless another `tongue` of `language.LANGUAGES` is asked for: what programs are
    given, and what is kept, does not hang on who happens to read.
    """
    terms = document if isinstance(document, Contract) else parse(document, recorded=True)
    names = {terms.performer.id: terms.performer.name, **(names or {})}
    with reading_in(tongue):
        return [
            Section(_("Who"), _who(terms, names)),
            Section(_("What"), [*of_use(terms), *of_amount(terms), *of_others(terms, names)]),
            Section(_("Where"), of_places(terms)),
            Section(_("When"), of_time(terms)),
            Section(_("Asking first"), of_approvals(terms)),
            Section(_("Never"), of_limits(terms)),
            Section(_("What others learn"), of_disclosure(terms)),
            Section(_("Money"), _money(terms, names)),
            Section(_("Changing your mind"), _ending(terms)),
            Section(_("After death"), _after_death(terms)),
            Section(_("Data"), _data(terms)),
        ]


def sentences(
    document: Contract | Mapping[str, Any], *, names: Names | None = None, tongue: str = SOURCE
) -> list[tuple[str, str]]:
    """Say a whole contract: (sentence, JSON pointer of the field it comes from).

    A pointer has one sentence: what differs between two documents differs under its pointer.
    """
    said = sections(document, names=names, tongue=tongue)
    return [sentence for section in said for sentence in section.sentences]


def _who(terms: Contract, names: Names) -> Sentences:
    performer, stand = terms.performer, terms.representation
    said: Sentences = [
        (
            _("The performer is %(name)s.", name=quoted(performer.name)),
            "/performer/name",
        ),
        (
            _("The performer is registered as %(id)s.", id=written(performer.id)),
            "/performer/id",
        ),
        (
            _("The performer was born on %(day)s.", day=day(performer.dob))
            if performer.dob
            else _("The performer gives no date of birth."),
            "/performer/dob",
        ),
        (
            _(
                "The licensee, who wants to use the replica, is %(name)s.",
                name=named(terms.licensee, names),
            ),
            "/licensee",
        ),
        (
            _(
                "The performer's agent is %(name)s.",
                name=named(stand.agent, names) if stand.agent else _("nobody"),
            ),
            "/representation/agent",
        ),
        (
            _("The performer's union is %(name)s.", name=named(stand.union, names))
            if stand.union
            else _("The performer's union does not appear here."),
            "/representation/union",
        ),
        (
            either(
                stand.counsel,
                _("A lawyer stands beside the performer."),
                _("No lawyer stands beside the performer."),
            ),
            "/representation/counsel",
        ),
        (
            _("The kind of contract: %(kind)s.", kind=word(terms.instrument, INSTRUMENTS)),
            "/instrument",
        ),
        (
            _("The rules beside it: %(rules)s.", rules=word(terms.governing, AGREEMENTS)),
            "/governing",
        ),
    ]
    return [*said, *_held_to(terms), *_came_from(terms), *_amending(terms)]


def _held_to(terms: Contract) -> Sentences:
    policy = terms.policy
    said: Sentences = [
        (
            either(
                policy.minor_court_approval,
                _("If the performer is a child, a court must agree."),
                _("If the performer is a child, a court need not agree."),
            ),
            "/policy/minor_court_approval",
        )
    ]
    if policy.performer_identity is not None:
        proof = _(IDENTITY[policy.performer_identity])
        said.append((_("Who the performer is: %(proof)s.", proof=proof),
                     "/policy/performer_identity"))  # fmt: skip
    if policy.ink is not None:
        ink = either(
            policy.ink == "accepted",
            _("A party may sign in ink before a witness."),
            _("A party may not sign in ink before a witness."),
        )
        said.append((ink, "/policy/ink"))
    if policy.packs:
        packs = ", ".join(written(pack) for pack in policy.packs)
        said.append((_("It is also held to these packs of rules: %(packs)s.", packs=packs),
                     "/policy/packs"))  # fmt: skip
    return said


def _came_from(terms: Contract) -> Sentences:
    said: Sentences = []
    if terms.paper is not None:
        signed = _(
            "It says the same as the paper both sides signed on %(day)s.",
            day=day(terms.paper.signed_on),
        )
        said.append((signed, "/paper/signed_on"))
        digest = _("The SHA-256 of that paper's file: %(sha256)s.", sha256=terms.paper.sha256)
        said.append((digest, "/paper/sha256"))
    if terms.standing_offer is not None:
        in_advance = _(
            "The performer signed these terms in advance, in the standing offer with the SHA-256 "
            "%(sha256)s.",
            sha256=terms.standing_offer,
        )
        said.append((in_advance, "/standing_offer"))
    return said


def _amending(terms: Contract) -> Sentences:
    if terms.amends is None:
        return []
    amends = terms.amends
    begins = _("It does so as soon as both sides have signed it.")
    if amends.effective_at is not None:
        at = amends.effective_at
        time = at.strftime("%H:%M")
        begins = _(
            "It does so on %(day)s at %(time)s (%(clock)s), if both have signed it by then.",
            day=day(at.date()),
            time=time,
            clock=at.tzname(),
        )
    return [
        (
            _("It takes the place of an earlier version of %(id)s.", id=amends.contract),
            "/amends/contract",
        ),
        (
            _(
                "The SHA-256 of that version's document: %(sha256)s.",
                sha256=amends.document_sha256,
            ),
            "/amends/document_sha256",
        ),
        (begins, "/amends/effective_at"),
    ]


def _money(terms: Contract, names: Names) -> Sentences:
    if terms.compensation is None:
        return [(_("The contract does not say what a use costs."), "/compensation")]
    return about_money(terms.compensation, names)


def _ending(terms: Contract) -> Sentences:
    leaving = terms.revocation
    said = [
        (meant(WIND_DOWN, leaving.wind_down, _("Withdrawing")), "/revocation/wind_down"),
        (
            _("The notice is %(time)s.", time=count(leaving.notice_days, "day"))
            if leaving.notice_days
            else _("There is no notice to wait for."),
            "/revocation/notice_days",
        ),
        (meant(EXISTING, leaving.existing_outputs, _("Finished work")),
         "/revocation/existing_outputs"),
    ]  # fmt: skip
    if leaving.existing_outputs != "keep":
        within = count(leaving.removal_days, "day")
        said.append(
            (
                _("After a withdrawal it comes down within %(time)s.", time=within),
                "/revocation/removal_days",
            )
        )
    return said


def _after_death(terms: Contract) -> Sentences:
    years = terms.postmortem.rights_years
    return [
        (meant(DEATH, terms.postmortem.mode, _("After death")), "/postmortem/mode"),
        (
            _("The performer's rights end %(time)s after death.", time=count(years, "year"))
            if years
            else _("The contract names no year after death in which the performer's rights end."),
            "/postmortem/rights_years",
        ),
    ]


def _data(terms: Contract) -> Sentences:
    data = terms.data
    kept = data.delete_after_term_days
    return [
        (
            _("No day is agreed on which the pictures and recordings of the performer are deleted.")
            if kept is None
            else _(
                "Pictures and recordings of the performer are deleted within %(time)s after the "
                "contract ends.",
                time=count(kept, "day"),
            ),
            "/data/delete_after_term_days",
        ),
        (
            _(
                "Who may see them: %(who)s.",
                who=written(data.access) if data.access else _("nothing is agreed"),
            ),
            "/data/access",
        ),
        (
            either(
                data.encrypted, _("They are kept encrypted."), _("They are not kept encrypted.")
            ),
            "/data/encrypted",
        ),
    ]
