"""The pages of rules: every rule in force here in words, for anybody, on any screen."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.access import may
from app.language import _, marked, reads
from app.licensing.deciding.policy_set import PolicySet
from app.licensing.decisions import published, rulebook
from app.web.pages import HERE, PageRoute, here, rendered

router = APIRouter(include_in_schema=False, route_class=PageRoute)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "public, max-age=60",
}
OUTCOMES = {
    "permit": ("yes", marked("✓ permits")),
    "deny": ("no", marked("✕ denies")),
    "needs-approval": ("wait", marked("? asks somebody")),
    "obligation": ("wait", marked("→ obliges")),
}
CHAPTERS = {
    "base": marked("To begin with"),
    "standing": marked("Whether there is a contract at all"),
    "validity": marked("Whether the contract is good"),
    "term": marked("When"),
    "scope": marked("For what, and where"),
    "generation": marked("How an output is made"),
    "content": marked("What is shown"),
    "people": marked("Children, and the dead"),
    "approvals": marked("A yes for each use"),
    "withdrawal": marked("Withdrawal, pause and strike"),
    "exclusivity": marked("Promises made to others"),
    "passing_on": marked("Passing it on"),
    "likeness_data": marked("Scans and models"),
    "obligations": marked("What a permit obliges to"),
}


@router.get("/policies")
@may("anyone")
def show_policies(request: Request, pack: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Show the rules for everybody that are in force here, or those of one pack, to people."""
    policies = rulebook.today()
    if pack and pack not in policies.packs:
        raise published.PolicySetNotFound(
            _("no pack of rules in force here has this name; look at the list")
        )
    return rendered(
        "policies.html",
        200,
        HEADERS | {"ETag": f'"{policies.digest}-{sha256(pack.encode()).hexdigest()}-{reads()}"'},
        path=here(request),
        policies=policies,
        pack=pack,
        chapters=[each for each in _chapters(policies) if _name(each) == pack],
        outcomes=OUTCOMES,
        notice=published.NOTICE,
        here="/policies",
    )


@router.get("/static/look.css")
@may("anyone", at_any_time=True)
def show_style() -> Response:
    """Give the one style sheet of every page."""
    text = (HERE / "static" / "look.css").read_text("utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


def _chapters(policies: PolicySet) -> Iterator[dict[str, Any]]:
    """Part the rules into chapters: the files for everybody in the order they are read, the packs.

    A file nobody gave a title stands under its own name.
    """
    files = {Path(rule.file).stem for rule in policies.rules.values() if not rule.pack}
    for stem in sorted(files, key=lambda name: (name not in CHAPTERS, _place(name), name)):
        yield {
            "title": CHAPTERS.get(stem, stem),
            "pack": None,
            "rules": [
                rule
                for rule in policies.rules.values()
                if not rule.pack and Path(rule.file).stem == stem
            ],
        }
    for pack in policies.packs.values():
        rules = [rule for rule in policies.rules.values() if rule.pack == pack.name]
        yield {"title": pack.title, "pack": pack, "rules": rules}


def _name(chapter: dict[str, Any]) -> str:
    return chapter["pack"].name if chapter["pack"] else ""


def _place(stem: str) -> int:
    return list(CHAPTERS).index(stem) if stem in CHAPTERS else len(CHAPTERS)
