"""A form's text is text that can be kept and compared, whatever charset it claims."""

import asyncio

import pytest
from fastapi import Request

from app.identity.errors import UploadMalformed
from app.identity.uploads import limited_form

FIELD = (
    '--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n--edge--\r\n'
)


def read(charset, body):
    kind = f"multipart/form-data; boundary=edge; charset={charset}"
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}

    async def receive():
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    async def fields():
        async with limited_form(Request(scope, receive), 1000) as form:
            return dict(form)

    return asyncio.run(fields())


@pytest.mark.parametrize(("charset", "half"), [("utf-7", "+2AA-"), ("unicode_escape", "\\ud800")])
@pytest.mark.parametrize("where", ["name", "text", "more"])
def test_text_that_utf8_cannot_hold_is_refused(charset, half, where):
    more = f'; filename="{half}"' if where == "more" else ""
    said = {"name": "form_token", "text": "x", "more": more} | {where: more or half}
    with pytest.raises(UploadMalformed, match="send UTF-8"):
        read(charset, FIELD.format(**said))


def test_text_of_another_charset_is_read():
    assert read("utf-7", FIELD.format(name="name", more="", text="Zo+AOs-")) == {"name": "Zoë"}
