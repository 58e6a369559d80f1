"""“What can this person do?” says what the table says, and which rule."""

import pytest
from django.utils import timezone

from apps.tenants.access import Rule, access_of
from apps.tenants.models import Tenant
from apps.tenants.permissions import MEANING, PERMISSIONS, Permission, Role
from apps.tenants.queries import Reason, rights_of
from tests.factories import make_application
from tests.tenants.conftest import membership
from tests.tenants.test_member_list import queries_of

pytestmark = pytest.mark.django_db
INSIDE = ("alice", "adam", "dora", "vera", "arthur", "greta")


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.parametrize("suspended", [False, True])
def test_it_never_says_otherwise_than_what_is_allowed(name, suspended, acme, application, request):
    if suspended:
        Tenant.objects.update(suspended_at=timezone.now())
    member = membership(request.getfixturevalue(name))
    member.grants.create(application_id=application.pk, role=Role.DEVELOPER)
    allowed = access_of(member)
    rights = rights_of(member)
    assert [right.permission for right in rights] == list(Permission)
    for right in rights:
        assert (right.everywhere == Rule.ROLE) == allowed.allows(right.permission)
        for reason in right.single:
            assert (reason.rule in {Rule.ROLE, Rule.GRANT}) == allowed.allows(right.permission, application.pk)


def test_a_suspended_tenant_takes_away_what_the_role_gives(acme, alice):
    Tenant.objects.update(suspended_at=timezone.now())
    rules = {right.permission: right.everywhere for right in rights_of(membership(alice))}
    assert rules[Permission.VIEW] == Rule.ROLE
    assert rules[Permission.DEPLOY] == Rule.SUSPENSION


def test_a_grant_is_named_where_it_gives_something(acme, greta, application):
    membership(greta).grants.create(application_id=application.pk, role=Role.VIEWER)
    rights = {right.permission: right for right in rights_of(membership(greta))}
    assert rights[Permission.LOGS].everywhere == Rule.NOTHING
    assert rights[Permission.LOGS].single == [Reason(Rule.GRANT, Role.VIEWER, ["shop"])]
    assert rights[Permission.DEPLOY].single == [Reason(Rule.NOTHING, Role.VIEWER, ["shop"])]
    assert rights[Permission.MEMBERS].single == []


def test_everybody_sees_their_own(acme, greta, page):
    text = page(greta, "/t/acme/members/me/")
    assert "What you can do" in text
    for meaning in MEANING.values():
        assert meaning.replace("'", "&#x27;") in text


def test_of_others_those_see_it_who_see_the_list(acme, vera, dora, arthur, page):
    path = f"/t/acme/members/{membership(dora).pk}/"
    assert "What Dora can do" in page(vera, path)
    page(arthur, path, status=403)


def test_it_takes_as_many_queries_for_many_grants_as_for_one(acme, alice, greta, application, sign_in):
    client = sign_in(alice)
    path = f"/t/acme/members/{membership(greta).pk}/"
    membership(greta).grants.create(application_id=application.pk, role=Role.VIEWER)
    few = queries_of(client, path)
    for number in range(5):
        more = make_application(acme, f"more-{number}")
        membership(greta).grants.create(application_id=more.pk, role=Role.VIEWER)
    assert queries_of(client, path) == few


def test_each_role_has_its_line_in_the_table():
    assert set(PERMISSIONS) == set(Role)
    assert set(MEANING) == set(Permission)
