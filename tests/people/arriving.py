"""People who come in by the operator's link."""

from tests.http.browser import Browser, first_link


def joined(served, organization, name):
    browser = Browser(served)
    assert browser.join(first_link(organization), name).status_code == 303
    return browser
