import re

import pytest
from django.conf import settings
from django.contrib.auth.hashers import get_hasher
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts import services
from apps.audit.models import Event, Result
from tests.support.visitor import PASSWORD

pytestmark = pytest.mark.django_db
HOST = {"host": settings.ENVIRONMENT.host}


def attempt(client, email="alice@example.com", password=PASSWORD, **query: str):
    return client.post("/sign-in/", {"email": email, "password": password, **query}, headers=HOST)


def test_the_right_password_opens_the_session_and_is_recorded(client, alice):
    assert attempt(client)["Location"] == "/"
    event = Event.objects.get(action="session.sign-in")
    assert (event.result, event.actor_label) == (Result.DONE, alice.email)


def test_the_address_is_known_in_any_case(client, alice):
    assert attempt(client, email=" Alice@Example.COM")["Location"] == "/"


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_known_and_unknown_addresses_get_the_same_answer(client, alice, email):
    response = attempt(client, email=email, password="wrong")
    assert response.status_code == 422
    assert "The e-mail address or the password is wrong." in response.content.decode()
    assert Event.objects.get(action="session.sign-in").result == Result.REFUSED


def test_known_and_unknown_addresses_cost_the_same_work(client, alice, monkeypatch):
    hashed = []
    hasher = get_hasher("default")
    monkeypatch.setattr(type(hasher), "encode", lambda *_: hashed.append(1) or "md5$x$y")
    work = []
    attempt(client, email="the-first-page@example.com")
    for email in ("alice@example.com", "nobody@example.com"):
        hashed.clear()
        with CaptureQueriesContext(connection) as queries:
            attempt(client, email=email, password="wrong")
        work.append((len(hashed), [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries]))
    assert work[0] == work[1]
    assert work[0][0] == 1


def test_signing_in_needs_no_redis(client, alice, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("Redis was asked")

    monkeypatch.setattr("redis.connection.AbstractConnection.connect", refuse)
    monkeypatch.setattr("redis.asyncio.connection.AbstractConnection.connect", refuse)
    assert attempt(client).status_code == 302
    assert client.get("/account/sessions/", headers=HOST).status_code == 200


def test_an_account_is_throttled_after_five_failures_even_with_the_right_password(client, alice):
    for _ in range(services.FAILURES_PER_ACCOUNT):
        attempt(client, password="wrong")
    assert attempt(client).status_code == 429


def test_an_address_is_throttled_over_many_accounts(client, alice):
    for number in range(services.FAILURES_PER_ADDRESS):
        attempt(client, email=f"guess{number}@example.com", password="wrong")
    assert attempt(client).status_code == 429


def test_an_inactive_person_cannot_sign_in(client, alice):
    alice.is_active = False
    alice.save()
    assert attempt(client).status_code == 422


@pytest.mark.parametrize(
    ("target", "lands"), [("/t/acme/", "/t/acme/"), ("https://evil.example/", "/"), ("//evil.example/", "/")]
)
def test_it_returns_to_pages_of_ours_only(client, alice, target, lands):
    assert attempt(client, next=target)["Location"] == lands


def test_signing_out_ends_the_session(client, alice):
    attempt(client)
    client.post("/sign-out/", headers=HOST)
    assert client.get("/", headers=HOST)["Location"].startswith("/sign-in/")
