"""The quota of members: who is invited has a place already, and every end gives it back."""

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.quotas.ledger import QuotaExceeded, balances_of, set_limits
from apps.quotas.models import Reservation
from apps.quotas.resources import Resource
from apps.tenants.invitations import (
    accept_as_newcomer,
    accept_invitation,
    end_expired_invitations,
    invite_member,
    resend_invitation,
    revoke_invitation,
)
from apps.tenants.members import leave_tenant, remove_member
from apps.tenants.models import Invitation, Tenant
from apps.tenants.permissions import Role
from tests.factories import make_user
from tests.support.visitor import PASSWORD
from tests.tenants.conftest import acting, membership

pytestmark = pytest.mark.django_db


def taken(tenant: Tenant) -> int:
    return next(balance.reserved for balance in balances_of(tenant.account) if balance.resource == Resource.MEMBERS)


def invite(acme: Tenant, alice: User, email: str = "bob@example.com") -> Invitation:
    return invite_member(acme, email, Role.VIEWER, {}, inviter=alice, actor=acting(alice)).invitation


@pytest.fixture
def seven(acme: Tenant) -> Tenant:
    """Acme, whose six members have one more place."""
    set_limits(acme.account, {Resource.MEMBERS: 7})
    return acme


def test_an_invitation_takes_a_place_and_beyond_the_last_nobody_is_invited(seven, alice, sign_in):
    invite(seven, alice)
    assert taken(seven) == 7
    with pytest.raises(QuotaExceeded):
        invite(seven, alice, "one-more@example.com")
    answer = sign_in(alice).post("/t/acme/members/invite/", {"email": "one-more@example.com", "role": "viewer"})
    assert "7 of the 7 in your plan are taken" in answer.content.decode()
    assert seven.invitations.count() == 1


def test_the_form_says_what_is_left_after_it(seven, alice, page):
    assert "after this: <b>7 of 7</b>" in page(alice, "/t/acme/members/invite/")


def test_withdrawing_gives_the_place_back_and_renewing_takes_none(seven, alice):
    invitation = resend_invitation(invite(seven, alice), inviter=alice, actor=acting(alice)).invitation
    assert taken(seven) == 7
    revoke_invitation(invitation, actor=acting(alice))
    assert taken(seven) == 6


def test_an_invitation_whose_time_is_up_gives_the_place_back(seven, alice):
    invite(seven, alice)
    Invitation.objects.update(expires_at=timezone.now())
    end_expired_invitations()
    assert taken(seven) == 6


def test_accepting_keeps_the_place_also_in_a_plan_that_became_smaller(seven, alice):
    invitation = invite(seven, alice)
    set_limits(seven.account, {Resource.MEMBERS: 3})
    bob = accept_as_newcomer(invitation, "Bob", PASSWORD, actor=acting(alice))
    assert taken(seven) == 7
    remove_member(membership(bob), actor=acting(alice))
    assert taken(seven) == 6


def test_who_is_a_member_already_takes_no_second_place(seven, alice):
    bob = make_user("bob")
    invitation = invite(seven, alice)
    set_limits(seven.account, {Resource.MEMBERS: None})
    seven.memberships.create(user=bob, role=Role.VIEWER)
    accept_invitation(invitation, bob, actor=acting(bob))
    assert taken(seven) == 6


def test_who_leaves_gives_back_their_place_and_those_of_their_invitations(seven, adam):
    invite(seven, adam)
    leave_tenant(membership(adam), actor=acting(adam))
    assert taken(seven) == 5
    assert not Reservation.objects.filter(holder__startswith="invitation:").exists()
