"""Several people at once, in threads with connections of their own, on whichever database the tests run."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from apps.audit.actor import SYSTEM
from apps.audit.models import Event
from apps.core.errors import PanelError
from apps.quotas.ledger import set_limits
from apps.quotas.models import Reservation
from apps.quotas.resources import Resource
from apps.tenants.invitations import accept_as_newcomer, accept_invitation, find_invitation, invite_member
from apps.tenants.members import add_member, change_member, leave_tenant, remove_member
from apps.tenants.models import Invitation, Membership
from apps.tenants.permissions import Role
from tests.factories import make_user
from tests.support.visitor import PASSWORD
from tests.tenants.conftest import acting, membership

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: Iterable[Callable[[], object]]) -> Counter[str]:
    """Make all the calls at the same moment; how many were `done`, and how many refused by which code."""
    calls = list(calls)
    barrier = Barrier(len(calls))

    def attempt(call: Callable[[], object]) -> str:
        try:
            barrier.wait()
            call()
        except PanelError as error:
            return error.code
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(attempt, calls))


@pytest.fixture
def owners(acme, alice):
    olga = make_user("olga")
    add_member(acme, olga, Role.OWNER, actor=SYSTEM)
    return alice, olga


def remaining(acme) -> int:
    return acme.memberships.filter(role=Role.OWNER).count()


def test_of_two_owners_who_remove_each_other_one_remains(acme, owners):
    alice, olga = owners
    targets = {alice: membership(olga), olga: membership(alice)}
    outcomes = at_once(
        lambda actor=actor, target=target: remove_member(target, actor=acting(actor))
        for actor, target in targets.items()
    )
    assert outcomes == {"done": 1, "not-found": 1}
    assert remaining(acme) == 1


def test_of_two_owners_who_demote_each_other_one_remains(acme, owners):
    alice, olga = owners
    targets = {alice: membership(olga), olga: membership(alice)}
    outcomes = at_once(
        lambda actor=actor, target=target: change_member(target, Role.VIEWER, {}, actor=acting(actor))
        for actor, target in targets.items()
    )
    assert outcomes == {"done": 1, "forbidden": 1}
    assert remaining(acme) == 1


def test_of_two_owners_who_leave_one_remains(acme, owners):
    places = {person: membership(person) for person in owners}
    outcomes = at_once(
        lambda person=person, place=place: leave_tenant(place, actor=acting(person)) for person, place in places.items()
    )
    assert outcomes == {"done": 1, "last-owner": 1}
    assert remaining(acme) == 1


def test_twenty_who_accept_at_once_make_one_membership_and_one_event(acme, alice):
    bob = make_user("bob")
    issued = invite_member(acme, bob.email, Role.DEVELOPER, {}, inviter=alice, actor=acting(alice))
    invitation = find_invitation(issued.link.split("/")[-2])
    outcomes = at_once([lambda: accept_invitation(invitation, bob, actor=acting(bob))] * 20)
    assert outcomes == {"done": 1, "invitation-gone": 19}
    assert Membership.objects.filter(user=bob).count() == 1
    assert Event.objects.filter(action="invitation.accept").count() == 1
    assert not Invitation.objects.exists()
    assert not Reservation.objects.filter(holder__startswith="invitation:").exists()


def test_the_last_place_is_given_once_however_many_invite_at_once(acme, alice):
    set_limits(acme.account, {Resource.MEMBERS: 7})
    outcomes = at_once(
        lambda number=number: invite_member(
            acme, f"new{number}@example.com", Role.VIEWER, {}, inviter=alice, actor=acting(alice)
        )
        for number in range(8)
    )
    assert outcomes == {"done": 1, "quota-exceeded": 7}


def test_twenty_who_sign_up_at_once_make_one_account(acme, alice):
    issued = invite_member(acme, "bob@example.com", Role.DEVELOPER, {}, inviter=alice, actor=acting(alice))
    invitation = find_invitation(issued.link.split("/")[-2])
    outcomes = at_once([lambda: accept_as_newcomer(invitation, "Bob", PASSWORD, actor=SYSTEM)] * 20)
    assert outcomes["done"] == 1
    assert set(outcomes) <= {"done", "invalid", "invitation-gone"}
    assert Membership.objects.filter(user__email="bob@example.com").count() == 1
    assert Event.objects.filter(action="account.sign-up").count() == 1


def test_an_address_that_is_invited_twice_at_once_has_one_invitation(acme, alice):
    invite = [lambda: invite_member(acme, "bob@example.com", Role.VIEWER, {}, inviter=alice, actor=acting(alice))] * 4
    assert at_once(invite) == {"done": 1, "already-invited": 3}
    assert Invitation.objects.count() == 1
