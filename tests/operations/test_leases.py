from datetime import timedelta

import pytest
from django.utils import timezone

from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.operations import lifecycle
from apps.operations.models import Kind, Operation, State
from apps.operations.run import JOBS, Run, run_next
from apps.operations.services import enqueue

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(acme) -> Operation:
    enqueue(Kind.DEPLOY, target="application:1", target_label="shop", tenant=acme, actor=SYSTEM)
    operation = lifecycle.claim("lost", 8)
    assert operation is not None
    return operation


def lose(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))


def test_an_operation_without_a_heartbeat_is_queued_again(running):
    lose(running)
    assert lifecycle.lapse() == 1
    running.refresh_from_db()
    assert (running.state, running.attempt) == (State.QUEUED, 1)
    assert lifecycle.claim("next", 8).attempt == 2


def test_one_with_a_heartbeat_is_left_alone(running):
    assert lifecycle.lapse() == 0


def test_a_superseded_attempt_changes_no_row(running):
    lose(running)
    lifecycle.lapse()
    lifecycle.claim("next", 8)
    with pytest.raises(lifecycle.Superseded):
        lifecycle.update_attempt(running, steps=[{"name": "mine"}])
    with pytest.raises(lifecycle.Superseded):
        Run(running).step("pull")
    with pytest.raises(lifecycle.Superseded):
        lifecycle.finish(running, State.FAILED)
    running.refresh_from_db()
    assert (running.state, running.steps) == (State.RUNNING, [])


def test_it_gives_up_after_three_attempts_and_says_so_in_the_audit_log(running):
    for _ in range(lifecycle.MAX_ATTEMPTS - 1):
        lose(running)
        lifecycle.lapse()
        lifecycle.claim("next", 8)
    lose(running)
    lifecycle.lapse()
    running.refresh_from_db()
    assert (running.state, running.error_code) == (State.FAILED, "worker-lost")
    assert Event.objects.filter(action="application.deploy", result=Result.FAILED, target_id=1).exists()


def test_a_lost_operation_gives_way_to_a_stronger_wish_that_waits(running, acme):
    stop = enqueue(Kind.STOP, target="application:1", target_label="shop", tenant=acme, actor=SYSTEM)
    lose(running)
    lifecycle.lapse()
    running.refresh_from_db()
    assert running.state == State.CANCELLED
    assert lifecycle.claim("next", 8) == stop


def test_an_unexpected_error_is_internal_with_a_reference(acme, monkeypatch, caplog):
    def broken(_: Run) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setitem(JOBS, Kind.DEPLOY, broken)
    operation = enqueue(Kind.DEPLOY, target="application:1", target_label="shop", tenant=acme, actor=SYSTEM)
    assert run_next("w", 8)
    operation.refresh_from_db()
    assert (operation.state, operation.error_code) == (State.FAILED, "internal")
    assert "secret detail" not in operation.error_message
    assert operation.error_message.rstrip(".").rsplit(" ", 1)[1] in caplog.text
