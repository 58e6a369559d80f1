import pytest

from apps.audit.actor import SYSTEM
from apps.operations import lifecycle
from apps.operations.models import Kind, Operation
from apps.operations.run import Run
from apps.operations.services import cancel, enqueue

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(acme) -> Operation:
    enqueue(Kind.DEPLOY, target="application:1", target_label="shop", tenant=acme, actor=SYSTEM)
    operation = lifecycle.claim("w", 8)
    assert operation is not None
    return operation


def states(operation: Operation) -> list[tuple[str, str]]:
    operation.refresh_from_db()
    return [(step["name"], step["state"]) for step in operation.steps]


def test_a_step_ends_the_one_before_in_the_same_write(running, django_assert_num_queries):
    run = Run(running)
    run.step("resolve")
    with django_assert_num_queries(1):
        run.step("pull")
    assert states(running) == [("resolve", "done"), ("pull", "running")]


def test_no_step_begins_after_somebody_asked_to_cancel(running):
    run = Run(running)
    run.step("resolve")
    cancel(running, actor=SYSTEM)
    with pytest.raises(lifecycle.CancelRequested):
        run.step("pull")
    assert states(running) == [("resolve", "running")]


def test_a_step_that_must_not_be_cancelled_begins_all_the_same(running):
    run = Run(running)
    run.step("resolve")
    cancel(running, actor=SYSTEM)
    run.step("retire", may_cancel=False)
    assert states(running) == [("resolve", "done"), ("retire", "running")]


def test_a_claim_knows_the_row_that_it_wrote(running):
    written = Operation.objects.get(pk=running.pk)
    names = ("state", "attempt", "worker", "heartbeat_at", "started_at", "steps", "payload")
    assert [getattr(running, name) for name in names] == [getattr(written, name) for name in names]
