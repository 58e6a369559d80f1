"""Where one is signed in, and how to end it."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.accounts.models import UserSession
from apps.accounts.sessions import forget_expired
from apps.audit.models import Event
from tests.support.people import NEW_PASSWORD, browser, is_signed_in, signs_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def laptop(alice):
    client = browser("198.51.100.7")
    signs_in(client)
    return client


@pytest.fixture
def phone(alice):
    client = browser("203.0.113.4")
    signs_in(client)
    return client


def test_every_device_is_listed_with_its_address(laptop, phone):
    page = laptop.get("/account/sessions/", headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"})
    text = page.content.decode()
    assert "198.51.100.7" in text
    assert "203.0.113.4" in text
    assert text.count("This one") == 1


def test_a_session_that_began_otherwise_is_listed_from_its_first_visit(alice, visitor):
    visitor.force_login(alice)
    visitor.get("/account/")
    assert UserSession.objects.get().user == alice


def test_one_device_is_signed_out_from_another(laptop, phone):
    session = UserSession.objects.get(ip="203.0.113.4")
    laptop.post(f"/account/sessions/{session.number}/revoke/")
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)
    assert Event.objects.get(action="session.revoke").data["address"] == "203.0.113.4"


def test_nobody_else_can_sign_a_device_out(phone, vera):
    stranger = browser()
    signs_in(stranger, vera.email)
    number = UserSession.objects.get(ip="203.0.113.4").number
    assert stranger.post(f"/account/sessions/{number}/revoke/").status_code == 404
    assert is_signed_in(phone)


def test_everything_but_this_device_is_signed_out(laptop, phone):
    laptop.post("/account/sessions/others/revoke/")
    assert is_signed_in(laptop)
    assert not is_signed_in(phone)


def test_a_new_password_signs_the_other_devices_out_and_not_this_one(laptop, phone):
    laptop.post("/account/password/", {"password": NEW_PASSWORD})
    assert is_signed_in(laptop)
    assert not is_signed_in(phone)
    assert UserSession.objects.count() == Session.objects.count() == 1


def test_signing_out_takes_the_device_from_the_list(laptop):
    laptop.post("/sign-out/")
    assert not UserSession.objects.exists()


def test_signing_in_gives_the_session_a_new_key(alice, visitor):
    visitor.post("/sign-in/passkey/options/")  # a session of nobody's, that somebody else may have planted
    before = visitor.session.session_key
    signs_in(visitor)
    assert visitor.session.session_key != before
    assert not Session.objects.filter(pk=before).exists()


def test_the_keys_of_sessions_are_on_no_page(laptop, phone):
    text = laptop.get("/account/sessions/").content.decode()
    assert not any(key in text for key in Session.objects.values_list("pk", flat=True))


def test_a_visit_is_written_down_once_a_minute(laptop):
    laptop.get("/account/")
    before = UserSession.objects.get().last_seen_at
    laptop.get("/account/")
    assert UserSession.objects.get().last_seen_at == before
    UserSession.objects.update(last_seen_at=before - timedelta(minutes=2))
    laptop.get("/account/")
    assert UserSession.objects.get().last_seen_at > before


def test_sessions_of_strangers_and_old_ones_are_forgotten(alice, laptop, visitor):
    visitor.post("/sign-in/passkey/options/")
    assert Session.objects.get(pk=visitor.session.session_key).expire_date < timezone.now() + timedelta(minutes=11)
    Session.objects.exclude(pk=laptop.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    forget_expired()
    assert Session.objects.get().pk == laptop.session.session_key
    assert Session.objects.get().expire_date > timezone.now() + timedelta(days=1)
