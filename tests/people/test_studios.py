"""A studio's own sign-in: it lets in who is bound, into that studio's pages, and nobody else."""

import re
import time
from html import unescape

import pytest

from app import config, db
from app.identity import service as identity
from app.identity.models_people import Membership, Person, PersonSession
from app.identity.models_providers import ProviderMember, SignInProvider
from app.notices.models import Notice
from app.studios import oidc, service
from tests.http.browser import OURS, Browser, first_link
from tests.people.arriving import joined
from tests.people.visiting import ONE_DATABASE, everything, later, refused
from tests.studio_provider import (
    CLIENT,
    SECRET,
    Provider,
    unsigned,
    with_a_key_in_its_header,
    with_public_key_as_secret,
)

PAGE = "/account/studio-sign-in"
ODD = [
    lambda said: said.update(issuer="https://other.example"),
    lambda said: said.update(token_endpoint="http://10.0.0.1/token"),
    lambda said: said.update(jwks_uri="file:///etc/passwd"),
    lambda said: said.update(authorization_endpoint="javascript:alert(1)"),
    lambda said: said.update(id_token_signing_alg_values_supported=["HS256", "none"]),
    lambda said: said.update(code_challenge_methods_supported=["plain"]),
    lambda said: said.update(response_types_supported=["token"]),
    lambda said: said.update(token_endpoint_auth_methods_supported=["none"]),
    lambda said: said.pop("jwks_uri"),
]
LIES = {
    "another issuer": lambda c: c.update(iss="https://idp.example"),
    "another audience": lambda c: c.update(aud="somebody-else"),
    "another audience beside us": lambda c: c.update(aud=[CLIENT, "other"], azp=CLIENT),
    "for another party": lambda c: c.update(azp="other"),
    "another nonce": lambda c: c.update(nonce="x"),
    "no nonce": lambda c: c.pop("nonce"),
    "expired": lambda c: c.update(exp=int(time.time()) - 121, iat=int(time.time()) - 500),
    "no end": lambda c: c.pop("exp"),
    "of the future": lambda c: c.update(iat=int(time.time()) + 300),
    "of long ago": lambda c: c.update(iat=int(time.time()) - 3600),
    "not yet": lambda c: c.update(nbf=int(time.time()) + 300),
    "of nobody": lambda c: c.update(sub=""),
    "of somebody without a name": lambda c: c.pop("sub"),
    "of a list": lambda c: c.update(sub=["u-1"]),
    "somebody else": lambda c: c.update(sub="u-2"),
    "at another token": lambda c: c.update(at_hash="AAAA"),
    "issued as text": lambda c: c.update(iat="now"),
    "issued before all years": lambda c: c.update(iat=-1e300),
}


@pytest.fixture
def providers(monkeypatch):
    """Providers as many as asked for, on this machine, which the operator allowed."""
    made = []

    def make(kind="RSA"):
        made.append(Provider(kind))
        hosts = ",".join(each.netloc for each in made)
        monkeypatch.setenv("UNDERSTUDY_PRIVATE_PROVIDERS", hosts)
        config.settings.cache_clear()
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def provider(served, providers):
    return providers()


@pytest.fixture
def studio(served):
    with db.writing() as session:
        return identity.create_organization(session, "Nightglass", "production")


@pytest.fixture
def felix(served, studio):
    """Its administrator."""
    return joined(served, studio, "Felix")


def named(browser, studio, provider, **more):
    browser.open(PAGE)
    fields = {"issuer": provider.issuer, "client_id": CLIENT, "secret": SECRET, **more}
    return browser.send(f"/organizations/{studio.id}/sign-in-provider", **fields)


def standing(studio):
    with db.reading() as session:
        return service.standing_of(session, studio.id)


def onward(browser):
    found = re.search(r'class="act" href="(http[^"]+)"', browser.page)
    assert found, browser.page[:800]
    return unescape(found[1])


def back(url):
    return url.partition("http://localhost:8420")[2] or url[url.index("/sign-in/studio") :]


def bound(browser, studio, provider):
    """Bind whoever this browser is to whoever the provider says."""
    browser.open(PAGE)
    begun = browser.send(f"/sign-in-providers/{standing(studio).id}/binding")
    browser.page = begun.text
    return browser.open(back(provider.visit(onward(browser))))


def coming_in(browser, studio, provider):
    """Sign in by the provider, in a browser nobody is signed in in."""
    browser.open(f"/sign-in/studio/{standing(studio).id}")
    return browser.open(back(provider.visit(onward(browser))))


@pytest.fixture
def bound_studio(felix, studio, provider):
    assert named(felix, studio, provider).status_code == 303
    assert bound(felix, studio, provider).headers["location"] == PAGE
    return studio


def came_in(answer):
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/production"
    return answer


class TestAStudio:
    def test_names_its_provider_a_member_is_bound_and_signs_in_there(
        self, served, felix, studio, provider
    ):
        assert named(felix, studio, provider).status_code == 303
        kept = standing(studio)
        assert (kept.issuer, kept.names_itself) == (provider.issuer, True)
        assert SECRET not in str(kept)
        felix.open(PAGE)
        assert f"/sign-in/studio/{kept.id}" in felix.page
        assert SECRET not in felix.page
        assert bound(felix, studio, provider).status_code == 303
        elsewhere = Browser(served)
        came_in(coming_in(elsewhere, studio, provider))
        assert "Nobody is under contract yet." in elsewhere.open("/production").text
        (held,) = [each for each in everything(PersonSession) if each.passkey_id is None]
        assert (held.expires_at - held.created_at).total_seconds() == 8 * 3600
        assert "by your studio" in felix.open("/account").text
        told = [each.kind for each in everything(Notice)]
        assert {"provider-named", "provider-bound"} <= set(told)
        asked = [form for path, form in provider.asked if path.endswith("/token")]
        assert all(SECRET not in str(form) for form in asked)  # Basic: not among the fields
        assert len({form["code_verifier"] for form in asked}) == 2

    @ONE_DATABASE
    def test_by_another_algorithm_and_by_another_way_to_prove_who_asks(
        self, served, felix, studio, providers
    ):
        provider = providers("EC")

        def by_post(said):
            said["token_endpoint_auth_methods_supported"] = ["client_secret_post"]

        provider.description = by_post
        assert named(felix, studio, provider).status_code == 303
        plain = provider.redeem
        provider.redeem = lambda form, _: (
            plain(form, f"Basic {'dW5kZXJzdHVkeTpub3QvYStzZWNyZXQ='}")
            if form.get("client_secret") == SECRET
            else (401, {"error": "invalid_client"})
        )
        assert bound(felix, studio, provider).status_code == 303
        came_in(coming_in(Browser(served), studio, provider))

    @ONE_DATABASE
    def test_whose_provider_rotates_its_keys_goes_on_and_the_old_key_signs_no_more(
        self, served, bound_studio, provider
    ):
        before = provider.key
        provider.rotate()
        came_in(coming_in(Browser(served), bound_studio, provider))
        provider.key = before
        refused(coming_in(Browser(served), bound_studio, provider), "provider-refused")


@ONE_DATABASE
class TestWhatItOpens:
    def test_is_that_studios_pages_and_nothing_that_wants_a_passkey(
        self, served, felix, bound_studio, provider, house
    ):
        felix.open(f"/join/{first_link(house)}")  # Felix is a performer, too
        token = felix.value("form_token")
        secret = felix.client.get  # the same browser, signed in
        assert secret
        accepted = felix.client.post(
            f"/join/{first_link(house)}/accept", data={"form_token": token}, headers=OURS
        )
        assert accepted.status_code == 303
        assert felix.open("/performer").status_code == 200
        guest = Browser(served)
        came_in(coming_in(guest, bound_studio, provider))
        for path in (
            "/performer", "/performer/earnings", "/account", "/confirm", "/account/passkeys/new",
            "/account/recovery", "/account/two-people", "/notices", PAGE, "/contracts/con_x/sign",
        ):  # fmt: skip
            answer = guest.open(path)
            assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in"), path
        guest.open("/production")
        for path in (
            f"/organizations/{bound_studio.id}/invitations",
            f"/organizations/{bound_studio.id}/sign-in-provider",
            f"/sign-in-providers/{standing(bound_studio).id}/end",
            f"/sign-in-providers/{standing(bound_studio).id}/binding",
            "/two-people/two_x/agreement",
            "/contracts/con_x/sign",
            f"/join/{first_link_of_anybody()}/accept",
        ):
            fields = dict.fromkeys(
                ("role", "issuer", "client_id", "secret", "ceremony", "answer"), "x"
            )
            answer = guest.client.post(
                path, data=fields | {"form_token": token_of(guest)}, headers=OURS
            )
            assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in"), path
        assert len(everything(Membership)) == 2
        guest.open("/verify")  # what anybody may see, it sees as anybody
        assert guest.open("/verify").status_code == 200

    def test_is_never_fresh_whatever_the_provider_says_of_when_it_asked(
        self, served, bound_studio, provider
    ):
        provider.who |= {"auth_time": int(time.time()), "acr": "phrh", "amr": ["hwk", "user"]}
        guest = Browser(served)
        came_in(coming_in(guest, bound_studio, provider))
        assert guest.open("/account/passkeys/new").headers["location"] == "/sign-in"

    def test_ends_with_the_membership_the_binding_the_provider_and_the_day(
        self, served, felix, studio, bound_studio, provider, monkeypatch
    ):
        def inside(browser):
            return browser.open("/production").status_code == 200

        guest = Browser(served)
        came_in(coming_in(guest, bound_studio, provider))
        assert inside(guest)
        felix.open(PAGE)
        felix.send(f"/sign-in-providers/{standing(studio).id}/unbinding")
        assert not inside(guest)
        refused(coming_in(Browser(served), bound_studio, provider), "not-allowed")
        bound(felix, studio, provider)
        came_in(coming_in(guest, bound_studio, provider))
        with db.writing() as session:
            session.get_one(Membership, everything(Membership)[0].id).ended_at = everything(
                Membership
            )[0].created_at
        assert not inside(guest)
        refused(coming_in(Browser(served), bound_studio, provider), "not-allowed")
        with db.writing() as session:
            session.get_one(Membership, everything(Membership)[0].id).ended_at = None
        assert inside(guest)
        felix.open(PAGE)
        assert felix.send(f"/sign-in-providers/{standing(studio).id}/end").status_code == 303
        assert not inside(guest)
        assert standing(studio) is None

    def test_lasts_eight_hours(self, served, bound_studio, provider, monkeypatch):
        guest = Browser(served)
        came_in(coming_in(guest, bound_studio, provider))
        for _ in range(5):
            later(monkeypatch, hours=1, minutes=30)
            assert guest.open("/production").status_code == 200
        later(monkeypatch, minutes=31)
        assert guest.open("/production").headers["location"] == "/sign-in"


@ONE_DATABASE
class TestAnAttack:
    def test_with_a_token_that_says_something_else(self, served, bound_studio, provider):
        guest = Browser(served)
        for name, lie in LIES.items():
            provider.lie = lie
            answer = coming_in(guest, bound_studio, provider)
            assert answer.status_code == 403, name
            refused(answer, "not-allowed" if name == "somebody else" else "provider-refused")
        assert {each.passkey_id is None for each in everything(PersonSession)} == {False}
        provider.lie = lambda claims: None
        came_in(coming_in(guest, bound_studio, provider))

    def test_with_a_signature_that_is_none(self, served, bound_studio, provider):
        guest, plain = Browser(served), provider.sign
        for forged in (
            unsigned,
            with_public_key_as_secret(provider),
            with_a_key_in_its_header(provider),
            lambda claims: "not.a.token",
            lambda claims: plain(claims)[:-4] + "AAAA",
        ):
            provider.sign = forged
            refused(coming_in(guest, bound_studio, provider), "provider-refused")

    def test_a_clock_that_is_a_little_off_is_borne(self, served, bound_studio, provider):
        provider.lie = lambda c: c.update(iat=c["iat"] + 100, exp=int(time.time()) - 100)
        came_in(coming_in(Browser(served), bound_studio, provider))

    def test_with_an_answer_that_was_given_before_or_in_another_browser(
        self, served, bound_studio, provider
    ):
        guest, thief = Browser(served), Browser(served)
        guest.open(f"/sign-in/studio/{standing(bound_studio).id}")
        answer = back(provider.visit(onward(guest)))
        refused(thief.open(answer), "ceremony-refused")  # no cookie
        thief.open(f"/sign-in/studio/{standing(bound_studio).id}")
        refused(thief.open(answer), "ceremony-refused")  # another cookie: nobody's session is fixed
        for wrong in ("state=x", "state=cer_x.y", "state="):
            refused(guest.open(re.sub(r"state=[^&]+", wrong, answer)), "ceremony-refused")
        came_in(guest.open(answer))
        refused(guest.open(answer), "ceremony-refused")

    def test_with_a_code_that_was_taken_before(self, served, bound_studio, provider):
        first, second = Browser(served), Browser(served)
        first.open(f"/sign-in/studio/{standing(bound_studio).id}")
        taken = back(provider.visit(onward(first)))
        came_in(first.open(taken))
        second.open(f"/sign-in/studio/{standing(bound_studio).id}")
        its = back(provider.visit(onward(second)))
        code = re.search(r"code=[^&]+", taken)[0]
        refused(second.open(re.sub(r"code=[^&]+", code, its)), "provider-refused")

    def test_with_a_question_of_ten_minutes_ago(self, served, bound_studio, provider, monkeypatch):
        guest = Browser(served)
        guest.open(f"/sign-in/studio/{standing(bound_studio).id}")
        answer = back(provider.visit(onward(guest)))
        later(monkeypatch, minutes=6)
        refused(guest.open(answer), "ceremony-refused")

    def test_of_a_provider_that_answers_for_another(
        self, served, bound_studio, provider, providers
    ):
        """Mix-up: one provider's answer is brought to the address, or in the name, of another."""
        evil = providers()
        with db.writing() as session:
            other = identity.create_organization(session, "Evil Films", "production")
        eve = joined(served, other, "Eve")
        assert named(eve, other, evil).status_code == 303
        guest = Browser(served)
        guest.open(f"/sign-in/studio/{standing(bound_studio).id}")
        answer = back(provider.visit(onward(guest)))
        at_evil = answer.replace(standing(bound_studio).id, standing(other).id)
        refused(guest.open(at_evil), "ceremony-refused")
        for iss in ("", f"&iss={evil.issuer}"):
            guest.open(f"/sign-in/studio/{standing(bound_studio).id}")
            answer = back(provider.visit(onward(guest)))
            refused(guest.open(re.sub(r"&iss=[^&]+", iss, answer)), "provider-refused")
        asked = len(evil.asked)
        assert asked == 2  # its description and keys, when it was named: it saw no code of ours

    def test_with_the_same_address_at_another_issuer_or_one_nobody_verified(
        self, served, felix, bound_studio, provider, providers
    ):
        """An address binds nobody: the subject does, at this one provider."""
        evil = providers()
        evil.who = dict(provider.who)
        with db.writing() as session:
            other = identity.create_organization(session, "Evil Films", "production")
        eve = joined(served, other, "Eve")
        named(eve, other, evil)
        refused(coming_in(Browser(served), other, evil), "not-allowed")
        assert (
            named(felix, bound_studio, provider, email_domain="Studio.example").status_code == 303
        )
        refused(coming_in(Browser(served), bound_studio, provider), "not-allowed")  # bound anew
        bound(felix, bound_studio, provider)
        came_in(coming_in(Browser(served), bound_studio, provider))
        for wrong in (
            {"email_verified": False}, {"email_verified": "true"}, {"email": "kees@evil.example"},
            {"email": "kees@studio.example@evil.example"}, {"email": None},
            {"email": "kees@studio.example.evil.example"},
        ):  # fmt: skip
            provider.who = {**evil.who, **wrong}
            refused(coming_in(Browser(served), bound_studio, provider), "provider-refused")

    def test_to_lead_the_browser_elsewhere(self, served, bound_studio, provider):
        guest = Browser(served)
        for where in ("https://evil.example", "//evil.example"):
            path = f"/sign-in/studio/{standing(bound_studio).id}"
            guest.open(f"{path}?next={where}&redirect_uri={where}&return_to={where}")
            assert "evil" not in onward(guest)
            answer = back(provider.visit(onward(guest)))
            assert guest.open(f"{answer}&next={where}").headers["location"] == "/production"

    def test_with_an_account_that_is_bound_to_somebody_else(
        self, served, felix, bound_studio, provider
    ):
        felix.open("/account")
        link = felix.send(
            f"/organizations/{bound_studio.id}/invitations", role="production_member"
        ).text.partition("/join/")[2][:43]
        jan = Browser(served)
        jan.join(link, "Jan")
        refused(bound(jan, bound_studio, provider), "provider-refused")
        assert len(everything(ProviderMember)) == 1

    def test_by_whoever_belongs_to_no_house_of_the_provider(
        self, served, bound_studio, provider, griet
    ):
        griet.open("/account")
        at = standing(bound_studio).id
        refused(griet.send(f"/sign-in-providers/{at}/binding"), "sign-in-provider-not-found")
        refused(griet.send(f"/sign-in-providers/{at}/end"), "not-allowed")
        assert standing(bound_studio) is not None


@ONE_DATABASE
class TestAProvider:
    def test_makes_nobody(self, served, felix, studio, provider):
        named(felix, studio, provider)
        before = len(everything(Person)), len(everything(Membership))
        refused(coming_in(Browser(served), studio, provider), "not-allowed")
        assert (len(everything(Person)), len(everything(Membership))) == before

    def test_is_named_by_productions_alone(self, served, griet, house, provider):
        griet.open("/account")
        fields = {"issuer": provider.issuer, "client_id": CLIENT, "secret": SECRET}
        answer = griet.send(f"/organizations/{house.id}/sign-in-provider", **fields)
        refused(answer, "provider-refused")

    def test_that_describes_itself_oddly_is_not_kept(self, felix, studio, provider):
        for lie in ODD:
            provider.description = lie
            refused(named(felix, studio, provider), "provider-refused")
        assert everything(SignInProvider) == []

    def test_on_a_private_network_is_not_called_unless_the_operator_says_so(
        self, felix, studio, provider, monkeypatch
    ):
        monkeypatch.setenv("UNDERSTUDY_PRIVATE_PROVIDERS", "")
        config.settings.cache_clear()
        for issuer in (provider.issuer, f"https://{provider.netloc}/realm", "https://localhost"):
            felix.open(PAGE)
            fields = {"issuer": issuer, "client_id": CLIENT, "secret": SECRET}
            answer = felix.send(f"/organizations/{studio.id}/sign-in-provider", **fields)
            refused(answer, "provider-refused")
        assert provider.asked == []

    def test_that_is_down_says_so_and_passkeys_go_on(self, served, felix, bound_studio, provider):
        guest = Browser(served)
        for answer in ((500, {}), (200, b"<html>"), (200, {"access_token": "x"}), (200, b"[" * 9)):
            provider.token_answer = answer
            assert coming_in(guest, bound_studio, provider).status_code in (403, 502)
        guest.open(f"/sign-in/studio/{standing(bound_studio).id}")
        answer = back(provider.visit(onward(guest)))
        provider.stop()
        refused(guest.open(answer), "provider-not-reached")
        assert felix.sign_in().status_code == 303

    def test_that_says_no_is_heard(self, served, bound_studio, provider):
        guest = Browser(served)
        guest.open(f"/sign-in/studio/{standing(bound_studio).id}")
        answer = back(provider.visit(onward(guest)))
        said = re.sub(r"code=[^&]+", "error=access_denied", answer)
        refused(guest.open(said), "provider-refused")
        refused(guest.open(answer), "ceremony-refused")  # that question is used up

    def test_with_a_short_key_or_none_is_not_believed(self, served, bound_studio, provider):
        provider.keys = lambda: {"keys": []}
        refused(coming_in(Browser(served), bound_studio, provider), "provider-refused")
        assert oidc.ALGORITHMS == ["RS256", "ES256"]


def token_of(browser):
    from app.identity import sessions
    from app.web.pages import SESSION_COOKIE

    return sessions.form_token(browser.client.cookies[SESSION_COOKIE])


def first_link_of_anybody():
    with db.writing() as session:
        made = identity.create_organization(session, "Another", "performer")
    return first_link(made)
