"""What a contract grants, and how far, in plain words: one sentence for each field."""

from collections.abc import Mapping, Sequence

from app.language import _, marked
from app.licensing.document.contract import Contract
from app.licensing.document.grant import Term
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
    "no": marked("It may not be dubbed into other languages."),
    "listed": marked("It may be dubbed, into the languages named here and no other."),
    "cba_default": marked(
        "It may be dubbed where filming begins before 1 July 2027; from that day on, dubbing needs "
        "a yes of its own."
    ),
    "yes": marked("It may be dubbed into any language."),
}
TRAINING = {
    "no": marked("No AI may be trained on the performer's likeness."),
    "project_model_only": marked(
        "AI may be trained on the performer's likeness for this project only."
    ),
    "with_approval": marked(
        "AI may be trained on the performer's likeness only after a yes each time."
    ),
    "yes": marked("AI may be trained on the performer's likeness."),
}
SUBLICENSE = {
    "no": marked("The licensee may not pass the license on to anybody."),
    "listed": marked("The licensee may pass the license on only to %(listed)s."),
    "with_approval": marked("The licensee may pass the license on only after a yes, each time."),
    "yes": marked("The licensee may pass the license on to anybody."),
}
SILENCE = {
    "deny": marked("No answer in time means no."),
    "wait": marked("No answer in time means that everybody goes on waiting."),
}
EXPIRY = {
    "stop": marked("What is not finished when the contract ends stops."),
    "finish": marked("What was allowed before the contract ends may be finished after it."),
}


def of_use(terms: Contract) -> Sentences:
    """Say what the replica is used for, and of what consent."""
    grant, consent = terms.grant, terms.consent
    modalities, purposes = (
        listed(map(word, names)) for names in (grant.modalities, grant.purposes)
    )
    made_with = listed(written(generator) for generator in grant.generators)
    return [
        (
            _("The licensee may use of the performer: %(what)s.", what=modalities),
            "/grant/modalities",
        ),
        (
            _("What for: %(uses)s", uses=quoted(consent.uses_description.strip())),
            "/consent/uses_description",
        ),
        (
            either(
                consent.clear_and_conspicuous,
                _("This consent stands out and is easy to see."),
                _("This consent is hidden among other things."),
            ),
            "/consent/clear_and_conspicuous",
        ),
        (
            either(
                consent.separately_signed,
                _("This consent is signed on its own."),
                _("This consent is signed together with something else."),
            ),
            "/consent/separately_signed",
        ),
        (_for_projects(grant.projects), "/grant/projects"),
        (_("What it is used for: %(purposes)s.", purposes=purposes), "/grant/purposes"),
        (
            _("Where people see it: %(media)s.", media=listed(map(word, grant.media))),
            "/grant/media",
        ),
        (
            _("It is made with %(generators)s, and no other AI.", generators=made_with),
            "/grant/generators",
        ),
        (
            either(
                grant.realtime, _("The replica may act live."), _("The replica may not act live.")
            ),
            "/grant/realtime",
        ),
        (meant(TRAINING, grant.training, _("Training an AI")), "/grant/training"),
    ]


def _for_projects(projects: Sequence[str]) -> str:
    only = [written(project) for project in projects if project != "*"]
    if "*" not in projects:
        return _("It is used only for %(projects)s.", projects=listed(only))
    if only:
        return _("It is used for any project, %(projects)s among them.", projects=listed(only))
    return _("It is used for any project.")


def of_amount(terms: Contract) -> Sentences:
    """Say how much may be made."""
    quota = terms.grant.quota
    seconds, renders, each = quota.max_seconds, quota.max_renders, quota.max_seconds_per_output
    return [
        (
            _("All together: no limit in seconds.")
            if seconds is None
            else _("All together: %(most)s at most.", most=count(seconds, "second")),
            "/grant/quota/max_seconds",
        ),
        (
            _("All together: no limit in renders.")
            if renders is None
            else _("All together: %(most)s at most.", most=count(renders, "render")),
            "/grant/quota/max_renders",
        ),
        (
            _("Each clip: no limit in seconds.")
            if each is None
            else _("Each clip: %(most)s at most.", most=count(each, "second")),
            "/grant/quota/max_seconds_per_output",
        ),
    ]


def of_others(terms: Contract, names: Names) -> Sentences:
    """Say who else may use the replica."""
    passing, alone = terms.grant.sublicense, terms.exclusivity
    to = listed(named(each, names) for each in passing.listed)
    about = _("Passing the license on")
    said = [(meant(SUBLICENSE, passing.mode, about, listed=to), "/grant/sublicense")]
    if alone is None:
        return [*said, (_("Others may get a license too."), "/exclusivity")]
    only = _("Only the licensee has the performer for anything.")
    if alone.category:
        what = word(alone.category)
        only = _("Only the licensee has the performer for %(what)s.", what=what)
    places = _("anywhere") if alone.territories is None else listed(map(place, alone.territories))
    media = _("any medium") if alone.media is None else listed(map(word, alone.media))
    held = count(alone.holdback_days, "day")
    return [
        *said,
        (only, "/exclusivity/category"),
        (_("That holds in these places: %(places)s.", places=places), "/exclusivity/territories"),
        (_("That holds where it is shown in: %(media)s.", media=media), "/exclusivity/media"),
        (
            _("It holds for %(time)s after the contract ends.", time=held),
            "/exclusivity/holdback_days",
        ),
    ]


def of_places(terms: Contract) -> Sentences:
    """Say in which places and languages."""
    grant = terms.grant
    places = listed(map(place, grant.territories.include))
    but = listed(map(place, grant.territories.exclude), last=_("or"))
    languages = listed(map(language, grant.languages))
    return [
        (
            _("In %(places)s, but not in %(but)s.", places=places, but=but)
            if grant.territories.exclude
            else _("In %(places)s.", places=places),
            "/grant/territories",
        ),
        (_("Spoken in %(languages)s.", languages=languages), "/grant/languages"),
        (meant(DUBBING, grant.dubbing, _("Dubbing")), "/grant/dubbing"),
    ]


def of_time(terms: Contract) -> Sentences:
    """Say from when to when, and what stops it in between."""
    strikes = terms.strike_policy.agreements
    notice, years = terms.notice_hours, terms.policy.max_term_years
    under = listed((word(each, AGREEMENTS) for each in strikes), last=_("or"))
    return [
        (_from_to(terms.grant.term), "/grant/term"),
        (
            _(
                "The law both sides chose ends it after %(time)s at the latest.",
                time=count(years, "year"),
            )
            if years
            else _("No law that both sides chose ends it sooner."),
            "/policy/max_term_years",
        ),
        (
            _(
                "The performer is told of a scan %(time)s before it at the latest.",
                time=count(notice, "hour"),
            )
            if notice
            else _("The performer may be scanned without notice."),
            "/notice_hours",
        ),
        (
            _("A strike stops it under %(agreements)s.", agreements=under)
            if strikes
            else _("No strike stops it."),
            "/strike_policy/agreements",
        ),
        (meant(EXPIRY, terms.revocation.expiry_in_flight, _("At the end")),
         "/revocation/expiry_in_flight"),
    ]  # fmt: skip


def _from_to(term: Term) -> str:
    clock, start = written(term.tz), day(term.start)
    if term.end_at is not None:
        until = f"{day(term.end_at.date())}, {term.end_at.timetz().isoformat()}"
        if term.end is not None:
            until = _("%(until)s (not %(day)s)", until=until, day=day(term.end))
        return _(
            "From the start of %(start)s until %(until)s, by the clock of %(clock)s.",
            start=start,
            until=until,
            clock=clock,
        )
    end = day(term.end or term.start)
    if term.end_inclusive:
        return _(
            "From the start of %(start)s to the end of %(end)s, by the clock of %(clock)s.",
            start=start,
            end=end,
            clock=clock,
        )
    return _(
        "From the start of %(start)s to the start of %(end)s, by the clock of %(clock)s.",
        start=start,
        end=end,
        clock=clock,
    )


def of_approvals(terms: Contract) -> Sentences:
    """Say what needs a yes first, whose, and how soon."""
    asked, content = terms.approvals, terms.grant.content
    roles, shown = listed(map(word, asked.required)), listed(map(word, content.approval))
    return [
        (
            either(
                asked.per_use,
                _("Each single use needs a yes first."),
                _("A use within this contract needs no other yes."),
            ),
            "/approvals/per_use",
        ),
        (
            _("Who says yes or no, where a yes is needed: %(roles)s.", roles=roles)
            if asked.required
            else _("Nobody is named who says yes or no."),
            "/approvals/required",
        ),
        (
            _("An answer is given within %(time)s.", time=count(asked.sla_hours, "hour")),
            "/approvals/sla_hours",
        ),
        (meant(SILENCE, asked.on_silence, _("No answer in time")), "/approvals/on_silence"),
        (
            _("It shows these only after a yes: %(shown)s.", shown=shown)
            if content.approval
            else _("Nothing that it shows needs a yes of its own."),
            "/grant/content/approval",
        ),
        (
            either(
                content.preview_waived,
                _("Nobody has to look at a result before it is released."),
                _("A person looks at each result before it is released, if anything is ruled out."),
            ),
            "/grant/content/preview_waived",
        ),
    ]


def of_limits(terms: Contract) -> Sentences:
    """Say what is ruled out."""
    content = terms.grant.content
    never = listed(map(word, content.prohibited), last=_("or"))
    barred = [_("brands of %(what)s", what=word(each)) for each in content.blocked_brand_categories]
    return [
        (
            _("It never shows %(never)s.", never=never)
            if content.prohibited
            else _("The contract names nothing that may never be shown."),
            "/grant/content/prohibited",
        ),
        (
            _("It is never used for %(brands)s.", brands=listed(barred, last=_("or")))
            if barred
            else _("The contract bars no brands."),
            "/grant/content/blocked_brand_categories",
        ),
    ]
