"""People who come in by the operator's link."""

from app import db
from app.identity import operators
from tests.http.browser import Browser, first_link


def joined(served, organization, name):
    browser = Browser(served)
    assert browser.join(first_link(organization), name).status_code == 303
    return browser


def an_operator(served, name="Olga"):
    """Somebody who runs the installation, let in from the machine."""
    with db.writing() as session:
        secret = operators.invite_from_the_machine(session)[1]
    browser = Browser(served)
    assert browser.join(secret, name).status_code == 303
    return browser
