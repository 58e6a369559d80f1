"""New accounts: whom the operator's rule lets make one, and how an address is proved."""

import pytest
from django.core import mail

from apps.accounts.models import Required, SignUp, User
from apps.accounts.services import change_policy
from apps.accounts.sign_up import invite, may_sign_up
from apps.audit.actor import SYSTEM
from tests.support.people import NEW_PASSWORD, browser, is_signed_in, mailed_path, signs_in

pytestmark = pytest.mark.django_db
NEW = {"name": "Nina", "email": "Nina@example.com", "password": NEW_PASSWORD}


@pytest.fixture
def rule():
    return lambda sign_up: change_policy(Required.NOBODY, sign_up, actor=SYSTEM)


def invited(email: str, *, is_verified: bool):
    """A browser that came by an invitation."""
    client = browser()
    session = client.session
    invite(session, email, is_verified=is_verified)
    session.save()
    client.cookies["__Host-session"] = session.session_key
    return client


def test_by_default_it_takes_an_invitation(visitor):
    assert "invitation" in visitor.get("/sign-up/").content.decode()
    visitor.post("/sign-up/", NEW)
    assert not User.objects.exists()


def test_open_to_anybody_who_is_then_signed_in(visitor, rule):
    rule(SignUp.OPEN)
    assert visitor.post("/sign-up/", NEW | {"next": "/account/sessions/"})["Location"] == "/account/sessions/"
    assert is_signed_in(visitor)
    user = User.objects.get()
    assert (user.email, user.is_operator, user.is_email_verified) == ("nina@example.com", False, False)


def test_a_taken_address_is_refused(alice, visitor, rule):
    rule(SignUp.OPEN)
    assert visitor.post("/sign-up/", NEW | {"email": "ALICE@example.com"}).status_code == 422


def test_an_invitation_opens_it_for_its_address_alone():
    client = invited("nina@example.com", is_verified=True)
    client.post("/sign-up/", {"name": "Nina", "email": "other@example.com", "password": NEW_PASSWORD})
    user = User.objects.get()
    assert (user.email, user.is_email_verified) == ("nina@example.com", True)
    assert not may_sign_up(client.session, "other@example.com")


def test_closed_is_closed_to_the_invited_too(rule):
    rule(SignUp.CLOSED)
    client = invited("nina@example.com", is_verified=True)
    client.post("/sign-up/", NEW)
    assert not User.objects.exists()


# --- with mail --------------------------------------------------------------------------------------------------------
def test_with_mail_the_address_is_proved_before_there_is_an_account(visitor, rule, has_mail):
    rule(SignUp.OPEN)
    visitor.post("/sign-up/", {"email": "nina@example.com", "next": "/account/sessions/"})
    assert not User.objects.exists()
    path = mailed_path()
    elsewhere = browser()
    assert elsewhere.get(path).status_code == 200
    answer = elsewhere.post(path, {"name": "Nina", "password": NEW_PASSWORD})
    assert answer["Location"] == "/account/sessions/"
    assert User.objects.get().is_email_verified


def test_with_mail_nobody_learns_who_has_an_account(alice, visitor, rule, has_mail):
    rule(SignUp.OPEN)
    answers = [
        visitor.post("/sign-up/", {"email": email}).content.decode().replace(email, "…")
        for email in ("alice@example.com", "nobody@example.com")
    ]
    assert answers[0] == answers[1]


def test_somebody_known_is_told_so_by_mail_and_gets_no_link(alice, visitor, rule, has_mail):
    rule(SignUp.OPEN)
    visitor.post("/sign-up/", {"email": "alice@example.com"})
    with pytest.raises(ValueError, match="not enough"):
        mailed_path()
    assert "You have one already" in mail.outbox[0].body


def test_the_link_makes_one_account(visitor, rule, has_mail):
    rule(SignUp.OPEN)
    visitor.post("/sign-up/", {"email": "nina@example.com"})
    path = mailed_path()
    for expected in (302, 422):
        assert browser().post(path, {"name": "Nina", "password": NEW_PASSWORD}).status_code == expected
    assert User.objects.count() == 1


def test_a_link_is_void_once_sign_up_is_closed(visitor, rule, has_mail):
    rule(SignUp.OPEN)
    visitor.post("/sign-up/", {"email": "nina@example.com"})
    rule(SignUp.CLOSED)
    assert browser().post(mailed_path(), {"name": "Nina", "password": NEW_PASSWORD}).status_code == 403
    assert not User.objects.exists()


def test_an_invitation_goes_along_with_the_link_into_another_browser(has_mail):
    invited("nina@example.com", is_verified=False).post("/sign-up/", {"email": "nina@example.com"})
    answer = browser().post(mailed_path(), {"name": "Nina", "password": NEW_PASSWORD})
    assert answer.status_code == 302


# --- a new address ----------------------------------------------------------------------------------------------------
def test_with_mail_a_new_address_holds_once_its_link_is_opened(alice, visitor, has_mail):
    signs_in(visitor)
    visitor.post("/account/email/", {"email": "Alice@new.example"})
    assert not User.objects.filter(email="alice@new.example").exists()
    visitor.get(mailed_path())
    alice.refresh_from_db()
    assert (alice.email, alice.is_email_verified) == ("alice@new.example", True)


def test_somebody_elses_link_changes_nothing(alice, vera, visitor, has_mail):
    signs_in(visitor)
    visitor.post("/account/email/", {"email": "alice@new.example"})
    stranger = browser()
    signs_in(stranger, vera.email)
    assert stranger.get(mailed_path()).status_code == 403


def test_without_mail_a_new_address_holds_at_once_and_is_not_verified(alice, visitor):
    User.objects.update(is_email_verified=True)
    signs_in(visitor)
    visitor.post("/account/email/", {"email": "alice@new.example"})
    alice.refresh_from_db()
    assert (alice.email, alice.is_email_verified) == ("alice@new.example", False)


def test_an_address_that_somebody_has_is_refused(alice, vera, visitor):
    signs_in(visitor)
    assert visitor.post("/account/email/", {"email": vera.email}).status_code == 422
