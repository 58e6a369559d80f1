"""The page that an invitation's link opens: for whom it does what."""

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Required, SignUp, User
from apps.accounts.services import change_policy
from apps.audit.actor import SYSTEM
from apps.audit.models import Event
from apps.tenants.invitations import invite_member, resend_invitation, revoke_invitation
from apps.tenants.models import Invitation, Tenant
from apps.tenants.permissions import Role
from tests.factories import make_user
from tests.support.visitor import PASSWORD
from tests.tenants.conftest import acting, membership

pytestmark = pytest.mark.django_db


@pytest.fixture
def nobody() -> Client:
    return Client(headers={"host": django_settings.ENVIRONMENT.host})


@pytest.fixture
def link(acme, alice, application) -> str:
    """Bob is to be a guest of acme, and developer of its shop."""
    issued = invite_member(
        acme,
        "bob@example.com",
        Role.GUEST,
        {application.pk: Role.DEVELOPER},
        inviter=alice,
        actor=acting(alice),
    )
    return "/invitations/" + issued.link.partition("/invitations/")[2]


def test_signed_in_as_the_invited_one_it_takes_one_click(link, application, sign_in):
    bob = make_user("bob")
    client = sign_in(bob)
    text = client.get(link).content.decode()
    for words in ("Alice (alice@example.com)", "Acme", "as guest", "shop", "as developer"):
        assert words in text
    assert client.post(link)["Location"] == "/t/acme/"
    assert membership(bob).role == Role.GUEST
    assert membership(bob).grants.get().application_id == application.pk
    event = Event.objects.get(action="invitation.accept")
    assert (event.actor_label, event.target_label, event.tenant_label) == ("bob@example.com", "Acme", "Acme")
    assert client.get(link).status_code == 404


def test_signed_in_as_somebody_else_nothing_is_told_and_nothing_happens(link, charlie, sign_in):
    client = sign_in(charlie)
    answer = client.get(link)
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "charlie@example.com" in text
    for word in ("Acme", "Alice", "bob@", "shop"):
        assert word not in text
    assert client.post(link).status_code == 403
    assert not charlie.memberships.filter(tenant__slug="acme").exists()
    out = client.post("/sign-out/", {"next": link})
    assert out["Location"] == link
    assert "Acme invites you" in client.get(link).content.decode()


def test_who_has_an_account_signs_in_and_comes_back(link, nobody):
    make_user("bob")
    assert f'href="/sign-in/?next={link}"' in nobody.get(link).content.decode()
    assert (
        nobody.post("/sign-in/", {"email": "bob@example.com", "password": PASSWORD, "next": link})["Location"] == link
    )
    assert nobody.post(link)["Location"] == "/t/acme/"


def test_who_has_none_makes_it_right_there(link, nobody):
    assert "bob@example.com" in nobody.get(link).content.decode()
    answer = nobody.post(link, {"name": "Bob", "password": PASSWORD, "email": "mallory@example.com"})
    assert answer["Location"] == "/t/acme/"
    bob = User.objects.get(name="Bob")
    assert (bob.email, bob.is_operator, membership(bob).role) == ("bob@example.com", False, Role.GUEST)
    assert nobody.get("/t/acme/").status_code == 200
    actors = Event.objects.filter(action__in=("account.sign-up", "invitation.accept")).values_list("actor_label")
    assert set(actors) == {("bob@example.com",)}


def test_a_weak_password_makes_neither_account_nor_member(link, nobody):
    assert nobody.post(link, {"name": "Bob", "password": "bob@example.com"}).status_code == 422
    assert not User.objects.filter(email="bob@example.com").exists()
    assert Invitation.objects.exists()


def test_no_account_remains_when_the_invitation_cannot_be_used(link, nobody):
    Tenant.objects.filter(slug="acme").update(suspended_at=timezone.now())
    assert nobody.post(link, {"name": "Bob", "password": PASSWORD}).status_code == 403
    assert not User.objects.filter(email="bob@example.com").exists()


def test_an_invitation_makes_no_account_while_sign_up_is_closed(link, nobody):
    change_policy(Required.NOBODY, SignUp.CLOSED, actor=SYSTEM)
    assert nobody.post(link, {"name": "Bob", "password": PASSWORD}).status_code == 403
    assert not User.objects.filter(email="bob@example.com").exists()


@pytest.mark.parametrize("was_mailed", [True, False])
def test_only_a_mailed_link_proves_the_address(link, nobody, was_mailed):
    Invitation.objects.update(was_mailed=was_mailed)
    nobody.post(link, {"name": "Bob", "password": PASSWORD})
    assert User.objects.get(name="Bob").is_email_verified is was_mailed


def test_who_is_a_member_already_keeps_their_role(link, acme, application, sign_in):
    bob = make_user("bob")
    acme.memberships.create(user=bob, role=Role.DEVELOPER)
    sign_in(bob).post(link)
    assert membership(bob).role == Role.DEVELOPER
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("how", ["used", "withdrawn", "renewed", "expired", "inviter deactivated", "never existed"])
def test_a_link_that_opens_nothing_gives_the_same_answer_whatever_the_reason(how, link, alice, nobody, sign_in):
    invitation = Invitation.objects.get()
    match how:
        case "used":
            sign_in(make_user("bob")).post(link)
        case "withdrawn":
            revoke_invitation(invitation, actor=acting(alice))
        case "renewed":
            resend_invitation(invitation, inviter=alice, actor=acting(alice))
        case "expired":
            Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "inviter deactivated":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        case "never existed":
            link = "/invitations/no-such-token/"
    for answer in (nobody.get(link), nobody.post(link, {"name": "Bob", "password": PASSWORD})):
        assert answer.status_code == 404
        assert "This invitation is not valid" in answer.content.decode()
        assert "Acme" not in answer.content.decode()
