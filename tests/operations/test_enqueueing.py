import pytest

from apps.audit.actor import SYSTEM
from apps.core.errors import Busy
from apps.operations.lifecycle import claim
from apps.operations.models import Kind, Operation, State
from apps.operations.services import cancel, enqueue
from apps.tenants.models import Tenant

pytestmark = pytest.mark.django_db


def ask(tenant: Tenant, kind: Kind = Kind.DEPLOY, target: str = "application:1") -> Operation:
    return enqueue(kind, target=target, target_label="shop", tenant=tenant, actor=SYSTEM)


def test_a_newer_wish_replaces_the_waiting_one(acme):
    first, second = ask(acme), ask(acme, Kind.RESTART)
    first.refresh_from_db()
    assert first.state == State.CANCELLED
    assert "newer wish" in first.error_message
    assert second.state == State.QUEUED


def test_it_is_busy_while_another_runs(acme):
    ask(acme)
    claim("w", 8)
    with pytest.raises(Busy, match="Deploy shop"):
        ask(acme)


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.KILL, Kind.DELETE])
def test_stop_kill_and_delete_ask_the_running_one_to_cancel_and_wait(acme, kind):
    running = ask(acme)
    claim("w", 8)
    stronger = ask(acme, kind)
    running.refresh_from_db()
    assert running.cancel_requested_at is not None
    assert stronger.state == State.QUEUED
    assert claim("w", 8) is None, "it must wait for the one that runs"


def test_nothing_replaces_a_deletion_that_waits(acme):
    ask(acme)
    claim("w", 8)
    ask(acme, Kind.DELETE)
    with pytest.raises(Busy):
        ask(acme, Kind.STOP)


def test_targets_do_not_wait_for_each_other(acme):
    ask(acme, target="application:1")
    ask(acme, target="application:2")
    assert claim("w", 8)
    assert claim("w", 8)


def test_cancelling_a_waiting_operation_ends_it(acme):
    operation = ask(acme)
    cancel(operation, actor=SYSTEM)
    operation.refresh_from_db()
    assert operation.state == State.CANCELLED
    assert claim("w", 8) is None


def test_cancelling_what_has_ended_is_refused(acme):
    operation = ask(acme)
    cancel(operation, actor=SYSTEM)
    with pytest.raises(Busy, match="already ended"):
        cancel(operation, actor=SYSTEM)
