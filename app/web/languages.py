"""The choice of a language: a form at the foot of every page, kept in the browser alone."""

import re
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from app.access import may
from app.language import LANGUAGES
from app.web.pages import LANGUAGE_COOKIE, PageRoute, check_sent_from_here, see

router = APIRouter(include_in_schema=False, route_class=PageRoute)
A_YEAR_S = 365 * 24 * 3600
_OURS = re.compile(
    r"/(?![/\\])[!-\[\]-~]*"
)  # a path of this origin, whatever a browser makes of it


@router.post("/language")
@may("anyone", at_any_time=True)
def choose_language(
    request: Request,
    language: Annotated[str, Form(pattern=f"^({'|'.join(LANGUAGES)})$")],
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Remember in this browser which language is read, and go back to the page.

    It changes nothing but the words, so it wants no token: where it was sent from is enough.
    """
    check_sent_from_here(request)
    answer = see(back if _OURS.fullmatch(back) else "/")
    answer.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=A_YEAR_S,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )
    return answer
