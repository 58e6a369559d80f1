"""A forgotten password: by mail, or by a link that the operator hands over; never told to who asks."""

import re

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts import resets
from apps.audit.actor import SYSTEM, Actor
from apps.audit.models import Event
from apps.core.errors import Forbidden
from tests.security.test_strangers import at_once
from tests.support.people import NEW_PASSWORD, browser, has_app, is_signed_in, mailed_path, signs_in
from tests.support.visitor import PASSWORD

pytestmark = pytest.mark.django_db


def asks(email: str = "alice@example.com", address: str = "127.0.0.1"):
    return browser(address).post("/password/", {"email": email})


def path_of_operators_link(user) -> str:
    return resets.make_link(user, actor=SYSTEM).removeprefix("http://localhost:8000")


# --- by mail ----------------------------------------------------------------------------------------------------------
def test_the_mailed_link_sets_the_password_and_proves_the_address(alice, visitor, has_mail):
    asks()
    path = mailed_path()
    assert visitor.post(path, {"password": NEW_PASSWORD})["Location"] == "/sign-in/"
    assert signs_in(visitor, password=NEW_PASSWORD)["Location"] == "/"
    alice.refresh_from_db()
    assert alice.is_email_verified


def test_the_link_leads_to_the_configured_address_whatever_the_request_says(alice, has_mail, settings):
    asks()
    mailed_path()
    assert f"\n{settings.ENVIRONMENT.base_url}/password/" in mail.outbox[0].body
    assert mail.outbox[0].to == ["alice@example.com"]


def test_known_and_unknown_addresses_get_the_same_answer_by_the_same_work(alice, has_mail):
    answers, work = [], []
    asks("warm-up@example.com")
    for email in ("alice@example.com", "nobody@example.com"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answers.append(asks(email).content.decode().replace(email, "…"))
        work.append([re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries])
    assert answers[0] == answers[1]
    assert work[0] == work[1]


def test_mails_to_an_address_are_limited(alice, has_mail):
    assert [asks().status_code for _ in range(4)] == [200, 200, 200, 429]
    assert asks("nobody@example.com").status_code == 200


# --- without mail -----------------------------------------------------------------------------------------------------
def test_without_mail_who_asks_is_told_whom_to_ask_and_nothing_else(alice, visitor):
    page = visitor.post("/password/", {"email": "alice@example.com"}).content.decode()
    assert "Ask your operator" in page
    assert "alice" not in page
    assert not Event.objects.filter(action="account.forgot-password").exists()


def test_the_operators_link_works_once(alice, visitor):
    path = path_of_operators_link(alice)
    assert visitor.get(path).status_code == 200
    assert visitor.post(path, {"password": NEW_PASSWORD}).status_code == 302
    assert visitor.get(path).status_code == 403
    assert visitor.post(path, {"password": "yet other words to be used"}).status_code == 403
    alice.refresh_from_db()
    assert not alice.is_email_verified


# --- both -------------------------------------------------------------------------------------------------------------
def test_a_new_password_ends_all_sessions(alice, visitor):
    elsewhere = browser()
    signs_in(elsewhere)
    alice.refresh_from_db()
    visitor.post(path_of_operators_link(alice), {"password": NEW_PASSWORD})
    assert not is_signed_in(elsewhere)


def test_a_second_factor_is_asked_for_as_ever(alice, visitor):
    has_app(alice)
    visitor.post(path_of_operators_link(alice), {"password": NEW_PASSWORD})
    assert signs_in(visitor, password=NEW_PASSWORD)["Location"] == "/sign-in/second-factor/"


def test_a_link_ends_after_a_day(alice, visitor, settings):
    path = path_of_operators_link(alice)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert visitor.get(path).status_code == 403


@pytest.mark.parametrize(
    "path", ["/password/MQ/x-y/", "/password/nonsense/x-y/", "/password/OTk5OTk5OTk5OTk5OTk5OTk5OTk5/x/"]
)
def test_a_made_up_link_is_refused(alice, visitor, path):
    assert visitor.get(path).status_code == 403


def test_a_weak_password_is_refused_and_the_link_still_good(alice, visitor):
    path = path_of_operators_link(alice)
    assert visitor.post(path, {"password": "alice@example.com"}).status_code == 422
    assert visitor.post(path, {"password": NEW_PASSWORD}).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_use_one_link_at_once_one_sets_the_password(alice):
    uid, token = path_of_operators_link(alice).strip("/").split("/")[1:]

    def use():
        return resets.reset_password(uid, token, NEW_PASSWORD, actor=Actor(None, "anonymous"))

    answers = at_once(*[use] * 10)
    assert sum(isinstance(answer, Forbidden) for answer in answers) == 9


def test_the_old_password_is_void(alice, visitor):
    visitor.post(path_of_operators_link(alice), {"password": NEW_PASSWORD})
    assert signs_in(visitor, password=PASSWORD).status_code == 422
