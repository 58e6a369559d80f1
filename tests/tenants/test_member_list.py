"""The list of members: what it shows to whom, and that it costs the same however long it is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.tenants.invitations import invite_member
from apps.tenants.models import Membership
from apps.tenants.permissions import Role
from tests.tenants.conftest import acting, membership

pytestmark = pytest.mark.django_db
PAGE = "/t/acme/members/"


def add_members(tenant, count: int, grant_on: int) -> None:
    users = User.objects.bulk_create(
        User(email=f"member{number}@example.com", name=f"Member {number}") for number in range(count)
    )
    members = Membership.objects.bulk_create(Membership(tenant=tenant, user=user, role=Role.GUEST) for user in users)
    for member in members[:3]:
        member.grants.create(application_id=grant_on, role=Role.VIEWER)


def queries_of(client, path: str) -> int:
    """Of a page that is opened again: the process keeps what it asked the first time."""
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_it_takes_as_many_queries_for_200_members_as_for_10(acme, alice, application, sign_in):
    client = sign_in(alice)
    invite_member(acme, "one@example.com", Role.VIEWER, {}, inviter=alice, actor=acting(alice))
    add_members(acme, 4, application.pk)
    few = queries_of(client, PAGE)
    for number in range(30):
        invite_member(acme, f"new{number}@example.com", Role.VIEWER, {}, inviter=alice, actor=acting(alice))
    User.objects.filter(name__startswith="Member").delete()
    add_members(acme, 194, application.pk)
    assert acme.memberships.count() == 200
    assert queries_of(client, PAGE) == few
    assert queries_of(client, f"{PAGE}?page=3") == few
    assert few <= 14


def test_it_finds_by_name_and_address_in_any_case(acme, alice, page):
    for query in ("VERA", "vera@ex"):
        found = page(alice, f"{PAGE}?q={query}")
        assert "vera@example.com" in found
        assert "dora@example.com" not in found
    assert "Nobody's name or address contains “nobody”" in page(alice, f"{PAGE}?q=nobody").replace("&#x27;", "'")


def test_owners_come_first(acme, alice, page):
    text = page(alice, PAGE)
    assert text.index("alice@example.com</span>") < text.index("adam@example.com</span>")
    assert text.index("adam@example.com</span>") < text.index("arthur@example.com</span>")


def test_grants_are_named(acme, alice, greta, application, page):
    membership(greta).grants.create(application_id=application.pk, role=Role.DEVELOPER)
    assert "shop: developer" in page(alice, PAGE)


def test_who_manages_sees_pending_invitations_and_others_do_not(acme, alice, dora, page):
    invite_member(acme, "new@example.com", Role.VIEWER, {}, inviter=alice, actor=acting(alice))
    assert "new@example.com" in page(alice, PAGE)
    assert "new@example.com" not in page(dora, PAGE)
    assert "members/invite/" not in page(dora, PAGE)


def test_the_entries_of_the_sidebar_follow_what_one_may(acme, alice, vera, arthur, page):
    def entries(user) -> tuple[bool, bool]:
        text = page(user, "/t/acme/")
        return 'href="/t/acme/members/"' in text, 'href="/t/acme/settings/"' in text

    assert (entries(alice), entries(vera), entries(arthur)) == ((True, True), (True, False), (False, False))
