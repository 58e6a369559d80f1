"""Dangerous acts ask once more who it is: at most every five minutes."""

import time

import pytest

from apps.accounts import services
from apps.audit.models import Event, Result
from tests.support.people import code_of, confirm, has_app, signs_in
from tests.support.visitor import PASSWORD

pytestmark = pytest.mark.django_db
PAGE = "/account/password/"


def test_who_has_just_signed_in_is_not_asked(alice, visitor):
    signs_in(visitor)
    assert visitor.get(PAGE).status_code == 200


def test_after_five_minutes_one_is_asked_and_comes_back(alice, visitor, monkeypatch):
    signs_in(visitor)
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert visitor.get(PAGE)["Location"] == "/account/confirm/?next=%2Faccount%2Fpassword%2F"
    answer = visitor.post("/account/confirm/", {"password": PASSWORD, "next": PAGE})
    assert answer["Location"] == PAGE
    assert visitor.get(PAGE).status_code == 200
    assert Event.objects.get(action="session.confirm").result == Result.DONE


def test_a_form_comes_back_to_the_page_that_holds_it(alice, sign_in, settings):
    page = f"{settings.ENVIRONMENT.base_url}/account/second-factor/?a=b"
    answer = sign_in(alice).post("/account/second-factor/recovery-codes/", headers={"Referer": page})
    assert answer["Location"] == "/account/confirm/?next=%2Faccount%2Fsecond-factor%2F%3Fa%3Db"


@pytest.mark.parametrize("page", ["", "https://evil.example/", "http://localhost:8000.evil.example/", "//evil.example"])
def test_a_form_of_nowhere_comes_back_to_the_start(alice, sign_in, page):
    answer = sign_in(alice).post("/account/second-factor/recovery-codes/", headers={"Referer": page})
    assert answer["Location"] == "/account/confirm/?next=%2F"


def test_a_fragment_sends_the_whole_page_there(alice, sign_in, settings):
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://{settings.ENVIRONMENT.host}/account/sessions/"}
    answer = sign_in(alice).post("/account/second-factor/recovery-codes/", headers=headers)
    assert answer["HX-Redirect"] == "/account/confirm/?next=%2Faccount%2Fsessions%2F"


def test_it_returns_to_pages_of_ours_only(alice, sign_in):
    answer = sign_in(alice).post("/account/confirm/", {"password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_a_code_will_do(alice, sign_in):
    secret = has_app(alice)
    client = sign_in(alice)
    assert client.post("/account/confirm/", {"code": code_of(secret), "next": PAGE}).status_code == 302
    assert client.get(PAGE).status_code == 200


def test_a_wrong_password_is_recorded_and_throttled_with_those_of_signing_in(alice, sign_in, visitor):
    client = sign_in(alice)
    for _ in range(services.FAILURES_PER_ACCOUNT):
        assert client.post("/account/confirm/", {"password": "wrong"}).status_code == 422
    assert client.post("/account/confirm/", {"password": PASSWORD}).status_code == 429
    assert signs_in(visitor).status_code == 429
    assert client.get(PAGE).status_code == 302


def test_nothing_is_no_proof(alice, sign_in):
    client = sign_in(alice)
    for data in ({}, {"password": ""}, {"code": ""}, {"answer": ""}, {"answer": "{}"}):
        assert client.post("/account/confirm/", data).status_code == 422
    assert client.get(PAGE).status_code == 302


def test_another_persons_session_proves_nothing(alice, vera, sign_in):
    client = sign_in(alice)
    confirm(client)
    client.force_login(vera)
    assert client.get(PAGE).status_code == 302
