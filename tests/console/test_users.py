"""The operator's pages of people."""

import pytest
from django.conf import settings

from apps.accounts import second_factor
from apps.accounts.models import Passkey, User
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from tests.factories import make_user
from tests.support.people import NEW_PASSWORD, browser, has_app, is_signed_in, signs_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(oscar):
    """Oscar, who has just signed in."""
    client = browser()
    signs_in(client, oscar.email)
    return client


def act(client, user: User, what: str, **data: str):
    return client.post(f"/console/users/{user.pk}/{what}/", data)


# --- the list ---------------------------------------------------------------------------------------------------------
def test_it_tells_of_each_person_what_an_operator_wants_to_know(console, acme, alice):
    has_app(alice)
    text = console.get("/console/users/?q=ALICE").content.decode()
    assert "alice@example.com" in text
    assert "Set up" in text
    assert "vera@example.com" not in text


def test_it_asks_as_little_for_many_as_for_few(console, acme, django_assert_num_queries, django_assert_max_num_queries):
    console.get("/console/users/")
    with django_assert_max_num_queries(12) as few:
        console.get("/console/users/")
    User.objects.bulk_create(User(email=f"p{n}@example.com", name=f"P{n}", password="!") for n in range(200))
    with django_assert_num_queries(len(few)):
        assert "1–50 of" in console.get("/console/users/").content.decode()


# --- one of them ------------------------------------------------------------------------------------------------------
def test_deactivated_somebody_is_out_at_once_and_cannot_come_back(console, alice):
    client = browser()
    signs_in(client)
    act(console, alice, "deactivate")
    assert not is_signed_in(client)
    assert signs_in(client).status_code == 422
    act(console, alice, "activate")
    assert signs_in(client).status_code == 302


def test_somebody_is_made_an_operator_and_unmade(console, alice):
    client = browser()
    signs_in(client)
    act(console, alice, "operator/make")
    assert client.get("/console/").status_code == 200
    act(console, alice, "operator/unmake")
    assert client.get("/console/").status_code == 404


def test_the_last_operator_stays_one(console, oscar):
    answer = act(console, oscar, "operator/unmake")
    assert answer.status_code == 403
    assert "last operator" in answer.content.decode()
    assert Event.objects.get(action="user.unmake-operator").result == Result.REFUSED


def test_nobody_deactivates_themselves(console, oscar):
    make_user("olga", is_operator=True)
    assert act(console, oscar, "deactivate").status_code == 403


def test_somebody_is_signed_out_everywhere(console, alice):
    client = browser()
    signs_in(client)
    act(console, alice, "sign-out")
    assert not is_signed_in(client)


def test_a_lost_second_factor_is_removed_with_a_reason(console, alice):
    has_app(alice)
    second_factor.make_recovery_codes(alice, actor=SYSTEM)
    assert act(console, alice, "second-factor/remove").status_code == 422
    act(console, alice, "second-factor/remove", reason="Lost phone, called back")
    assert not second_factor.has_second_factor(alice)
    assert not Passkey.objects.exists()
    assert not alice.recovery_codes.exists()
    event = Event.objects.get(action="user.remove-second-factor", result=Result.DONE)
    assert (event.actor_label, event.data["message"]) == ("oscar@example.com", "Lost phone, called back")


def test_a_reset_link_is_shown_once_to_the_operator_alone(console, alice):
    link = act(console, alice, "reset-link").context["link"]
    assert link not in console.get(f"/console/users/{alice.pk}/").content.decode()
    assert link not in str([event.data for event in Event.objects.all()])
    path = link.removeprefix(settings.ENVIRONMENT.base_url)
    assert browser().post(path, {"password": NEW_PASSWORD}).status_code == 302
    assert signs_in(browser(), password=NEW_PASSWORD).status_code == 302


@pytest.mark.parametrize(
    "what", ["deactivate", "activate", "operator/make", "operator/unmake", "second-factor/remove", "reset-link"]
)
def test_an_open_console_that_somebody_left_does_none_of_it(oscar, alice, sign_in, what):
    answer = act(sign_in(oscar), alice, what, reason="x")
    assert answer["Location"].startswith("/account/confirm/")
    assert not Event.objects.filter(action__startswith="user.").exists()
