"""Reserving and giving back: never more than there is, whatever races, and everything comes back."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.quotas.ledger import Ledger, QuotaExceeded, balances_of, close_account, release, set_limits
from apps.quotas.models import Balance, Reservation
from apps.quotas.resources import Resource

pytestmark = pytest.mark.django_db
ACCOUNT, NODE = "tenant:1", "node:1"


def hold(holder: str, *accounts: str, **needs: int) -> None:
    with transaction.atomic():
        Ledger(*(accounts or (ACCOUNT,))).hold(holder, {Resource(name): amount for name, amount in needs.items()})


def reserved(account: str = ACCOUNT) -> dict[str, int]:
    return {balance.resource: balance.reserved for balance in balances_of(account)}


@pytest.fixture(autouse=True)
def account(db: None) -> None:
    set_limits(ACCOUNT, {Resource.CPU: 1000, Resource.MEMORY: 100, Resource.APPLICATIONS: None})


def test_it_reserves_up_to_the_limit_and_not_beyond():
    hold("application:1", cpu=600, memory=60)
    hold("application:2", cpu=400, memory=40)
    with pytest.raises(QuotaExceeded) as refused:
        hold("application:3", cpu=1)
    assert refused.value.field == "cpu"
    assert refused.value.message == (
        "CPU: this needs 0.001 cores more, but 1 core of the 1 core in your plan are taken. "
        "Stop an application or make one smaller, or ask the operator for more."
    )
    assert reserved() == {"cpu": 1000, "memory": 100, "applications": 0}


def test_a_refusal_reserves_nothing_at_all():
    with pytest.raises(QuotaExceeded):
        hold("application:1", cpu=10, memory=101)
    assert reserved() == {"cpu": 0, "memory": 0, "applications": 0}
    assert not Reservation.objects.exists()


def test_saying_it_twice_reserves_it_once():
    for _ in range(2):
        hold("application:1", cpu=600)
    assert reserved()["cpu"] == 600


def test_a_holder_that_needs_less_gives_the_rest_back():
    hold("application:1", cpu=600, memory=50)
    hold("application:1", cpu=200)
    assert reserved() == {"cpu": 200, "memory": 0, "applications": 0}


def test_releasing_is_idempotent():
    hold("application:1", cpu=600)
    for _ in range(3):
        release("application:1")
    assert reserved()["cpu"] == 0
    assert not Reservation.objects.exists()


def test_what_has_no_limit_is_counted_all_the_same():
    hold("application:1", applications=1_000_000)
    assert reserved()["applications"] == 1_000_000


def test_two_accounts_are_reserved_together_or_not_at_all():
    set_limits(NODE, {Resource.CPU: 500})
    hold("application:1", ACCOUNT, NODE, cpu=400, memory=10)
    with pytest.raises(QuotaExceeded, match=r"the engine has no room for 0.101 cores more"):
        hold("application:2", ACCOUNT, NODE, cpu=101, memory=10)
    assert (reserved()["cpu"], reserved(NODE)) == (400, {"cpu": 400})


def test_a_lower_limit_leaves_what_is_reserved_and_only_ever_shrinks():
    hold("application:1", cpu=600)
    hold("application:2", cpu=400)
    set_limits(ACCOUNT, {Resource.CPU: 300})
    balance = Balance.objects.get(account=ACCOUNT, resource="cpu")
    assert (balance.reserved, balance.limit, balance.ceiling) == (1000, 300, 1000)
    release("application:2")
    balance.refresh_from_db()
    assert (balance.reserved, balance.ceiling) == (600, 600)
    with pytest.raises(QuotaExceeded):
        hold("application:3", cpu=1)
    release("application:1")
    balance.refresh_from_db()
    assert (balance.reserved, balance.ceiling) == (0, 300)


def test_the_database_itself_refuses_to_oversell():
    balance = Balance.objects.filter(account=ACCOUNT, resource="cpu")
    with pytest.raises(IntegrityError), transaction.atomic():
        balance.update(reserved=1001)
    with pytest.raises(IntegrityError), transaction.atomic():
        balance.update(reserved=-1)


def test_a_closed_account_leaves_nothing():
    hold("application:1", cpu=600)
    close_account(ACCOUNT)
    assert (Balance.objects.count(), Reservation.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_reserve_at_once_only_as_many_succeed_as_there_is_room_for():
    together = Barrier(8)

    def reserve(number: int) -> bool:
        together.wait()
        try:
            hold(f"application:{number}", cpu=300, memory=1)
        except QuotaExceeded:
            return False
        finally:
            connection.close()
        return True

    assert sum(at_once(reserve, 8)) == 3
    assert reserved() == {"cpu": 900, "memory": 3, "applications": 0}


@pytest.mark.django_db(transaction=True)
def test_reserving_and_releasing_at_once_balances_to_zero():
    def work(number: int) -> bool:
        for amount in (100, 50, 0, 120):
            with contextlib.suppress(QuotaExceeded):
                hold(f"application:{number}", ACCOUNT, cpu=amount, memory=amount // 10)
        release(f"application:{number}")
        connection.close()
        return True

    assert all(at_once(work, 8))
    assert reserved() == {"cpu": 0, "memory": 0, "applications": 0}
    assert not Reservation.objects.exists()


def at_once(work: Callable[[int], bool], count: int) -> list[bool]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.integers(0, 80))


class TestAnySequence(TestCase):
    """Whatever is held, lowered and released in whatever order."""

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 3), AMOUNTS, st.none() | st.integers(0, 120)), max_size=12))
    def test_the_balance_is_the_sum_of_the_reservations_and_under_its_ceiling(self, steps):
        close_account(ACCOUNT)
        set_limits(ACCOUNT, {Resource.CPU: 100, Resource.MEMORY: 100})
        for number, needs, limit in steps:
            if limit is not None:
                set_limits(ACCOUNT, {Resource.CPU: limit})
            with contextlib.suppress(QuotaExceeded):
                hold(f"application:{number}", **needs)
            for balance in balances_of(ACCOUNT):
                held = Reservation.objects.filter(account=ACCOUNT, resource=balance.resource)
                assert balance.reserved == sum(held.values_list("amount", flat=True))
                assert balance.ceiling is not None
                assert balance.reserved <= balance.ceiling <= max(balance.limit or 0, balance.reserved)
