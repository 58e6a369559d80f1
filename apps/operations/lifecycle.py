"""The states of an operation, changed only by conditional updates: whoever does not hold the attempt changes no row."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from apps.audit.models import Result
from apps.audit.services import record
from apps.core.doorbell import ring
from apps.core.errors import PanelError
from apps.operations.models import Kind, Operation, State

MAX_ATTEMPTS: Final = 3

Ending = Callable[[Operation], None]
_endings: Final[list[Ending]] = []


def at_end(ending: Ending) -> Ending:
    """Register what happens in the transaction in which an operation ends, after its row has changed."""
    _endings.append(ending)
    return ending


def note_end(operation: Operation) -> None:
    """To be called in the transaction that has ended the operation."""
    for ending in _endings:
        ending(operation)
    ring(*operation.topics)


class Superseded(Exception):
    """This attempt is no longer the operation's: another worker took it over, or it has ended. Stop, change nothing."""


class CancelRequested(PanelError):
    """Somebody asked to cancel, or a stronger wish waits for the same target."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("Cancelled on request.")


@transaction.atomic
def claim(worker: str, slots: int) -> Operation | None:
    """Take the next operation for this worker, fairly; None when nothing may start now.

    The oldest comes first, but a tenant that holds half of the slots waits while another tenant wants one. Operations
    whose target is busy wait for it.
    """
    # Locking what waits makes claims of several workers take turns (SQLite: the transaction itself is exclusive), and
    # keeps what was read of it true.
    rows = Operation.objects.select_related("tenant").select_for_update(of=("self",))
    waiting = list(rows.filter(state=State.QUEUED).order_by("id"))
    if not waiting:
        return None
    running = list(
        Operation.objects.filter(state=State.RUNNING).order_by().values_list("target", "tenant_id", "worker")
    )
    busy = {target for target, _, _ in running}
    startable = [operation for operation in waiting if operation.target not in busy]
    held: Counter[int | None] = Counter(tenant_id for _, tenant_id, holder in running if holder == worker)
    for operation in fair_order(startable, held, slots):
        now = timezone.now()
        changes: dict[str, Any] = {
            "state": State.RUNNING,
            "attempt": operation.attempt + 1,
            "worker": worker,
            "heartbeat_at": now,
            "started_at": operation.started_at or now,
            "steps": [],
        }
        try:
            with transaction.atomic():
                claimed = Operation.objects.filter(pk=operation.pk, state=State.QUEUED).update(**changes)
        except IntegrityError:  # its target began to run in another transaction
            continue
        if claimed:
            for name, value in changes.items():
                setattr(operation, name, value)
            ring(*operation.topics)
            return operation
    return None


def fair_order(waiting: Sequence[Operation], held: Counter[int | None], slots: int) -> Iterator[Operation]:
    """Those that may start, best first: tenants below half of the slots, then (nobody else waits) the greedy one."""
    below = [operation for operation in waiting if held[operation.tenant_id] < slots // 2]
    yield from below
    if len({operation.tenant_id for operation in waiting}) == 1:
        yield from (operation for operation in waiting if operation not in below)


def beat(worker: str) -> None:
    """Say that this worker lives; its operations keep their lease."""
    Operation.objects.filter(worker=worker, state=State.RUNNING).update(heartbeat_at=timezone.now())


def update_attempt(operation: Operation, *, may_cancel: bool = False, **changes: Any) -> None:
    """Write progress, if the attempt is still ours; raises Superseded if not.

    With `may_cancel`, only unless somebody asked to cancel; raises CancelRequested then.
    """
    ours = _ours(operation)
    wanted = ours.filter(cancel_requested_at=None) if may_cancel else ours
    if not wanted.update(heartbeat_at=timezone.now(), **changes):
        raise CancelRequested if may_cancel and ours.exists() else Superseded
    ring(*operation.topics)


def finish(operation: Operation, state: State, error: PanelError | None = None) -> None:
    """End our attempt; a failure's audit event is written with it. Raises Superseded if it is not ours any more."""
    with transaction.atomic():
        ended = _ours(operation).update(
            state=state,
            finished_at=timezone.now(),
            steps=operation.steps,
            error_code=error.code if error else "",
            error_message=error.message if error else "",
        )
        if not ended:
            raise Superseded
        if error and state == State.FAILED:
            _record_failure(operation, error.code, error.message)
        note_end(operation)


def lapse(now: Any = None) -> int:
    """Queue again what runs without a heartbeat; give up after three attempts. Returns how many lapsed."""
    limit = (now or timezone.now()) - timedelta(seconds=settings.ENVIRONMENT.lease_s)
    lapsed = 0
    for operation in Operation.objects.select_related("tenant").filter(state=State.RUNNING, heartbeat_at__lt=limit):
        with transaction.atomic():
            mine = _ours(operation).filter(heartbeat_at=operation.heartbeat_at)
            if operation.attempt >= MAX_ATTEMPTS:
                message = f"Its worker stopped answering {MAX_ATTEMPTS} times. Try again, or ask the operator."
                changed = mine.update(
                    state=State.FAILED, finished_at=timezone.now(), error_code="worker-lost", error_message=message
                )
                if changed:
                    _record_failure(operation, "worker-lost", message)
                    note_end(operation)
            else:
                changed = _requeue(operation, mine)
        if changed:
            lapsed += 1
            ring(*operation.topics)
    return lapsed


def waiting_count() -> int:
    return Operation.objects.filter(state=State.QUEUED).count()


def place_in_queue(operation: Operation) -> int:
    """1 for the operation that starts next, counted over the whole installation."""
    return Operation.objects.filter(state=State.QUEUED, pk__lte=operation.pk).count()


def _ours(operation: Operation) -> "models.QuerySet[Operation]":
    return Operation.objects.filter(pk=operation.pk, state=State.RUNNING, attempt=operation.attempt)


def _requeue(operation: Operation, mine: "models.QuerySet[Operation]") -> int:
    """Back into the queue; a newer wish that waits for the same target takes its place instead."""
    try:
        with transaction.atomic():
            return mine.update(state=State.QUEUED, worker="")
    except IntegrityError:
        changed = mine.update(
            state=State.CANCELLED,
            finished_at=timezone.now(),
            error_code="cancelled",
            error_message="Its worker was lost, and a newer wish was waiting.",
        )
        if changed:
            note_end(operation)
        return changed


def _record_failure(operation: Operation, code: str, message: str) -> None:
    record(
        ACTIONS[Kind(operation.kind)],
        actor=operation.actor,
        tenant=operation.tenant,
        ref=operation.target,
        label=operation.target_label,
        result=Result.FAILED,
        operation_id=operation.pk,
        code=code,
        message=message,
    )


ACTIONS = {kind: f"application.{kind.value}" for kind in Kind} | {
    Kind.CHECK_NODE: "node.check",
    Kind.ERASE: "tenant.erase",
}
