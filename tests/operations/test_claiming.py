import threading

import pytest
from django.db import connection

from apps.audit.actor import SYSTEM
from apps.operations.lifecycle import claim, place_in_queue
from apps.operations.models import Kind, Operation, State
from apps.operations.services import enqueue
from apps.tenants.models import Tenant


def ask(tenant: Tenant, number: int) -> Operation:
    return enqueue(Kind.DEPLOY, target=f"application:{number}", target_label=str(number), tenant=tenant, actor=SYSTEM)


@pytest.mark.django_db
def test_the_oldest_comes_first(acme):
    first, second = ask(acme, 1), ask(acme, 2)
    assert claim("w", 8) == first
    assert claim("w", 8) == second
    assert claim("w", 8) is None


@pytest.mark.django_db
def test_a_tenant_with_half_of_the_slots_waits_while_another_wants_one(acme, other):
    for number in range(4):
        ask(acme, number)
    theirs = ask(other, 9)
    assert claim("w", 4).tenant == acme
    assert claim("w", 4).tenant == acme
    assert claim("w", 4) == theirs, "two of four slots are acme's, so the other tenant is next"


@pytest.mark.django_db
def test_a_tenant_alone_may_use_every_slot(acme):
    for number in range(4):
        ask(acme, number)
    assert [claim("w", 4) is not None for _ in range(5)] == [True, True, True, True, False]


@pytest.mark.django_db
def test_it_tells_the_place_in_the_queue(acme):
    ask(acme, 1)
    assert place_in_queue(ask(acme, 2)) == 2


@pytest.mark.django_db(transaction=True)
def test_many_workers_claim_each_operation_once(acme):
    for number in range(12):
        ask(acme, number)
    claimed: list[int] = []

    def work(name: str) -> None:
        try:
            while operation := claim(name, 16):
                claimed.append(operation.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 12
    assert set(Operation.objects.values_list("state", flat=True)) == {State.RUNNING}
