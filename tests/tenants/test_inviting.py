"""Inviting, renewing and withdrawing: what is refused, what is kept, and who gets the link."""

import hashlib
import re
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.utils import timezone

from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.core.errors import Forbidden, InvalidInput, NotFound, TooManyAttempts
from apps.tenants import invitations
from apps.tenants.invitations import invite_member, resend_invitation, revoke_invitation
from apps.tenants.models import Invitation
from apps.tenants.permissions import Role
from apps.tenants.services import forget_application
from tests.factories import make_application
from tests.tenants.conftest import acting, membership

pytestmark = pytest.mark.django_db
LINK = re.compile(r"https?://[^/]+(/invitations/[\w-]+/)")


def invite(acme, alice, email="bob@example.com", role=Role.DEVELOPER, grants=None) -> invitations.Issued:
    return invite_member(acme, email, role, grants or {}, inviter=alice, actor=acting(alice))


def test_an_invitation_holds_for_72_hours_and_keeps_only_a_digest(acme, alice):
    issued = invite(acme, alice, " Bob@Example.COM ")
    token = issued.link.rstrip("/").rpartition("/")[2]
    kept = Invitation.objects.get()
    assert kept.email == "bob@example.com"
    assert kept.token_digest == hashlib.sha256(token.encode()).hexdigest()
    assert timedelta(hours=71) < kept.expires_at - timezone.now() <= timedelta(hours=72)
    assert token not in str(list(Event.objects.values()))
    event = Event.objects.get(action="member.invite")
    assert (event.target_label, event.data["role"], event.tenant_label) == ("bob@example.com", "developer", "Acme")


def test_nobody_invites_above_their_own_role(acme, adam):
    with pytest.raises(Forbidden):
        invite(acme, adam, role=Role.OWNER)
    with pytest.raises(Forbidden):
        resend_invitation(owner_invitation(acme), inviter=adam, actor=acting(adam))
    with pytest.raises(Forbidden):
        revoke_invitation(owner_invitation(acme), actor=acting(adam))


def owner_invitation(acme) -> Invitation:
    alice = acme.members.get(name="Alice")
    return acme.invitations.filter(role=Role.OWNER).first() or invite(acme, alice, role=Role.OWNER).invitation


@pytest.mark.parametrize("name", ["dora", "vera", "arthur", "greta"])
def test_who_does_not_manage_members_invites_nobody(name, acme, request):
    with pytest.raises(Forbidden):
        invite(acme, request.getfixturevalue(name), role=Role.GUEST)


def test_a_member_is_not_invited_again(acme, alice, vera, sign_in):
    with pytest.raises(InvalidInput) as refused:
        invite(acme, alice, vera.email.upper())
    assert (refused.value.field, refused.value.code) == ("email", "already-member")
    response = sign_in(alice).post("/t/acme/members/invite/", {"email": vera.email, "role": "viewer"})
    assert response.status_code == 422
    assert "vera@example.com is a member of Acme already." in response.content.decode()


def test_an_address_has_one_invitation_at_a_time(acme, alice):
    invite(acme, alice)
    with pytest.raises(InvalidInput) as refused:
        invite(acme, alice)
    assert refused.value.code == "already-invited"


def test_an_address_whose_invitation_has_run_out_can_be_invited_again(acme, alice):
    invite(acme, alice)
    Invitation.objects.update(expires_at=timezone.now())
    invite(acme, alice)
    assert Event.objects.filter(action="invitation.expire").exists()


def test_another_tenants_application_cannot_be_promised(acme, other, alice, application):
    with pytest.raises(InvalidInput):
        invite(acme, alice, grants={make_application(other, "theirs").pk: Role.VIEWER})


def test_a_deleted_application_is_promised_to_nobody_any_more(acme, alice, application):
    issued = invite(acme, alice, grants={application.pk: Role.VIEWER})
    forget_application(application.pk)
    assert not issued.invitation.grants.exists()


# --- bounds -----------------------------------------------------------------------------------------------------------
def test_so_many_may_be_pending(acme, alice, monkeypatch):
    monkeypatch.setattr(invitations, "MAX_PENDING", 2)
    for number in range(2):
        invite(acme, alice, f"new{number}@example.com")
    with pytest.raises(TooManyAttempts):
        invite(acme, alice, "one-more@example.com")


def test_so_many_are_sent_in_an_hour_renewed_ones_too(acme, alice, monkeypatch):
    monkeypatch.setattr(invitations, "MAX_PER_HOUR", 3)
    issued = invite(acme, alice)
    for _ in range(2):
        issued = resend_invitation(issued.invitation, inviter=alice, actor=acting(alice))
    with pytest.raises(TooManyAttempts):
        resend_invitation(issued.invitation, inviter=alice, actor=acting(alice))
    with pytest.raises(TooManyAttempts):
        invite(acme, alice, "other@example.com")


# --- renewing, withdrawing, running out -------------------------------------------------------------------------------
def test_renewing_makes_a_new_link_in_the_name_of_who_renews_and_the_old_one_dies(acme, alice, adam):
    first = invite(acme, alice)
    second = resend_invitation(first.invitation, inviter=adam, actor=acting(adam))
    with pytest.raises(NotFound):
        invitations.find_invitation(first.link.split("/")[-2])
    assert invitations.find_invitation(second.link.split("/")[-2]).invited_by == adam


def test_a_withdrawn_invitation_cannot_be_renewed(acme, alice):
    issued = invite(acme, alice)
    revoke_invitation(issued.invitation, actor=acting(alice))
    with pytest.raises(NotFound):
        resend_invitation(issued.invitation, inviter=alice, actor=acting(alice))


def test_those_whose_time_is_up_end_and_the_panel_says_so(acme, alice):
    invite(acme, alice, "old@example.com")
    Invitation.objects.update(expires_at=timezone.now())
    invite(acme, alice, "new@example.com")
    invitations.end_expired_invitations()
    assert [str(each) for each in acme.invitations.all()] == ["new@example.com"]
    event = Event.objects.get(action="invitation.expire")
    assert (event.actor_label, event.target_label) == (SYSTEM.label, "old@example.com")


# --- the link ---------------------------------------------------------------------------------------------------------
def test_without_mail_who_invites_sees_the_link_once(acme, alice, application, sign_in):
    client = sign_in(alice)
    answer = client.post(
        "/t/acme/members/invite/",
        {"email": "bob@example.com", "role": "guest", f"application-{application.pk}": "developer"},
    )
    assert LINK.search(answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    assert not LINK.search(client.get("/t/acme/members/").content.decode())
    assert Invitation.objects.get().grants.get().role == Role.DEVELOPER


@pytest.mark.django_db(transaction=True)
def test_with_mail_the_link_goes_to_the_address_and_nowhere_else(acme, alice, settings, sign_in, monkeypatch):
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = "mail.example", "berth@example.com"
    monkeypatch.setattr("apps.core.mail.post", lambda message: message.send())
    alice.name = "Alice\nBcc: all@example.com"
    alice.save()
    answer = sign_in(alice).post("/t/acme/members/invite/", {"email": "bob@example.com", "role": "viewer"}, follow=True)
    (message,) = outbox.outbox
    assert message.to == ["bob@example.com"]
    assert LINK.search(str(message.body))
    assert "\n" not in message.subject
    assert not LINK.search(answer.content.decode())
    assert "bob@example.com has mail" in answer.content.decode()
    assert Invitation.objects.get().was_mailed


def test_invitations_of_ours_do_not_show_under_another_tenant(acme, other, alice, charlie, sign_in):
    number = invite(acme, alice).invitation.pk
    client = sign_in(charlie)
    for action in ("resend", "revoke"):
        assert client.post(f"/t/other/invitations/{number}/{action}/").status_code == 404
    assert Invitation.objects.exists()


def test_a_refused_invitation_is_recorded_in_the_tenant(acme, vera, sign_in):
    sign_in(vera).post("/t/acme/members/invite/", {"email": "bob@example.com", "role": "viewer"})
    event = Event.objects.get(action="member.invite", result=Result.REFUSED)
    assert event.tenant_label == "Acme"
    assert membership(vera).role == Role.VIEWER
