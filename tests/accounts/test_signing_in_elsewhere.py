"""Signing in at an OpenID Connect provider: a real one, of which only the people are made up."""

import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from django.conf import settings
from joserfc import jwt
from joserfc.jwk import RSAKey
from oidc_provider_mock import User as Person
from oidc_provider_mock import run_server_in_thread

from apps.accounts import identities, oidc
from apps.accounts.models import Identity, IdentityProvider, Required, SignUp, User
from apps.accounts.services import change_policy
from apps.accounts.sign_up import invite
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.core.errors import InvalidInput
from tests.support.people import browser, code_of, has_app, is_signed_in, signs_in
from tests.support.web import serve

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib")]

PEOPLE = [
    Person(sub="alice-there", claims={"email": "Alice@example.com", "email_verified": True, "name": "Alice"}),
    Person(sub="nina-there", claims={"email": "nina@example.com", "email_verified": True, "name": "Nina"}),
    Person(sub="mallory-there", claims={"email": "alice@example.com", "email_verified": False, "name": "Mallory"}),
    Person(sub="nobody-there", claims={}),
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with run_server_in_thread(user_claims=PEOPLE, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def provider(db: None, issuer: str) -> IdentityProvider:
    provider = IdentityProvider(
        slug="corporate", name="Corporate", issuer=issuer, client_id="berth", client_secret="s3cret/of+ours"
    )
    identities.save_provider(provider, actor=SYSTEM)
    return provider


@pytest.fixture
def trusted(provider: IdentityProvider) -> IdentityProvider:
    provider.is_trusted_for_email = True
    identities.save_provider(provider, actor=SYSTEM)
    return provider


def leaves(client, purpose: str = "/sign-in/at/corporate/", **data: str) -> str:
    """The provider's address that the page leads to."""
    return client.post(purpose, data).context["address"]


def answers_as(address: str, subject: str) -> str:
    """Sign in at the provider; the path with which it sends the browser back."""
    answer = httpx.post(address, data={"sub": subject}, trust_env=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix(settings.ENVIRONMENT.base_url)


def goes_and_comes_back(client, subject: str, purpose: str = "/sign-in/at/corporate/", **data: str):
    return client.get(answers_as(leaves(client, purpose, **data), subject))


def connect(user: User, provider: IdentityProvider, subject: str) -> None:
    person = oidc.Person(subject=subject, email=user.email, is_email_verified=True, name=user.name)
    identities.connect(user, provider, person, actor=SYSTEM)


# --- who gets in ------------------------------------------------------------------------------------------------------
def test_who_is_connected_gets_in(alice, provider, visitor):
    connect(alice, provider, "alice-there")
    answer = goes_and_comes_back(visitor, "alice-there", next="/account/sessions/")
    assert answer["Location"] == "/account/sessions/"
    assert is_signed_in(visitor)
    assert Event.objects.get(action="session.sign-in").data["how"] == "corporate"


def test_a_second_factor_is_asked_for_as_ever(alice, provider, visitor):
    connect(alice, provider, "alice-there")
    secret = has_app(alice)
    assert goes_and_comes_back(visitor, "alice-there")["Location"] == "/sign-in/second-factor/"
    visitor.post("/sign-in/second-factor/", {"code": code_of(secret)})
    assert is_signed_in(visitor)


def test_a_stranger_is_told_what_to_do_and_it_is_recorded(provider, visitor):
    assert goes_and_comes_back(visitor, "nina-there").status_code == 403
    assert not User.objects.exists()
    assert Event.objects.get(action="identity.sign-in").result == Result.REFUSED


def test_an_address_alone_connects_nobody_unless_the_provider_is_trusted(alice, provider, visitor):
    User.objects.update(is_email_verified=True)
    assert goes_and_comes_back(visitor, "alice-there").status_code == 403
    assert not Identity.objects.exists()


def test_a_trusted_provider_connects_who_has_the_address_here_and_there(alice, trusted, visitor):
    User.objects.update(is_email_verified=True)
    goes_and_comes_back(visitor, "alice-there")
    assert is_signed_in(visitor)
    assert Identity.objects.get().user == alice
    assert Event.objects.get(action="identity.connect").actor_label == alice.email


def test_not_where_the_provider_has_not_verified_the_address(alice, trusted, visitor):
    User.objects.update(is_email_verified=True)
    assert goes_and_comes_back(visitor, "mallory-there").status_code == 403


def test_not_where_the_account_here_was_made_with_an_address_that_nobody_proved(alice, trusted, visitor):
    """Else whoever makes an account of your address in advance has a key to what you do later."""
    assert goes_and_comes_back(visitor, "alice-there").status_code == 403


def test_who_has_no_address_there_is_no_fault(trusted, visitor):
    assert goes_and_comes_back(visitor, "nobody-there").status_code == 403


def test_a_trusted_provider_makes_accounts_where_sign_up_is_open(trusted, visitor):
    assert goes_and_comes_back(visitor, "nina-there").status_code == 403
    change_policy(Required.NOBODY, SignUp.OPEN, actor=SYSTEM)
    goes_and_comes_back(visitor, "nina-there")
    assert is_signed_in(visitor)
    user = User.objects.get()
    assert (user.email, user.name, user.is_email_verified) == ("nina@example.com", "Nina", True)
    assert not user.has_usable_password()


def test_who_was_invited_may_come_that_way(trusted, visitor):
    visitor.get("/sign-in/")
    session = visitor.session
    invite(session, "nina@example.com", is_verified=False)
    session.save()
    visitor.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    goes_and_comes_back(visitor, "nina-there")
    assert is_signed_in(visitor)


def test_somebody_deactivated_does_not_get_in(alice, provider, visitor):
    connect(alice, provider, "alice-there")
    User.objects.update(is_active=False)
    assert goes_and_comes_back(visitor, "alice-there").status_code == 403


def test_a_provider_that_is_off_is_not_offered(provider, visitor):
    IdentityProvider.objects.update(is_enabled=False)
    assert "Corporate" not in visitor.get("/sign-in/").content.decode()
    assert visitor.post("/sign-in/at/corporate/").status_code == 404


# --- connecting -------------------------------------------------------------------------------------------------------
def test_one_connects_it_in_ones_account_and_gets_in_from_then_on(alice, provider, visitor):
    signs_in(visitor)
    goes_and_comes_back(visitor, "alice-there", "/account/connected/corporate/connect/")
    other = browser()
    goes_and_comes_back(other, "alice-there")
    assert is_signed_in(other)


def test_somebody_elses_person_there_is_not_taken(alice, vera, provider, visitor):
    connect(vera, provider, "alice-there")
    signs_in(visitor)
    assert goes_and_comes_back(visitor, "alice-there", "/account/connected/corporate/connect/").status_code == 422
    assert Identity.objects.get().user == vera


def test_the_last_way_to_sign_in_is_not_disconnected(alice, provider, visitor):
    connect(alice, provider, "alice-there")
    alice.set_unusable_password()
    alice.save()
    goes_and_comes_back(visitor, "alice-there")
    path = f"/account/connected/{Identity.objects.get().pk}/disconnect/"
    assert visitor.post(path).status_code == 403
    visitor.post("/account/password/", {"password": "four words of my own"})
    assert visitor.post(path).status_code == 302
    assert not Identity.objects.exists()


def test_who_has_no_password_confirms_there_that_it_is_they(alice, provider, sign_in):
    connect(alice, provider, "alice-there")
    client = sign_in(alice)
    address = leaves(client, "/account/confirm/at/corporate/", next="/account/password/")
    assert dict(parse_qsl(urlsplit(address).query))["prompt"] == "login"
    assert client.get(answers_as(address, "nina-there")).status_code == 403
    assert client.get("/account/password/").status_code == 302
    answer = goes_and_comes_back(client, "alice-there", "/account/confirm/at/corporate/", next="/account/password/")
    assert answer["Location"] == "/account/password/"
    assert client.get("/account/password/").status_code == 200


# --- what is checked on the way ---------------------------------------------------------------------------------------
def test_the_answer_of_anothers_attempt_is_refused(alice, provider, visitor):
    connect(alice, provider, "alice-there")
    path = answers_as(leaves(browser()), "alice-there")
    assert visitor.get(path).status_code == 403
    leaves(visitor)
    assert visitor.get(path).status_code == 403
    assert not is_signed_in(visitor)


def test_an_answer_counts_once(alice, provider, visitor):
    connect(alice, provider, "alice-there")
    path = answers_as(leaves(visitor), "alice-there")
    visitor.get(path)
    visitor.post("/sign-out/")
    assert visitor.get(path).status_code == 403


def test_who_declines_there_is_back_at_the_sign_in_page(provider, visitor):
    state = dict(parse_qsl(urlsplit(leaves(visitor)).query))["state"]
    answer = visitor.get(f"/sign-in/at/corporate/back/?error=access_denied&state={state}")
    assert answer["Location"] == "/sign-in/"


def test_the_browser_is_sent_with_proof_of_possession_and_without_the_secret(provider, visitor):
    address = leaves(visitor)
    assert "code_challenge_method=S256" in address
    assert "s3cret" not in address


def test_a_provider_that_does_not_answer_is_a_sentence(provider, visitor):
    IdentityProvider.objects.update(issuer="http://localhost:9")
    answer = visitor.post("/sign-in/at/corporate/")
    assert answer.status_code == 502
    assert "refused the connection" in answer.content.decode()


def discovered(**changes: object) -> dict:
    """What is made of a provider that describes itself rightly but for these changes."""
    with serve(lambda _: (200, {}, json.dumps(description | changes).encode())) as web:
        description = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), "https://idp.example/x")
        description["issuer"] = f"http://{web.authority}"
        return oidc.discover(description["issuer"])


def test_a_provider_that_describes_itself_rightly_is_taken():
    assert discovered()["jwks_uri"] == "https://idp.example/x"


def test_one_that_calls_itself_otherwise_is_refused():
    with pytest.raises(oidc.ProviderFault, match="calls itself"):
        discovered(issuer="https://evil.example")


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("address", ["http://idp.example/x", "javascript:alert(1)", None, 7])
def test_an_endpoint_without_tls_is_refused(name, address):
    with pytest.raises(oidc.ProviderFault, match=name):
        discovered(**{name: address})


@pytest.mark.parametrize(
    "reply",
    [
        (200, {}, b"x" * (oidc.MAX_ANSWER_BYTES + 1)), (200, {}, b"[]"), (200, {}, b"{"), (500, {}, b"{}"),
        (302, {"Location": "http://169.254.169.254/"}, b""),
    ],
)  # fmt: skip
def test_any_other_answer_is_a_sentence(reply):
    with serve(lambda _: reply) as web, pytest.raises(oidc.ProviderFault):
        oidc.discover(f"http://{web.authority}")
    assert len(web.requests) == 1


@pytest.mark.parametrize("issuer", ["http://idp.example", "ftp://idp.example", "idp.example"])
def test_an_issuer_without_tls_is_refused(db, issuer):
    provider = IdentityProvider(slug="plain", name="Plain", issuer=issuer, client_id="x", client_secret="x")
    with pytest.raises(InvalidInput, match="https"):
        identities.save_provider(provider, actor=SYSTEM)


def test_the_secret_is_encrypted_at_rest(provider):
    stored = IdentityProvider.objects.extra(select={"raw": "client_secret"}).values_list("raw", flat=True)[0]
    assert "s3cret" not in stored


# --- the token --------------------------------------------------------------------------------------------------------
KEY = RSAKey.generate_key(2048, parameters={"kid": "one"})
CLIENT = oidc.Client("https://idp.example", "berth", "x" * 32, "https://panel.example/back/")
METADATA = {"issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys"}
CLAIMS = {"iss": "https://idp.example", "sub": "alice", "aud": "berth", "nonce": "n", "iat": 0, "exp": 600}


def verified(monkeypatch, key=KEY, algorithm="RS256", **claims: object) -> dict:
    now = int(time.time())
    values = {**CLAIMS, "iat": now, "exp": now + 600, **claims}
    token = jwt.encode(
        {"alg": algorithm, "kid": "one"}, {k: v for k, v in values.items() if v is not None}, key, [algorithm]
    )
    monkeypatch.setattr(oidc, "_request", lambda *_, **__: {"keys": [KEY.as_dict(private=False)]})
    return oidc._verified(token, CLIENT, METADATA, "n")


def test_a_token_of_the_provider_for_us_now_is_taken(monkeypatch):
    assert verified(monkeypatch)["sub"] == "alice"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"}, {"aud": "somebody-else"}, {"nonce": "another"}, {"nonce": None},
        {"exp": 1000}, {"exp": None}, {"iat": 9_999_999_999}, {"sub": None}, {"azp": "somebody-else"},
    ],
)  # fmt: skip
def test_any_other_is_not(monkeypatch, wrong):
    with pytest.raises(oidc.ProviderFault):
        verified(monkeypatch, **wrong)


def test_a_token_signed_with_another_key_is_not(monkeypatch):
    with pytest.raises(oidc.ProviderFault):
        verified(monkeypatch, key=RSAKey.generate_key(2048, parameters={"kid": "one"}))


@pytest.mark.parametrize("token", [None, "", "nonsense", "eyJhbGciOiJub25lIn0.e30.", "a.b.c"])
def test_a_token_that_nobody_signed_is_not(monkeypatch, token):
    monkeypatch.setattr(oidc, "_request", lambda *_, **__: {"keys": [KEY.as_dict(private=False)]})
    with pytest.raises(oidc.ProviderFault):
        oidc._verified(token, CLIENT, METADATA, "n")
