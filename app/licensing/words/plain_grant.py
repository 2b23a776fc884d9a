"""What a contract grants, and how far, in plain words: one sentence for each field."""

from collections.abc import Mapping

from app.licensing.document.contract import Contract
from app.licensing.words.plain_words import (
    AGREEMENTS,
    Sentences,
    count,
    day,
    either,
    language,
    listed,
    meant,
    named,
    place,
    quoted,
    word,
    written,
)

Names = Mapping[str, str]
DUBBING = {
    "no": "It may not be dubbed into other languages.",
    "listed": "It may be dubbed, into the languages named here and no other.",
    "cba_default": "It may be dubbed where filming begins before 1 July 2027; from that day on, "
    "dubbing needs a yes of its own.",
    "yes": "It may be dubbed into any language.",
}
TRAINING = {
    "no": "No AI may be trained on the performer's likeness.",
    "project_model_only": "AI may be trained on the performer's likeness for this project only.",
    "with_approval": "AI may be trained on the performer's likeness only after a yes each time.",
    "yes": "AI may be trained on the performer's likeness.",
}
SUBLICENSE = {
    "no": "The licensee may not pass the license on to anybody.",
    "listed": "The licensee may pass the license on only to {listed}.",
    "with_approval": "The licensee may pass the license on only after a yes, each time.",
    "yes": "The licensee may pass the license on to anybody.",
}
SILENCE = {
    "deny": "No answer in time means no.",
    "wait": "No answer in time means that everybody goes on waiting.",
}
EXPIRY = {
    "stop": "What is not finished when the contract ends stops.",
    "finish": "What was allowed before the contract ends may be finished after it.",
}


def of_use(terms: Contract) -> Sentences:
    """Say what the replica is used for, and of what consent."""
    grant, consent = terms.grant, terms.consent
    only = [written(project) for project in grant.projects if project != "*"]
    projects = f"only for {listed(only)}" if only else "for any project"
    if "*" in grant.projects and only:
        projects = f"for any project, {listed(only)} among them"
    modalities = listed(map(word, grant.modalities))
    made_with = [written(generator) for generator in grant.generators]
    return [
        (f"The licensee may use of the performer: {modalities}.", "/grant/modalities"),
        (f"What for: {quoted(consent.uses_description.strip())}", "/consent/uses_description"),
        (
            either(
                consent.clear_and_conspicuous,
                "This consent stands out and is easy to see.",
                "This consent is hidden among other things.",
            ),
            "/consent/clear_and_conspicuous",
        ),
        (
            either(
                consent.separately_signed,
                "This consent is signed on its own.",
                "This consent is signed together with something else.",
            ),
            "/consent/separately_signed",
        ),
        (f"It is used {projects}.", "/grant/projects"),
        (f"What it is used for: {listed(map(word, grant.purposes))}.", "/grant/purposes"),
        (f"Where people see it: {listed(map(word, grant.media))}.", "/grant/media"),
        (f"It is made with {listed(made_with)}, and no other AI.", "/grant/generators"),
        (
            f"The replica {either(grant.realtime, 'may', 'may not')} act live.",
            "/grant/realtime",
        ),
        (meant(TRAINING, grant.training, "Training an AI"), "/grant/training"),
    ]


def of_amount(terms: Contract) -> Sentences:
    """Say how much may be made."""
    quota = terms.grant.quota
    limits = (
        ("max_seconds", "All together", quota.max_seconds, "second"),
        ("max_renders", "All together", quota.max_renders, "render"),
        ("max_seconds_per_output", "Each clip", quota.max_seconds_per_output, "second"),
    )
    return [
        (
            f"{what}: no limit in {unit}s."
            if most is None
            else f"{what}: {count(most, unit)} at most.",
            f"/grant/quota/{field}",
        )
        for field, what, most, unit in limits
    ]


def of_others(terms: Contract, names: Names) -> Sentences:
    """Say who else may use the replica."""
    passing, alone = terms.grant.sublicense, terms.exclusivity
    to = listed(named(each, names) for each in passing.listed)
    said = [
        (
            meant(SUBLICENSE, passing.mode, "Passing the license on").format(listed=to),
            "/grant/sublicense",
        )
    ]
    if alone is None:
        return [*said, ("Others may get a license too.", "/exclusivity")]
    over = f"for {word(alone.category)}" if alone.category else "for anything"
    places = "anywhere" if alone.territories is None else listed(map(place, alone.territories))
    media = "any medium" if alone.media is None else listed(map(word, alone.media))
    said.append((f"Only the licensee has the performer {over}.", "/exclusivity/category"))
    said.append((f"That holds in these places: {places}.", "/exclusivity/territories"))
    said.append((f"That holds where it is shown in: {media}.", "/exclusivity/media"))
    said.append(
        (
            f"It holds for {count(alone.holdback_days, 'day')} after the contract ends.",
            "/exclusivity/holdback_days",
        )
    )
    return said


def of_places(terms: Contract) -> Sentences:
    """Say in which places and languages."""
    grant = terms.grant
    places = listed(map(place, grant.territories.include))
    but = f", but not in {listed(map(place, grant.territories.exclude), last='or')}"
    languages = listed(map(language, grant.languages))
    return [
        (f"In {places}{but if grant.territories.exclude else ''}.", "/grant/territories"),
        (f"Spoken in {languages}.", "/grant/languages"),
        (meant(DUBBING, grant.dubbing, "Dubbing"), "/grant/dubbing"),
    ]


def of_time(terms: Contract) -> Sentences:
    """Say from when to when, and what stops it in between."""
    term, strikes = terms.grant.term, terms.strike_policy.agreements
    if term.end_at is not None:
        until = f"until {day(term.end_at.date())}, {term.end_at.timetz().isoformat()}"
        until += "" if term.end is None else f" (not {day(term.end)})"
    else:
        until = (
            f"to the {'end' if term.end_inclusive else 'start'} of {day(term.end or term.start)}"
        )
    notice, years = terms.notice_hours, terms.policy.max_term_years
    return [
        (
            f"From the start of {day(term.start)} {until}, by the clock of {written(term.tz)}.",
            "/grant/term",
        ),
        (
            f"The law both sides chose ends it after {count(years, 'year')} at the latest."
            if years
            else "No law that both sides chose ends it sooner.",
            "/policy/max_term_years",
        ),
        (
            f"The performer is told of a scan {count(notice, 'hour')} before it at the latest."
            if notice
            else "The performer may be scanned without notice.",
            "/notice_hours",
        ),
        (
            "A strike stops it under "
            f"{listed((word(each, AGREEMENTS) for each in strikes), last='or')}."
            if strikes
            else "No strike stops it.",
            "/strike_policy/agreements",
        ),
        (meant(EXPIRY, terms.revocation.expiry_in_flight, "At the end"),
         "/revocation/expiry_in_flight"),
    ]  # fmt: skip


def of_approvals(terms: Contract) -> Sentences:
    """Say what needs a yes first, whose, and how soon."""
    asked, content = terms.approvals, terms.grant.content
    roles, shown = listed(map(word, asked.required)), listed(map(word, content.approval))
    return [
        (
            either(
                asked.per_use,
                "Each single use needs a yes first.",
                "A use within this contract needs no other yes.",
            ),
            "/approvals/per_use",
        ),
        (
            f"Who says yes or no, where a yes is needed: {roles}."
            if asked.required
            else "Nobody is named who says yes or no.",
            "/approvals/required",
        ),
        (
            f"An answer is given within {count(asked.sla_hours, 'hour')}.",
            "/approvals/sla_hours",
        ),
        (meant(SILENCE, asked.on_silence, "No answer in time"), "/approvals/on_silence"),
        (
            f"It shows these only after a yes: {shown}."
            if content.approval
            else "Nothing that it shows needs a yes of its own.",
            "/grant/content/approval",
        ),
        (
            either(
                content.preview_waived,
                "Nobody has to look at a result before it is released.",
                "A person looks at each result before it is released, if anything is ruled out.",
            ),
            "/grant/content/preview_waived",
        ),
    ]


def of_limits(terms: Contract) -> Sentences:
    """Say what is ruled out."""
    content = terms.grant.content
    barred = [f"brands of {word(each)}" for each in content.blocked_brand_categories]
    return [
        (
            f"It never shows {listed((word(each) for each in content.prohibited), last='or')}."
            if content.prohibited
            else "The contract names nothing that may never be shown.",
            "/grant/content/prohibited",
        ),
        (
            f"It is never used for {listed(barred, last='or')}."
            if barred
            else "The contract bars no brands.",
            "/grant/content/blocked_brand_categories",
        ),
    ]
