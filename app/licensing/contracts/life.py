"""The life of a contract as one table: who may do what in which state, and where that leads.

Pure: no database, no clock. One row of the database is one document: `version` counts amendments,
`round` the documents on the way to one. `docs/contracts.md` shows the same table to its readers.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class State(StrEnum):
    """Where one document stands."""

    DRAFT = "draft"  # seen by the side that writes it, and by nobody else
    OFFERED = "offered"
    COUNTERED = "countered"  # on the table, in answer to another document
    SIGNED = "signed"  # by one of two
    DECLINED = "declined"
    LAPSED = "lapsed"  # nobody took it before it expired
    RETRACTED = "retracted"
    REPLACED = "replaced"  # another round of the same negotiation took its place
    ACTIVE = "active"  # executed: signed by both
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"  # a later version is in effect
    EXPIRED = "expired"  # its term is over
    WITHDRAWN = "withdrawn"


class Act(StrEnum):
    """What a party may do to a contract."""

    DRAFT = "draft"  # begins a contract, as an offer may
    REVISE = "revise"
    OFFER = "offer"
    COUNTER = "counter"
    DECLINE = "decline"
    RETRACT = "retract"
    SIGN = "sign"
    AMEND = "amend"
    SUSPEND = "suspend"
    RESUME = "resume"
    WITHDRAW = "withdraw"
    RATIFY = "ratify"  # what was signed for a minor, by the performer who has come of age


class Actor(StrEnum):
    """As whom an organization acts, from what is registered, or by a mandate that stands."""

    PERFORMER = "performer"  # the performer's own desk
    AGENT = "agent"  # negotiates and stops; never signs, resumes or withdraws
    LICENSEE = "licensee"
    ATTORNEY = "attorney"  # may withdraw; never signs
    GUARDIAN = "guardian"  # in the performer's place, until they come of age
    ESTATE = "estate_rep"  # after the performer's death
    UNION = "union_for_estate"  # for an estate that cannot be found
    LOAN_OUT = "loan_out"  # the performer's own company


class Turn(StrEnum):
    """Which side may: the one that put the present document on the table, the other, or both."""

    AUTHOR = "author"
    OTHER = "other"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Step:
    """One allowed act: by whom, on whose turn, and the states it may lead to."""

    who: frozenset[Actor]
    turn: Turn
    to: frozenset[State]


def _step(who: Collection[Actor], turn: Turn, *to: State) -> Step:
    return Step(frozenset(who), turn, frozenset(to))


PERFORMER, AGENT, LICENSEE = Actor.PERFORMER, Actor.AGENT, Actor.LICENSEE
# Who may stand in the performer's place; a mandate says which of them does, and in what.
IN_PLACE = (Actor.GUARDIAN, Actor.ESTATE, Actor.UNION)
PERFORMERS_SIDE = (PERFORMER, AGENT, Actor.ATTORNEY, *IN_PLACE, Actor.LOAN_OUT)
ANYBODY = (*PERFORMERS_SIDE, LICENSEE)
STOPS = (PERFORMER, AGENT, Actor.ATTORNEY, *IN_PLACE)
WITHDRAWS = (PERFORMER, Actor.ATTORNEY, *IN_PLACE)
ON_THE_TABLE = (State.OFFERED, State.COUNTERED, State.SIGNED)
EXECUTED = (State.ACTIVE, State.SUSPENDED, State.EXPIRED)

_DRAFT = {
    Act.REVISE: _step(ANYBODY, Turn.AUTHOR, State.DRAFT),
    Act.OFFER: _step(ANYBODY, Turn.AUTHOR, State.OFFERED),
    Act.RETRACT: _step(ANYBODY, Turn.AUTHOR, State.RETRACTED),
}
_TABLE = {
    Act.COUNTER: _step(ANYBODY, Turn.OTHER, State.COUNTERED),
    Act.DECLINE: _step(ANYBODY, Turn.OTHER, State.DECLINED),
    Act.RETRACT: _step(ANYBODY, Turn.AUTHOR, State.RETRACTED),
    Act.SIGN: _step(
        (PERFORMER, LICENSEE, *IN_PLACE, Actor.LOAN_OUT), Turn.EITHER, State.SIGNED, State.ACTIVE
    ),
    Act.WITHDRAW: _step(WITHDRAWS, Turn.EITHER, State.WITHDRAWN),
}
_AMEND = _step(ANYBODY, Turn.EITHER, State.DRAFT, State.OFFERED)
_WITHDRAW = _step(WITHDRAWS, Turn.EITHER, State.WITHDRAWN)
LIFE: dict[State, dict[Act, Step]] = {
    State.DRAFT: _DRAFT,
    State.OFFERED: _TABLE,
    State.COUNTERED: _TABLE,
    State.SIGNED: _TABLE,
    State.ACTIVE: {
        Act.AMEND: _AMEND,
        Act.SUSPEND: _step(STOPS, Turn.EITHER, State.SUSPENDED),
        Act.WITHDRAW: _WITHDRAW,
        Act.RATIFY: _step((PERFORMER,), Turn.EITHER, State.ACTIVE),
    },
    State.SUSPENDED: {
        Act.AMEND: _AMEND,
        Act.RESUME: _step((PERFORMER, *IN_PLACE), Turn.EITHER, State.ACTIVE),
        Act.WITHDRAW: _WITHDRAW,
        Act.RATIFY: _step((PERFORMER,), Turn.EITHER, State.SUSPENDED),
    },
    State.EXPIRED: {Act.WITHDRAW: _WITHDRAW},  # finished work may have to come down
    State.DECLINED: {},
    State.LAPSED: {},
    State.RETRACTED: {},
    State.REPLACED: {},
    State.SUPERSEDED: {},
    State.WITHDRAWN: {},
}
NEXT = {
    State.DRAFT: "put it on the table with an offer, revise it, or retract it",
    State.OFFERED: "the other side signs, counters or declines it; its own side may retract it",
    State.COUNTERED: "the other side signs, counters or declines it; its own side may retract it",
    State.SIGNED: "the party that has not signed signs, or steps back from it",
    State.DECLINED: "make a new offer",
    State.LAPSED: "make a new offer",
    State.RETRACTED: "make a new offer",
    State.REPLACED: "act on the newest round of this negotiation",
    State.ACTIVE: "it is in force: amend it, suspend it, or withdraw",
    State.SUSPENDED: "the performer resumes it, or withdraws",
    State.SUPERSEDED: "act on the version that is in effect",
    State.EXPIRED: "its term is over: make a new offer",
    State.WITHDRAWN: "withdrawal is final: a new contract needs the performer's new consent",
}


class Facts(Protocol):
    """What is stored of one document and says where it stands."""

    offered_at: datetime | None
    expires_at: datetime | None
    counters_id: str | None
    first_signed_at: datetime | None
    declined_at: datetime | None
    retracted_at: datetime | None
    replaced_at: datetime | None
    executed_at: datetime | None
    superseded_at: datetime | None
    suspended_at: datetime | None
    withdrawn_at: datetime | None
    ends_at: datetime


def state_of(facts: Facts, *, at: datetime) -> State:
    """Say where a document stands at an instant; `listing.state_sql` says the same in SQL."""
    if facts.withdrawn_at is not None:
        return State.WITHDRAWN
    if facts.executed_at is not None:
        return _executed_state(facts, at)
    if facts.declined_at is not None:
        return State.DECLINED
    if facts.retracted_at is not None:
        return State.RETRACTED
    if facts.replaced_at is not None:
        return State.REPLACED
    if facts.offered_at is None:
        return State.DRAFT
    if facts.expires_at is not None and facts.expires_at <= at:
        return State.LAPSED
    if facts.first_signed_at is not None:
        return State.SIGNED
    return State.OFFERED if facts.counters_id is None else State.COUNTERED


def _executed_state(facts: Facts, at: datetime) -> State:
    if facts.superseded_at is not None and facts.superseded_at <= at:
        return State.SUPERSEDED
    if facts.ends_at <= at:
        return State.EXPIRED
    return State.ACTIVE if facts.suspended_at is None else State.SUSPENDED


def side_of(actor: Actor) -> str:
    """Return the side somebody stands on: `performer` (their agent too) or `licensee`."""
    return "licensee" if actor is Actor.LICENSEE else "performer"


def may(state: State, act: Act, actor: Actor, *, author_side: str) -> bool:
    """Say whether this actor may do this now, to a document that `author_side` has made."""
    step = LIFE[state].get(act)
    if step is None or actor not in step.who:
        return False
    is_author = side_of(actor) == author_side
    return step.turn is Turn.EITHER or (step.turn is Turn.AUTHOR) == is_author


def why_not(state: State, act: Act) -> str:
    """Say of a refused act what would allow it: who may, or what to do instead."""
    step = LIFE[state].get(act)
    if step is None:
        return f"nobody can {act} what is {state}; {NEXT[state]}"
    who = " or ".join(actor for actor in Actor if actor in step.who)
    side = {
        Turn.AUTHOR: ", on the side that made this document,",
        Turn.OTHER: ", on the side it was made to,",
        Turn.EITHER: "",
    }[step.turn]
    return f"only the {who}{side} can {act} what is {state}; {NEXT[state]}"
