"""A contract in plain words, for whoever signs it; each sentence knows the field it was said from.

Every field has one sentence, and one pointer has one sentence: what differs between two documents
differs in the sentence of that field. Nothing is said that the document does not say.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

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
    "stop_now": "The performer may withdraw at any time, and everything stops at once.",
    "finish_in_flight": "The performer may withdraw at any time; what was already allowed before "
    "may be finished, and nothing new is made.",
    "notice_period": "The performer may withdraw at any time; it takes effect after a notice.",
}
EXISTING = {
    "keep": "Finished work may stay, after a withdrawal and after the contract ends.",
    "remove": "Finished work comes down after a withdrawal, and when the contract ends.",
}
DEATH = {
    "continue": "After the performer's death the contract goes on.",
    "terminate": "With the performer's death the contract ends.",
    "estate_reapproval": "After the performer's death, those who inherit must say yes again.",
}


class Section(NamedTuple):
    """One heading and the sentences under it, each with the pointer of its field."""

    heading: str
    sentences: Sentences


def sections(
    document: Contract | Mapping[str, Any], *, names: Names | None = None
) -> list[Section]:
    """Say a whole contract under headings, in reading order. `names`: registered names by id."""
    terms = document if isinstance(document, Contract) else parse(document, recorded=True)
    names = {terms.performer.id: terms.performer.name, **(names or {})}
    return [
        Section("Who", _who(terms, names)),
        Section("What", [*of_use(terms), *of_amount(terms), *of_others(terms, names)]),
        Section("Where", of_places(terms)),
        Section("When", of_time(terms)),
        Section("Asking first", of_approvals(terms)),
        Section("Never", of_limits(terms)),
        Section("What others learn", of_disclosure(terms)),
        Section("Money", _money(terms, names)),
        Section("Changing your mind", _ending(terms)),
        Section("After death", _after_death(terms)),
        Section("Data", _data(terms)),
    ]


def sentences(
    document: Contract | Mapping[str, Any], *, names: Names | None = None
) -> list[tuple[str, str]]:
    """Say a whole contract: (sentence, JSON pointer of the field it comes from).

    A pointer has one sentence: what differs between two documents differs under its pointer.
    """
    return [said for section in sections(document, names=names) for said in section.sentences]


def _who(terms: Contract, names: Names) -> Sentences:
    performer, stand = terms.performer, terms.representation
    born = f"was born on {day(performer.dob)}" if performer.dob else "gives no date of birth"
    agent = named(stand.agent, names) if stand.agent else "nobody"
    union = f"is {named(stand.union, names)}" if stand.union else "does not appear here"
    lawyer = either(stand.counsel, "A", "No")
    said = [
        (f"The performer is {quoted(performer.name)}.", "/performer/name"),
        (f"The performer is registered as {written(performer.id)}.", "/performer/id"),
        (f"The performer {born}.", "/performer/dob"),
        (
            f"The licensee, who wants to use the replica, is {named(terms.licensee, names)}.",
            "/licensee",
        ),
        (f"The performer's agent is {agent}.", "/representation/agent"),
        (f"The performer's union {union}.", "/representation/union"),
        (
            f"{lawyer} lawyer stands beside the performer.",
            "/representation/counsel",
        ),
        (f"The kind of contract: {word(terms.instrument, INSTRUMENTS)}.", "/instrument"),
        (f"The rules beside it: {word(terms.governing, AGREEMENTS)}.", "/governing"),
    ]
    court = either(terms.policy.minor_court_approval, "must", "need not")
    said.append(
        (f"If the performer is a child, a court {court} agree.", "/policy/minor_court_approval")
    )
    if terms.policy.performer_identity is not None:
        proof = IDENTITY[terms.policy.performer_identity]
        said.append((f"Who the performer is: {proof}.", "/policy/performer_identity"))
    if terms.policy.ink is not None:
        ink = either(terms.policy.ink == "accepted", "may", "may not")
        said.append((f"A party {ink} sign in ink before a witness.", "/policy/ink"))
    if terms.policy.packs:
        packs = ", ".join(written(pack) for pack in terms.policy.packs)
        said.append((f"It is also held to these packs of rules: {packs}.", "/policy/packs"))
    if terms.paper is not None:
        signed_on = day(terms.paper.signed_on)
        said.append(
            (f"It says the same as the paper both sides signed on {signed_on}.", "/paper/signed_on")
        )
        said.append((f"The SHA-256 of that paper's file: {terms.paper.sha256}.", "/paper/sha256"))
    if terms.standing_offer is not None:
        in_advance = "The performer signed these terms in advance, in the standing offer"
        said.append((f"{in_advance} with the SHA-256 {terms.standing_offer}.", "/standing_offer"))
    return [*said, *_amending(terms)]


def _amending(terms: Contract) -> Sentences:
    if terms.amends is None:
        return []
    amends = terms.amends
    when = "as soon as both sides have signed it"
    if amends.effective_at is not None:
        at = amends.effective_at
        when = f"on {day(at.date())} at {at:%H:%M} ({at.tzname()}), if both have signed it by then"
    return [
        (f"It takes the place of an earlier version of {amends.contract}.", "/amends/contract"),
        (
            f"The SHA-256 of that version's document: {amends.document_sha256}.",
            "/amends/document_sha256",
        ),
        (f"It does so {when}.", "/amends/effective_at"),
    ]


def _money(terms: Contract, names: Names) -> Sentences:
    if terms.compensation is None:
        return [("The contract does not say what a use costs.", "/compensation")]
    return about_money(terms.compensation, names)


def _ending(terms: Contract) -> Sentences:
    leaving = terms.revocation
    said = [
        (meant(WIND_DOWN, leaving.wind_down, "Withdrawing"), "/revocation/wind_down"),
        (
            f"The notice is {count(leaving.notice_days, 'day')}."
            if leaving.notice_days
            else "There is no notice to wait for.",
            "/revocation/notice_days",
        ),
        (meant(EXISTING, leaving.existing_outputs, "Finished work"),
         "/revocation/existing_outputs"),
    ]  # fmt: skip
    if leaving.existing_outputs != "keep":
        said.append(
            (
                f"After a withdrawal it comes down within {count(leaving.removal_days, 'day')}.",
                "/revocation/removal_days",
            )
        )
    return said


def _after_death(terms: Contract) -> Sentences:
    years = terms.postmortem.rights_years
    return [
        (meant(DEATH, terms.postmortem.mode, "After death"), "/postmortem/mode"),
        (
            f"The performer's rights end {count(years, 'year')} after death."
            if years
            else "The contract names no year after death in which the performer's rights end.",
            "/postmortem/rights_years",
        ),
    ]


def _data(terms: Contract) -> Sentences:
    data = terms.data
    kept = data.delete_after_term_days
    return [
        (
            "No day is agreed on which the pictures and recordings of the performer are deleted."
            if kept is None
            else "Pictures and recordings of the performer are deleted within "
            f"{count(kept, 'day')} after the contract ends.",
            "/data/delete_after_term_days",
        ),
        (
            f"Who may see them: {written(data.access) if data.access else 'nothing is agreed'}.",
            "/data/access",
        ),
        (f"They are {either(data.encrypted, '', 'not ')}kept encrypted.", "/data/encrypted"),
    ]
