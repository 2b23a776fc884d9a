"""Who may call each operation: said at its route, kept by the edge, written to docs/access.md.

A rule names callers as they stand to the thing that is asked about; that they do is proven by the
services, in the transaction that acts. `to` is what an API key must be allowed to do: keys may be
made that do less than their organization may.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

CALLERS = {
    "anyone": "whoever asks; no key is needed",
    "link": "whoever holds the link: the address holds a secret",
    "organization": "any organization, about what is its own",
    "performer": "the performer's own desk",
    "agency": "any agency, about whom it wants to bring in",
    "agent": "the agency that is registered as the performer's",
    "licensee": "the licensee of the contract",
    "representative": "whoever holds a mandate for it that stands ([mandates.md](mandates.md))",
    "requester": "the organization that asked for the generation or the decision",
    "uploader": "the organization that uploaded the material",
    "renderer": "the organization whose renderer has the job",
    "addressee": "whom a standing offer is made to, once it is signed",
    "opener": "whoever opened the case",
    "subject": "the party it is about: itself, or the desk of a performer",
    "union": "the union that keeps the agreement",
    "person": "whoever is signed in with a passkey, about what is theirs",
    "member": "whoever is signed in and a member of a party of the contract",
    "desk": "whoever is signed in and a member of the performer's own desk",
    "office": "whoever is signed in, by its own sign-in too, and a member of that production",
    "bureau": "whoever is signed in and a member of that agency",
    "officer": "whoever is signed in and a member of that union",
    "operator": "whoever is signed in and one of the operators, who run the installation",
    "administrator": "whoever is signed in and administers that organization",
}
PARTIES = ("performer", "agent", "licensee", "representative")
ACTIONS = {
    "read": "look at what is the organization's own",
    "ask": "ask what would be decided, or cost; nothing is kept but the decision",
    "generate": "ask for generations, and fetch what was released",
    "negotiate": "draft, offer, counter, decline and retract; counsel's links",
    "approve": "answer approvals and previews, and ask for them",
    "sign": "sign contracts, offers and grants; register the keys they are signed with",
    "dispute": "open cases, answer them, accept what is asked and take them back",
    "pause": "pause a performer, suspend a contract",
    "consent": "withdraw, resume, set boundaries, erase",
    "likeness": "enroll a performer, take out what is held about one",
    "money": "say where to pay, how to invoice, and what may be spent",
    "strike": "propose and confirm a strike",
    "keys": "make, replace and revoke API keys; no key may that does not name it",
}
NAMED_ONLY = frozenset({"keys"})
CHECKED = frozenset({"project", "contract"})
OPEN = frozenset({"anyone", "link"})
PEOPLE = frozenset(
    {"person", "member", "desk", "office", "bureau", "officer", "operator", "administrator"}
)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class RuleMissing(Exception):
    """A route says nothing of who may call it; the server does not start."""


@dataclass(frozen=True)
class Rule:
    """Who may call an operation, and what an API key must be allowed to; "" where none is sent.

    `checks`: the operation itself sees to it that a key for some projects, or for some contracts,
    gets at no others; where it does not say so, such a key does not open it. `at_any_time`: nothing
    it shows or does depends on the hour, or it only stops something.
    """

    who: tuple[str, ...]
    to: str = ""
    checks: tuple[str, ...] = ()
    at_any_time: bool = False

    def __post_init__(self) -> None:
        unknown = set(self.who) - set(CALLERS)
        if not self.who or unknown:
            raise ValueError(f"a rule names callers of app/access.py, not {sorted(unknown)}")
        if set(self.checks) - CHECKED:
            raise ValueError("a rule checks projects and contracts, nothing else")
        keyless = set(self.who) <= OPEN | PEOPLE
        if (self.to not in ACTIONS) if not keyless else self.to:
            raise ValueError("a rule for keys says what a key must be allowed to; others do not")


@dataclass(frozen=True)
class Operation:
    """One operation of the server, by verb and path, with its rule."""

    verb: str
    path: str
    rule: Rule
    is_page: bool


def may(
    *who: str, to: str = "", checks: tuple[str, ...] = (), at_any_time: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Say at a route who may call it; the nearest line to its `def`."""
    rule = Rule(who, to, checks, at_any_time)

    def note(endpoint: Endpoint) -> Endpoint:
        endpoint.may = rule  # type: ignore[attr-defined]
        return endpoint

    return note


def operations(routes: Iterable[Any]) -> Iterator[Operation]:
    """List the operations of an application's routes, as they are asked. Raises RuleMissing."""
    for route in routes:
        if hasattr(route, "original_router"):  # how FastAPI keeps a router that was included
            yield from operations(route.original_router.routes)
        elif hasattr(route, "response_model") and not _is_frameworks(route.endpoint):
            yield from _of(route)


def _of(route: Any) -> Iterator[Operation]:
    rule = getattr(route.endpoint, "may", None)
    if not isinstance(rule, Rule):
        raise RuleMissing(
            f"{route.path} says nothing of who may call it: put @may(...) of app/access.py over "
            f"{route.endpoint.__module__}.{route.endpoint.__name__}, under its @router line"
        )
    for verb in sorted(route.methods - {"HEAD"}):
        yield Operation(verb, route.path_format, rule, not route.include_in_schema)


def describe(document: dict[str, Any], found: Iterable[Operation]) -> dict[str, Any]:
    """Say in an OpenAPI document, at each operation, who may call it. Changes it, returns it."""
    for each in found:
        if not each.is_page:
            said = document["paths"][each.path][each.verb.lower()]
            said["x-who-may"] = list(each.rule.who)
            if each.rule.to:
                said["x-key-action"] = each.rule.to
    return document


def _is_frameworks(endpoint: Any) -> bool:
    return str(endpoint.__module__).partition(".")[0] in ("fastapi", "fastapi_offline")


HEAD = """# Who may call what

Made by `understudy access` from the rule at each route (`@may`, [access.py](../app/access.py)); a
test keeps this page the same. A route without a rule stops the server from starting. Whoever is not
named, and no party either, is answered exactly as for an id that does not exist:
[test_access.py](../tests/http/test_access.py) asks every operation as everybody, and compares.
""".split("\n")


def as_page(found: Iterable[Operation]) -> str:
    """Write the table of docs/access.md (Markdown)."""
    every = sorted(found, key=lambda each: (each.path, each.verb))
    lines = [
        *HEAD,
        "## Callers",
        "",
        "| caller | is |",
        "|---|---|",
        *(f"| {name} | {what} |" for name, what in CALLERS.items()),
        "",
        "## What a key may be allowed to",
        "",
        "| action | covers |",
        "|---|---|",
        *(f"| `{name}` | {what} |" for name, what in ACTIONS.items()),
        "",
        "## While the clock is in doubt",
        "",
        "Only these are answered then ([operations.md](operations.md#when-nothing-is-permitted)):",
        "",
        *(f"- `{each.verb} {each.path}`" for each in every if each.rule.at_any_time),
        "",
        "## The API",
        "",
        "| operation | who may | action of the key |",
        "|---|---|---|",
        *(_row(each) for each in every if not each.is_page),
        "",
        "## Pages",
        "",
        "| page | who may |",
        "|---|---|",
        *(f"| {_named(each)} |" for each in every if each.is_page),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(each: Operation) -> str:
    return f"| {_named(each)} | {f'`{each.rule.to}`' if each.rule.to else ''} |"


def _named(each: Operation) -> str:
    return f"`{each.verb} {each.path}` | {', '.join(each.rule.who)}"
