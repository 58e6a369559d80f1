"""Changing and removing members: what the services refuse whatever the form says, and what else goes."""

import pytest

from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.core.errors import Forbidden, InvalidInput, NotFound
from apps.tenants.invitations import invite_member
from apps.tenants.members import add_member, change_member, leave_tenant, remove_member
from apps.tenants.models import Membership
from apps.tenants.permissions import Role
from tests.factories import make_application, make_user
from tests.tenants.conftest import acting, membership

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(Event.objects.exclude(action="member.add").order_by("id").values_list("action", flat=True))


# --- ranks ------------------------------------------------------------------------------------------------------------
def test_an_admin_makes_a_viewer_an_admin(acme, adam, vera):
    change_member(membership(vera), Role.ADMIN, {}, actor=acting(adam))
    assert membership(vera).role == Role.ADMIN


def test_nobody_gives_a_role_above_their_own(acme, adam, vera):
    with pytest.raises(Forbidden) as refused:
        change_member(membership(vera), Role.OWNER, {}, actor=acting(adam))
    assert refused.value.code == "above-own-role"
    assert membership(vera).role == Role.VIEWER


def test_nobody_makes_themselves_more(acme, adam):
    with pytest.raises(Forbidden):
        change_member(membership(adam), Role.OWNER, {}, actor=acting(adam))


def test_nobody_changes_or_removes_somebody_above_them(acme, alice, adam):
    add_member(acme, make_user("olga"), Role.OWNER, actor=SYSTEM)
    with pytest.raises(Forbidden):
        change_member(membership(alice), Role.VIEWER, {}, actor=acting(adam))
    with pytest.raises(Forbidden):
        remove_member(membership(alice), actor=acting(adam))
    assert membership(alice).role == Role.OWNER


@pytest.mark.parametrize("name", ["dora", "vera", "arthur", "greta"])
def test_who_does_not_manage_members_changes_nobody(name, acme, vera, request):
    actor = acting(request.getfixturevalue(name))
    with pytest.raises(Forbidden):
        change_member(membership(vera), Role.GUEST, {}, actor=actor)
    with pytest.raises(Forbidden):
        remove_member(membership(vera), actor=actor)


def test_to_a_stranger_there_are_no_members(acme, other, charlie, vera):
    with pytest.raises(NotFound):
        remove_member(membership(vera), actor=acting(charlie))


# --- the last owner ---------------------------------------------------------------------------------------------------
def test_the_last_owner_cannot_step_down_leave_or_be_removed(acme, alice):
    for attempt in (
        lambda: change_member(membership(alice), Role.ADMIN, {}, actor=acting(alice)),
        lambda: leave_tenant(membership(alice), actor=acting(alice)),
        lambda: remove_member(membership(alice), actor=acting(alice)),
    ):
        with pytest.raises(InvalidInput) as refused:
            attempt()
        assert refused.value.code == "last-owner"
    assert membership(alice).role == Role.OWNER


def test_an_owner_who_cannot_sign_in_does_not_count(acme, alice):
    olga = make_user("olga", is_active=False)
    add_member(acme, olga, Role.OWNER, actor=SYSTEM)
    with pytest.raises(InvalidInput):
        leave_tenant(membership(alice), actor=acting(alice))


def test_with_another_owner_one_may_go(acme, alice):
    add_member(acme, make_user("olga"), Role.OWNER, actor=SYSTEM)
    leave_tenant(membership(alice), actor=acting(alice))
    assert not alice.memberships.exists()
    assert actions()[-1] == "member.leave"


# --- grants -----------------------------------------------------------------------------------------------------------
def test_grants_are_exactly_what_was_chosen(acme, alice, greta, application):
    blog = make_application(acme, "blog")
    membership(greta).grants.create(application_id=blog.pk, role=Role.DEVELOPER)
    change_member(membership(greta), Role.GUEST, {application.pk: Role.VIEWER}, actor=acting(alice))
    assert list(membership(greta).grants.values_list("application_id", "role")) == [(application.pk, Role.VIEWER)]
    event = Event.objects.get(action="member.grant")
    assert event.data["changes"] == {"shop": ["", "viewer"], "blog": ["developer", ""]}
    assert "member.role" not in actions()


def test_what_stays_as_it_was_is_no_event(acme, alice, vera):
    change_member(membership(vera), Role.VIEWER, {}, actor=acting(alice))
    assert not Event.objects.filter(action__in=("member.role", "member.grant")).exists()


def test_an_application_of_another_tenant_cannot_be_granted(acme, other, alice, greta, application):
    theirs = make_application(other, "theirs")
    with pytest.raises(InvalidInput):
        change_member(membership(greta), Role.GUEST, {theirs.pk: Role.VIEWER}, actor=acting(alice))


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.AUDITOR, Role.GUEST])
def test_only_some_roles_are_granted_on_an_application(role, acme, alice, greta, application):
    with pytest.raises(InvalidInput):
        change_member(membership(greta), Role.GUEST, {application.pk: role}, actor=acting(alice))


# --- what goes along --------------------------------------------------------------------------------------------------
def test_with_a_member_go_their_grants_and_the_invitations_they_gave(acme, alice, adam, application):
    membership(adam).grants.create(application_id=application.pk, role=Role.VIEWER)
    invite_member(acme, "new@example.com", Role.ADMIN, {}, inviter=adam, actor=acting(adam))
    remove_member(membership(adam), actor=acting(alice))
    assert not Membership.objects.filter(user=adam).exists()
    assert not acme.invitations.exists()
    assert actions()[-2:] == ["member.remove", "invitation.revoke"]


def test_a_demoted_member_keeps_no_invitation_that_they_could_not_give_now(acme, alice):
    olga = make_user("olga")
    add_member(acme, olga, Role.OWNER, actor=SYSTEM)
    invite_member(acme, "owner@example.com", Role.OWNER, {}, inviter=olga, actor=acting(olga))
    invite_member(acme, "viewer@example.com", Role.VIEWER, {}, inviter=olga, actor=acting(olga))
    change_member(membership(olga), Role.ADMIN, {}, actor=acting(alice))
    assert [invitation.email for invitation in acme.invitations.all()] == ["viewer@example.com"]
    change_member(membership(olga), Role.DEVELOPER, {}, actor=acting(alice))
    assert not acme.invitations.exists()


# --- the pages --------------------------------------------------------------------------------------------------------
def test_the_form_changes_role_and_grants(acme, alice, vera, application, sign_in):
    path = f"/t/acme/members/{membership(vera).pk}/role/"
    sign_in(alice).post(path, {"role": "guest", f"application-{application.pk}": "developer"})
    changed = membership(vera)
    assert changed.role == Role.GUEST
    assert changed.grants.get().role == Role.DEVELOPER


def test_the_form_offers_no_role_above_ones_own_and_takes_none(acme, adam, vera, page, sign_in):
    path = f"/t/acme/members/{membership(vera).pk}/role/"
    assert 'value="owner"' not in page(adam, path)
    assert sign_in(adam).post(path, {"role": "owner"}).status_code == 422
    assert membership(vera).role == Role.VIEWER


def test_a_refusal_to_touch_an_owner_is_recorded_in_the_tenant(acme, alice, adam, sign_in):
    assert sign_in(adam).post(f"/t/acme/members/{membership(alice).pk}/remove/").status_code == 403
    event = Event.objects.get(action="member.remove", result=Result.REFUSED)
    assert (event.tenant_label, event.data["code"]) == ("Acme", "above-own-role")


def test_the_confirmation_lists_what_they_lose(acme, alice, adam, application, page):
    membership(adam).grants.create(application_id=application.pk, role=Role.VIEWER)
    invite_member(acme, "new@example.com", Role.VIEWER, {}, inviter=adam, actor=acting(adam))
    text = page(alice, f"/t/acme/members/{membership(adam).pk}/remove/")
    assert "The role of admin in Acme" in text
    assert "The role of viewer on shop" in text
    assert "The invitation of new@example.com" in text


def test_the_last_owner_is_told_why_not_to_leave(acme, alice, page):
    text = page(alice, "/t/acme/members/leave/")
    assert "Make somebody else owner first." in text
    assert "btn-danger" not in text


def test_a_member_leaves(acme, greta, sign_in):
    assert sign_in(greta).post("/t/acme/members/leave/")["Location"] == "/"
    assert not greta.memberships.exists()


def test_members_of_ours_do_not_show_under_another_tenant(acme, other, charlie, vera, sign_in):
    client = sign_in(charlie)
    for page in ("", "role/", "remove/"):
        assert client.get(f"/t/other/members/{membership(vera).pk}/{page}").status_code == 404
    assert client.post(f"/t/other/members/{membership(vera).pk}/remove/").status_code == 404


def test_of_others_a_guest_sees_nothing(acme, greta, vera, sign_in):
    assert sign_in(greta).get(f"/t/acme/members/{membership(vera).pk}/").status_code == 403
